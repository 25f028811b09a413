// A guest that calls its hypervisor with anything it can think of reaches nobody whom it could not reach by behaving.
//
// Five VMs under random labels. Everybody tries to connect to everybody and to send something. Then one of them, mallory, makes
// hundreds of hypercalls with random arguments: ports, grants and pages of others, domains that are not there, other labels, a policy of
// its own. Its neighbours are as naive as can be: they bind to what is offered, map and read what is granted, grant a page to
// whoever asks, take pages from anybody. Compared with a run in which mallory behaves: the labels it has an edge with, and the
// labels that the flow graph leads to from it, or from which it leads to it.
#include <cstdio>
#include <set>

#include "models/host/hypercall.hpp"
#include "sim/base/random.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr std::uint32_t kVms = 5, kCalls = 300;

std::string name_of(std::uint32_t vm) { return vm == 0 ? "mallory" : "v" + std::to_string(vm); }
std::string label_of(std::uint32_t vm) { return "l" + std::to_string(vm); }

struct Reached {
  std::set<std::string> direct, onward, backward;
  friend bool operator==(const Reached&, const Reached&) = default;
};

class Story {
 public:
  Story(std::uint64_t seed, const sim::ControlModes& modes)
      : random_(seed, "mallory"), lab_(setup(seed, modes)) {
    for (std::uint32_t a = 0; a < kVms; ++a) {
      for (std::uint32_t b = 0; b < kVms; ++b) {
        if (a == b) continue;
        auto& host = lab_.hypervisor("h1");
        host.open_link(lab_.dc.vm(name_of(a)), lab_.dc.vm(name_of(b)), 0);
        const LinkId link = host.find_link(lab_.dc.vm(name_of(a)), lab_.dc.vm(name_of(b)));
        if (link.exists()) host.notify(link, lab_.dc.vm(name_of(a)), 1);
      }
    }
  }

  void misbehave() {
    for (std::uint32_t i = 0; i < kCalls; ++i) {
      make(any_call());
      for (std::uint32_t v = 1; v < kVms; ++v) serve(v);
    }
  }

  Reached reached() const {
    std::map<std::string, std::set<std::string>> to, from;
    Reached found;
    for (const auto& edge : lab_.truth().edges()) {
      to[edge.source].insert(edge.target);
      from[edge.target].insert(edge.source);
      if (edge.source == "mallory") found.direct.insert(edge.target);
      if (edge.target == "mallory") found.direct.insert(edge.source);
    }
    found.onward = closure(to);
    found.backward = closure(from);
    return found;
  }
  // Whose labels share a type with mallory's, by the names of the types.
  std::set<std::string> sharers() const {
    const auto& labels = lab_.dc.setup().policies.front()->def().vm_labels;
    const auto types = [&](std::uint32_t vm) {
      const auto found = std::find_if(labels.begin(), labels.end(),
                                      [&](const LabelDef& label) { return label.name == label_of(vm); });
      return std::set<std::string>(found->ste.begin(), found->ste.end());
    };
    std::set<std::string> names;
    for (std::uint32_t v = 1; v < kVms; ++v) {
      for (const std::string& type : types(0)) {
        if (types(v).contains(type)) names.insert(name_of(v));
      }
    }
    return names;
  }
  std::uint64_t done = 0, refused = 0, impossible = 0;

 private:
  static DatacenterSetup setup(std::uint64_t seed, const sim::ControlModes& modes) {
    sim::Stream random(seed, "labels");
    const std::string types[] = {"A", "B", "C", "D"};
    std::vector<LabelRow> rows{{"system", {"A", "B", "C", "D"}, {}}};
    for (std::uint32_t i = 0; i < kVms; ++i) {
      std::vector<std::string> set{types[random.below(4)]};
      if (const auto& more = types[random.below(4)]; random.below(3) == 0 && more != set.front())
        set.push_back(more);
      rows.push_back({label_of(i), set, {}});
    }
    std::vector<LabelRow> open = rows;
    for (LabelRow& row : open) row.ste = {"A", "B", "C", "D"};
    auto setup = setup_of(make_policy(rows, {}), {host("h1")}, {});
    setup.policies.push_back(make_policy(open, {}));
    setup.controls = modes;
    for (std::uint32_t i = 0; i < kVms; ++i) {
      setup.vms.push_back(vm(name_of(i), label_of(i), "h1"));
      setup.vms.back().start = true;
    }
    return setup;
  }

  static std::set<std::string> closure(const std::map<std::string, std::set<std::string>>& graph) {
    std::set<std::string> seen;
    std::vector<std::string> todo{"mallory"};
    while (!todo.empty()) {
      const std::string at = todo.back();
      todo.pop_back();
      if (!seen.insert(at).second) continue;
      if (const auto found = graph.find(at); found != graph.end())
        todo.insert(todo.end(), found->second.begin(), found->second.end());
    }
    return seen;
  }

  Hypercall any_call() {
    Hypercall call;
    call.op = static_cast<HypercallOp>(random_.below(hypercall_infos().size()));
    // Neighbours are spared: a dead one could not be reached by anybody.
    call.caller = lab_.dc.vm("mallory");
    const std::uint64_t other = random_.below(kVms + 3);
    call.other = other < kVms    ? lab_.dc.vm(name_of(static_cast<std::uint32_t>(other)))
                 : other == kVms ? lab_.machine("h1").dom0
                                 : VmId{static_cast<std::uint32_t>(random_.below(std::uint64_t{1} << 32))};
    call.handle = random_.below(8) == 0 ? static_cast<std::uint32_t>(random_.below(std::uint64_t{1} << 32))
                                        : static_cast<std::uint32_t>(random_.below(24));
    call.page = random_.below(8) == 0 ? random_.below(std::uint64_t{1} << 60) : 100 + random_.below(8);
    call.size = random_.below(64);
    call.text = "mallory was here";
    label_ = label_of(static_cast<std::uint32_t>(random_.below(kVms)));
    call.label = label_;
    call.policy = lab_.dc.setup().policies[random_.below(2)];
    call.count = 1;
    return call;
  }

  void make(const Hypercall& call) {
    const auto answer = hypercall(lab_.dc.world(), lab_.machine("h1"), call, 0);
    if (call.caller != lab_.dc.vm("mallory")) return;
    ++(answer.result == Result::done ? done : answer.result == Result::refused ? refused : impossible);
  }

  // What a naive neighbour does with whatever it finds.
  void serve(std::uint32_t number) {
    const VmId vm = lab_.dc.vm(name_of(number)), mallory = lab_.dc.vm("mallory");
    const auto& host = lab_.hypervisor("h1");
    for (std::uint32_t i = 0; i < host.channels().ports().size(); ++i) {
      const auto port = host.channels().port({i});
      if (port.state != EventChannels::State::offered || port.remote != vm) continue;
      make({.op = HypercallOp::evtchn_bind, .caller = vm, .handle = i});
      make({.op = HypercallOp::grant_setup,
            .caller = vm,
            .other = port.owner,
            .page = 50 + number,
            .text = "service"});
    }
    bool accepts = false;
    for (std::uint32_t i = 0; i < host.grants().grants().size(); ++i) {
      const auto grant = host.grants().grant({i});
      accepts |= grant.state == GrantTable::State::accepting && grant.grantor == vm;
      if (grant.state != GrantTable::State::granted || grant.grantee != vm || grant.grantor != mallory)
        continue;
      make({.op = HypercallOp::grant_map, .caller = vm, .handle = i});
      make({.op = HypercallOp::page_read, .caller = vm, .handle = i, .page = 60, .size = 16});
      make({.op = HypercallOp::grant_unmap, .caller = vm, .handle = i});
    }
    if (!accepts) make({.op = HypercallOp::accept_transfer, .caller = vm, .other = mallory});
  }

  sim::Stream random_;
  std::string label_;
  Lab lab_;
};

// F-008
TEST(MaliciousGuest, ReachesNoLabelThatItCouldNotReachByBehaving) {
  std::uint64_t done = 0, refused = 0, impossible = 0, reached = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Reached benign = Story(seed, {}).reached();
    Story story(seed, modes_under_test());
    story.misbehave();
    EXPECT_TRUE(story.reached() == benign) << "seed " << seed;
    done += story.done;
    refused += story.refused;
    impossible += story.impossible;
    reached += benign.direct.size();
  }
  std::printf("%llu hypercalls done, %llu refused, %llu impossible; %llu neighbours reached in both runs\n",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(refused),
              static_cast<unsigned long long>(impossible), static_cast<unsigned long long>(reached));
  EXPECT_GT(done, 500u) << "it does what it may";
  EXPECT_GT(refused, 2000u);
  EXPECT_GT(impossible, 2000u);
  EXPECT_GT(reached, 30u);
}

// F-008
TEST(MaliciousGuest, ThatBehavesReachesExactlyTheLabelsItSharesATypeWith) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Story story(seed, {});
    EXPECT_EQ(story.reached().direct, story.sharers()) << "seed " << seed;
  }
}

// F-008
TEST(MaliciousGuest, WithoutTheControlsReachesMore) {
  for (const Control control : {Control::ste, Control::label_store, Control::mediation}) {
    sim::ControlModes modes;
    modes.set(control, ControlMode::off);
    int more = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      const Reached benign = Story(seed, {}).reached();
      Story story(seed, modes);
      story.misbehave();
      const Reached now = story.reached();
      more += now.direct.size() > benign.direct.size();
    }
    EXPECT_GT(more, 0) << to_text(control);
  }
}

}  // namespace
}  // namespace tvdsim::tests
