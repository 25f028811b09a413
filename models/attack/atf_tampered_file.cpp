// A-TF. Somebody changes a program on a running VM and executes it. IMA measures it before it runs; its digest is in nobody's list.
//
// The control is the measurement: without it the program runs and no log or PCR says so. The near miss runs the program unchanged.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class TamperedFile final : public CataloguedAttack {
 public:
  TamperedFile() : CataloguedAttack(AttackFile::atf_tampered_file) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return attested_setup(control(), staging, mode, {"ma1"});
  }

  std::vector<Action> steps(Staging staging) const override {
    const ActionKind kind = staging == Staging::near_miss ? ActionKind::run_program : ActionKind::tamper_file;
    return {attest_action(10_s, "ma1"), file_action(kind, 20_s, "ma1"), attest_action(30_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.verdict == "untrusted";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("ma1, unchanged, is {}", row.verdict)
                           : fmt::format("ma1 ran a changed {} and is {} ({})", kAttackedProgram, row.verdict,
                                         row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& atf_tampered_file() {
  static const TamperedFile kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
