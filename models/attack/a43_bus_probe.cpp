// Somebody sits at the bus between a host and its TPM: he reads what is unsealed, and answers an extend in the TPM's place.
//
// The control is a session with an HMAC and encrypted parameters. Harm is the secret among what he heard, or a measurement that
// its service believes made and the PCR does not hold. Listening is noticed by nobody; a case that was opened shows to who goes
// there. The near miss is the same work with nobody at the bus.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kSecret = "the key of the tenants' disks";

class BusAttack final : public CataloguedAttack {
 public:
  BusAttack() : CataloguedAttack(AttackFile::a43_bus_probe) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {});
  }

  std::vector<Action> steps(Staging staging) const override {
    const auto probe = [](sim::Duration at, std::string_view mode) {
      Action action = host_action(ActionKind::probe_bus, at);
      action.mode = mode;
      return action;
    };
    Action seal = host_action(ActionKind::seal_secret, 5_s),
           measure = host_action(ActionKind::measure_host, 40_s);
    seal.text = kSecret;
    measure.text = "a program of the control domain";
    measure.pcr = 12;
    std::vector<Action> steps = {seal, host_action(ActionKind::unseal_secret, 20_s), measure};
    if (staging == Staging::near_miss) return steps;
    steps.push_back(probe(10_s, "listen"));
    steps.push_back(probe(30_s, "drop"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const bool read = ran_changed_code(datacenter, "h1");  // ground truth: what it had sealed was read
    const bool believed = evidence.command_done("measure_host");
    const bool made = !pcr_is_empty(datacenter, "h1", 12);
    Verdicts verdicts;
    verdicts.harm = read || (believed && !made);
    verdicts.refused = evidence.incident("tpm_bus");
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = evidence.command_done("unseal_secret") && believed && made;
    verdicts.witness = staging == Staging::near_miss
                           ? std::string("the secret was sealed and opened, the program measured")
                           : fmt::format("at the bus the secret was {}; the extend that never arrived was {}",
                                         read ? "read" : "heard encrypted",
                                         believed ? "believed" : evidence.last_reason("measure_host"));
    return verdicts;
  }
};

}  // namespace

const Attack& a43_bus_probe() {
  static const BusAttack kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
