// What the administrators of Xen 3.3 tested by hand and by script, told again from what it is about: ten scenarios of labels, resources
// and policies. The expectation of each table is theirs. Where strict differs, models/acm/mode_differences.def says why.
#include "tests/unit/models/host/upstream_scenarios.hpp"

// After our own headers: it leaves a macro called ACTION behind.
#include <gmock/gmock.h>

namespace tvdsim::tests {
namespace {

using testing::HasSubstr;

// F-195
TEST(UpstreamSecurity, LabelsAreListedSetShownAndTakenAway) {
  const Table upstream = {{"the policy lists blue", true},     {"the VM is labelled", true},
                          {"its label is shown", true},        {"without its label it is not labelled", true},
                          {"the resource is labelled", true},  {"its label is shown", true},
                          {"it is among the resources", true}, {"its label is taken away", true},
                          {"it is labelled still", false}};
  EXPECT_EQ(basics(kXen), upstream);
  EXPECT_EQ(basics(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, TwoLabelledVmsStart) {
  const Table upstream = {{"red starts", true}, {"green starts", true}, {"they run together", true}};
  EXPECT_EQ(two_vms(kXen), upstream);
  EXPECT_EQ(two_vms(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, AVmInConflictIsRefused) {
  const Table upstream = {{"blue starts", true},
                          {"red starts beside it", false},
                          {"they run together", false},
                          {"red starts after it", true}};
  EXPECT_EQ(conflict(kXen), upstream);
  EXPECT_EQ(conflict(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, AVmStartsWithAResourceOfItsLabel) {
  const Table upstream = {{"blue starts with a disk of blue", true}, {"it reads the disk", true}};
  EXPECT_EQ(resource(kXen, "blue"), upstream);
  EXPECT_EQ(resource(kStrict, "blue"), upstream);
}

// F-195
TEST(UpstreamSecurity, AVmDoesNotStartWithAResourceOfAnotherLabel) {
  const Table upstream = {{"blue starts with a disk of red", false}, {"it reads the disk", false}};
  EXPECT_EQ(resource(kXen, "red"), upstream);
  EXPECT_EQ(resource(kStrict, "red"), upstream);
}

// F-195
TEST(UpstreamSecurity, ABlockDeviceIsAttachedIfItsLabelAllowsIt) {
  const Table upstream = {{"blue starts", true},  {"a blue disk is attached", true},
                          {"it is there", true},  {"a red disk is attached", false},
                          {"it is there", false}, {"the blue disk is there still", true}};
  EXPECT_EQ(block_attach(kXen), upstream);
  EXPECT_EQ(block_attach(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, ControlDomainAndGuestsAreRelabelledUnlessTheWallExcludesIt) {
  EXPECT_EQ(relabels(), (Table{{"dom0 becomes what it is", true},
                               {"dom0 becomes black, which is no label", false},
                               {"dom0 becomes red", true},
                               {"dom0 becomes SystemManagement", true},
                               {"a blue guest starts", true},
                               {"the running guest becomes red", true},
                               {"dom0 becomes red beside it", true},
                               {"the guest becomes blue beside a red dom0", false},
                               {"the guest is red, dom0 too", true},
                               {"dom0 becomes SystemManagement", true},
                               {"the paused guest becomes blue", true},
                               {"it is saved, becomes green and comes back", true}}));
  const Table hosts = {{"the host becomes black, which is no label", false},
                       {"the host becomes red", true},
                       {"a blue guest starts there", false},
                       {"the host becomes SystemManagement", true},
                       {"the blue guest starts", true},
                       {"the host becomes blue as the guest", true},
                       {"the host becomes red beside it", false},
                       {"the host becomes SystemManagement again", true}};
  EXPECT_EQ(host_relabels(kXen), hosts);
  EXPECT_EQ(host_relabels(kStrict), hosts);
}

// F-195
TEST(UpstreamSecurity, ADiskIsRelabelledWhileItsVmIsSuspended) {
  const Table upstream = {{"red starts with an unlabelled disk", false},
                          {"the disk is labelled red", true},
                          {"red starts", true},
                          {"it writes to the disk", true},
                          {"the disk is relabelled while it is used", false},
                          {"red is suspended", true},
                          {"the disk becomes green", true},
                          {"red resumes without its disk's label", false},
                          {"the disk becomes red", true},
                          {"red runs in the end", true}};
  EXPECT_EQ(labelled_disk(kXen), upstream);
  // Red's bytes are on it: without overwriting them it does not become green (`sanitizing`), so red may have it back at once.
  EXPECT_EQ(labelled_disk(kStrict),
            changed(upstream, {"the disk becomes green", "red resumes without its disk's label",
                               "the disk becomes red"}));
}

// F-195
TEST(UpstreamSecurity, UpdatesAreRefusedForWhatRunsAndForWhatIsWrong) {
  const Table upstream = {{"red starts", true},
                          {"green starts", true},
                          {"a policy that sets them apart", false},
                          {"a policy that lacks a type of a label", false},
                          {"a policy that lacks red, which runs", false},
                          {"a policy that lacks blue, which does not", true},
                          {"a policy that renames green to red's rival", false},
                          {"a policy with a colon in a label", false},
                          {"the first policy again", true},
                          {"both run", true}};
  EXPECT_EQ(updates(kXen), upstream);
  EXPECT_EQ(updates(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, AnUpdateRenamesAndAResetWaitsForGuests) {
  const Table upstream = {{"a VM without a label starts", false},
                          {"blue starts", true},
                          {"the host becomes blue", true},
                          {"the host becomes red beside blue", false},
                          {"the host becomes SystemManagement", true},
                          {"green starts", true},
                          {"the update while blue runs", false},
                          {"the update", true},
                          {"green is GREEN", true},
                          {"red starts beside GREEN", false},
                          {"red starts after it", true},
                          {"the host becomes GREEN", true},
                          {"red starts on it", false},
                          {"the host becomes SystemManagement", true},
                          {"a VM without a label starts now", true},
                          {"the reset while it runs", false},
                          {"the reset", true}};
  EXPECT_EQ(LastScenario(kXen).run(), upstream);
  EXPECT_EQ(LastScenario(kStrict).run(), upstream);
}

// F-195
TEST(UpstreamSecurity, LabelsOfResourcesFollowAnUpdateOrGoStale) {
  for (const auto mode : {kXen, kStrict}) {
    const LastScenario last(mode);
    const auto before = xm_test(mode), after = last.next(), reset = boot_policy(mode);
    ResourceLabels labels;
    sim::Findings findings;
    for (const char* colour : {"red", "green", "blue"}) {
      EXPECT_TRUE(labels.change(std::string("file:/var/") + colour, std::nullopt,
                                LabelName{.policy = "xm-test", .label = colour}, false, findings));
    }
    const auto label = [](const ResourceLabels& of, const char* name) {
      return write_label_name(of.find(name)->label);
    };
    const ResourceLabels updated = labels.after_change(*before, *after);
    EXPECT_EQ(label(updated, "file:/var/green"), "ACM:xm-test-update:GREEN");
    EXPECT_EQ(label(updated, "file:/var/red"), "ACM:xm-test-update:red");
    EXPECT_EQ(label(updated, "file:/var/blue"), "INV_ACM:xm-test:blue");
    const ResourceLabels gone = updated.after_change(*after, *reset);
    EXPECT_EQ(label(gone, "file:/var/green"), "INV_ACM:xm-test-update:GREEN");
    EXPECT_EQ(label(gone, "file:/var/red"), "INV_ACM:xm-test-update:red");
    EXPECT_EQ(label(gone, "file:/var/blue"), "INV_ACM:xm-test:blue");
    EXPECT_EQ(standing_of(gone.find("file:/var/red"), *reset).standing, Standing::stale);
  }
}

// F-195
TEST(UpstreamSecurity, AGuestGetsAnotherLabelWhileItRunsOrLiesSuspended) {
  const Table upstream = {{"a blue guest starts", true},
                          {"a green guest starts beside it", true},
                          {"the running guest becomes black, which is no label", false},
                          {"the running guest becomes green as the other", true},
                          {"the two are connected", true},
                          {"the other becomes red, which its disk is not", false},
                          {"it becomes blue, which does not share with green", false},
                          {"it is suspended", true},
                          {"the suspended guest becomes red", true},
                          {"it comes back as red", true},
                          {"it is connected to green again", false}};
  EXPECT_EQ(guest_relabels(kXen), upstream);
  EXPECT_EQ(guest_relabels(kStrict), upstream);
}

// F-195
TEST(UpstreamSecurity, AResetTakesTheHostAlongOrAsksForItsLabelFirst) {
  for (const auto mode : {kXen, kStrict}) {
    auto setup = one_host(mode, {});
    setup.policies = {xm_test(mode), boot_policy(mode)};
    Lab lab(setup);
    Action relabel = Lab::at_host(ActionKind::relabel_host, {}, "h1");
    relabel.label = "red";
    ASSERT_TRUE(lab.act(relabel).done());
    const auto reset = lab.update_policy(1);
    EXPECT_EQ(reset.done(), mode == kXen) << reset.reason;
    if (mode == kStrict) {
      EXPECT_THAT(reset.reason, HasSubstr("2 blockers"));  // the host and its control domain
      relabel.label = "SystemManagement";
      ASSERT_TRUE(lab.act(relabel).done());
      EXPECT_TRUE(lab.update_policy(1).done());
    }
    EXPECT_EQ(lab.hypervisor("h1").monitor().host_label(), Policy::kBootstrap);
    EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("dom0@h1").value], "SystemManagement");
  }
}

// F-195
TEST(UpstreamSecurity, ARefusalsWordsAreThoseThatAdministratorsKnew) {
  Lab lab(one_host(kXen, {vm("bare1", "", "h1")}));
  EXPECT_THAT(lab.start("bare1").reason, HasSubstr("VM is not authorized to run"));
}

TEST(UpstreamSecurity, WithoutTheControlsEachRefusalOfTheScenariosIsLost) {
  Lab wall(without(one_host(kXen, {vm("blue1", "blue", "h1"), vm("red1", "red", "h1")}), Control::wall));
  EXPECT_TRUE(wall.start("blue1").done());
  EXPECT_TRUE(wall.start("red1").done());
  EXPECT_TRUE(wall.truth().ran_together("blue1", "red1"));
  Lab disks(without(one_host(kXen, {vm("blue1", "blue", "h1", {"ram0"})}, {disk("ram0", "red", "red's")}),
                    Control::resource_check));
  EXPECT_TRUE(disks.start("blue1").done());
  EXPECT_TRUE(disks.read("blue1", "ram0").done());
  EXPECT_TRUE(disks.truth().reached("red", "blue1"));
}

}  // namespace
}  // namespace tvdsim::tests
