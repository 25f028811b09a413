#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup figure3() {
  return setup_of(figure3_policy(), {host("h1")},
                  {vm("ma1", "ma", "h1"), vm("su1", "su", "h1"), vm("plain", "", "h1")},
                  {disk("ma-data", "ma-disk", "MA figures"), disk("su-data", "su-disk", "SU figures"),
                   disk("ma-more", "ma-disk"), disk("bare", "", "loose bytes")});
}

Action labelling(ActionKind kind, std::string_view vm, std::string_view disk, std::string_view label) {
  Action action = Lab::with_disk(kind, vm, disk);
  action.label = label;
  return action;
}

// F-027
TEST(Labels, EqualTypeSetsUnderTwoNamesDecideEquallyAndAreReportedApart) {
  const auto policy = make_policy({{"system", {"A"}, {}}, {"one", {"A"}, {}}, {"two", {"A"}, {}}}, {});
  Lab lab(setup_of(policy, {host("h1")}, {vm("v1", "one", "h1"), vm("v2", "two", "h1")}));
  EXPECT_TRUE(lab.start("v1").done());
  EXPECT_TRUE(lab.start("v2").done());
  const auto starts = lab.decisions("vm_start");
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(starts[0].verdict, starts[1].verdict);
  EXPECT_EQ(starts[0].subject_label, "one");
  EXPECT_EQ(starts[1].subject_label, "two");
}

// F-027
TEST(Labels, ASecondLabelWithoutRelabellingIsRefused) {
  Lab lab(figure3());
  EXPECT_TRUE(lab.act(labelling(ActionKind::label_disk, {}, "ma-data", "su-disk")).refused());
  EXPECT_TRUE(lab.act(labelling(ActionKind::label_vm, "ma1", {}, "su")).refused());
  EXPECT_TRUE(lab.act(labelling(ActionKind::label_disk, {}, "bare", "su-disk")).done());
  EXPECT_TRUE(lab.act(labelling(ActionKind::label_vm, "plain", {}, "su")).done());
  EXPECT_TRUE(lab.act(labelling(ActionKind::label_vm, "plain", {}, "ma")).refused());
  EXPECT_TRUE(lab.start("plain").done());
  EXPECT_TRUE(lab.attach("plain", "bare").done());
}

// F-027
TEST(Labels, AnUnlabelledVmIsDeniedEverything) {
  Lab lab(figure3());
  EXPECT_TRUE(lab.start("plain").refused());
  EXPECT_TRUE(lab.assign("plain", "ma-data").refused());
  EXPECT_TRUE(lab.assign("plain", "bare").refused());
  auto& hypervisor = lab.hypervisor("h1");
  const auto dom0 = lab.machine("h1").dom0, plain = lab.dc.vm("plain");
  EXPECT_FALSE(lab.machine("h1").drivers->may_attach_disk(plain, lab.dc.disk("bare"), 0));
  EXPECT_FALSE(hypervisor.monitor().policy().shares(hypervisor.label_of(plain), hypervisor.label_of(dom0)));
}

// F-027
TEST(Labels, AnUnlabelledDiskIsGivenToNobody) {
  Lab lab(figure3());
  lab.start("ma1");
  EXPECT_TRUE(lab.assign("ma1", "bare").refused());
  EXPECT_TRUE(lab.attach("ma1", "bare").refused());
  EXPECT_FALSE(lab.read("ma1", "bare").done());
}

// F-027
TEST(Labels, WithoutTheControlsTheUnlabelledRunAndReadAnything) {
  Lab lab(without(without(without(figure3(), Control::host_authorization), Control::resource_check),
                  Control::ste));
  EXPECT_TRUE(lab.start("plain").done());
  EXPECT_TRUE(lab.attach("plain", "ma-data").done());
  EXPECT_TRUE(lab.read("plain", "ma-data").done());
  EXPECT_TRUE(lab.truth().reached("ma-disk", "plain"));
}

// F-031
TEST(Sanitization, ADiskThatHoldsAWorkloadsBytesIsRelabelledOnlyAfterItWasOverwritten) {
  Lab lab(figure3());
  EXPECT_TRUE(lab.relabel("ma-data", "su-disk").refused());
  EXPECT_EQ(lab.decisions("disk_relabel").back().rule, "not_sanitized");
  ASSERT_TRUE(lab.sanitize("ma-data").done());
  EXPECT_TRUE(lab.relabel("ma-data", "su-disk").done());
  lab.start("su1");
  ASSERT_TRUE(lab.attach("su1", "ma-data").done());
  EXPECT_NE(lab.read("su1", "ma-data").reason.find("\"\""), std::string::npos) << "nothing is left to read";
  EXPECT_FALSE(lab.truth().reached("ma-disk", "su1"));
}

// F-031
TEST(Sanitization, AWriteAfterOverwritingCountsAgain) {
  Lab lab(figure3());
  lab.start("ma1");
  ASSERT_TRUE(lab.sanitize("ma-data").done());
  lab.attach("ma1", "ma-data");
  ASSERT_TRUE(lab.write("ma1", "ma-data", "new secret").done());
  lab.detach("ma1", "ma-data");
  const auto refused = lab.relabel("ma-data", "su-disk");
  EXPECT_TRUE(refused.refused());
  EXPECT_EQ(lab.decisions("disk_relabel").back().other, "ma1");
}

// F-031
TEST(Sanitization, IsNotOverBeforeItsLastBlockIs) {
  auto setup = figure3();
  setup.disks[0].size = 4_GiB;
  Lab lab(setup);
  const auto wiping = lab.begin(Lab::with_disk(ActionKind::sanitize_disk, {}, "ma-data"));
  lab.settle(1_s);
  EXPECT_FALSE(lab.relabel("ma-data", "su-disk").done());
  EXPECT_TRUE(lab.truth().holds("ma-disk", "ma-data"));
  lab.settle(60_s);
  EXPECT_TRUE(lab.outcome(wiping).done());
  EXPECT_FALSE(lab.truth().holds("ma-disk", "ma-data"));
  EXPECT_TRUE(lab.relabel("ma-data", "su-disk").done());
}

// F-031
TEST(Sanitization, WithoutItTheNextOwnerReadsTheLastOnesBlocks) {
  Lab lab(without(figure3(), Control::sanitization));
  EXPECT_TRUE(lab.relabel("ma-data", "su-disk").done());
  lab.start("su1");
  ASSERT_TRUE(lab.attach("su1", "ma-data").done());
  EXPECT_NE(lab.read("su1", "ma-data").reason.find("MA figures"), std::string::npos);
  EXPECT_TRUE(lab.truth().reached("ma-disk", "su1"));
}

TEST(Sanitization, ADiskInUseIsNeitherOverwrittenNorRelabelled) {
  Lab lab(figure3());
  lab.start("ma1");
  lab.attach("ma1", "ma-data");
  EXPECT_EQ(lab.sanitize("ma-data").result, Result::failed);
  EXPECT_EQ(lab.relabel("ma-data", "ma-disk").result, Result::failed);
  EXPECT_NE(lab.read("ma1", "ma-data").reason.find("MA figures"), std::string::npos);
}

struct Pairing {
  std::string vm_label, disk_label;
  bool right;
};

// Every label of up to two of three types, for VMs and for disks.
std::vector<LabelRow> small_labels(std::string_view prefix) {
  std::vector<LabelRow> rows;
  const std::string types[] = {"A", "B", "C"};
  for (std::size_t i = 0; i < 3; ++i) {
    rows.push_back({std::string(prefix) + types[i], {types[i]}, {}});
    for (std::size_t j = i + 1; j < 3; ++j) {
      rows.push_back({std::string(prefix) + types[i] + types[j], {types[i], types[j]}, {}});
    }
  }
  return rows;
}

DatacenterSetup every_pairing() {
  auto vms = small_labels("vm-");
  const auto disks = small_labels("disk-");
  vms.insert(vms.begin(), {"system", {"A", "B", "C"}, {}});
  std::vector<VmSetup> machines;
  std::vector<DiskSetup> store;
  for (std::size_t i = 1; i < vms.size(); ++i) machines.push_back(vm("of-" + vms[i].name, vms[i].name, "h1"));
  for (const auto& row : disks) store.push_back(disk("of-" + row.name, row.name));
  return setup_of(make_policy(vms, disks), {host("h1")}, machines, store);
}

// F-032
TEST(Assignment, EveryWrongPairingIsRefusedWithAMessageThatNamesBothLabels) {
  Lab lab(every_pairing());
  int right = 0, wrong = 0;
  for (const auto& machine : small_labels("vm-")) {
    for (const auto& store : small_labels("disk-")) {
      bool shares = false;
      for (const auto& type : machine.ste) {
        shares = shares || std::find(store.ste.begin(), store.ste.end(), type) != store.ste.end();
      }
      const auto outcome = lab.assign("of-" + machine.name, "of-" + store.name);
      EXPECT_EQ(outcome.done(), shares) << machine.name << " " << store.name;
      if (shares) {
        ++right;
        continue;
      }
      ++wrong;
      EXPECT_TRUE(outcome.refused());
      EXPECT_NE(outcome.reason.find("`" + machine.name + "`"), std::string::npos) << outcome.reason;
      EXPECT_NE(outcome.reason.find("`" + store.name + "`"), std::string::npos) << outcome.reason;
    }
  }
  std::printf("right %d, wrong %d\n", right, wrong);
  EXPECT_EQ(right + wrong, 36);
  EXPECT_EQ(wrong, 12);
}

// F-032
TEST(Assignment, WithoutTheCheckAWrongPairingIsServed) {
  Lab lab(without(figure3(), Control::resource_check));
  EXPECT_TRUE(lab.assign("ma1", "su-data").done());
  EXPECT_TRUE(lab.start("ma1").done());
  EXPECT_NE(lab.read("ma1", "su-data").reason.find("SU figures"), std::string::npos);
  EXPECT_TRUE(lab.truth().reached("su-disk", "ma1"));
}

// F-191
TEST(ResourcesBeforeStart, OneForbiddenDiskOfThreeMeansNoStartAndNoPartialAttach) {
  auto setup = figure3();
  setup.vms[0].disks = {"ma-data", "su-data", "ma-more"};
  Lab lab(setup);
  const std::string before = lab.dc.state_hash();
  const auto outcome = lab.start("ma1");
  EXPECT_TRUE(outcome.refused());
  EXPECT_NE(outcome.reason.find("su-data"), std::string::npos);
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_FALSE(lab.truth().ran("ma1"));
  for (const auto& front : lab.machine("h1").drivers->fronts())
    EXPECT_EQ(front.state, SplitDrivers::State::offline);
  EXPECT_EQ(lab.decisions("disk_attach").size(), 3u) << "all of them are asked about";
  EXPECT_EQ(lab.hypervisor("h1").monitor().reserved(), 0u);
}

// F-191
TEST(ResourcesBeforeStart, AllAllowedMeansStartWithAllAttached) {
  auto setup = figure3();
  setup.vms[0].disks = {"ma-data", "ma-more"};
  Lab lab(setup);
  EXPECT_TRUE(lab.start("ma1").done());
  int active = 0;
  for (const auto& front : lab.machine("h1").drivers->fronts())
    active += front.state == SplitDrivers::State::active;
  EXPECT_EQ(active, 2);
}

// F-191
TEST(ResourcesBeforeStart, WithoutTheCheckTheVmStartsWithTheForbiddenDisk) {
  auto setup = without(figure3(), Control::resource_check);
  setup.vms[0].disks = {"ma-data", "su-data", "ma-more"};
  Lab lab(setup);
  EXPECT_TRUE(lab.start("ma1").done());
  lab.read("ma1", "su-data");
  EXPECT_TRUE(lab.truth().reached("su-disk", "ma1"));
}

}  // namespace
}  // namespace tvdsim::tests
