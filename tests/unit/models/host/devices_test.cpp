#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {
namespace {

DatacenterSetup equipped() {
  auto setup = setup_of(
      figure3_policy(), {host("h1"), host("h2")},
      {vm("ma1", "ma", "h1", {"ma-data"}), vm("ma2", "ma", "h1"), vm("su1", "su", "h1", {"su-data"})},
      {disk("ma-data", "ma-disk", "MA figures"), disk("su-data", "su-disk", "SU figures")});
  setup.hosts[0].devices = {"nic0", "gpu0"};
  setup.vms[0].vif = true;
  setup.vms[0].vtpm = true;
  setup.vms[2].vtpm = true;
  return setup;
}

Action device(ActionKind kind, std::string_view vm, std::string_view host, std::string_view name) {
  Action action = Lab::at_host(kind, vm, host);
  action.device = name;
  return action;
}

Action tpm(ActionKind kind, std::string_view vm, std::string_view text = {}) {
  Action action = Lab::action(kind, vm);
  action.text = text;
  return action;
}

// F-136
TEST(ControlDomain, IsBuiltFirstAndIsTheOnlyOneOfItsHost) {
  Lab lab(equipped());
  lab.start("ma1");
  for (const char* name : {"h1", "h2"}) {
    const auto domains = lab.hypervisor(name).domains();
    ASSERT_FALSE(domains.empty());
    EXPECT_EQ(domains.front().vm, lab.machine(name).dom0);
    int control = 0;
    for (const auto& domain : domains) control += lab.dc.world().domains.control[domain.vm.value];
    EXPECT_EQ(control, 1);
  }
  EXPECT_EQ(lab.texts(sim::TableId::lifecycle, "vm")[0], "dom0@h1");
  EXPECT_EQ(lab.texts(sim::TableId::lifecycle, "cause")[0], "boot");
  EXPECT_EQ(lab.decisions("domain_create").front().rule, "control_domain");
}

// F-136
TEST(ControlDomain, AGuestThatBuildsADomainIsRefused) {
  Lab lab(equipped());
  lab.start("ma1");
  const auto outcome = lab.act(Lab::action(ActionKind::create_domain, "ma1"));
  EXPECT_TRUE(outcome.refused());
  EXPECT_EQ(lab.decisions("domain_create").back().rule, "not_control_domain");
  EXPECT_FALSE(lab.truth().ran("ma1.child"));
  EXPECT_EQ(lab.hypervisor("h1").domains().size(), 2u);
}

// F-136
TEST(ControlDomain, WithoutThePrivilegeControlAGuestsDomainReallyRuns) {
  Lab lab(without(equipped(), Control::privilege));
  lab.start("ma1");
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::create_domain, "ma1")).done());
  EXPECT_TRUE(lab.truth().ran("ma1.child"));
}

// F-137
TEST(SplitDrivers, AFrontEndIsActiveOnlyAfterItsBackEndConnects) {
  Lab lab(equipped());
  lab.start("ma2");
  auto& drivers = *lab.machine("h1").drivers;
  const auto announced =
      drivers.announce(lab.dc.vm("ma2"), DeviceKind::vif, sim::DiskId::none(), VmId::none(), 0);
  ASSERT_TRUE(announced.opened);
  EXPECT_EQ(drivers.front(announced.id).state, SplitDrivers::State::announced);
  EXPECT_FALSE(lab.hypervisor("h1").link(drivers.front(announced.id).link).complete);
  ASSERT_TRUE(drivers.serve(announced.id, 0).opened);
  EXPECT_EQ(drivers.front(announced.id).state, SplitDrivers::State::active);
}

// F-137
TEST(SplitDrivers, EachConnectIsOneGrantAndOneEventChannelBothMediated) {
  Lab lab(equipped());
  lab.start("ma1");  // vbd, vif, vtpm
  for (const char* hook : {"grant_setup", "grant_map", "evtchn_alloc", "evtchn_bind"}) {
    EXPECT_EQ(lab.decisions(hook).size(), 3u) << hook;
  }
  EXPECT_EQ(lab.hypervisor("h1").grants().grants_of(lab.dc.vm("ma1")), 3u);
  EXPECT_EQ(lab.hypervisor("h1").channels().ports_of(lab.dc.vm("ma1")), 3u);
  lab.start("su1");  // vbd, vtpm: many front-ends, one back-end of each kind
  EXPECT_EQ(lab.hypervisor("h1").channels().ports_of(lab.machine("h1").dom0), 5u);
}

// F-137
TEST(SplitDrivers, AFrontEndWhoseLabelSharesNothingWithTheControlDomainIsRefused) {
  auto setup = equipped();
  setup.policies = {make_policy({{"system", {"SU"}, {}}, {"ma", {"MA"}, {}}, {"su", {"SU"}, {}}},
                                {{"ma-disk", {"MA"}, {}}, {"su-disk", {"SU"}, {}}})};
  setup.controls.set(Control::host_authorization, ControlMode::off);
  Lab lab(setup);
  const std::string before = lab.dc.state_hash();
  EXPECT_TRUE(lab.start("ma1").refused());
  EXPECT_EQ(lab.dc.state_hash(), before) << "no partial attach";
  EXPECT_FALSE(lab.truth().ran("ma1"));
}

// F-137
TEST(SplitDrivers, KillingABackEndTakesDownExactlyItsFrontEnds) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.start("su1");
  auto& drivers = *lab.machine("h1").drivers;
  lab.act(device(ActionKind::kill_backend, {}, "h1", "vbd"));
  for (const auto& front : drivers.fronts()) {
    if (front.state == SplitDrivers::State::offline) continue;
    EXPECT_EQ(front.state == SplitDrivers::State::lost, front.kind == DeviceKind::vbd);
  }
  EXPECT_FALSE(lab.read("ma1", "ma-data").done());
  EXPECT_FALSE(lab.read("su1", "su-data").done());
  EXPECT_TRUE(lab.runs("ma1"));
  EXPECT_TRUE(lab.act(tpm(ActionKind::tpm_read, "ma1")).done());
  EXPECT_TRUE(lab.act(device(ActionKind::restart_backend, {}, "h1", "vbd")).done());
  EXPECT_TRUE(lab.read("ma1", "ma-data").done());
}

// F-137
TEST(NativeDevices, ASecondAssignmentOfTheSameDeviceIsRefused) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.start("su1");
  EXPECT_TRUE(lab.act(device(ActionKind::take_device, "ma1", {}, "nic0")).done());
  const auto second = lab.act(device(ActionKind::take_device, "su1", {}, "nic0"));
  EXPECT_TRUE(second.refused());
  EXPECT_EQ(lab.decisions("device_assign").back().rule, "device_taken");
  EXPECT_EQ(lab.decisions("device_assign").back().other, "ma1");
  EXPECT_TRUE(lab.act(device(ActionKind::take_device, "su1", {}, "gpu0")).done());
  lab.stop("ma1");
  EXPECT_TRUE(lab.act(device(ActionKind::take_device, "su1", {}, "nic0")).done());
  EXPECT_EQ(lab.truth().most_drivers("nic0"), 1u);
}

// F-137
TEST(NativeDevices, WithoutTheControlTwoDomainsDriveOneDevice) {
  Lab lab(without(equipped(), Control::exclusive_device));
  lab.start("ma1");
  lab.start("su1");
  lab.act(device(ActionKind::take_device, "ma1", {}, "nic0"));
  EXPECT_TRUE(lab.act(device(ActionKind::take_device, "su1", {}, "nic0")).done());
  EXPECT_EQ(lab.truth().most_drivers("nic0"), 2u);
}

// F-137
TEST(Vtpm, ACommandFlowsThroughFrontEndRingAndBackEndToTheInstance) {
  Lab lab(equipped());
  lab.start("ma1");
  // PCR 16 is the one that no boot extends.
  const auto of_16 = [](Action action) {
    action.pcr = 16;
    return action;
  };
  const auto fresh = lab.act(of_16(tpm(ActionKind::tpm_read, "ma1")));
  ASSERT_TRUE(fresh.done()) << fresh.reason;
  EXPECT_NE(fresh.reason.find(std::string(64, '0')), std::string::npos) << fresh.reason;
  EXPECT_TRUE(lab.act(of_16(tpm(ActionKind::tpm_extend, "ma1", "abc"))).done());
  const auto extended = lab.act(of_16(tpm(ActionKind::tpm_read, "ma1")));
  // SHA-256 of 32 zero bytes followed by SHA-256("abc"), computed elsewhere.
  EXPECT_EQ(extended.reason, "PCR 16: 589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d");
  EXPECT_NE(extended.reason, fresh.reason);
}

// F-137
TEST(Vtpm, EachVmHasAnInstanceOfItsOwn) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.start("su1");
  const auto before = lab.act(tpm(ActionKind::tpm_read, "su1")).reason;
  lab.act(tpm(ActionKind::tpm_extend, "ma1", "boot loader"));
  EXPECT_EQ(lab.act(tpm(ActionKind::tpm_read, "su1")).reason, before);
  EXPECT_NE(lab.act(tpm(ActionKind::tpm_read, "ma1")).reason, before);
}

// F-137
TEST(Vtpm, WithoutABackEndTheVmsTpmIsOutOfReachAndNothingElse) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.act(device(ActionKind::kill_backend, {}, "h1", "vtpm"));
  EXPECT_FALSE(lab.act(tpm(ActionKind::tpm_read, "ma1")).done());
  EXPECT_TRUE(lab.read("ma1", "ma-data").done());
  EXPECT_TRUE(lab.connect("ma1", "dom0").done());
}

// F-137
TEST(Vtpm, AFrontEndIsNotConnectedToAForeignInstance) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.start("su1");
  const auto before = lab.act(tpm(ActionKind::tpm_read, "su1")).reason;
  EXPECT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "ma1", "su1")).refused());
  EXPECT_EQ(lab.decisions("vtpm_attach").back().rule, "foreign_vtpm");
  lab.act(tpm(ActionKind::tpm_extend, "ma1", "forged"));
  EXPECT_EQ(lab.act(tpm(ActionKind::tpm_read, "su1")).reason, before);
}

// F-137
TEST(Vtpm, WithoutTheBindingAForeignInstanceTakesCommands) {
  Lab lab(without(equipped(), Control::vtpm_binding));
  lab.start("ma1");
  lab.start("su1");
  const auto before = lab.act(tpm(ActionKind::tpm_read, "su1")).reason;
  ASSERT_TRUE(lab.act(Lab::action(ActionKind::attach_vtpm, "ma1", "su1")).done());
  EXPECT_TRUE(lab.act(tpm(ActionKind::tpm_extend, "ma1", "forged")).done());
  EXPECT_NE(lab.act(tpm(ActionKind::tpm_read, "su1")).reason, before);
}

TEST(Vtpm, GoesWhereItsVmGoesAndStartsOverWithIt) {
  Lab lab(equipped());
  lab.start("ma1");
  lab.act(tpm(ActionKind::tpm_extend, "ma1", "kernel"));
  const auto measured = lab.act(tpm(ActionKind::tpm_read, "ma1")).reason;
  ASSERT_TRUE(lab.migrate("ma1", "h2").done());
  EXPECT_EQ(lab.act(tpm(ActionKind::tpm_read, "ma1")).reason, measured);
  lab.stop("ma1");
  lab.start("ma1", "h2");
  EXPECT_NE(lab.act(tpm(ActionKind::tpm_read, "ma1")).reason, measured);
}

TEST(VirtualDisks, MoreRequestsThanTheRingHasSlotsAllComeBack) {
  Lab lab(equipped());
  lab.start("ma1");
  std::vector<std::uint64_t> commands;
  for (std::uint32_t block = 0; block < 20; ++block) {
    Action write = Lab::with_disk(ActionKind::write_disk, "ma1", "ma-data", "block " + std::to_string(block));
    write.block = block;
    commands.push_back(lab.begin(write));
  }
  lab.settle();
  for (const auto command : commands) EXPECT_TRUE(lab.outcome(command).done());
  for (std::uint32_t block = 0; block < 20; ++block) {
    Action read = Lab::with_disk(ActionKind::read_disk, "ma1", "ma-data");
    read.block = block;
    EXPECT_NE(lab.act(read).reason.find("\"block " + std::to_string(block) + "\""), std::string::npos);
  }
}

TEST(VirtualDisks, ABlockBeyondTheEndIsAnErrorOfTheDisk) {
  Lab lab(equipped());
  lab.start("ma1");
  Action read = Lab::with_disk(ActionKind::read_disk, "ma1", "ma-data");
  read.block = 128;  // 64 KiB of 512 bytes
  EXPECT_EQ(lab.act(read).reason, "no such block");
}

}  // namespace
}  // namespace tvdsim::tests
