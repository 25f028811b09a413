// Somebody runs a changed program between two checks and puts everything back before the next one.
//
// The control is the schedule: a PCR keeps what it was extended with, so the next check finds it, however clean the files and the log
// are by then. Who starts the VM over has clean PCRs too: what ran before is not found (a documented miss), but that the TPM was
// started is, in the count that every quote signs. The near miss is a program that is run and a VM that is restarted.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/attestation/image.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class BetweenAttestations final : public CataloguedAttack {
 public:
  BetweenAttestations() : CataloguedAttack(AttackFile::a55_between_attestations) {}

  sim::Duration duration() const override { return 100_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1", "ma2"});
    setup.watches = {{.verifier = "v", .subjects = {"ma1", "ma2"}, .period = 30_s, .spread = false}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const SoftwareImage image = builtin_guest_image();
    std::vector<Action> steps;
    for (const std::string_view vm : {"ma1", "ma2"}) {
      const bool changes = staging != Staging::near_miss;
      steps.push_back(file_action(changes ? ActionKind::tamper_file : ActionKind::run_program, 40_s, vm));
      if (!changes) continue;
      steps.push_back(file_action(ActionKind::tamper_file, 44_s, vm));
      steps.back().text = bytes_of(image, *image.find(kAttackedProgram));
    }
    if (staging != Staging::near_miss) steps.push_back(lie_action(45_s, "ma1", "clean_log"));
    steps.push_back(staged_action(ActionKind::stop_vm, 46_s, "ma2"));
    steps.push_back(staged_action(ActionKind::start_vm, 50_s, "ma2"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow kept = last_attestation(trace, "ma1"), restarted = last_attestation(trace, "ma2");
    const bool changed = ran_changed_code(datacenter, "ma1");
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = changed && kept.verdict == "trusted";
    verdicts.refused = kept.verdict != "trusted";
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = !changed && kept.verdict == "trusted" && restarted.verdict == "trusted";
    verdicts.witness = fmt::format(
        "ma1, which {}, is {} ({}); ma2, which was started over besides, is {}, and its count of starts {}",
        staging == Staging::near_miss ? "changed nothing" : "put everything back", kept.verdict, kept.reason,
        restarted.verdict, evidence.incident("restarted") ? "tells" : "was not looked at");
    return verdicts;
  }
};

}  // namespace

const Attack& a55_between_attestations() {
  static const BetweenAttestations kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
