// The decision cache, model-checked: every sequence of up to five operations, and no remembered permit is ever out of date.
//
// Three VMs and two domain ids for them, two labels that share nothing, a policy and one that tells the labels apart differently.
// Operations are builds (with either label), ends, relabellings, policy changes and offers of a channel from anybody to anybody.
// What the hypervisor answers is compared with what its monitor would decide at that moment.
#include <cstdio>

#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr std::uint32_t kVms = 3;

struct Step {
  enum class Kind : std::uint8_t { build, end, relabel, policy, bind } kind;
  std::uint32_t vm = 0, with = 0;  // with: a label, or the other VM
};

std::vector<Step> all_steps() {
  std::vector<Step> list{{Step::Kind::policy}};
  for (std::uint32_t vm = 0; vm < kVms; ++vm) {
    for (const std::uint32_t label : {0u, 1u}) {
      list.push_back({Step::Kind::build, vm, label});
      list.push_back({Step::Kind::relabel, vm, label});
    }
    list.push_back({Step::Kind::end, vm});
    for (std::uint32_t other = 0; other < kVms; ++other) {
      if (other != vm) list.push_back({Step::Kind::bind, vm, other});
    }
  }
  return list;
}

class Checker {
 public:
  explicit Checker(sim::ControlModes modes) {
    auto setup = setup_of(make_policy({{"system", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}}, {}),
                          {host("h1")}, {vm("v0", "a", "h1"), vm("v1", "a", "h1"), vm("v2", "a", "h1")});
    setup.policies.push_back(
        make_policy({{"system", {"A", "B"}, {}}, {"a", {"A", "B"}, {}}, {"b", {"B"}, {}}}, {}));
    setup.controls = modes;
    setup.hosts.front().decision_cache = CacheMode::xen33;
    setup.hosts.front().domain_ids = 3;
    for (std::size_t table = 0; table < sim::table_infos().size(); ++table)
      engine_.trace().store(static_cast<sim::TableId>(table), false);
    dc_ = std::make_unique<Datacenter>(engine_, std::move(setup));
    host_ = dc_->world().machines.front().hypervisor.get();
    dc_->world().decisions.watch({}, true);
  }

  // Every sequence of so many steps that begins with two VMs of label a.
  void explore(std::uint32_t depth) {
    std::vector<std::size_t> path(depth, 0);
    for (;;) {
      const std::uint32_t cut = play(path);  // where it went wrong or could not go on
      std::size_t at = std::min<std::size_t>(cut, depth - 1);
      std::fill(path.begin() + static_cast<std::ptrdiff_t>(at) + 1, path.end(), 0);
      while (++path[at] == steps_.size()) {
        path[at] = 0;
        if (at-- == 0) return;
      }
    }
  }

  std::uint64_t sequences = 0, binds = 0, stale = 0, hits = 0;
  std::size_t shortest = 99;

 private:
  VmId id(std::uint32_t vm) const { return {vm + 1}; }
  bool runs(std::uint32_t vm) const { return host_->find(id(vm)) != nullptr; }
  std::string_view name(std::uint32_t label) const { return label ? "b" : "a"; }
  void build(std::uint32_t vm, std::uint32_t label) {
    dc_->world().set_label(id(vm), name(label), "given", 0);
    if (host_->admit(Hook::vm_start, id(vm), 0)) host_->commit(id(vm));
  }
  void swap_policy() {
    policy_ = 1 - policy_;
    host_->adopt(dc_->setup().policies[policy_], PolicyEpoch{++epoch_}, 0);
  }

  // The number of steps that were played; a step that makes no sense ends it.
  std::uint32_t play(const std::vector<std::size_t>& path) {
    for (std::uint32_t vm = 0; vm < kVms; ++vm) {
      if (runs(vm)) host_->retire(id(vm));
    }
    if (policy_ != 0) swap_policy();
    forget();
    build(0, 0);
    build(1, 0);
    ++sequences;
    for (std::uint32_t i = 0; i < path.size(); ++i) {
      if (!take(steps_[path[i]], i + 1)) return i;
    }
    return static_cast<std::uint32_t>(path.size());
  }

  // Sequences are told apart by what they remember themselves: nothing comes from the one before.
  void forget() { const_cast<DecisionCache*>(host_->cache())->clear(); }

  bool take(const Step& step, std::uint32_t length) {
    switch (step.kind) {
      case Step::Kind::build:
        if (runs(step.vm) || host_->domains().size() == 3) return false;
        build(step.vm, step.with);
        return true;
      case Step::Kind::end:
        if (!runs(step.vm)) return false;
        host_->retire(id(step.vm));
        return true;
      case Step::Kind::relabel:
        if (!runs(step.vm) || dc_->world().domains.label_name[step.vm + 1] == name(step.with)) return false;
        dc_->world().set_label(id(step.vm), name(step.with), "relabelled", 0);
        return true;
      case Step::Kind::policy:
        swap_policy();
        return true;
      case Step::Kind::bind:
        if (!runs(step.vm) || !runs(step.with)) return false;
        bind(step, length);
        return true;
    }
    return false;
  }

  void bind(const Step& step, std::uint32_t length) {
    Request fresh;
    fresh.hook = Hook::evtchn_alloc;
    fresh.subject = id(step.vm);
    fresh.subject_label = host_->label_of(id(step.vm));
    fresh.object_label = host_->label_of(id(step.with));
    const bool permitted = static_cast<bool>(host_->monitor().decide(fresh));
    const auto answer = host_->offer_port(id(step.vm), id(step.with), 0);
    ++binds;
    hits += answer.decision.rule == Rule::cached_permit;
    EXPECT_TRUE(answer.opened || !permitted) << "a cache refuses nothing that is permitted";
    if (!answer.opened || permitted) return;
    ++stale;
    shortest = std::min<std::size_t>(shortest, length);
  }

  sim::Engine engine_{1};
  std::unique_ptr<Datacenter> dc_;
  Hypervisor* host_ = nullptr;
  const std::vector<Step> steps_ = all_steps();
  std::uint32_t policy_ = 0, epoch_ = 0;
};

void print(const char* what, const Checker& checker) {
  std::printf("%s: %llu sequences, %llu decisions, %llu from memory, %llu stale\n", what,
              static_cast<unsigned long long>(checker.sequences),
              static_cast<unsigned long long>(checker.binds), static_cast<unsigned long long>(checker.hits),
              static_cast<unsigned long long>(checker.stale));
}

// F-193
TEST(StaleDecisions, NoSequenceOfFiveOperationsMakesOne) {
  Checker checker(modes_under_test());
  checker.explore(5);
  print("with purging", checker);
  EXPECT_EQ(checker.stale, 0u);
  EXPECT_GT(checker.hits, 1000u) << "permits are remembered";
  EXPECT_GT(checker.sequences, 50'000u);
}

// F-193
TEST(StaleDecisions, WithoutPurgingRelabelsPolicyChangesAndReusedIdsMakeThem) {
  sim::ControlModes modes;
  modes.set(Control::cache_purge, ControlMode::off);
  Checker checker(modes);
  checker.explore(4);
  print("without purging", checker);
  EXPECT_GT(checker.stale, 0u);
  EXPECT_EQ(checker.shortest, 3u) << "bind, relabel, bind";
}

// The four operations of a reused id: permitted, ended, built with another label, permitted from memory.
// F-193
TEST(StaleDecisions, AReusedIdIsDecidedAnew) {
  for (const bool purged : {true, false}) {
    auto setup = setup_of(make_policy({{"system", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}}, {}),
                          {host("h1")}, {vm("v0", "a", "h1"), vm("v1", "a", "h1"), vm("v2", "b", "h1")});
    setup.controls = purged ? modes_under_test() : sim::ControlModes{};
    if (!purged) setup.controls.set(Control::cache_purge, ControlMode::off);
    setup.hosts.front().decision_cache = CacheMode::xen33;
    setup.hosts.front().domain_ids = 3;
    Lab lab(setup);
    ASSERT_TRUE(lab.start("v0").done());
    ASSERT_TRUE(lab.start("v1").done());
    ASSERT_TRUE(lab.connect("v0", "v1").done());
    const auto id = lab.hypervisor("h1").find(lab.dc.vm("v1"))->id;
    ASSERT_TRUE(lab.crash("v1").done());
    ASSERT_TRUE(lab.start("v2").done());
    ASSERT_EQ(lab.hypervisor("h1").find(lab.dc.vm("v2"))->id, id);
    EXPECT_EQ(lab.connect("v0", "v2").refused(), purged);
    EXPECT_EQ(lab.decisions("evtchn_alloc").back().rule, purged ? "no_common_type" : "cached_permit");
  }
}

// F-193
TEST(DecisionCacheCounters, AreRowsOfTheRun) {
  auto setup =
      setup_of(make_policy({{"system", {"A", "B"}, {}}, {"a", {"A"}, {}}, {"b", {"B"}, {}}}, {}),
               {host("h1"), host("h2")}, {vm("v0", "a", "h1"), vm("v1", "a", "h1"), vm("v2", "b", "h1")});
  setup.hosts.front().decision_cache = CacheMode::xen33;
  Lab lab(setup);
  for (const char* each : {"v0", "v1", "v2"}) ASSERT_TRUE(lab.start(each).done());
  ASSERT_TRUE(lab.connect("v0", "v1").done());
  ASSERT_TRUE(lab.act(Lab::action(ActionKind::disconnect, "v0", "v1")).done());
  ASSERT_TRUE(lab.connect("v0", "v1").done());
  ASSERT_TRUE(lab.connect("v0", "v2").refused());
  lab.dc.finish();
  using sim::TableId;
  EXPECT_EQ(lab.texts(TableId::decision_caches, "host"), (std::vector<std::string>{"h1", "h1"}));
  EXPECT_EQ(lab.texts(TableId::decision_caches, "kind"),
            (std::vector<std::string>{"event_channel", "grant"}));
  // The first connection evaluates both directions for the channel and finds both remembered for the page.
  EXPECT_EQ(lab.cells(TableId::decision_caches, "evaluated"), (std::vector<std::uint64_t>{3, 0}));
  EXPECT_EQ(lab.cells(TableId::decision_caches, "denied"), (std::vector<std::uint64_t>{1, 0}));
  EXPECT_EQ(lab.cells(TableId::decision_caches, "hits"), (std::vector<std::uint64_t>{2, 4}));
}

}  // namespace
}  // namespace tvdsim::tests
