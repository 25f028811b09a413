// An administrator joins the software VLAN of MA to the hardware VLAN of SU on one host: by mistake, or bribed. MA's frames
// leave under SU's tag, and SU's VMs elsewhere answer them.
//
// The control is restriction 3 of Figure 4: the host's VMM refuses the map. The near miss joins the bridge to its own interface.
#include <fmt/format.h>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::uint32_t kMa = 10, kSu = 20;

VmSetup on_vlan(std::string_view name, std::string_view label, std::string_view host, std::uint32_t vlan) {
  VmSetup vm = staged_vm(name, label, true);
  vm.host = host;
  vm.vif = true;
  vm.vlans = {vlan};
  return vm;
}

class WrongVlanMap final : public CataloguedAttack {
 public:
  WrongVlanMap() : CataloguedAttack(AttackFile::a23_wrong_vlan_map) {}

  sim::Duration duration() const override { return 30_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1"), staged_host("h2")};
    setup.vlans = {{kMa, "ma"}, {kSu, "su"}};
    SwitchSetup tor;
    tor.name = "tor";
    tor.hosts = {"h1", "h2"};
    setup.switches = {tor};
    setup.vms = {on_vlan("ma1", "ma", "h1", kMa), on_vlan("ma2", "ma", "h2", kMa),
                 on_vlan("su2", "su", "h2", kSu)};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    Action map = staged_action(ActionKind::map_vlan, 5_s, "");
    map.host = "h1";
    map.vlan = kMa;
    map.to_vlan = staging == Staging::near_miss ? kMa : kSu;
    Action ping = staged_action(ActionKind::ping, 10_s, "ma1");
    ping.other = staging == Staging::near_miss ? "ma2" : "su2";
    return {map, ping};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const TruthReader& truth = datacenter.truth();
    Verdicts verdicts;
    verdicts.harm = truth.flowed("ma1", "su2") && truth.flowed("su2", "ma1");
    const std::string refusal = evidence.decided(Verdict::deny, "vlan_map");
    verdicts.refused = !refusal.empty();
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("map_vlan") && evidence.command_done("ping");
    if (staging == Staging::near_miss) {
      verdicts.witness = fmt::format("ma1 pings ma2 over its own VLAN: {}", evidence.last_reason("ping"));
    } else if (verdicts.harm) {
      verdicts.witness = fmt::format("ma1 pings su2 of the other workload: {}", evidence.last_reason("ping"));
    } else {
      verdicts.witness =
          fmt::format("the map was refused ({}), the ping was {}", refusal, evidence.last_reason("ping"));
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a23_wrong_vlan_map() {
  static const WrongVlanMap kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
