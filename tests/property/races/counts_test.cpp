// Counts under fire: create, destroy, suspend, resume and migrate, struck by every blow at every moment of theirs.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

enum class Deed { start, stop, suspend, resume, arrive };
enum class Blow { none, kill_toolstack, kill_target, kill_vm, kill_disks };
constexpr Deed kDeeds[] = {Deed::start, Deed::stop, Deed::suspend, Deed::resume, Deed::arrive};
constexpr Blow kBlows[] = {Blow::kill_toolstack, Blow::kill_target, Blow::kill_vm, Blow::kill_disks};

// ma1 does the deed on h1 (or moves from h1 to h2); su1 is the rival that wants a place afterwards, on either host.
DatacenterSetup world(const ControlModes& modes) {
  auto setup = setup_of(figure3_policy(true), {host("h1"), host("h2")},
                        {vm("ma1", "ma", "h1", {"d1"}), vm("su1", "su", "h1"), vm("su2", "su", "h2")},
                        {disk("d1", "ma-disk")});
  setup.controls = modes;
  return setup;
}

class Struck {
 public:
  Struck(const ControlModes& modes, Deed deed, Blow blow, sim::Duration after) : lab_(world(modes)) {
    prepare(deed);
    lab_.engine.trace().store(sim::TableId::events, true);
    began_ = lab_.engine.now();
    lab_.begin(command(deed));
    if (blow != Blow::none) strike(blow, after);
    lab_.settle(20_s);
    if (blow != Blow::none) revive();
  }

  // The moments at which something happens during the deed.
  std::set<std::int64_t> moments() {
    std::set<std::int64_t> found;
    for (const std::uint64_t at : lab_.cells(sim::TableId::events, "time_ns")) {
      const std::int64_t since = static_cast<std::int64_t>(at) - began_.ns;
      if (since >= 0 && since < 10'000'000'000) found.insert(since);
    }
    return found;
  }

  // ma1 is taken away, wherever it is. Is either host closed to its rival?
  bool locked_out() {
    lab_.settle(sim::Duration{4 * 3600'000'000'000});  // leases included
    if (lab_.runs("ma1")) lab_.stop("ma1");
    for (const char* each : {"h1", "h2"}) {
      if (lab_.hypervisor(each).find(lab_.dc.vm("ma1"))) return true;
    }
    return !lab_.start("su1").done() || !lab_.start("su2").done();
  }
  std::string broken() const { return lab_.dc.broken_invariant(); }

 private:
  void prepare(Deed deed) {
    if (deed != Deed::start) lab_.start("ma1");
    if (deed == Deed::resume) lab_.suspend("ma1");
  }
  static Action command(Deed deed) {
    switch (deed) {
      case Deed::start:
        return Lab::action(ActionKind::start_vm, "ma1");
      case Deed::stop:
        return Lab::action(ActionKind::stop_vm, "ma1");
      case Deed::suspend:
        return Lab::action(ActionKind::suspend_vm, "ma1");
      case Deed::resume:
        return Lab::action(ActionKind::resume_vm, "ma1");
      case Deed::arrive:
        return Lab::at_host(ActionKind::migrate_vm, "ma1", "h2");
    }
    return {};
  }
  void strike(Blow blow, sim::Duration after) {
    Action act = blow == Blow::kill_vm
                     ? Lab::action(ActionKind::crash_vm, "ma1")
                     : Lab::at_host(ActionKind::crash_toolstack, {}, blow == Blow::kill_target ? "h2" : "h1");
    if (blow == Blow::kill_disks) {
      act = Lab::at_host(ActionKind::kill_backend, {}, "h1");
      act.device = "vbd";
    }
    act.at = began_ + after;
    lab_.dc.schedule(act);
  }
  void revive() {
    for (const char* each : {"h1", "h2"}) {
      lab_.begin(Lab::at_host(ActionKind::restart_toolstack, {}, each));
      Action driver = Lab::at_host(ActionKind::restart_backend, {}, each);
      driver.device = "vbd";
      lab_.begin(driver);
    }
    lab_.settle(20_s);
  }

  Lab lab_;
  sim::Time began_;
};

struct Tally {
  std::uint64_t cases = 0, locked_out = 0;
  std::string first;  // what was done when somebody was first locked out
};

Tally strike_everything(const ControlModes& modes) {
  static constexpr const char* kDeedNames[] = {"start", "stop", "suspend", "resume", "arrive"};
  static constexpr const char* kBlowNames[] = {"nothing", "kill of the toolstack", "kill of the target's",
                                               "crash of the VM", "kill of the disks' back-end"};
  Tally tally;
  for (const Deed deed : kDeeds) {
    const auto moments = Struck(modes, deed, Blow::none, {}).moments();
    EXPECT_GT(moments.size(), 3u);
    for (const std::int64_t at : moments) {
      for (const Blow blow : kBlows) {
        if (blow == Blow::kill_target && deed != Deed::arrive) continue;
        for (const std::int64_t after : {at, at + 1}) {  // with the others of that moment, and behind them
          Struck struck(modes, deed, blow, {after});
          const bool closed = struck.locked_out();
          EXPECT_EQ(struck.broken(), "");
          ++tally.cases;
          tally.locked_out += closed;
          if (!closed || !tally.first.empty()) continue;
          tally.first = fmt::format("{} of ma1, {} after {} ns", kDeedNames[static_cast<int>(deed)],
                                    kBlowNames[static_cast<int>(blow)], after);
        }
      }
    }
  }
  std::printf("%llu blows, %llu lock-outs%s%s\n", static_cast<unsigned long long>(tally.cases),
              static_cast<unsigned long long>(tally.locked_out),
              tally.first.empty() ? "" : "; first: ", tally.first.c_str());
  return tally;
}

// F-015
TEST(CountsUnderFire, EveryBlowAtEveryMomentLeavesCountsThatAreTheNumbersOfRunningVms) {
  const Tally tally = strike_everything(modes_under_test());
  EXPECT_GT(tally.cases, 100u);
  EXPECT_EQ(tally.locked_out, 0u) << tally.first;
}

// F-015
TEST(CountsUnderFire, WithoutTheRollbackSomeCloseAnEmptyHostForEver) {
  ControlModes modes;
  modes.set(Control::rollback, ControlMode::off);
  const Tally tally = strike_everything(modes);
  EXPECT_GT(tally.locked_out, 0u);
  EXPECT_LT(tally.locked_out, tally.cases);
}

// F-015 F-121
TEST(CountsUnderFire, AMigrationThatIsBrokenOffLeavesNoCountAtItsTarget) {
  Lab lab(world(modes_under_test()));
  lab.start("ma1");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(10_ms);
  ASSERT_EQ(lab.hypervisor("h2").monitor().reserved(), 1u);
  EXPECT_FALSE(
      lab.hypervisor("h2").monitor().decide({.hook = Hook::vm_start,
                                             .host = lab.dc.host("h2"),
                                             .subject = lab.dc.vm("su2"),
                                             .subject_label = lab.hypervisor("h2").label_of(lab.dc.vm("su2")),
                                             .object_label = lab.hypervisor("h2").monitor().host_label(),
                                             .object = 1}))
      << "the place is kept from the beginning";
  lab.begin(Lab::at_host(ActionKind::crash_toolstack, {}, "h1"));
  lab.settle(3_s);
  lab.begin(Lab::at_host(ActionKind::restart_toolstack, {}, "h1"));
  lab.settle(20_s);
  EXPECT_EQ(lab.where("ma1"), "h1");
  EXPECT_EQ(lab.hypervisor("h2").monitor().reserved(), 0u);
  EXPECT_TRUE(lab.start("su2").done());
}

}  // namespace
}  // namespace tvdsim::tests
