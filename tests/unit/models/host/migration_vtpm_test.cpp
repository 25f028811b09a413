// The vTPM goes with its VM: its PCRs are the same afterwards, and there is one of it, wherever the migration ends.
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

class VtpmOnTheMove : public testing::Test {
 protected:
  static DatacenterSetup story() {
    auto setup = setup_of(figure3_policy(true), {host("h1"), host("h2")},
                          {vm("ma1", "ma", "h1"), vm("su1", "su", "h2")});
    setup.vms[0].vtpm = true;
    return setup;
  }
  static std::string pcr(Lab& lab) { return lab.act(Lab::action(ActionKind::tpm_read, "ma1")).reason; }
  static void measure(Lab& lab) {
    Action extend = Lab::action(ActionKind::tpm_extend, "ma1");
    extend.text = "what ma1 runs";
    ASSERT_TRUE(lab.act(extend).done());
  }
  static bool at(Lab& lab, const char* where) {
    return lab.dc.world().machine(lab.dc.host(where)).vtpms->instance(lab.dc.vm("ma1")).exists();
  }
  static std::string row(const Lab& lab) { return lab.texts(sim::TableId::migrations, "vtpm").back(); }
  // Neither resting nor left on the way.
  static bool nothing_else(Lab& lab) {
    return lab.dc.world().vtpm_vault.empty() && lab.dc.world().handovers.empty();
  }
};

// F-121
TEST_F(VtpmOnTheMove, ArrivesOnceWithItsPcrsAndLeavesNothingAtTheSource) {
  Lab lab(story());
  lab.start("ma1");
  measure(lab);
  const std::string before = pcr(lab);
  ASSERT_TRUE(lab.migrate("ma1", "h2").done());
  EXPECT_FALSE(at(lab, "h1"));
  EXPECT_TRUE(at(lab, "h2"));
  EXPECT_TRUE(nothing_else(lab));
  EXPECT_EQ(row(lab), "moved");
  EXPECT_EQ(pcr(lab), before);
  EXPECT_NE(before, std::string(64, '0'));
}

TEST_F(VtpmOnTheMove, StaysWithAVmThatIsRefused) {
  Lab lab(story());
  lab.start("ma1");
  measure(lab);
  const std::string before = pcr(lab);
  lab.start("su1");
  EXPECT_TRUE(lab.migrate("ma1", "h2").refused());
  EXPECT_TRUE(at(lab, "h1"));
  EXPECT_FALSE(at(lab, "h2"));
  EXPECT_EQ(row(lab), "stayed");
  EXPECT_EQ(pcr(lab), before);
}

// F-121
TEST_F(VtpmOnTheMove, ComesBackToAVmThatWakesAtItsSource) {
  // The target dies and lives again while memory is under way: it has lost the place when it is told to take over.
  Lab lab(story());
  lab.start("ma1");
  measure(lab);
  const std::string before = pcr(lab);
  const auto moving = lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(20_ms);
  lab.begin(Lab::at_host(ActionKind::crash_toolstack, {}, "h2"));
  lab.begin(Lab::at_host(ActionKind::restart_toolstack, {}, "h2"));
  lab.settle(60_s);
  EXPECT_EQ(lab.outcome(moving).result, Result::failed);
  EXPECT_TRUE(at(lab, "h1"));
  EXPECT_FALSE(at(lab, "h2"));
  EXPECT_TRUE(nothing_else(lab));
  EXPECT_EQ(row(lab), "stayed");
  EXPECT_EQ(pcr(lab), before);
}

// F-121
TEST_F(VtpmOnTheMove, WithoutTheTwoPhaseSwitchOverThereAreTwo) {
  auto setup = without(story(), Control::two_phase);
  sim::FaultRule lost;
  lost.method = "migrate_done";
  setup.faults = {lost};
  Lab lab(std::move(setup));
  lab.start("ma1");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "ma1", "h2"));
  lab.settle(60_s);
  EXPECT_EQ(lab.truth().most_copies("ma1"), 2u);
  EXPECT_TRUE(at(lab, "h1"));
  EXPECT_TRUE(at(lab, "h2"));
}

}  // namespace
}  // namespace tvdsim::tests
