#include "scenarios/decision_logs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "models/acm_io/audit_format.hpp"
#include "models/acm_io/audit_log.hpp"
#include "models/acm_io/canonical.hpp"
#include "scenarios/json.hpp"
#include "vtpm/evidence/pcr_bank.hpp"

namespace tvdsim::scenarios {
namespace {

using models::AuditAnchor;
using models::Digest;
using Octets = std::span<const std::uint8_t>;

constexpr std::uint64_t kAnchorEvery = 256;  // entries, at most, that no anchor is of while a run goes on

Octets octets_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Digest sha256(std::initializer_list<Octets> parts) {
  const vtpm::Digest made = vtpm::hash(vtpm::HashAlg::sha256, parts);
  Digest digest{};
  std::ranges::copy(made.view(), digest.begin());
  return digest;
}

[[noreturn]] void failed(std::string_view doing, const std::string& path, int error) {
  throw sim::WorldError(fmt::format("{} `{}`: {}", doing, path, std::strerror(error)), errno_name(error),
                        error == ENOSPC || error == EDQUOT ? "free some space and run again" : "");
}

// Whole or not at all: what a full disk took of it is cut off again.
void append(const std::string& path, Octets bytes, std::uint64_t size_before) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) failed("opening", path, errno);
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const auto done = ::write(fd, bytes.data(), bytes.size());
    if (done >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(done));
    else if (errno != EINTR)
      error = errno;
  }
  if (error != 0 && ::ftruncate(fd, static_cast<off_t>(size_before)) != 0) error = errno;
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error != 0) failed("writing", path, error);
}

}  // namespace

struct DecisionLogs::Log {
  Log(std::string folder, std::string name, const Digest& origin, std::uint64_t file_bytes)
      : stem(fmt::format("{}/{}", folder, name)),
        limit(file_bytes),
        log(origin, [this](Octets block) { take(block); }) {}

  std::string file() const {
    return files == 1 ? fmt::format("{}.audit", stem) : fmt::format("{}@{}.audit", stem, files);
  }
  void take(Octets block) {
    const bool full = size > 0 && size + block.size() > limit;
    if (full) {
      ++files;
      size = 0;
    }
    append(file(), block, size);
    size += block.size();
  }

  std::string stem;
  std::uint64_t limit, files = 1, size = 0, decisions = 0;
  std::vector<AuditAnchor> anchors;
  models::AuditLog log;
};

DecisionLogs::DecisionLogs(const RunDirectory& directory, const Spec& spec, std::uint64_t file_bytes)
    : folder_(directory.part(kDecisionsFolder)), spec_hash_(spec_hash(spec)), file_bytes_(file_bytes) {
  std::error_code error;
  std::filesystem::create_directory(folder_, error);
  if (error) failed("making", folder_, error.value());
}

DecisionLogs::~DecisionLogs() = default;

DecisionLogs::Log& DecisionLogs::log_of(std::string_view host) {
  const auto known = logs_.find(host);
  if (known != logs_.end()) return *known->second;
  const Digest origin =
      sha256({octets_of("decisions of "), octets_of(host), octets_of(" in "), octets_of(spec_hash_)});
  return *logs_.emplace(host, std::make_unique<Log>(folder_, std::string(host), origin, file_bytes_))
              .first->second;
}

std::optional<Digest> DecisionLogs::drain(std::string_view host, models::DecisionRing& ring, bool last) {
  Log& log = log_of(host);
  // A drain takes at most what the ring had when it began.
  do {
    log.decisions += log.log.drain(ring);
  } while (last && ring.waiting() > 0);
  const std::uint64_t anchored = log.anchors.empty() ? 0 : log.anchors.back().entries;
  const std::uint64_t open = log.log.entries() - anchored;
  if (open == 0 || (!last && open < kAnchorEvery)) return {};
  log.anchors.push_back(log.log.anchor());
  return anchor_digest(log.anchors.back());
}

std::vector<DecisionLogFacts> DecisionLogs::finish(RunDirectory& directory, models::Datacenter& datacenter) {
  std::vector<DecisionLogFacts> facts;
  for (const auto& [host, log] : logs_) {
    std::string lines;
    for (const AuditAnchor& anchor : log->anchors)
      lines += fmt::format("{} {}\n", anchor.entries, models::to_hex(anchor.chain));
    append(log->stem + ".anchors", octets_of(lines), 0);
    DecisionLogFacts one{.host = host,
                         .files = log->files,
                         .entries = log->log.entries(),
                         .decisions = log->decisions,
                         .lost = log->log.lost(),
                         .anchors = log->anchors.size(),
                         .chain = {},
                         .pcr = {}};
    if (!log->anchors.empty()) one.chain = models::to_hex(log->anchors.back().chain);
    const auto id = datacenter.host(host);
    if (id.exists()) {
      if (const auto held = datacenter.decision_rings()->pcr(id)) one.pcr = models::to_hex(*held);
    }
    facts.push_back(std::move(one));
  }
  directory.adopt(kDecisionsFolder);
  return facts;
}

Digest anchor_digest(const AuditAnchor& anchor) {
  std::array<std::uint8_t, 8> entries;
  models::put_u64(entries.data(), anchor.entries);
  return sha256({octets_of("anchor of a decision log"), entries, anchor.chain});
}

Digest anchors_pcr(std::span<const AuditAnchor> anchors) {
  vtpm::PcrBank bank(vtpm::HashAlg::sha256);
  for (const AuditAnchor& anchor : anchors) bank.extend(models::kDecisionPcr, anchor_digest(anchor));
  Digest value{};
  std::ranges::copy(bank.value(models::kDecisionPcr).view(), value.begin());
  return value;
}

DecisionCheck check_decisions(Octets bytes, std::span<const AuditAnchor> anchors,
                              const std::optional<Digest>& held) {
  DecisionCheck check;
  check.verdict = models::verify_audit_log(bytes, anchors, [&](const models::AuditEntry& entry) {
    if (entry.kind != models::AuditKind::decision) return;
    const sim::Verdict verdict = entry.record.decision.verdict;
    ++(verdict == sim::Verdict::deny   ? check.deny
       : verdict == sim::Verdict::warn ? check.warn
                                       : check.permit);
  });
  const Digest leads = anchors_pcr(anchors);
  check.pcr = models::to_hex(leads);
  check.other_pcr = held && *held != leads;
  return check;
}

std::string to_json(const DecisionCheck& check, std::string_view file) {
  const models::AuditVerdict& verdict = check.verdict;
  std::vector<sim::Finding> findings;
  if (!verdict) {
    findings.push_back(verdict.finding(file));
  } else if (check.other_pcr) {
    findings.push_back(
        {"TVD-549",
         std::string(file),
         "the log holds, and its anchors do not lead to the PCR of the host's TPM: an older copy, or "
         "another log.",
         {}});
  }
  Json all = Json::object();
  sim::Findings ignored;
  all.add("file", file).add("ok", static_cast<bool>(check));
  all.add("trouble", check.other_pcr && verdict ? std::string_view("other_pcr") : to_text(verdict.trouble));
  all.add("findings", parse_json(findings_json(findings), "", ignored));
  all.add("blocks", verdict.blocks).add("entries", verdict.end.entries);
  all.add("decisions", verdict.decisions).add("lost", verdict.lost).add("anchored", verdict.anchored);
  all.add("deny", check.deny).add("warn", check.warn).add("permit", check.permit);
  all.add("chain", models::to_hex(verdict.end.chain)).add("pcr", check.pcr);
  return to_line(all);
}

}  // namespace tvdsim::scenarios
