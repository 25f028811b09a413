// A boot loader reads the hypervisor to measure it, and reads it again to run it; in between somebody changes it.
//
// The control is the single read: what was read once is what is measured and what runs. Without it the log is right about the first
// copy, the verdict is `trusted`, and only ground truth knows: a documented miss of static measurement. The near miss is a loader
// that reads twice what nobody changes.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class DoubleRead final : public CataloguedAttack {
 public:
  DoubleRead() : CataloguedAttack(AttackFile::a44_double_read) {}

  sim::Duration duration() const override { return 30_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {});
    if (staging != Staging::near_miss) setup.hosts[0].read_twice = {"hypervisor"};
    return setup;
  }

  std::vector<Action> steps(Staging) const override {
    Action ask = staged_action(ActionKind::attest_host, 10_s, {});
    ask.host = "h1";
    ask.verifier = "v";
    return {ask};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "h1");
    const bool changed = ran_changed_code(datacenter, "h1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = !row.verdict.empty() && row.verdict != "trusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("h1, whose loader read what nobody changed, is {}", row.verdict)
                           : fmt::format("h1 ran another hypervisor than its loader {} and is {}",
                                         verdicts.harm ? "measured" : "was given", row.verdict);
    return verdicts;
  }
};

}  // namespace

const Attack& a44_double_read() {
  static const DoubleRead kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
