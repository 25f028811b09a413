// A compromised hypervisor keeps the entry of a refused probe from the auditor.
//
// The control counts and chains the entries of each host outside of it: the gap is found when the next heartbeat says how far the
// log goes. The near miss is a slow network on which entries arrive late, but before anybody missed them.
#include <fmt/format.h>

#include <algorithm>

#include "models/attack/catalogue.hpp"
#include "models/attack/staging.hpp"
#include "models/host/audit.hpp"
#include "models/host/auditor.hpp"
#include "models/host/world.hpp"
#include "models/truth/read.hpp"

namespace tvdsim::models {

namespace {

using namespace sim::literals;

// Entries of the host's true log that the auditor does not hold as they were.
std::size_t suppressed(const World& world, sim::HostId host) {
  const auto& log = world.audit->log(host);
  const auto& kept = world.audit->auditor().kept(host);
  std::size_t count = 0;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const auto found = kept.find(i);
    count += found == kept.end() || found->second.packet.what != log[i];
  }
  return count;
}

class AuditSuppression final : public CataloguedAttack {
 public:
  AuditSuppression() : CataloguedAttack(AttackFile::a79_audit_suppression) {}

  bool detects() const override { return true; }
  sim::Duration duration() const override { return 20_s; }

  DatacenterSetup stage(Staging staging, ControlMode mode) const override {
    DatacenterSetup setup;
    setup.policies = {two_workloads(false)};
    setup.controls.set(control(), staging == Staging::ablated ? ControlMode::off : mode);
    setup.hosts = {staged_host("h1")};
    setup.vms = {staged_vm("ma1", "ma", true), staged_vm("ma2", "ma", true), staged_vm("su1", "su", true)};
    setup.auditor = "archive";
    if (staging == Staging::near_miss) {
      sim::FaultRule slow;
      slow.kind = sim::FaultRule::Kind::delay;
      slow.method = "audit_entry";
      slow.delay = 200_ms;
      setup.faults = {slow};
    }
    return setup;
  }

  std::vector<Action> steps(Staging staging) const override {
    const auto connect = [](sim::Duration at, std::string_view from, std::string_view to) {
      Action action = staged_action(ActionKind::connect, at, from);
      action.other = to;
      return action;
    };
    std::vector<Action> steps = {connect(4_s + 100_ms, "ma1", "ma2"), connect(8_s + 100_ms, "ma1", "su1"),
                                 connect(12_s + 100_ms, "su1", "ma2")};
    if (staging == Staging::near_miss) return steps;
    Action suppress = staged_action(ActionKind::suppress_audit, 8_s, {});
    suppress.host = "h1";
    suppress.mode = "drop";
    steps.insert(steps.begin() + 1, suppress);
    return steps;
  }

  Verdicts judge(Staging staging, Datacenter& datacenter, sim::Trace& trace) const override {
    const Evidence evidence(trace);
    const std::size_t lost = suppressed(datacenter.world(), datacenter.host("h1"));
    Verdicts verdicts;
    verdicts.harm = lost > 0;
    const bool gap = evidence.incident("audit_gap");
    verdicts.noticed = gap || evidence.incident("warning");
    verdicts.worked = lost == 0 && !verdicts.noticed && !evidence.incident("audit_late");
    if (staging == Staging::near_miss) {
      verdicts.witness = fmt::format("{} entries arrived late, none was missed",
                                     datacenter.world().audit->log(datacenter.host("h1")).size());
    } else if (verdicts.noticed) {
      verdicts.witness = fmt::format("the auditor misses {} of h1's entries and says so", lost);
    } else {
      verdicts.witness = fmt::format("{} of h1's entries never arrived, and nobody misses them", lost);
    }
    return verdicts;
  }
};

}  // namespace

const Attack& a79_audit_suppression() {
  static const AuditSuppression kAttack;
  return kAttack;
}

}  // namespace tvdsim::models
