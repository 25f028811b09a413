// A host whose hypervisor was changed passes its challenges on to a clean host that the attacker owns too.
//
// The control is that the quote covers the key of the channel through which it comes: the clean host signs for its own channel alone,
// and the changed one does not hold that channel's key. The near miss is the same host, unchanged, answering for itself.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/attested.hpp"
#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

class Cuckoo final : public CataloguedAttack {
 public:
  Cuckoo() : CataloguedAttack(AttackFile::a50_cuckoo) {}

  sim::Duration duration() const override { return 60_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup = certified_setup(control(), staging, mode, {});
    if (staging != Staging::near_miss) setup.hosts.back().tampered = {"hypervisor"};
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    if (staging == Staging::near_miss) return {attest_host_action(30_s, "h2")};
    Action relay = staged_action(ActionKind::relay_challenge, 15_s, {});
    relay.host = "h2";
    relay.peer = "h1";
    return {relay, attest_host_action(30_s, "h2")};
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const AttestedRow row = last_attestation(trace, "h2");
    const bool changed = ran_changed_code(datacenter, "h2");
    Verdicts verdicts;
    verdicts.harm = changed && row.verdict == "trusted";
    verdicts.refused = row.reason == "channel_binding" && row.verdict != "trusted";
    verdicts.noticed = verdicts.refused || Evidence(trace).incident("warning");
    verdicts.worked = !changed && row.verdict == "trusted";
    verdicts.witness = staging == Staging::near_miss
                           ? fmt::format("h2, which answers for itself, is {}", row.verdict)
                           : fmt::format("the changed h2, for which h1 answers, is {} ({})", row.verdict,
                                         row.detail.empty() ? row.reason : row.detail);
    return verdicts;
  }
};

}  // namespace

const Attack& a50_cuckoo() {
  static const Cuckoo kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
