// Nine scenarios of vTPMs that the administrators of Xen 3.3 tested: a VM with one, what it measured, and that it is the same wherever
// the VM goes. They hold in both modes alike.
#include "tests/unit/models/host/upstream_scenarios.hpp"

namespace tvdsim::tests {
namespace {

class UpstreamVtpm : public testing::TestWithParam<PolicyMode> {
 protected:
  static DatacenterSetup story(PolicyMode mode, bool busy) {
    auto setup = setup_of(xm_test(mode), {host("h1"), host("h2")},
                          {vm("red1", "red", "h1"), vm("green1", "green", "h1")});
    setup.vms[0].vtpm = setup.vms[1].vtpm = true;
    if (busy) {
      setup.vms[0].dirty_rate = sim::BitRate{80'000'000};
      setup.vms[0].working_set = 4_MiB;
    }
    return setup;
  }
  static void begin(Lab& lab) {
    ASSERT_TRUE(lab.start("red1").done());
    Action extend = Lab::action(ActionKind::tpm_extend, "red1");
    extend.text = "what red1 runs";
    ASSERT_TRUE(lab.act(extend).done());
  }
  // The digest at the end of the answer.
  static std::string pcr(Lab& lab) {
    const std::string answer = lab.act(Lab::action(ActionKind::tpm_read, "red1")).reason;
    return answer.size() < 64 ? answer : answer.substr(answer.size() - 64);
  }
  static bool listed(Lab& lab, const char* where) {
    return lab.dc.world().machine(lab.dc.host(where)).vtpms->instance(lab.dc.vm("red1")).exists();
  }
};

// F-195
TEST_P(UpstreamVtpm, IsListedWhereItsVmRuns) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  EXPECT_TRUE(listed(lab, "h1"));
  EXPECT_FALSE(listed(lab, "h2"));
}

// F-195
TEST_P(UpstreamVtpm, ItsPcrsAreRead) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  EXPECT_EQ(pcr(lab).size(), 64u);
  EXPECT_NE(pcr(lab), std::string(64, '0'));
}

// F-195
TEST_P(UpstreamVtpm, SurvivesSuspendingAndResuming) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  ASSERT_TRUE(lab.suspend("red1").done());
  ASSERT_TRUE(lab.resume("red1").done());
  EXPECT_TRUE(listed(lab, "h1"));
}

// F-195
TEST_P(UpstreamVtpm, MigratesWithAnIdleVm) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  ASSERT_TRUE(lab.migrate("red1", "h2").done());
  EXPECT_TRUE(listed(lab, "h2"));
  EXPECT_FALSE(listed(lab, "h1"));
}

// F-195
TEST_P(UpstreamVtpm, MigratesWithABusyVm) {
  Lab lab(story(GetParam(), true));
  begin(lab);
  ASSERT_TRUE(lab.migrate("red1", "h2").done());
  EXPECT_TRUE(listed(lab, "h2"));
  EXPECT_FALSE(listed(lab, "h1"));
}

// F-195
TEST_P(UpstreamVtpm, HasTheSamePcrsAfterSuspendingAndResuming) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  const std::string before = pcr(lab);
  ASSERT_TRUE(lab.suspend("red1").done());
  ASSERT_TRUE(lab.resume("red1").done());
  EXPECT_EQ(pcr(lab), before);
}

// F-195
TEST_P(UpstreamVtpm, HasTheSamePcrsAfterTheMigrationOfAnIdleVm) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  const std::string before = pcr(lab);
  ASSERT_TRUE(lab.migrate("red1", "h2").done());
  EXPECT_EQ(pcr(lab), before);
}

// F-195
TEST_P(UpstreamVtpm, HasTheSamePcrsAfterTheMigrationOfABusyVm) {
  Lab lab(story(GetParam(), true));
  begin(lab);
  const std::string before = pcr(lab);
  ASSERT_TRUE(lab.migrate("red1", "h2").done());
  EXPECT_EQ(pcr(lab), before);
}

// F-195
TEST_P(UpstreamVtpm, BelongsToItsVmAndCannotBeTakenWhileThatRuns) {
  Lab lab(story(GetParam(), false));
  begin(lab);
  ASSERT_TRUE(lab.start("green1").done());
  const std::string before = pcr(lab);
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "green1", "red1")).refused());
  EXPECT_EQ(lab.decisions("vtpm_attach").back().rule, "foreign_vtpm");
  ASSERT_TRUE(lab.suspend("red1").done());
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "green1", "red1")).refused());
  ASSERT_TRUE(lab.resume("red1").done());
  EXPECT_EQ(pcr(lab), before);
}

INSTANTIATE_TEST_SUITE_P(BothModes, UpstreamVtpm, testing::Values(kXen, kStrict),
                         [](const auto& mode) { return mode.param == kXen ? "xen33" : "strict"; });

}  // namespace
}  // namespace tvdsim::tests
