#include "models/acm_io/audit_verify.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "models/acm_io/audit_format.hpp"

namespace tvdsim::models {
namespace {

using Bytes = std::span<const std::uint8_t>;

Digest sha256(Bytes bytes) {
  Digest digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != digest.size())
    throw sim::WorldError("computing the chain of a decision log", "EVP_Digest");
  return digest;
}

Digest digest_at(const std::uint8_t* from) noexcept {
  Digest digest;
  std::copy_n(from, digest.size(), digest.begin());
  return digest;
}

bool zero(Bytes bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

// What a block's head says.
struct Head {
  std::uint32_t entries;
  std::uint64_t number, first;
  Digest before;
  std::size_t size() const noexcept { return kAuditHead + entries * kAuditEntry + kAuditChain; }
};

bool begins_block(const std::uint8_t* at, std::size_t room) noexcept {
  return std::memcmp(at, kAuditBlockMagic, std::min<std::size_t>(room, 4)) == 0;
}

// None: the 64 bytes are no block's head, or one with a slip in it.
std::optional<Head> head_at(const std::uint8_t* at) noexcept {
  if (!begins_block(at, 4) || get_u64(at + kAuditCheckAt) != audit_check(at)) return std::nullopt;
  return Head{get_u32(at + 4), get_u64(at + 8), get_u64(at + 16), digest_at(at + 24)};
}

class Verifier {
 public:
  Verifier(Bytes bytes, std::span<const AuditAnchor> anchors,
           const std::function<void(const AuditEntry&)>& take)
      : bytes_(bytes), anchors_(anchors.begin(), anchors.end()), take_(take) {
    std::ranges::sort(anchors_, {}, &AuditAnchor::entries);
  }
  AuditVerdict run() {
    if (!log_head() || !anchors_here()) return std::move(verdict_);
    while (at_ < bytes_.size()) {
      if (!block()) return std::move(verdict_);
    }
    verdict_.offset = at_;
    if (anchor_ < anchors_.size()) {
      trouble(AuditTrouble::rolled_back, at_, "the log ends after {} entries, and an anchor is of {}",
              verdict_.end.entries, anchors_.back().entries);
    }
    return std::move(verdict_);
  }

 private:
  template <class... Values>
  bool trouble(AuditTrouble trouble, std::size_t offset, fmt::format_string<Values...> sentence,
               Values&&... values) {
    verdict_.trouble = trouble;
    verdict_.offset = offset;
    verdict_.sentence = fmt::format(sentence, std::forward<Values>(values)...);
    return false;
  }

  bool log_head() {
    const std::uint8_t* head = bytes_.data();
    if (bytes_.size() < kAuditHead || std::memcmp(head, kAuditLogMagic, 8) != 0)
      return trouble(AuditTrouble::foreign, 0, "the first 64 bytes are not the head of a decision log");
    if (get_u32(head + 8) != kAuditVersion || get_u32(head + 12) != kAuditEntry ||
        !zero(bytes_.subspan(48, 8)) || get_u64(head + kAuditCheckAt) != audit_check(head))
      return trouble(AuditTrouble::foreign, 0,
                     "the log's head is of another version, or its check does not fit");
    at_ = kAuditHead;
    verdict_.end.chain = sha256(bytes_.first(kAuditHead));
    return true;
  }

  bool block() {
    const std::size_t room = bytes_.size() - at_;
    if (room < kAuditHead) {
      if (begins_block(bytes_.data() + at_, room))
        return trouble(AuditTrouble::truncated, bytes_.size(), "the log ends in the head of block {}",
                       verdict_.blocks);
      return trouble(AuditTrouble::unchained, at_, "the last {} bytes begin no block", room);
    }
    const auto head = head_at(bytes_.data() + at_);
    if (!head) return no_head();
    if (head->entries == 0 || head->entries > kAuditBlockEntries)
      return trouble(AuditTrouble::malformed, at_, "block {} says that it has {} entries", head->number,
                     head->entries);
    if (room < head->size())
      return trouble(AuditTrouble::truncated, bytes_.size(),
                     "the log ends {} bytes into block {}, which has {}", room, head->number, head->size());
    const std::size_t covered = head->size() - kAuditChain;
    const Digest chain = sha256(bytes_.subspan(at_, covered));
    if (chain != digest_at(bytes_.data() + at_ + covered))
      return trouble(AuditTrouble::edited, at_, "block {} does not hash to what it says", head->number);
    if (!in_turn(*head, chain) || !entries(*head)) return false;
    chains_.push_back(chain);
    at_ += head->size();
    ++verdict_.blocks;
    verdict_.end = {verdict_.end.entries + head->entries, chain};
    return anchors_here();
  }

  // A slip in a head, or something else altogether? Mended in one field, a head whose check then fits was a head.
  bool no_head() {
    std::array<std::uint8_t, kAuditHead> mended;
    std::copy_n(bytes_.data() + at_, kAuditHead, mended.begin());
    std::memcpy(mended.data(), kAuditBlockMagic, 4);
    if (begins_block(bytes_.data() + at_, 4) || head_at(mended.data()))
      return trouble(AuditTrouble::edited, at_, "the head of block {} does not fit its check",
                     verdict_.blocks);
    return trouble(AuditTrouble::unchained, at_, "what stands in the place of block {} begins no block",
                   verdict_.blocks);
  }

  // The block hashes to what it says; is it the one whose turn it is?
  bool in_turn(const Head& head, const Digest& chain) {
    const std::uint64_t turn = verdict_.blocks;
    if (head.number < turn) {
      if (chains_[static_cast<std::size_t>(head.number)] == chain)
        return trouble(AuditTrouble::doubled, at_, "block {} is here a second time", head.number);
      return trouble(AuditTrouble::unchained, at_, "block {} is here with other words than before",
                     head.number);
    }
    if (head.number > turn) {
      if (lies_later(turn, at_ + head.size()))
        return trouble(AuditTrouble::reordered, at_, "block {} stands where block {} belongs", head.number,
                       turn);
      return trouble(AuditTrouble::gap, at_, "block {} stands where block {} belongs, which is nowhere",
                     head.number, turn);
    }
    if (head.before != verdict_.end.chain)
      return trouble(AuditTrouble::unchained, at_, "block {} is not chained to what stands before it",
                     head.number);
    if (head.first != verdict_.end.entries)
      return trouble(AuditTrouble::malformed, at_, "block {} begins with entry {}, and {} came before",
                     head.number, head.first, verdict_.end.entries);
    return true;
  }

  // Looked for from head to head, once: the verdict is trouble either way.
  bool lies_later(std::uint64_t number, std::size_t at) const noexcept {
    while (bytes_.size() - at >= kAuditHead) {
      const auto head = head_at(bytes_.data() + at);
      if (!head || head->entries > kAuditBlockEntries) return false;
      if (head->number == number) return true;
      if (bytes_.size() - at < head->size()) return false;
      at += head->size();
    }
    return false;
  }

  bool entries(const Head& head) {
    for (std::uint32_t i = 0; i < head.entries; ++i) {
      const std::size_t offset = at_ + kAuditHead + i * kAuditEntry;
      const auto entry = entry_at(offset);
      if (!entry)
        return trouble(AuditTrouble::malformed, offset, "entry {} is none that a decision log has",
                       head.first + i);
      if (!in_sequence(*entry, offset)) return false;
      if (take_) take_(*entry);
    }
    return true;
  }

  std::optional<AuditEntry> entry_at(std::size_t offset) const noexcept {
    const std::uint8_t* e = bytes_.data() + offset;
    AuditEntry entry;
    entry.number = verdict_.end.entries + (offset - at_ - kAuditHead) / kAuditEntry;
    entry.kind = static_cast<AuditKind>(e[0]);
    DecisionRecord& record = entry.record;
    record.lane = get_u32(e + 8);
    record.sequence = get_u64(e + 16);
    if (record.lane >= kAuditLanes || !zero(bytes_.subspan(offset + 5, 3)) || get_u32(e + 60) != 0)
      return std::nullopt;
    if (entry.kind == AuditKind::lost) {
      entry.count = get_u64(e + 24);
      const bool plain = zero(bytes_.subspan(offset + 1, 4)) && get_u32(e + 12) == 0 &&
                         zero(bytes_.subspan(offset + 32, 28));
      const bool countable = entry.count > 0 && entry.count <= UINT64_MAX - record.sequence;
      return plain && countable ? std::optional(entry) : std::nullopt;
    }
    if (entry.kind != AuditKind::decision || e[1] > static_cast<std::uint8_t>(sim::Verdict::permit) ||
        e[2] >= sim::hook_infos().size() || e[3] >= sim::rule_infos().size() ||
        e[4] > static_cast<std::uint8_t>(sim::Point::manager) || record.sequence == UINT64_MAX)
      return std::nullopt;
    record.decision = {static_cast<sim::Verdict>(e[1]),   static_cast<sim::Hook>(e[2]),
                       static_cast<sim::Rule>(e[3]),      static_cast<sim::Point>(e[4]),
                       sim::PolicyEpoch{get_u32(e + 32)}, get_u32(e + 36),
                       sim::VmId{get_u32(e + 40)}};
    record.host = sim::HostId{get_u32(e + 12)};
    record.at = sim::Time{static_cast<std::int64_t>(get_u64(e + 24))};
    record.subject = sim::VmId{get_u32(e + 44)};
    record.object = get_u32(e + 48);
    record.subject_label = sim::LabelId{get_u32(e + 52)};
    record.object_label = sim::LabelId{get_u32(e + 56)};
    return entry;
  }

  // Every number of a lane is a decision or lost, in order: a writer that leaves some out says so, or is found.
  bool in_sequence(const AuditEntry& entry, std::size_t offset) {
    const std::uint32_t lane = entry.record.lane;
    if (lane >= lanes_.size()) lanes_.resize(lane + 1, 0);
    const std::uint64_t sequence = entry.record.sequence;
    if (sequence > lanes_[lane])
      return trouble(AuditTrouble::gap, offset, "decisions {} to {} of lane {} are neither here nor lost",
                     lanes_[lane], sequence - 1, lane);
    if (sequence < lanes_[lane])
      return trouble(AuditTrouble::malformed, offset, "decision {} of lane {} is here a second time",
                     sequence, lane);
    const bool lost = entry.kind == AuditKind::lost;
    lanes_[lane] = sequence + (lost ? entry.count : 1);
    (lost ? verdict_.lost : verdict_.decisions) += lost ? entry.count : 1;
    return true;
  }

  // The anchors of this place, and those of places between two blocks that are therefore of another log.
  bool anchors_here() {
    for (; anchor_ < anchors_.size() && anchors_[anchor_].entries <= verdict_.end.entries; ++anchor_) {
      if (anchors_[anchor_] != verdict_.end)
        return trouble(AuditTrouble::rewritten, at_,
                       "after {} entries the chain is not the one of the anchor of {}", verdict_.end.entries,
                       anchors_[anchor_].entries);
      verdict_.anchored = verdict_.end.entries;
    }
    return true;
  }

  Bytes bytes_;
  std::vector<AuditAnchor> anchors_;
  const std::function<void(const AuditEntry&)>& take_;
  AuditVerdict verdict_;
  std::size_t at_ = 0, anchor_ = 0;
  std::vector<Digest> chains_;        // after each block
  std::vector<std::uint64_t> lanes_;  // the next sequence number of each
};

constexpr std::string_view kTroubles[] = {"foreign",   "edited",      "truncated", "gap",
                                          "reordered", "doubled",     "unchained", "malformed",
                                          "rewritten", "rolled_back", "none"};

}  // namespace

std::string_view to_text(AuditTrouble trouble) noexcept {
  return kTroubles[static_cast<std::size_t>(trouble)];
}

sim::Finding AuditVerdict::finding(std::string_view file) const {
  TVDSIM_ASSERT(trouble != AuditTrouble::none, "a finding about a log needs trouble");
  return {.code = fmt::format("TVD-{}", 541 + static_cast<int>(trouble)),
          .where = fmt::format("{}:{}", file, offset),
          .message = sentence + ".",
          .help = {}};
}

AuditVerdict verify_audit_log(std::span<const std::uint8_t> bytes, std::span<const AuditAnchor> anchors,
                              const std::function<void(const AuditEntry&)>& take) {
  return Verifier(bytes, anchors, take).run();
}

}  // namespace tvdsim::models
