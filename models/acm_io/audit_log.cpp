#include "models/acm_io/audit_log.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <utility>

#include "models/acm_io/audit_format.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

// One context for all blocks: setting one up costs as much as hashing a few entries.
struct AuditLog::Hasher {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_MD* sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ~Hasher() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(sha256);
  }
  Digest operator()(std::span<const std::uint8_t> bytes) const {
    Digest digest{};
    unsigned length = 0;
    if (context == nullptr || sha256 == nullptr || EVP_DigestInit_ex2(context, sha256, nullptr) != 1 ||
        EVP_DigestUpdate(context, bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context, digest.data(), &length) != 1 || length != digest.size())
      throw sim::WorldError("computing the chain of a decision log", "EVP_Digest");
    return digest;
  }
};

AuditLog::AuditLog(const Digest& origin, Sink sink, std::uint32_t block_entries)
    : sink_(std::move(sink)),
      hasher_(std::make_unique<Hasher>()),
      block_entries_(block_entries),
      staged_(64) {
  TVDSIM_ASSERT(block_entries >= 1 && block_entries <= kAuditBlockEntries,
                "a block of a decision log has 1 to 4096 entries");
  block_.resize(kAuditHead + block_entries * kAuditEntry + kAuditChain);
  std::uint8_t head[kAuditHead] = {};
  std::memcpy(head, kAuditLogMagic, 8);
  put_u32(head + 8, kAuditVersion);
  put_u32(head + 12, kAuditEntry);
  std::ranges::copy(origin, head + 16);
  put_u64(head + kAuditCheckAt, audit_check(head));
  chain_ = (*hasher_)(head);
  sink_(head);
}

AuditLog::~AuditLog() = default;

std::uint64_t AuditLog::drain(DecisionRing& ring) {
  TVDSIM_ASSERT(ring.lane() < kAuditLanes, "a lane of a decision log is numbered below 65536");
  std::uint64_t added = take_staged();
  // Bounded, so that a ring that is filled as fast as it is emptied does not keep the others waiting.
  for (std::size_t left = ring.capacity(); left > 0;) {
    const auto popped = ring.pop(std::span(staged_).first(std::min(left, staged_.size())));
    staged_next_ = 0;
    staged_end_ = popped.records;
    staged_loss_ = {ring.lane(), popped.first_lost, popped.lost_after};
    added += take_staged();
    if (popped.records == 0) break;
    left -= popped.records;
  }
  return added;
}

std::uint64_t AuditLog::take_staged() {
  std::uint64_t added = 0;
  for (; staged_next_ < staged_end_; ++staged_next_, ++added) {
    DecisionRecord& record = staged_[staged_next_];
    if (record.lost_before > 0) {
      add(Loss{record.lane, record.sequence - record.lost_before, record.lost_before});
      record.lost_before = 0;  // written: should the sink refuse at the record itself, not once more
    }
    add(record);
  }
  if (staged_loss_.count > 0) add(staged_loss_);
  staged_loss_ = {};
  return added;
}

std::uint8_t* AuditLog::next_entry() {
  if (open_ == block_entries_) seal();
  std::uint8_t* entry = block_.data() + kAuditHead + open_ * kAuditEntry;
  ++open_;
  return entry;
}

void AuditLog::add(const DecisionRecord& record) {
  std::uint8_t* entry = next_entry();
  const sim::Decision& decision = record.decision;
  entry[0] = static_cast<std::uint8_t>(AuditKind::decision);
  entry[1] = static_cast<std::uint8_t>(decision.verdict);
  entry[2] = static_cast<std::uint8_t>(decision.hook);
  entry[3] = static_cast<std::uint8_t>(decision.rule);
  entry[4] = static_cast<std::uint8_t>(decision.point);
  std::fill(entry + 5, entry + 8, std::uint8_t{0});
  put_u32(entry + 8, record.lane);
  put_u32(entry + 12, record.host.value);
  put_u64(entry + 16, record.sequence);
  put_u64(entry + 24, static_cast<std::uint64_t>(record.at.ns));
  put_u32(entry + 32, decision.epoch.value);
  put_u32(entry + 36, decision.detail);
  put_u32(entry + 40, decision.other.value);
  put_u32(entry + 44, record.subject.value);
  put_u32(entry + 48, record.object);
  put_u32(entry + 52, record.subject_label.value);
  put_u32(entry + 56, record.object_label.value);
  put_u32(entry + 60, 0);
}

void AuditLog::add(const Loss& loss) {
  std::uint8_t* entry = next_entry();
  std::fill(entry, entry + kAuditEntry, std::uint8_t{0});
  entry[0] = static_cast<std::uint8_t>(AuditKind::lost);
  put_u32(entry + 8, loss.lane);
  put_u64(entry + 16, loss.first);
  put_u64(entry + 24, loss.count);
  lost_ += loss.count;
}

void AuditLog::seal() {
  if (open_ == 0) return;
  std::uint8_t* head = block_.data();
  std::memcpy(head, kAuditBlockMagic, 4);
  put_u32(head + 4, open_);
  put_u64(head + 8, number_);
  put_u64(head + 16, first_);
  std::ranges::copy(chain_, head + 24);
  put_u64(head + kAuditCheckAt, audit_check(head));
  const std::size_t covered = kAuditHead + open_ * kAuditEntry;
  const Digest chain = (*hasher_)(std::span(block_).first(covered));
  std::ranges::copy(chain, head + covered);
  sink_(std::span<const std::uint8_t>(block_).first(covered + kAuditChain));
  // Only now: a sink that threw has taken nothing, and the block is still open.
  chain_ = chain;
  ++number_;
  first_ += open_;
  open_ = 0;
}

AuditAnchor AuditLog::anchor() {
  take_staged();
  seal();
  return {first_, chain_};
}

}  // namespace tvdsim::models
