// Random life-cycle sequences: whatever is created, started, saved, moved, crashed or re-ruled, no byte, signal or frame crosses.
//
// A sequence is a list of numbers, so that RapidCheck can cut a failing one down to its shortest form. Looked at after every event:
// the edges of ground truth that are new, the wall's counts, one runnable copy per VM, members of domains. TVDSIM_SEQUENCES=100000
// runs the long form; without it the program takes a few seconds.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "sim/base/random.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

using Sequence = std::vector<std::uint32_t>;

std::shared_ptr<const Policy> rules(bool more_rivals) {
  auto conflicts = std::vector<std::vector<std::string>>{{"wred", "wblue"}};
  if (more_rivals) conflicts.push_back({"wgreen", "wblue"});
  return make_policy({{"system", {"blue", "green", "red"}, {"sys"}},
                      {"red", {"red"}, {"wred"}},
                      {"green", {"green", "red"}, {"wgreen"}},
                      {"blue", {"blue"}, {"wblue"}},
                      {"narrow", {"green", "red"}, {"sys"}}},
                     {{"red-disk", {"red"}, {}}, {"blue-disk", {"blue"}, {}}}, conflicts);
}

// Three hosts, one of them not for blue; red and blue are rivals; two red VMs make a domain of their own; `stray` is blue and
// configured for red's VLAN.
DatacenterSetup three_hosts(sim::ControlModes modes) {
  auto setup = setup_of(
      rules(false), {host("h1"), host("h2"), host("h3", "narrow")},
      {vm("r1", "red", "h1", {"dr"}), vm("r2", "red", "h2"), vm("g1", "green", "h1"),
       vm("b1", "blue", "h2", {"db"}), vm("b2", "blue", "h1"), vm("t1", "", "h2"), vm("stray", "blue", "h2")},
      {disk("dr", "red-disk", "red bytes"), disk("db", "blue-disk", "blue bytes"), disk("dx", "red-disk")});
  setup.policies.push_back(rules(true));
  setup.controls = modes;
  // The two policies take each other's place again and again.
  setup.controls.set(Control::policy_chain, ControlMode::off);
  for (VmSetup& row : setup.vms) {
    row.vlans = {row.label == "blue" && row.name != "stray" ? 20u : 10u};
    if (row.label == "green") row.vif_label = "red";  // of its two types, the one that its VLAN is of
    row.start = row.name == "r1" || row.name == "b1" || row.name == "t1";
  }
  SwitchSetup tor;
  tor.name = "tor";
  tor.hosts = {"h1", "h2", "h3"};
  setup.switches = {tor};
  setup.vlans = {{10, "red"}, {20, "blue"}};
  setup.tvds = {{"tenant", "red", {}, {"t1"}, {}}};
  setup.capture = false;
  return setup;
}

struct Tally {
  std::uint64_t sequences = 0, actions = 0, events = 0, edges = 0, done = 0, refused = 0, failed = 0;
};

class Story {
 public:
  explicit Story(sim::ControlModes modes) : lab_(three_hosts(modes)) {
    for (std::size_t table = 0; table < sim::table_infos().size(); ++table)
      lab_.engine.trace().store(static_cast<sim::TableId>(table), false);
    lab_.dc.world().after_event = [](void* self) { static_cast<Story*>(self)->look(); };
    lab_.dc.world().after_event_self = this;
  }

  // The first harm that was done, as a sentence; "" when there was none.
  std::string play(const Sequence& sequence, Tally& tally) {
    std::vector<std::uint64_t> commands;
    for (const std::uint32_t word : sequence) {
      for (const Action& action : actions(word)) {
        commands.push_back(lab_.begin(action));
        lab_.settle(wait(word));
      }
    }
    for (const char* each : {"h1", "h2", "h3"})
      lab_.begin(Lab::at_host(ActionKind::restart_toolstack, {}, each));
    lab_.settle(120_s);
    look();
    for (const auto command : commands) {
      const auto outcome = lab_.outcome(command);
      ++(outcome.done() ? tally.done : outcome.refused() ? tally.refused : tally.failed);
    }
    ++tally.sequences;
    tally.actions += commands.size();
    tally.events += lab_.engine.events_handled();
    tally.edges += seen_;
    if (harm_.empty()) harm_ = lab_.dc.broken_invariant();
    return harm_.empty() ? harm_of_stays() : harm_;
  }

 private:
  static sim::Duration wait(std::uint32_t word) {
    constexpr sim::Duration kWaits[] = {1_ms, 200_ms, 2_s, 2_s, 10_s};
    return kWaits[(word >> 26 & 0xf) % std::size(kWaits)];
  }

  // What a number makes happen: mostly something that the VM's state allows, and whole little stories (attach, write, detach).
  std::vector<Action> actions(std::uint32_t word) {
    using Kinds = std::vector<ActionKind>;
    static const Kinds kAny[] = {
        {ActionKind::stop_vm},       {ActionKind::migrate_vm},       {ActionKind::connect},
        {ActionKind::resume_vm},     {ActionKind::update_policy},    {ActionKind::relabel_disk},
        {ActionKind::sanitize_disk}, {ActionKind::relabel_disk},     {ActionKind::create_tvd},
        {ActionKind::start_vm},      {ActionKind::crash_toolstack},  {ActionKind::restart_toolstack},
        {ActionKind::detach_disk},   {ActionKind::restart_toolstack}};
    static const Kinds kOfRunning[] = {
        {ActionKind::stop_vm},
        {ActionKind::crash_vm},
        {ActionKind::suspend_vm},
        {ActionKind::migrate_vm},
        {ActionKind::connect, ActionKind::send, ActionKind::notify},
        {ActionKind::connect, ActionKind::send},
        {ActionKind::ping},
        {ActionKind::ping},
        {ActionKind::attach_disk, ActionKind::write_disk, ActionKind::detach_disk},
        {ActionKind::attach_disk, ActionKind::read_disk, ActionKind::detach_disk},
        {ActionKind::attach_disk, ActionKind::read_disk, ActionKind::detach_disk}};
    static const Kinds kSuspended = {ActionKind::resume_vm}, kDown = {ActionKind::start_vm};
    const auto& setup = lab_.dc.setup();
    const std::string& vm = setup.vms[(word >> 4 & 0xff) % setup.vms.size()].name;
    const VmState state = lab_.state(vm);
    const auto pick = [&](const auto& list) -> const Kinds& {
      return list[(word >> 12 & 0xff) % std::size(list)];
    };
    const bool any = (word & 0xf) < 4;
    const Kinds& kinds = any                           ? pick(kAny)
                         : state == VmState::running   ? pick(kOfRunning)
                         : state == VmState::suspended ? kSuspended
                                                       : kDown;
    std::vector<Action> list;
    for (const ActionKind kind : kinds) {
      Action made = Lab::action(kind, vm, neighbour(vm, word >> 20 & 0xf));
      made.disk = setup.disks[(word >> 20 & 0xf) % setup.disks.size()].name;
      // A start goes where the VM belongs as often as elsewhere.
      if (kind != ActionKind::start_vm || (word >> 25 & 1))
        made.host = setup.hosts[(word >> 16 & 0xf) % setup.hosts.size()].name;
      made.label = word >> 24 & 1 ? "red-disk" : "blue-disk";
      made.text = "bytes of " + vm;
      made.tvd = "tenant";
      made.policy = "next";
      made.policy_index = word >> 24 & 1;
      made.mode = word >> 25 & 1 ? "revoke" : "refuse";
      list.push_back(made);
    }
    return list;
  }

  // Somebody who runs on the same host, if there is anybody; else whoever comes next.
  std::string neighbour(const std::string& vm, std::uint32_t which) {
    std::vector<std::string> there, others;
    for (const auto& row : lab_.dc.setup().vms) {
      if (row.name == vm) continue;
      others.push_back(row.name);
      if (lab_.runs(row.name) && lab_.where(row.name) == lab_.where(vm)) there.push_back(row.name);
    }
    const auto& list = there.empty() || which % 4 == 3 ? others : there;
    return list[which % list.size()];
  }

  bool share(const std::string& label, const std::string& other) const {
    const Policy& policy = *lab_.dc.setup().policies.front();  // both policies say the same about sharing
    const auto find = [&](const std::string& name) {
      const LabelId found = policy.find_vm_label(name);
      return found.exists() ? found : policy.find_resource_label(name);
    };
    return policy.shares(find(label), find(other));
  }
  // The label of a party of an edge: a domain's or a disk's.
  std::string label_of(const std::string& party) {
    auto& world = lab_.dc.world();
    if (const auto vm = lab_.dc.vm(party); vm.exists()) return world.domains.label_name[vm.value];
    const auto disk = lab_.dc.disk(party);
    return disk.exists() ? world.disks.disk(disk).label_name : std::string();
  }

  void look() {
    const auto edges = lab_.truth().edges();
    for (; seen_ < edges.size() && harm_.empty(); ++seen_) {
      const auto& edge = edges[seen_];
      const std::string target = label_of(edge.target);
      if (!share(label_of(edge.source), target)) harm_ = edge.source + " reached " + edge.target;
      for (const auto& workload : edge.taint) {
        if (!share(workload, target)) harm_ = "bytes of " + workload + " reached " + edge.target;
      }
    }
  }

  // Rivals side by side, a VM where it may not be, two copies: at any time of the run.
  std::string harm_of_stays() {
    const Policy& policy = *lab_.dc.setup().policies.front();
    const auto& truth = lab_.truth();
    for (const auto& stay : truth.stays()) {
      const auto host = policy.find_vm_label(stay.where == "h3" ? "narrow" : "system");
      if (!policy.authorizes(host, policy.find_vm_label(stay.workload)))
        return stay.vm + " ran on " + stay.where + ", which may not run it";
    }
    for (const char* red : {"r1", "r2", "t1"}) {
      for (const char* blue : {"b1", "b2", "stray"}) {
        if (truth.ran_together(red, blue)) return std::string(red) + " and " + blue + " ran on one host";
      }
    }
    for (const auto& row : lab_.dc.setup().vms) {
      if (truth.most_copies(row.name) > 1) return row.name + " ran twice";
    }
    return {};
  }

  Lab lab_;
  std::size_t seen_ = 0;
  std::string harm_;
};

rc::Gen<Sequence> sequences() {
  const auto word = rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint32_t>(0, 1u << 30));
  return rc::gen::resize(44, rc::gen::container<Sequence>(word));
}

// F-030
TEST(RandomSequences, NoEdgeCrossesDomainsAfterAnyEventOfAnySequence) {
  const char* asked = std::getenv("TVDSIM_SEQUENCES");
  const std::string count = asked ? asked : "3000";
  setenv("RC_PARAMS", ("seed=7 max_success=" + count).c_str(), 0);
  Tally tally;
  const bool isolated = rc::check("no edge crosses domains", [&] {
    const Sequence sequence = *sequences();
    const std::string harm = Story(modes_under_test()).play(sequence, tally);
    if (!harm.empty()) RC_FAIL(harm);
  });
  EXPECT_TRUE(isolated);
  const auto all = static_cast<double>(tally.done + tally.refused + tally.failed);
  std::printf(
      "%llu sequences, %llu actions, %llu events, %llu edges; %.0f %% done, %.0f %% refused, %.0f %% "
      "failed\n",
      static_cast<unsigned long long>(tally.sequences), static_cast<unsigned long long>(tally.actions),
      static_cast<unsigned long long>(tally.events), static_cast<unsigned long long>(tally.edges),
      100.0 * static_cast<double>(tally.done) / all, 100.0 * static_cast<double>(tally.refused) / all,
      100.0 * static_cast<double>(tally.failed) / all);
  if (!isolated) return;
  EXPECT_GT(tally.edges, tally.sequences) << "something moves in them";
  EXPECT_GT(tally.refused * 20, tally.done) << "and something is refused";
}

// F-030
TEST(RandomSequences, WithoutEachOfTheControlsItsHarmAppears) {
  const std::pair<Control, const char*> kHarms[] = {
      {Control::ste, "reached"},          {Control::resource_check, "reached"},
      {Control::vlan_label, "reached"},   {Control::sanitization, "bytes of"},
      {Control::wall, "ran on one host"}, {Control::host_authorization, "which may not run it"}};
  for (const auto& [control, harm] : kHarms) {
    sim::ControlModes modes;
    modes.set(control, ControlMode::off);
    sim::Stream random(11, "sequences");
    int harmed = 0, tried = 0;
    Tally tally;
    for (; tried < 4000 && harmed < 3; ++tried) {
      Sequence sequence(40);
      for (auto& word : sequence) word = static_cast<std::uint32_t>(random.below(1u << 30));
      harmed += Story(modes).play(sequence, tally).find(harm) != std::string::npos;
    }
    std::printf("%s off: %d of %d sequences are harmed\n", std::string(to_text(control)).c_str(), harmed,
                tried);
    EXPECT_GE(harmed, 3) << to_text(control);
  }
}

}  // namespace
}  // namespace tvdsim::tests
