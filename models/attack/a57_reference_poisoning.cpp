// Who got hold of the import channel brings a manifest that vouches for a rootkit, and then runs it on a VM.
//
// The control is that manifests count only when somebody who is trusted signed them; the history names who brought this one. The
// near miss is a new version that its vendor vouches for. Who signs and is trusted can still vouch for a rootkit alone: then the
// trail names him, and nothing else does, unless two signers are asked for (DatacenterSetup::reference_approvals).
#include <fmt/format.h>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/attestation/image.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

constexpr std::string_view kRootkit = "rootkit", kRootkitBytes = "a server that opens to its master";
constexpr std::string_view kUpdate = "update";

class ReferencePoisoning final : public CataloguedAttack {
 public:
  ReferencePoisoning() : CataloguedAttack(AttackFile::a57_reference_poisoning) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = attested_setup(control(), staging, mode, {"ma1"});
    const std::string program(kAttackedProgram);
    setup.images.push_back(
        {std::string(kRootkit), {{program, "program", std::string(kRootkitBytes)}}, false});
    ImageSetup update{std::string(kUpdate), {}, false};
    // All as in the image that the host gives its firmware for, but for one program.
    const SoftwareImage before = builtin_guest_image();
    for (const Component& row : before.software) {
      update.software.push_back({row.name, std::string(to_text(row.kind)),
                                 row.name == kAttackedProgram ? "the next version" : bytes_of(before, row)});
    }
    setup.images.push_back(std::move(update));
    if (staging == Staging::near_miss) setup.vms.front().image = kUpdate;
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const bool good = staging == Staging::near_miss;
    Action manifest = reference_action(ActionKind::import_references, 10_s, good ? kUpdate : kRootkit);
    manifest.signer = good ? "vendor" : "mallory";
    if (good)
      return {manifest, file_action(ActionKind::run_program, 20_s, "ma1"), attest_action(30_s, "ma1")};
    manifest.principal = "attacker";
    Action changed = file_action(ActionKind::tamper_file, 20_s, "ma1");
    changed.text = kRootkitBytes;
    return {manifest, changed, attest_action(30_s, "ma1")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "ma1");
    const ReferenceRow change = last_reference_change(trace);
    const bool changed = ran_changed_code(datacenter, "ma1");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = change.result == "refused" && row.verdict == "untrusted";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("references") ||
                       Evidence(trace).incident("attestation") || Evidence(trace).incident("warning");
    verdicts.worked = change.result == "done" && !changed && row.verdict == "trusted";
    verdicts.witness =
        staging == Staging::near_miss
            ? fmt::format("{}'s manifest is {}, and ma1, which runs the update, is {}", change.importer,
                          change.result, row.verdict)
            : fmt::format("{}'s manifest is {}{}{}, and ma1, which runs the rootkit, is {}", change.importer,
                          change.result, change.reason.empty() ? "" : ": ", change.reason, row.verdict);
    return verdicts;
  }
};

}  // namespace

const Attack& a57_reference_poisoning() {
  static const ReferencePoisoning kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
