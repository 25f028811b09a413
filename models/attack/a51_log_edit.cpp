// Three guests run a changed program; each shows the verifier another false log: cut off before the entry, with entries swapped,
// with the known digest put in.
//
// The control is the replay of the log against the signed PCR. The near miss is three guests that ran the program unchanged.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class LogEdit final : public CataloguedAttack {
 public:
  LogEdit() : CataloguedAttack(AttackFile::a51_log_edit) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1", "ma2", "ma3"});
  }

  std::vector<Action> steps(Staging staging) const override {
    static constexpr std::string_view kVms[] = {"ma1", "ma2", "ma3"};
    static constexpr std::string_view kModes[] = {"truncate_log", "reorder_log", "edit_log"};
    const bool honest = staging == Staging::near_miss;
    std::vector<Action> steps;
    for (std::size_t i = 0; i < std::size(kVms); ++i) {
      steps.push_back(file_action(honest ? ActionKind::run_program : ActionKind::tamper_file, 10_s, kVms[i]));
      if (!honest) steps.push_back(lie_action(15_s, kVms[i], kModes[i]));
      steps.push_back(attest_action(20_s, kVms[i]));
    }
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    Verdicts verdicts;
    verdicts.refused = verdicts.worked = true;
    std::string seen;
    for (const std::string_view vm : {"ma1", "ma2", "ma3"}) {
      const AttestedRow row = last_attestation(trace, vm);
      const bool changed = ran_changed_code(datacenter, vm);
      verdicts.harm |= changed && row.verdict == "trusted";
      verdicts.refused &= row.verdict == "untrusted";
      verdicts.worked &= !changed && row.verdict == "trusted";
      seen += fmt::format("{}{} {} ({})", seen.empty() ? "" : ", ", vm, row.verdict, row.reason);
    }
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.witness =
        fmt::format("{}: {}", staging == Staging::near_miss ? "honest logs" : "false logs", seen);
    return verdicts;
  }
};

}  // namespace

const Attack& a51_log_edit() {
  static const LogEdit kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
