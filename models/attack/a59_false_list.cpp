// A verifier has a VM's measurements from the control domain; the control domain was taken over and hands out those of an unchanged
// VM.
//
// The control is to want a quote all the same: the two verdicts differ. Without it what the control domain says is believed. The near
// miss is an honest control domain.
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class FalseList final : public CataloguedAttack {
 public:
  FalseList() : CataloguedAttack(AttackFile::a59_false_list) {}

  sim::Duration duration() const override { return 70_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    setup.watches = {{.verifier = "v",
                      .subjects = {"ma1"},
                      .mode = WatchMode::out_of_band,
                      .period = 30_s,
                      .spread = false}};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) return {file_action(ActionKind::run_program, 40_s, "ma1")};
    Action taken_over = staged_action(ActionKind::compromise_dom0, 35_s, {});
    taken_over.host = "h1";
    return {taken_over, file_action(ActionKind::tamper_file, 40_s, "ma1")};
  }

  Verdicts judge(Staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.verdict != "trusted";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = fmt::format("ma1 {} and is {} ({})", changed ? "ran changed code" : "is unchanged",
                                   row.verdict, row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a59_false_list() {
  static const FalseList kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
