// The key of a host's authority over its vTPMs is stolen with the host: it certifies a vTPM without the mark that makes a
// verifier ask for the host.
//
// The control is that a certificate without the mark must come from who makes chips. When the theft is found out, the authority is
// withdrawn, and with it every key that was certified upon its word. The near miss is an honest enrolment on a good host.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class ForgedCertificate final : public CataloguedAttack {
 public:
  ForgedCertificate() : CataloguedAttack(AttackFile::a41_forged_certificate) {}

  sim::Duration duration() const override { return 120_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = certified_setup(control(), staging, mode, {"ma1"});
    if (staging != Staging::near_miss) setup.hosts[0].tampered = {"hypervisor"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    std::vector<Action> steps = {staged_action(ActionKind::enrol, 20_s, "ma1"), attest_action(40_s, "ma1")};
    if (staging == Staging::near_miss) return steps;
    Action forge = staged_action(ActionKind::forge_certificate, 15_s, "ma1");
    forge.mode = "unmarked";
    steps.insert(steps.begin(), forge);
    Action revoke = staged_action(ActionKind::revoke_key, 60_s, {});
    revoke.host = "h1";
    revoke.mode = "vtpm_authority";
    steps.push_back(revoke);
    steps.push_back(attest_action(80_s, "ma1"));
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const auto rows = attestations_of(trace, "ma1");
    const Evidence evidence(trace);
    const std::string enrolment = evidence.last_reason("enrol");
    const AttestedRow last = rows.empty() ? AttestedRow{} : rows.back();
    const bool trusted =
        std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.verdict == "trusted"; });
    const bool changed = ran_changed_code(datacenter, "h1");
    Verdicts verdicts;
    verdicts.harm = changed && trusted;
    verdicts.refused = enrolment.find("vtpm_certificate") != std::string::npos;
    verdicts.noticed = verdicts.refused || evidence.incident("warning");
    verdicts.worked = !changed && trusted && evidence.command_done("enrol");
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("ma1, honestly enrolled, is {}", last.verdict)
            : fmt::format(
                  "on a changed host ma1 is {}; its enrolment: {}; after the authority's end it is {} ({})",
                  trusted ? "trusted" : "not trusted", enrolment, last.verdict, last.reason);
    return verdicts;
  }
};

}  // namespace

const Attack& a41_forged_certificate() {
  static const ForgedCertificate kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
