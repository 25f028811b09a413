// Decisions to fill a log with, each unlike the others in every field.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/acm_io/audit_log.hpp"

namespace tvdsim::tests {

struct MadeDecision {
  sim::Request request;
  sim::Decision decision;
  sim::Time at;
};

inline MadeDecision made_decision(std::uint32_t n) {
  MadeDecision made;
  made.request = {.hook = static_cast<sim::Hook>(n % sim::hook_infos().size()),
                  .host = sim::HostId{n + 1},
                  .subject = sim::VmId{n * 3},
                  .subject_label = sim::LabelId{n + 100},
                  .object_label = sim::LabelId{n + 200},
                  .object = n * 7};
  made.decision.verdict = static_cast<sim::Verdict>(n % 3);
  made.decision.hook = made.request.hook;
  made.decision.rule = static_cast<sim::Rule>(n % sim::rule_infos().size());
  made.decision.point = static_cast<sim::Point>(n / 3 % 3);
  made.decision.epoch = sim::PolicyEpoch{n / 10};
  made.decision.detail = n << 16 | 5;
  made.decision.other = sim::VmId{n * 11};
  made.at = sim::Time{1'000'000'000'000 + n};
  return made;
}

inline bool push(models::DecisionRing& ring, std::uint32_t n) {
  const MadeDecision made = made_decision(n);
  return ring.push(made.request, made.decision, made.at);
}

// A log in memory.
struct MemoryLog {
  std::vector<std::uint8_t> bytes;
  models::AuditLog log;
  explicit MemoryLog(std::uint32_t block = models::AuditLog::kBlock, std::uint8_t origin = 1)
      : log(
            models::Digest{origin}, [this](auto block_bytes) { take(block_bytes); }, block) {}
  void take(std::span<const std::uint8_t> more) { bytes.insert(bytes.end(), more.begin(), more.end()); }
};

}  // namespace tvdsim::tests
