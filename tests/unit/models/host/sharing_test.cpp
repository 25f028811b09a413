#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup three_vms() {
  const auto policy = make_policy(
      {{"system", {"A", "B", "C"}, {}}, {"a", {"A"}, {}}, {"ab", {"A", "B"}, {}}, {"b", {"B"}, {}}},
      {{"disk-a", {"A"}, {}}, {"disk-b", {"B"}, {}}});
  return setup_of(policy, {host("h1")}, {vm("va", "a", "h1"), vm("vab", "ab", "h1"), vm("vb", "b", "h1")},
                  {disk("da", "disk-a", "bytes of a"), disk("db", "disk-b", "bytes of b")});
}

void start_all(Lab& lab) {
  for (const char* each : {"va", "vab", "vb"}) ASSERT_TRUE(lab.start(each).done());
}

// F-005
TEST(EventChannels, ABindBetweenVmsThatShareATypeSucceeds) {
  Lab lab(three_vms());
  start_all(lab);
  auto& hypervisor = lab.hypervisor("h1");
  const auto port = hypervisor.offer_port(lab.dc.vm("va"), lab.dc.vm("vab"), 0);
  ASSERT_TRUE(port.opened);
  EXPECT_TRUE(hypervisor.bind_port(lab.dc.vm("vab"), PortId{port.id}, 0).opened);
  EXPECT_EQ(hypervisor.channels().ports_of(lab.dc.vm("va")), 1u);
  EXPECT_EQ(hypervisor.channels().ports_of(lab.dc.vm("vab")), 1u);
}

// F-005
TEST(EventChannels, ABindAcrossDisjointTypesIsDeniedAndNoPortIsAllocatedOnEitherSide) {
  Lab lab(three_vms());
  start_all(lab);
  auto& hypervisor = lab.hypervisor("h1");
  EXPECT_FALSE(hypervisor.offer_port(lab.dc.vm("va"), lab.dc.vm("vb"), 0).opened);
  EXPECT_EQ(hypervisor.channels().ports_of(lab.dc.vm("va")), 0u);
  // A port that a third VM tries to bind to is refused at the bind itself.
  const auto port = hypervisor.offer_port(lab.dc.vm("va"), lab.dc.vm("vab"), 0);
  const auto stolen = hypervisor.bind_port(lab.dc.vm("vb"), PortId{port.id}, 0);
  EXPECT_FALSE(stolen.opened);
  EXPECT_EQ(stolen.decision.verdict, Verdict::deny);
  EXPECT_EQ(stolen.decision.hook, Hook::evtchn_bind);
  EXPECT_EQ(hypervisor.channels().ports_of(lab.dc.vm("vb")), 0u);
}

// F-005
TEST(GrantTables, MappedBytesAreEqualWhenATypeIsShared) {
  Lab lab(three_vms());
  start_all(lab);
  ASSERT_TRUE(lab.connect("va", "vab").done());
  ASSERT_TRUE(lab.send("va", "vab", "hello from a").done());
  auto& hypervisor = lab.hypervisor("h1");
  const LinkId link = hypervisor.find_link(lab.dc.vm("va"), lab.dc.vm("vab"));
  std::uint64_t one = 0, two = 0;
  const ByteStore* mine = hypervisor.shared_page(link, lab.dc.vm("va"), one);
  const ByteStore* theirs = hypervisor.shared_page(link, lab.dc.vm("vab"), two);
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ(mine->read(one, 12), theirs->read(two, 12));
  const auto bytes = theirs->read(two, 12);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "hello from a");
  EXPECT_TRUE(lab.truth().reached("a", "vab"));
}

// F-005
TEST(GrantTables, AForeignMapIsDeniedAndTheContentNeverReachesTheMapper) {
  Lab lab(three_vms());
  start_all(lab);
  auto& hypervisor = lab.hypervisor("h1");
  EXPECT_FALSE(hypervisor.grant_page(lab.dc.vm("va"), lab.dc.vm("vb"), 0, 0).opened);
  const auto grant = hypervisor.grant_page(lab.dc.vm("va"), lab.dc.vm("vab"), 0, 0);
  ASSERT_TRUE(grant.opened);
  const auto stolen = hypervisor.map_page(lab.dc.vm("vb"), GrantId{grant.id}, 0);
  EXPECT_FALSE(stolen.opened);
  EXPECT_EQ(stolen.decision.verdict, Verdict::deny);
  EXPECT_EQ(stolen.decision.hook, Hook::grant_map);
  EXPECT_EQ(hypervisor.grants().view(GrantId{grant.id}, lab.dc.vm("vb")), nullptr);
  EXPECT_FALSE(lab.truth().reached("a", "vb"));
}

// F-005
TEST(GrantTables, WithoutSteTheForeignContentReallyArrives) {
  Lab lab(without(three_vms(), Control::ste));
  start_all(lab);
  ASSERT_TRUE(lab.connect("va", "vb").done());
  ASSERT_TRUE(lab.send("va", "vb", "secret of a").done());
  EXPECT_TRUE(lab.truth().reached("a", "vb"));
}

// F-016
TEST(SimpleTypeEnforcement, IsNotTransitive) {
  Lab lab(three_vms());
  start_all(lab);
  EXPECT_TRUE(lab.connect("va", "vab").done());
  EXPECT_TRUE(lab.connect("vab", "vb").done());
  EXPECT_TRUE(lab.connect("va", "vb").refused());
  EXPECT_TRUE(lab.connect("vb", "va").refused());
}

// F-016
TEST(SimpleTypeEnforcement, IsTheSameFromBothSides) {
  const char* names[] = {"va", "vab", "vb"};
  for (const char* one : names) {
    for (const char* two : names) {
      if (one == two) continue;
      Lab forth(three_vms()), back(three_vms());
      start_all(forth);
      start_all(back);
      EXPECT_EQ(forth.connect(one, two).done(), back.connect(two, one).done()) << one << " " << two;
    }
  }
}

// F-016
TEST(SimpleTypeEnforcement, WithoutItStrangersConnect) {
  Lab lab(without(three_vms(), Control::ste));
  start_all(lab);
  EXPECT_TRUE(lab.connect("va", "vb").done());
  EXPECT_TRUE(lab.notify("va", "vb", 1).done());
  EXPECT_TRUE(lab.truth().flowed("va", "vb"));
}

// Two trusted virtual domains of three VMs each on one host, without any rule that lets them share.
DatacenterSetup two_tvds() {
  const auto policy =
      make_policy({{"system", {"red", "blue"}, {}}, {"red", {"red"}, {}}, {"blue", {"blue"}, {}}},
                  {{"red-disk", {"red"}, {}}, {"blue-disk", {"blue"}, {}}});
  std::vector<VmSetup> vms;
  for (const char* each : {"red1", "red2", "red3"}) vms.push_back(vm(each, "red", "h1"));
  for (const char* each : {"blue1", "blue2", "blue3"}) vms.push_back(vm(each, "blue", "h1"));
  return setup_of(policy, {host("h1")}, vms,
                  {disk("dr", "red-disk", "red bytes"), disk("db", "blue-disk", "blue bytes")});
}

const std::vector<std::string> kRed = {"red1", "red2", "red3"}, kBlue = {"blue1", "blue2", "blue3"};

// F-029
TEST(TwoTvdsOnOneHost, NoProbeByEventPageOrDiskCrosses) {
  Lab lab(two_tvds());
  for (const auto& each : kRed) ASSERT_TRUE(lab.start(each).done());
  for (const auto& each : kBlue) ASSERT_TRUE(lab.start(each).done());
  for (const auto& red : kRed) {
    for (const auto& blue : kBlue) {
      EXPECT_TRUE(lab.connect(red, blue).refused());
      EXPECT_FALSE(lab.notify(red, blue, 1).done());
      EXPECT_FALSE(lab.send(red, blue, "probe").done());
      EXPECT_TRUE(lab.connect(blue, red).refused());
    }
    EXPECT_TRUE(lab.attach(red, "db").refused());
    EXPECT_FALSE(lab.read(red, "db").done());
  }
  for (const auto& red : kRed) {
    EXPECT_FALSE(lab.truth().reached("blue", red));
    EXPECT_FALSE(lab.truth().reached("blue-disk", red));
    for (const auto& blue : kBlue)
      EXPECT_FALSE(lab.truth().flowed(red, blue) || lab.truth().flowed(blue, red));
  }
}

// F-029
TEST(TwoTvdsOnOneHost, AllPairsInsideOneTvdConnectAndShareItsDisk) {
  Lab lab(two_tvds());
  for (const auto* group : {&kRed, &kBlue}) {
    for (const auto& each : *group) ASSERT_TRUE(lab.start(each).done());
    for (std::size_t i = 0; i < group->size(); ++i) {
      for (std::size_t j = i + 1; j < group->size(); ++j) {
        EXPECT_TRUE(lab.connect((*group)[i], (*group)[j]).done());
        EXPECT_TRUE(lab.send((*group)[i], (*group)[j], "hello").done());
      }
    }
  }
  for (const auto& each : kRed) {
    EXPECT_TRUE(lab.attach(each, "dr").done());
    EXPECT_NE(lab.read(each, "dr").reason.find("red bytes"), std::string::npos);
  }
}

// F-029
TEST(TwoTvdsOnOneHost, WithoutTheControlsEveryProbeCrosses) {
  Lab lab(without(without(two_tvds(), Control::ste), Control::resource_check));
  lab.start("red1");
  lab.start("blue1");
  EXPECT_TRUE(lab.connect("red1", "blue1").done());
  EXPECT_TRUE(lab.notify("red1", "blue1", 1).done());
  EXPECT_TRUE(lab.send("red1", "blue1", "probe").done());
  EXPECT_TRUE(lab.attach("red1", "db").done());
  EXPECT_TRUE(lab.read("red1", "db").done());
  EXPECT_TRUE(lab.truth().reached("red", "blue1"));
  EXPECT_TRUE(lab.truth().reached("blue-disk", "red1"));
}

TEST(Links, GoWhenEitherVmGoes) {
  Lab lab(three_vms());
  start_all(lab);
  lab.connect("va", "vab");
  ASSERT_TRUE(lab.hypervisor("h1").find_link(lab.dc.vm("va"), lab.dc.vm("vab")).exists());
  lab.crash("vab");
  EXPECT_FALSE(lab.hypervisor("h1").find_link(lab.dc.vm("va"), lab.dc.vm("vab")).exists());
  EXPECT_EQ(lab.hypervisor("h1").channels().ports_of(lab.dc.vm("va")), 0u);
  EXPECT_EQ(lab.hypervisor("h1").grants().grants_of(lab.dc.vm("va")), 0u);
  EXPECT_FALSE(lab.send("va", "vab", "anybody?").done());
}

TEST(Links, DisconnectClosesWhatConnectOpened) {
  Lab lab(three_vms());
  start_all(lab);
  const std::string before = lab.dc.state_hash();
  lab.connect("va", "vab");
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::disconnect, "vab", "va")).done());
  EXPECT_EQ(lab.dc.state_hash(), before);
  EXPECT_FALSE(lab.notify("va", "vab", 1).done());
}

}  // namespace
}  // namespace tvdsim::tests
