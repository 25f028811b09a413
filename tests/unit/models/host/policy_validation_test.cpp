// A policy change is checked against everything that runs and is open: each kind of violation, and that nothing is left of a refusal.
#include "models/host/policy_store.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

std::shared_ptr<const Policy> now() {
  return make_policy(
      {{"system", {"A", "B", "T"}, {"sys"}}, {"a", {"A", "T"}, {"wa"}}, {"b", {"B", "T"}, {"wb"}}},
      {{"d", {"A"}, {}}}, {}, PolicyMode::strict, "now");
}

PolicyDef next_def() { return following(*now(), *now())->def(); }
std::shared_ptr<const Policy> compiled(const PolicyDef& def) {
  sim::Findings findings;
  return Policy::compile(def, PolicyMode::strict, Digest{}, findings);
}
// a and b share nothing any more.
std::shared_ptr<const Policy> apart() {
  PolicyDef def = next_def();
  def.vm_labels[1].ste = {"A"};
  def.vm_labels[2].ste = {"B"};
  return compiled(def);
}
std::shared_ptr<const Policy> without_vm_label_b() {
  PolicyDef def = next_def();
  def.vm_labels.pop_back();
  return compiled(def);
}
std::shared_ptr<const Policy> without_disk_label() {
  PolicyDef def = next_def();
  def.resource_labels.clear();
  return compiled(def);
}
std::shared_ptr<const Policy> at_odds() {
  PolicyDef def = next_def();
  def.conflict_sets = {{"rivals", {"wa", "wb"}, {}, {}}};
  return compiled(def);
}

DatacenterSetup changing_to(std::shared_ptr<const Policy> next) {
  auto setup =
      setup_of(now(), {host("h1"), host("h2")},
               {vm("va", "a", "h1"), vm("vb", "b", "h1"), vm("vc", "a", "h2"), vm("idle", "a", "h2")},
               {disk("data", "d", "bytes of a")});
  setup.policies.push_back(std::move(next));
  return setup;
}

struct Row {
  std::string hook, rule, subject, subject_label, other, other_label;
  friend bool operator==(const Row&, const Row&) = default;
};
std::vector<Row> blockers(const Lab& lab) {
  const auto column = [&](std::string_view name) { return lab.texts(sim::TableId::blockers, name); };
  const auto hooks = column("hook"), rules = column("rule"), subjects = column("subject"),
             labels = column("subject_label"), others = column("other"), other_labels = column("other_label");
  std::vector<Row> rows;
  for (std::size_t i = 0; i < hooks.size(); ++i)
    rows.push_back({hooks[i], rules[i], subjects[i], labels[i], others[i], other_labels[i]});
  return rows;
}

// The update is refused, everything is as it was, and these are the rows that say why.
void expect_refused(Lab& lab, const std::vector<Row>& why) {
  const std::string before = lab.dc.state_hash();
  const auto told = lab.dc.plan_update(1);
  EXPECT_EQ(lab.dc.state_hash(), before);
  const auto outcome = lab.update_policy(1);
  EXPECT_TRUE(outcome.refused()) << outcome.reason;
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_EQ(blockers(lab), why);
  EXPECT_EQ(told.size(), why.size()) << "the dry run says the same";
  EXPECT_EQ(lab.dc.world().manager->epoch().value, 0u);
  EXPECT_EQ(lab.decisions("policy_update").front().verdict, "deny");
}

// F-190
TEST(UpdateValidation, AnEventChannelThatWouldBeForbiddenStandsAgainstIt) {
  Lab lab(changing_to(apart()));
  lab.start("va");
  lab.start("vb");
  const auto port = lab.hypervisor("h1").offer_port(lab.dc.vm("va"), lab.dc.vm("vb"), 0);
  ASSERT_TRUE(lab.hypervisor("h1").bind_port(lab.dc.vm("vb"), {port.id}, 0).opened);
  expect_refused(lab, {{"evtchn_bind", "no_common_type", "va", "a", "vb", "b"}});
}

// F-190
TEST(UpdateValidation, AnOfferedPortStandsAgainstItToo) {
  Lab lab(changing_to(apart()));
  lab.start("va");
  lab.start("vb");
  ASSERT_TRUE(lab.hypervisor("h1").offer_port(lab.dc.vm("va"), lab.dc.vm("vb"), 0).opened);
  expect_refused(lab, {{"evtchn_alloc", "no_common_type", "va", "a", "vb", "b"}});
}

// F-190
TEST(UpdateValidation, AGrantedPageThatWouldBeForbiddenStandsAgainstIt) {
  Lab lab(changing_to(apart()));
  lab.start("va");
  lab.start("vb");
  const auto grant = lab.hypervisor("h1").grant_page(lab.dc.vm("va"), lab.dc.vm("vb"), 3, 0);
  ASSERT_TRUE(lab.hypervisor("h1").map_page(lab.dc.vm("vb"), {grant.id}, 0).opened);
  expect_refused(lab, {{"grant_map", "no_common_type", "vb", "b", "va", "a"}});
  EXPECT_TRUE(lab.hypervisor("h1").grants().view({grant.id}, lab.dc.vm("vb")));
}

// F-190
TEST(UpdateValidation, ALabelThatCannotBeLookedUpAnyMoreStandsAgainstIt) {
  Lab lab(changing_to(without_disk_label()));
  lab.start("va");
  ASSERT_TRUE(lab.attach("va", "data").done());
  expect_refused(lab, {{"disk_attach", "unlabelled", "va", "a", "data", "d"}});
  EXPECT_TRUE(lab.read("va", "data").done());
}

// F-190
TEST(UpdateValidation, RunningVmsThatBecomeRivalsStandAgainstIt) {
  Lab lab(changing_to(at_odds()));
  lab.start("va");
  lab.start("vb");
  expect_refused(lab, {{"vm_start", "wall_conflict", "vb", "b", "va", "a"}});
}

// F-190
TEST(UpdateValidation, ALabelInUseThatIsGoneStandsAgainstIt) {
  Lab lab(changing_to(without_vm_label_b()));
  lab.start("vb");
  expect_refused(lab, {{"vm_start", "unlabelled", "vb", "b", "", ""}});
}

// F-190
TEST(UpdateValidation, AllOfThemAreListedAtOnceOnEveryHost) {
  PolicyDef def = at_odds()->def();
  def.vm_labels[1].ste = {"A"};
  def.vm_labels[2].ste = {"B"};
  def.resource_labels.clear();
  Lab lab(changing_to(compiled(def)));
  lab.start("va");
  lab.start("vb");
  lab.start("vc");
  lab.connect("va", "vb");
  ASSERT_TRUE(lab.attach("vc", "data").done());
  expect_refused(lab, {{"vm_start", "wall_conflict", "vb", "b", "va", "a"},
                       {"evtchn_bind", "no_common_type", "vb", "b", "va", "a"},
                       {"grant_map", "no_common_type", "vb", "b", "va", "a"},
                       {"disk_attach", "unlabelled", "vc", "a", "data", "d"}});
}

// F-190
TEST(UpdateValidation, ADryRunGivesTheUpdatesAnswerAndChangesNothing) {
  for (const bool channel : {false, true}) {
    Lab lab(changing_to(apart()));
    lab.start("va");
    lab.start("vb");
    if (channel) lab.connect("va", "vb");
    const std::string before = lab.dc.state_hash();
    const auto dry = lab.update_policy(1, "dry_run");
    EXPECT_EQ(lab.dc.state_hash(), before);
    EXPECT_EQ(blockers(lab).size(), channel ? 2u : 0u);
    EXPECT_FALSE(lab.hypervisor("h1").frozen());
    const auto real = lab.update_policy(1);
    EXPECT_EQ(dry.result, real.result);
    EXPECT_EQ(dry.refused(), channel);
  }
}

// F-190
TEST(UpdateValidation, WithoutItTheChannelOutlivesTheChangeAndLeaks) {
  Lab lab(without(changing_to(apart()), Control::revalidation));
  lab.start("va");
  lab.start("vb");
  lab.connect("va", "vb");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(lab.dc.world().manager->epoch().value, 1u);
  EXPECT_TRUE(lab.send("va", "vb", "after the change").done());
  EXPECT_TRUE(lab.truth().reached("a", "vb"));
}

// F-190
TEST(UpdateValidation, WithoutItRivalsGoOnRunningTogether) {
  Lab lab(without(changing_to(at_odds()), Control::revalidation));
  lab.start("va");
  lab.start("vb");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_TRUE(lab.runs("va") && lab.runs("vb"));
}

// F-190
TEST(UpdateValidation, RevokeTakesDownWhatStandsAgainstItAndNothingElse) {
  Lab lab(changing_to(apart()));
  lab.start("va");
  lab.start("vb");
  lab.start("vc");
  lab.connect("va", "vb");
  ASSERT_TRUE(lab.attach("va", "data").done());
  EXPECT_TRUE(lab.update_policy(1, "revoke").done());
  EXPECT_EQ(lab.incidents("link_revoked"), 1u) << "channel and page go together";
  EXPECT_TRUE(lab.runs("va") && lab.runs("vb") && lab.runs("vc"));
  EXPECT_TRUE(lab.read("va", "data").done());
  EXPECT_FALSE(lab.send("va", "vb", "after the change").done());
}

TEST(UpdateValidation, RenamesAreFollowedByVmsThatRunRestOrWaitAndByDisks) {
  PolicyDef def = next_def();
  def.vm_labels[1].renamed_from = "a";
  def.vm_labels[1].name = "alpha";
  def.resource_labels[0].renamed_from = "d";
  def.resource_labels[0].name = "alpha-disk";
  Lab lab(changing_to(compiled(def)));
  lab.start("va");
  ASSERT_TRUE(lab.attach("va", "data").done());
  lab.start("vc");
  lab.suspend("vc");
  EXPECT_TRUE(lab.update_policy(1).done());
  const auto& world = lab.dc.world();
  for (const char* each : {"va", "vc", "idle"})
    EXPECT_EQ(world.domains.label_name[lab.dc.vm(each).value], "alpha") << each;
  EXPECT_EQ(world.disks.disk(lab.dc.disk("data")).label_name, "alpha-disk");
  EXPECT_TRUE(lab.read("va", "data").done());
  EXPECT_TRUE(lab.resume("vc").done());
  EXPECT_TRUE(lab.start("idle").done());
  // Each of the changed labels has a new version.
  const auto who = lab.texts(sim::TableId::labels, "entity");
  EXPECT_EQ(std::set<std::string>(who.begin(), who.end()),
            (std::set<std::string>{"va", "vc", "idle", "data"}));
  for (const auto version : lab.cells(sim::TableId::labels, "version")) EXPECT_EQ(version, 1u);
}

TEST(UpdateValidation, ADormantVmWhoseLabelIsGoneKeepsItsNameAndIsRefusedAtItsStart) {
  Lab lab(changing_to(without_vm_label_b()));
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_EQ(lab.dc.world().domains.label_name[lab.dc.vm("vb").value], "b");
  EXPECT_TRUE(lab.start("vb").refused());
}

// F-190
TEST(UpdateValidation, ResetToDefaultIsRefusedWhileALabelledGuestRuns) {
  PolicyDef def;
  def.name = "DEFAULT";
  def.version = {1, 0};
  def.has_ste = def.has_wall = true;
  def.ste_types = {"SystemManagement"};
  def.wall_types = {"SystemManagement"};
  def.vm_labels = {{.name = "SystemManagement", .ste = {"SystemManagement"}, .wall = {"SystemManagement"}}};
  def.bootstrap = "SystemManagement";
  // The bootstrap label of the running policy is the control domain's: it takes the new one's name.
  def.vm_labels[0].renamed_from = "system";
  Lab lab(changing_to(compiled(def)));
  lab.start("va");
  expect_refused(lab, {{"vm_start", "unlabelled", "va", "a", "", ""}});
  lab.stop("va");
  EXPECT_TRUE(lab.update_policy(1).done());
  EXPECT_TRUE(lab.start("va").refused()) << "no label but the control domain's is left";
}

}  // namespace
}  // namespace tvdsim::tests
