// Another label for a VM, a host or a disk: everything that stands against it is listed, and it is changed as a whole or not at all.
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

// a and b share T. `outcast` shares with nobody, no host is authorized for it, and its wall type keeps wb off.
std::shared_ptr<const Policy> labels() {
  return make_policy({{"system", {"A", "B", "T"}, {"sys"}},
                      {"a", {"A", "T"}, {"wa"}},
                      {"b", {"B", "T"}, {"wb"}},
                      {"a2", {"A", "T"}, {"wa"}},
                      {"lonely", {"B"}, {"wa"}},
                      {"rival", {"A", "T"}, {"wr"}},
                      {"outcast", {"F"}, {"wr"}},
                      {"narrow", {"A", "T"}, {"sys"}}},
                     {{"d", {"A"}, {}}, {"e", {"B"}, {}}}, {{"wb", "wr"}});
}

DatacenterSetup two_hosts() {
  return setup_of(labels(), {host("h1"), host("h2")},
                  {vm("va", "a", "h1"), vm("vb", "b", "h1"), vm("vc", "a", "h1"), vm("rest", "b", "h2")},
                  {disk("data", "d", "bytes of a"), disk("other", "e")});
}

std::string label(Lab& lab, std::string_view name) {
  return lab.dc.world().domains.label_name[lab.dc.vm(name).value];
}
std::vector<std::string> rules(const std::vector<ChangeBlocker>& blockers) {
  std::vector<std::string> list;
  for (const auto& each : blockers) list.push_back(each.rule);
  return list;
}

// The dry run lists so many blockers, the relabelling is refused, and neither changes anything.
void expect_refused(Lab& lab, std::string_view vm, std::string_view next,
                    const std::vector<std::string>& why) {
  const std::string before = lab.dc.state_hash(), had = label(lab, vm);
  EXPECT_EQ(rules(lab.dc.plan_relabel_vm(vm, next)), why);
  const std::size_t decided = lab.decisions("vm_relabel").size();
  const auto dry = lab.relabel_vm(vm, next, "dry_run");
  EXPECT_TRUE(dry.refused()) << dry.reason;
  EXPECT_EQ(lab.decisions("vm_relabel").size(), decided) << "a dry run is no decision";
  EXPECT_EQ(lab.dc.state_hash(), before);
  const auto real = lab.relabel_vm(vm, next);
  EXPECT_TRUE(real.refused()) << real.reason;
  EXPECT_EQ(dry.reason, real.reason);
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_EQ(label(lab, vm), had);
  ASSERT_FALSE(lab.decisions("vm_relabel").empty());
  EXPECT_EQ(lab.decisions("vm_relabel").back().verdict, "deny");
}

// F-196
TEST(RelabelVm, ARunningVmGetsALabelThatNothingStandsAgainst) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vc");
  lab.connect("va", "vc");
  ASSERT_TRUE(lab.attach("va", "data").done());
  EXPECT_TRUE(lab.dc.plan_relabel_vm("va", "a2").empty());
  EXPECT_TRUE(lab.relabel_vm("va", "a2", "dry_run").done());
  EXPECT_EQ(label(lab, "va"), "a");
  EXPECT_TRUE(lab.relabel_vm("va", "a2").done());
  EXPECT_EQ(label(lab, "va"), "a2");
  EXPECT_TRUE(lab.send("va", "vc", "as before").done());
  const auto row = lab.decisions("vm_relabel").back();
  EXPECT_EQ(row.subject_label, "a");
  EXPECT_EQ(row.object_label, "a2");
  EXPECT_EQ(row.rule, "relabel_clean");
  EXPECT_TRUE(lab.relabel_vm("va", "a").done());
  EXPECT_EQ(lab.cells(sim::TableId::labels, "version"), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(lab.dc.world().domains.label_version[lab.dc.vm("va").value], 2u);
}

// F-196
TEST(RelabelVm, ALiveChannelStandsAgainstIt) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vc");
  lab.connect("va", "vc");
  expect_refused(lab, "va", "lonely", {"no_common_type", "no_common_type"});
  EXPECT_TRUE(lab.send("va", "vc", "still allowed").done());
}

// F-196
TEST(RelabelVm, AnAttachedDiskStandsAgainstIt) {
  Lab lab(two_hosts());
  lab.start("va");
  ASSERT_TRUE(lab.attach("va", "data").done());
  expect_refused(lab, "va", "b", {"resource_no_common_type"});
  EXPECT_TRUE(lab.read("va", "data").done());
}

// F-196
TEST(RelabelVm, ARunningRivalStandsAgainstItAndIsNamed) {
  Lab lab(two_hosts());
  lab.start("vb");
  lab.start("va");
  expect_refused(lab, "va", "rival", {"wall_conflict"});
  const auto blocker = lab.dc.plan_relabel_vm("va", "rival").front();
  EXPECT_EQ(blocker.other, "vb");
  EXPECT_EQ(blocker.other_label, "b");
  EXPECT_EQ(blocker.subject_label, "a");
  lab.stop("vb");
  EXPECT_TRUE(lab.relabel_vm("va", "rival").done());
  EXPECT_TRUE(lab.start("vb").refused()) << "from now on the wall counts the new label";
}

// F-196
TEST(RelabelVm, AHostThatIsNotAuthorizedStandsAgainstIt) {
  Lab lab(two_hosts());
  lab.start("va");
  expect_refused(lab, "va", "outcast", {"host_lacks_type"});
}

// F-196
TEST(RelabelVm, EveryBlockerIsListedAtOnce) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  ASSERT_TRUE(lab.attach("va", "data").done());
  expect_refused(lab, "va", "outcast",
                 {"host_lacks_type", "wall_conflict", "no_common_type", "no_common_type", "no_common_type",
                  "no_common_type", "resource_no_common_type"});
  for (const auto& blocker : lab.dc.plan_relabel_vm("va", "outcast")) {
    EXPECT_FALSE(blocker.subject_label.empty()) << blocker.reason;
    EXPECT_FALSE(blocker.other.empty()) << blocker.reason;
    EXPECT_FALSE(blocker.other_label.empty()) << blocker.reason;
    EXPECT_NE(blocker.reason.find("label `"), std::string::npos) << blocker.reason;
  }
}

// F-196
TEST(RelabelVm, RevokeTakesDownWhatStandsAgainstItAndNoByteCrossesAfterwards) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vc");
  lab.connect("va", "vc");
  ASSERT_TRUE(lab.attach("va", "data").done());
  EXPECT_TRUE(lab.relabel_vm("va", "lonely", "revoke").done());
  EXPECT_EQ(label(lab, "va"), "lonely");
  EXPECT_TRUE(lab.runs("va"));
  EXPECT_EQ(lab.incidents("link_revoked"), 2u) << "the channel with its page, and the disk";
  EXPECT_FALSE(lab.send("vc", "va", "too late").done());
  EXPECT_FALSE(lab.read("va", "data").done());
  EXPECT_FALSE(lab.truth().reached("a", "va"));
  EXPECT_TRUE(lab.connect("va", "vc").refused());
}

// F-196
TEST(RelabelVm, RevokeStopsAVmThatMayNotRunThereUnderItsNewLabel) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vb");
  EXPECT_TRUE(lab.relabel_vm("va", "rival", "revoke").done());
  EXPECT_EQ(lab.state("va"), VmState::crashed);
  EXPECT_TRUE(lab.runs("vb")) << "the one that was there stays";
  EXPECT_EQ(label(lab, "va"), "rival");
  EXPECT_TRUE(lab.start("va").refused());
}

// F-196
TEST(RelabelVm, WithoutRevalidationAStaleChannelLeaks) {
  Lab lab(without(two_hosts(), Control::revalidation));
  lab.start("va");
  lab.start("vc");
  lab.connect("va", "vc");
  EXPECT_TRUE(lab.relabel_vm("vc", "lonely").done());
  EXPECT_TRUE(lab.send("va", "vc", "bytes of a").done());
  EXPECT_TRUE(lab.truth().reached("a", "vc"));
}

// F-196
TEST(RelabelVm, ASuspendedVmStillHasItsDisksAndItsHost) {
  auto setup = two_hosts();
  setup.vms[0].disks = {"data"};
  Lab lab(setup);
  lab.start("va");
  lab.suspend("va");
  expect_refused(lab, "va", "b", {"resource_no_common_type"});
  expect_refused(lab, "va", "outcast", {"host_lacks_type", "resource_no_common_type"});
  EXPECT_TRUE(lab.relabel_vm("va", "rival").done()) << "the wall is asked when it resumes";
  lab.start("vb");
  EXPECT_TRUE(lab.resume("va").refused());
  lab.stop("vb");
  EXPECT_TRUE(lab.resume("va").done());
}

TEST(RelabelVm, WhatIsDownAsksForEverythingWhenItStarts) {
  Lab lab(two_hosts());
  EXPECT_TRUE(lab.relabel_vm("va", "outcast").done());
  EXPECT_TRUE(lab.start("va").refused());
}

TEST(RelabelVm, OneThatIsBusyIsLeftAlone) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.begin(Lab::at_host(ActionKind::migrate_vm, "va", "h2"));
  lab.settle(1_ms);
  Action relabel = Lab::action(ActionKind::relabel_vm, "va");
  relabel.label = "a2";
  const auto command = lab.begin(relabel);
  lab.settle();
  EXPECT_EQ(lab.outcome(command).result, Result::failed);
  EXPECT_EQ(label(lab, "va"), "a");
}

// F-196
TEST(RelabelVm, OnlyTheAdministratorMay) {
  Lab lab(two_hosts());
  lab.start("va");
  Action relabel = Lab::action(ActionKind::relabel_vm, "va");
  relabel.label = "a2";
  relabel.principal = "guest";
  EXPECT_TRUE(lab.act(relabel).refused());
  EXPECT_EQ(label(lab, "va"), "a");
}

// F-196
TEST(RelabelHost, ItIsRefusedAsAWholeWhenItWouldDropATypeOfARunningVm) {
  Lab lab(two_hosts());
  lab.start("va");
  lab.start("vb");
  const std::string before = lab.dc.state_hash();
  EXPECT_EQ(rules(lab.dc.plan_relabel_host("h1", "narrow")), (std::vector<std::string>{"host_lacks_type"}));
  Action relabel = Lab::at_host(ActionKind::relabel_host, {}, "h1");
  relabel.label = "narrow";
  relabel.mode = "dry_run";
  const auto dry = lab.act(relabel);
  EXPECT_TRUE(dry.refused());
  EXPECT_EQ(lab.dc.state_hash(), before);
  relabel.mode = "";
  const auto real = lab.act(relabel);
  EXPECT_TRUE(real.refused());
  EXPECT_EQ(dry.reason, real.reason);
  EXPECT_EQ(lab.dc.state_hash(), before);
  lab.stop("vb");
  EXPECT_TRUE(lab.act(relabel).done());
  EXPECT_TRUE(lab.start("vb").refused()) << "later starts follow the new label";
}

// F-196
TEST(RelabelDisk, ADryRunListsUsersAndForeignBytesAndChangesNothing) {
  Lab lab(two_hosts());
  lab.start("va");
  ASSERT_TRUE(lab.attach("va", "data").done());
  lab.write("va", "data", "more of a");
  const std::string before = lab.dc.state_hash();
  Action relabel = Lab::with_disk(ActionKind::relabel_disk, {}, "data");
  relabel.label = "e";
  relabel.mode = "dry_run";
  EXPECT_EQ(rules(lab.dc.plan_relabel_disk("data", "e")),
            (std::vector<std::string>{"resource_in_use", "not_sanitized", "not_sanitized"}));
  EXPECT_EQ(lab.act(relabel).reason, lab.relabel("data", "e").reason);
  EXPECT_EQ(lab.dc.state_hash(), before);
  lab.detach("va", "data");
  EXPECT_TRUE(lab.act(relabel).refused());
  EXPECT_TRUE(lab.relabel("data", "e").refused());
  lab.sanitize("data");
  EXPECT_TRUE(lab.act(relabel).done());
  EXPECT_TRUE(lab.relabel("data", "e").done());
  EXPECT_EQ(lab.dc.world().disks.disk(lab.dc.disk("data")).label_version, 1u);
}

// F-196
TEST(DryStart, GivesTheAnswerOfTheStartAndChangesNothing) {
  const char* names[] = {"system", "a", "b", "a2", "lonely", "rival", "outcast", "narrow"};
  std::uint32_t permitted = 0, refused = 0;
  for (const char* one : names) {
    for (const char* two : names) {
      for (const char* data : {"data", "other"}) {
        auto setup = two_hosts();
        setup.hosts[1].label = "narrow";
        setup.vms = {vm("first", one, "h1"), vm("second", two, "h1", {data})};
        Lab lab(setup);
        lab.start("first");
        for (const char* where : {"h2", "h1"}) {
          const std::string before = lab.dc.state_hash();
          const auto blockers = lab.dc.plan_start("second", where);
          Action ask = Lab::at_host(ActionKind::start_vm, "second", where);
          ask.mode = "dry_run";
          const auto dry = lab.act(ask);
          EXPECT_EQ(lab.dc.state_hash(), before);
          const auto real = lab.start("second", where);
          EXPECT_EQ(dry.result, real.result) << one << " " << two << " " << data << " " << real.reason;
          EXPECT_EQ(blockers.empty(), real.done());
          (real.done() ? permitted : refused) += 1;
          if (real.done()) lab.stop("second");
        }
      }
    }
  }
  EXPECT_GT(permitted, 20u);
  EXPECT_GT(refused, 20u);
}

}  // namespace
}  // namespace tvdsim::tests
