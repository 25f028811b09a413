// A guest answers a challenge with bytes that are no quote; the verifier has a fault, and never asks it again.
//
// The control is the look at silence, which does not depend on anybody asking: after three periods without evidence nothing is known of
// the guest. Without it the guest stays trusted, and whatever it runs from then on is not found. The near miss is the faulty verifier
// and an honest guest.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class ConfusedVerifier final : public CataloguedAttack {
 public:
  ConfusedVerifier() : CataloguedAttack(AttackFile::a61_confused_verifier) {}

  sim::Duration duration() const override { return 200_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    setup.watches = {
        {.verifier = "v", .subjects = {"ma1"}, .period = 20_s, .spread = false, .stops_on_error = true}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) return {file_action(ActionKind::run_program, 70_s, "ma1")};
    return {lie_action(50_s, "ma1", "malformed"), file_action(ActionKind::tamper_file, 70_s, "ma1")};
  }

  Verdicts judge(Staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const std::string standing = known_of(datacenter, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    const Evidence evidence(trace);
    Verdicts verdicts;
    verdicts.harm = changed && standing == "trusted";
    verdicts.refused = standing != "trusted";
    verdicts.noticed = evidence.incident("attestation") || evidence.incident("warning");
    verdicts.worked = !changed && standing == "trusted";
    verdicts.witness = fmt::format("ma1 {} and counts as {}; the last that was heard of it: {}",
                                   changed ? "ran changed code" : "is unchanged", standing,
                                   last_attestation(trace, "ma1").detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a61_confused_verifier() {
  static const ConfusedVerifier kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
