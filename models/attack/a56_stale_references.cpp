// A weakness of a program is published; a VM runs the very build, and the reference values still call it good.
//
// The control is heeding advisories: the unchanged log of the unchanged VM gets another verdict at the next challenge. How long that
// takes is the window that the witness tells. The near miss is an advisory about another build of the same program.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/attestation/image.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kOtherBuild = "another build";

bool ran_program(Datacenter& datacenter, std::string_view vm) {
  const auto facts = datacenter.truth().executed();
  return std::any_of(facts.begin(), facts.end(), [&](const TruthReader::Fact& fact) {
    return fact.entity == vm && fact.what.find(kAttackedProgram) != std::string::npos;
  });
}

class StaleReferences final : public CataloguedAttack {
 public:
  StaleReferences() : CataloguedAttack(AttackFile::a56_stale_references) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    setup.images.push_back(
        {std::string(kOtherBuild), {{std::string(kAttackedProgram), "program", "the version before"}}});
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const std::string ran = builtin_guest_image().name;
    Action advisory = reference_action(ActionKind::publish_advisory, 25_s,
                                       staging == Staging::near_miss ? kOtherBuild : ran);
    advisory.path = kAttackedProgram;
    advisory.mode = "vulnerable";
    advisory.text = "CVE-2026-0056 remote code execution";
    advisory.signer = "cert";
    return {file_action(ActionKind::run_program, 10_s, "ma1"), attest_action(20_s, "ma1"), advisory,
            attest_action(40_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const ReferenceRow advisory = last_reference_change(trace);
    const bool weak = staging != Staging::near_miss && ran_program(datacenter, "ma1");
    const bool published = advisory.result == "done" && advisory.at < row.at;
    Verdicts verdicts;
    verdicts.harm = weak && published && row.verdict == "trusted";
    verdicts.refused = row.verdict == "vulnerable";
    verdicts.noticed =
        verdicts.refused || Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = published && ran_program(datacenter, "ma1") && row.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("another build than ma1's was found weak, and ma1 is {}", row.verdict)
            : fmt::format("{:.3f} s after the advisory about what ma1 runs, ma1 is {} ({})",
                          static_cast<double>((row.at - advisory.at).ns) / 1e9, row.verdict,
                          row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a56_stale_references() {
  static const StaleReferences kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
