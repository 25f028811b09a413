// A real guest among simulated ones: its hypercalls are decided by label, its TPM holds what its image says.
#include "models/emulation/guest_stand.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/world.hpp"
#include "models/truth/read.hpp"
#include "tests/emulation/guests.hpp"
#include "tests/support/ablation.hpp"
#include "tests/support/policies.hpp"

namespace tvdsim::tests {
namespace {

using namespace models;

std::shared_ptr<const Policy> two_tenants() {
  return compile(
      {.vms = {{"sys", {"acme", "globex"}, {}}, {"acme", {"acme"}, {}}, {"globex", {"globex"}, {}}}});
}

class RealGuest : public WithGuests {
 protected:
  static GuestStandSetup stand(std::vector<GuestCallSetup> calls) {
    GuestStandSetup setup;
    setup.policy = two_tenants();
    setup.controls = modes_under_test();
    setup.label = "acme";
    setup.neighbours = {{"db", "acme"}, {"spy", "globex"}};
    setup.calls = std::move(calls);
    setup.guest = payload("");
    setup.guest.tpm = GuestTpm::crb;
    return setup;
  }
};

TEST_F(RealGuest, IsHeldToItsLabelAndToldWhy) {
  const GuestReport report =
      run_guest(stand({{HypercallOp::evtchn_alloc, "db"}, {HypercallOp::evtchn_alloc, "spy"}}));
  ASSERT_EQ(report.calls.size(), 2u);
  EXPECT_EQ(report.calls[0].other, "db");
  EXPECT_EQ(report.calls[0].result, Result::done) << report.calls[0].reason;
  EXPECT_EQ(report.calls[1].other, "spy");
  EXPECT_EQ(report.calls[1].result, Result::refused);
  EXPECT_NE(report.calls[1].reason.find("acme"), std::string::npos);
  EXPECT_NE(report.calls[1].reason.find("globex"), std::string::npos);
  // The guest has it in its own words: it read the answer in its own memory.
  ASSERT_EQ(report.said.size(), 3u);
  EXPECT_TRUE(report.said[0].ends_with(": done, number 0")) << report.said[0];
  EXPECT_NE(report.said[1].find(": refused: " + report.calls[1].reason), std::string::npos) << report.said[1];
}

TEST_F(RealGuest, ReachesTheOtherTenantOnceTheControlIsOff) {
  GuestStandSetup setup = stand({{HypercallOp::evtchn_alloc, "spy"}});
  setup.controls.set(Control::ste, ControlMode::off);
  const GuestReport report = run_guest(setup);
  ASSERT_EQ(report.calls.size(), 1u);
  EXPECT_EQ(report.calls[0].result, Result::done) << report.calls[0].reason;
  EXPECT_NE(report.said[0].find(": done"), std::string::npos) << report.said[0];
}

TEST_F(RealGuest, WhoseCallNamesNobodyOrNothingIsToldThatItIsImpossible) {
  const GuestReport report = run_guest(stand({{static_cast<HypercallOp>(200), "db"},
                                              {HypercallOp::grant_map, "db", 77},
                                              {HypercallOp::evtchn_alloc, "guest"}}));
  ASSERT_EQ(report.calls.size(), 3u);
  for (const GuestCall& call : report.calls) {
    EXPECT_EQ(call.result, Result::failed) << call.reason;
    EXPECT_FALSE(call.reason.empty());
  }
}

TEST_F(RealGuest, IsNotStartedFromASetupThatMakesNoSense) {
  GuestStandSetup setup = stand({{HypercallOp::evtchn_alloc, "dbb"}});
  setup.label = "acmee";
  setup.neighbours.emplace_back("db", "globexx");
  setup.quantum = {0};
  try {
    run_guest(setup);
    FAIL() << "it ran";
  } catch (const sim::InputError& error) {
    std::string all;
    for (const sim::Finding& finding : error.findings()) all += to_text(finding);
    EXPECT_EQ(error.findings().size(), 5u) << all;
    for (const char* part :
         {"`acmee`", "`globexx`", "`db` is the name of two", "VM `dbb` is not defined", "too short"})
      EXPECT_NE(all.find(part), std::string::npos) << part << "\n" << all;
  }
}

TEST_F(RealGuest, MeasuresItselfIntoATpmOfTheFleet) {
  for (const GuestTpm tpm : {GuestTpm::tis, GuestTpm::crb}) {
    GuestStandSetup setup = stand({});
    setup.guest.tpm = tpm;
    const GuestReport report = run_guest(setup);
    EXPECT_EQ(report.tpm_failure, "");
    ASSERT_EQ(report.expected.size(), 3u);
    EXPECT_EQ(report.read, report.expected);
    EXPECT_EQ(report.held, report.expected);
    EXPECT_EQ(report.tpm_commands, 8u)
        << "QEMU's question of what TPM it is; start-up, three extensions, three readings";
  }
}

TEST_F(RealGuest, WithOtherWordsHasAnotherPcr) {
  GuestStandSetup setup = stand({});
  const GuestReport plain = run_guest(setup);
  setup.words = "work=1";
  const GuestReport other = run_guest(setup);
  EXPECT_EQ(plain.read.at(8), other.read.at(8));
  EXPECT_EQ(plain.read.at(9), other.read.at(9));
  EXPECT_NE(plain.read.at(12), other.read.at(12));
  EXPECT_EQ(other.read, other.expected);
}

// The same in a datacenter that tells its story by actions: the neighbour is stopped, the guest's own VM is destroyed.
class RealGuestInADatacenter : public WithGuests {
 protected:
  RealGuestInADatacenter() : engine_(7) {}
  DatacenterSetup setup() const {
    DatacenterSetup out;
    out.policies = {two_tenants()};
    out.controls = modes_under_test();
    out.hosts.resize(1);
    out.hosts[0].name = "h1";
    out.hosts[0].memory = 4_GiB;
    for (const auto& [name, label] :
         std::vector<std::pair<std::string, std::string>>{{"db", "acme"}, {"web", "acme"}}) {
      VmSetup& vm = out.vms.emplace_back();
      vm.name = name;
      vm.label = label;
      vm.host = "h1";
      vm.memory = 64_MiB;
    }
    return out;
  }
  sim::Engine engine_;
};

TEST_F(RealGuestInADatacenter, GrantsAPageWhoseBytesTheOtherReads) {
  Datacenter dc(engine_, setup());
  GuestVm web(dc, engine_, "web", payload(""), 1_ms);
  web.calls_when_started({{HypercallOp::grant_setup, "db", 0, 0x100}});  // the page that its code begins in
  engine_.run_until(sim::Time{} + 20_s);
  dc.finish();
  ASSERT_EQ(web.calls().size(), 1u);
  EXPECT_EQ(web.calls()[0].result, Result::done) << web.calls()[0].reason;
  const auto& grants = dc.hypervisor(dc.host("h1")).grants().grants();
  ASSERT_FALSE(grants.empty());
  EXPECT_EQ(grants.back().grantor, dc.vm("web"));
  EXPECT_EQ(grants.back().grantee, dc.vm("db"));
  EXPECT_EQ(dc.check_invariants(), "");
}

TEST_F(RealGuestInADatacenter, IsPulledOutWhenItsVmIsStopped) {
  Datacenter dc(engine_, setup());
  GuestSetup spinning = payload("spin");
  spinning.shift = 10;  // a slow processor: little to compute until the VM is stopped
  GuestVm web(dc, engine_, "web", spinning, 1_ms);
  while (!web.guest().started()) engine_.run_until(engine_.now() + 100_ms);
  EXPECT_TRUE(web.guest().running());
  Action stop;
  stop.kind = ActionKind::stop_vm;
  stop.vm = "web";
  stop.at = engine_.now() + 10_ms;
  dc.schedule(stop);
  while (web.guest().running() && engine_.now() < sim::Time{} + 60_s)
    engine_.run_until(engine_.now() + 10_ms);
  EXPECT_FALSE(web.guest().running());
  EXPECT_NE(dc.state(dc.vm("web")), VmState::running);
  EXPECT_EQ(web.guest().status(), -1) << "it did not end by itself";
}

TEST_F(RealGuestInADatacenter, CallsIntoNothingOnceItsNeighbourIsGone) {
  DatacenterSetup without_db = setup();
  without_db.vms[0].start = false;
  Datacenter dc(engine_, without_db);
  GuestVm web(dc, engine_, "web", payload(""), 1_ms);
  web.calls_when_started({{HypercallOp::evtchn_alloc, "db"}});
  engine_.run_until(sim::Time{} + 20_s);
  ASSERT_EQ(web.calls().size(), 1u);
  EXPECT_EQ(web.calls()[0].result, Result::failed);
  EXPECT_EQ(web.calls()[0].reason, "there is no such other domain here");
}

}  // namespace
}  // namespace tvdsim::tests
