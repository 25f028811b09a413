// The attestation key of a vTPM is stolen: what it signs says what the thief likes, and the VM runs what he likes.
//
// No check of a quote can tell: until the theft is published the VM is trusted, and that is a documented miss. The control is the list
// of stolen keys; the window is the time until the key is on it. The near miss is a VM that goes on while another's key is published.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class StolenKey final : public CataloguedAttack {
 public:
  StolenKey() : CataloguedAttack(AttackFile::a65_stolen_key) {}

  sim::Duration duration() const override { return 120_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    return certified_setup(control(), staging, mode, {"ma1", "ma2"});
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) {
      return {attest_action(20_s, "ma1"), staged_action(ActionKind::publish_rogue, 40_s, "ma2"),
              attest_action(60_s, "ma1")};
    }
    std::vector<Action> steps = {file_action(ActionKind::tamper_file, 20_s, "ma1"),
                                 lie_action(25_s, "ma1", "forge_quote")};
    for (int i = 3; i <= 9; ++i) steps.push_back(attest_action(10_s * i, "ma1"));
    steps.push_back(staged_action(ActionKind::publish_rogue, 55_s, "ma1"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const auto rows = attestations_of(trace, "ma1");
    const auto trusted =
        std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.verdict == "trusted"; });
    const AttestedRow last = rows.empty() ? AttestedRow{} : rows.back();
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && last.verdict == "trusted";
    verdicts.refused = last.verdict == "revoked" && last.reason == "rogue_key";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = !changed && last.verdict == "trusted" && Evidence(trace).command_done("publish_rogue");
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("ma1 is {} after ma2's key was published", last.verdict)
                           : fmt::format(
                                 "the changed ma1, asked every 10 s, was trusted {} times of {}; its key was "
                                 "published 30 s after the "
                                 "theft; in the end it is {} ({})",
                                 trusted, rows.size(), last.verdict, last.reason);
    return verdicts;
  }
};

}  // namespace

const Attack& a65_stolen_key() {
  static const StolenKey kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
