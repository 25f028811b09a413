// A script is changed and read by an interpreter that was measured long ago.
//
// The control is the measurement of scripts. Without it the interpreter's digest is all that the log has: the verdict is `trusted`,
// and the coverage of what ran, which the witness tells, is below all of it. The near miss runs the script unchanged.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kChangedScript = "/etc/cron.daily/logrotate";

class UnmeasuredScript final : public CataloguedAttack {
 public:
  UnmeasuredScript() : CataloguedAttack(AttackFile::a53_unmeasured_script) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1"});
  }

  std::vector<Action> steps(Staging staging) const override {
    const ActionKind kind = staging == Staging::near_miss ? ActionKind::run_program : ActionKind::tamper_file;
    Action script = file_action(kind, 20_s, "ma1");
    script.path = kChangedScript;
    return {script, attest_action(30_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = !row.verdict.empty() && row.verdict != "trusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("ma1, whose script nobody changed, is {}", row.verdict)
            : fmt::format("ma1's interpreter obeyed a changed script; its logs cover {} and it is {}",
                          coverage_of(datacenter, "ma1"), row.verdict);
    return verdicts;
  }
};

}  // namespace

const Attack& a53_unmeasured_script() {
  static const UnmeasuredScript kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
