// Where a host decides changes when, never what: random stories under random placements of every hook, against the usual one.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "sim/base/random.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

constexpr const char* kVms[] = {"r1", "r2", "b1", "b2", "n1"};
constexpr const char* kHosts[] = {"h1", "h2"};
constexpr const char* kDisks[] = {"dr", "db"};

DatacenterSetup town(const sim::Placement& placement) {
  auto policy = make_policy({{"sys", {"R", "B", "N"}, {}},
                             {"red", {"R"}, {"red"}},
                             {"blue", {"B"}, {"blue"}},
                             {"none", {"N"}, {}},
                             {"narrow", {"R"}, {}}},
                            {{"red-disk", {"R"}, {}}, {"blue-disk", {"B"}, {}}}, {{"red", "blue"}});
  DatacenterSetup setup = setup_of(policy, {host("h1"), host("h2", "narrow")},
                                   {vm("r1", "red", "h1"), vm("r2", "red", "h1"), vm("b1", "blue", "h1"),
                                    vm("b2", "blue", "h2"), vm("n1", "none", "h1")},
                                   {disk("dr", "red-disk"), disk("db", "blue-disk")});
  setup.hosts[0].devices = {"nic0"};
  setup.placement = placement;
  return setup;
}

Action random_action(sim::Stream& random) {
  static constexpr ActionKind kKinds[] = {
      ActionKind::start_vm,      ActionKind::start_vm,    ActionKind::start_vm,    ActionKind::stop_vm,
      ActionKind::suspend_vm,    ActionKind::resume_vm,   ActionKind::migrate_vm,  ActionKind::connect,
      ActionKind::connect,       ActionKind::attach_disk, ActionKind::assign_disk, ActionKind::take_device,
      ActionKind::create_domain, ActionKind::disconnect};
  Action action;
  action.kind = kKinds[random.below(std::size(kKinds))];
  action.vm = kVms[random.below(std::size(kVms))];
  do action.other = random.below(4) == 0 ? "dom0" : kVms[random.below(std::size(kVms))];
  while (action.other == action.vm);
  if (action.kind == ActionKind::migrate_vm) action.host = kHosts[random.below(2)];
  action.disk = kDisks[random.below(2)];
  action.device = "nic0";
  return action;
}

// Everything that was decided and answered, without times and places.
std::vector<std::string> story(std::uint64_t seed, const sim::Placement& placement) {
  Lab lab(town(placement), seed);
  sim::Stream random(seed, "actions");
  std::vector<std::string> told;
  for (int i = 0; i < 25; ++i) {
    // Now and then two starts at one instant: they keep their order, wherever starts are decided.
    std::vector<std::uint64_t> commands;
    if (random.below(3) == 0) {
      for (int k = 0; k < 2; ++k)
        commands.push_back(lab.begin(Lab::action(ActionKind::start_vm, kVms[random.below(std::size(kVms))])));
    } else {
      commands.push_back(lab.begin(random_action(random)));
    }
    lab.settle(20_s);
    for (const std::uint64_t command : commands) {
      const Outcomes outcome = lab.outcome(command);
      told.push_back(std::string(to_text(outcome.result)) + ' ' + outcome.reason);
    }
  }
  for (const auto& row : lab.decisions())
    told.push_back(row.host + ' ' + row.hook + ' ' + row.subject + ' ' + row.object + ' ' + row.verdict +
                   ' ' + row.rule);
  for (const auto& edge : lab.truth().edges()) told.push_back(edge.source + " reaches " + edge.target);
  return told;
}

// F-022
RC_GTEST_PROP(DecisionPlaces, OutcomesAreTheSameUnderEveryPlacement, ()) {
  const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1'000'000);
  sim::Placement placement;
  for (std::size_t i = 0; i < sim::hook_infos().size(); ++i)
    placement.move(static_cast<Hook>(i), *rc::gen::element(sim::Point::core, sim::Point::dom0));
  const auto moved = story(seed, placement), usual = story(seed, sim::Placement{});
  const auto differ = std::ranges::mismatch(moved, usual);
  if (differ.in1 != moved.end()) RC_LOG() << "moved: " << *differ.in1 << std::endl;
  if (differ.in2 != usual.end()) RC_LOG() << "usual: " << *differ.in2 << std::endl;
  RC_ASSERT(moved == usual);
}

}  // namespace
}  // namespace tvdsim::tests
