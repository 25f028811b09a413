// A policy, compiled: who carries which types, and which types may not run beside each other.
//
// A PolicyDef is what was written (names in document order); a Policy is what is decided with: two bit matrices,
// label × STE type and label × wall type, and the conflict sets as bit rows. Indices follow Xen's compiler:
// types, VM labels and resource labels sorted by code point; label 0 is `__UNLABELED__` (no types unless the policy
// defines it), label 1 the bootstrap label, then the other VM labels, then the resource labels; conflict sets by name,
// equal names in document order.
//
// Invariant  immutable once compiled; a label with an unknown type or (strict) two types of one set is never compiled.
// Cost       words per label = ceil(types / 64); shares() is one AND per word, no allocation, no lock.
// Threads    const members may run concurrently.
// Leaves out formats (models/acm_io) and words for decisions (models/acm/explain.hpp).
// Source     Sailer et al., ACSAC 2005; Xen 3.3 ACM tables.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.hpp"
#include "sim/base/ids.hpp"

namespace tvdsim::models {

using sim::LabelId;

// strict: the paper's rules, order-independent, labels that conflict with themselves refused.
// xen33: what Xen's compiler accepted and its core decided, counters included.
enum class PolicyMode : std::uint8_t { strict, xen33 };

struct Version {
  std::uint32_t major = 0, minor = 0;
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
};

// Where something was written, counted from 1; 0: nobody wrote it down.
struct TextPlace {
  std::uint32_t line = 0, column = 0;
  friend constexpr bool operator==(TextPlace, TextPlace) = default;
};

struct LabelDef {
  std::string name{};
  std::vector<std::string> ste{}, wall{};      // as written; a resource label has no wall types
  std::string renamed_from{};                  // attribute `from`, or empty
  TextPlace where{};                           // for findings
  std::vector<TextPlace> ste_at{}, wall_at{};  // of each type, beside `ste` and `wall`; or empty
};

struct ConflictSetDef {
  std::string name{};
  std::vector<std::string> types{};
  TextPlace where{};
  std::vector<TextPlace> types_at{};  // of each type; or empty
};

struct PolicyDef {
  std::string name;
  Version version;
  std::string url, reference, date, name_space_url;     // header fields, kept for the round trip
  std::optional<std::pair<std::string, Version>> from;  // FromPolicy
  bool has_ste = false, has_wall = false;               // which parts are present: each may stand alone
  std::vector<std::string> ste_types, wall_types;
  std::vector<ConflictSetDef> conflict_sets;
  std::vector<LabelDef> vm_labels, resource_labels;
  std::string bootstrap;
  std::string file;  // what it was read from, for findings; or empty
  TextPlace where, from_at, bootstrap_at;
  std::vector<TextPlace> ste_types_at, wall_types_at;

  // `FILE:LINE:COLUMN`; of a place that is unknown what is known: the policy's own, the file, or its name.
  std::string place(TextPlace of) const;
};

// The same definitions in the same order? Places in the source do not count.
bool same_definitions(const PolicyDef& a, const PolicyDef& b);

using Digest = std::array<std::uint8_t, 32>;  // opaque here; models/acm_io computes it over canonical bytes

class Policy {
 public:
  static constexpr LabelId kUnlabelled{0}, kBootstrap{1};
  static constexpr std::string_view kUnlabelledName = "__UNLABELED__";
  static constexpr std::uint32_t kNoType = 0xffff'ffff;
  // What a policy may hold: label indices are 16 bits in Xen's tables, set and type indices in a Decision's detail.
  static constexpr std::uint32_t kMaxLabels = 65535, kMaxTypes = 4096, kMaxSets = 4096;

  // Every semantic finding joins `findings`; null when one of the new ones is an error.
  static std::shared_ptr<const Policy> compile(PolicyDef def, PolicyMode mode, Digest digest,
                                               sim::Findings& findings);
  // The policy of a host without one: no label but `__UNLABELED__` and the bootstrap label, no type, nothing shared.
  static std::shared_ptr<const Policy> deny_all();

  const PolicyDef& def() const noexcept;
  PolicyMode mode() const noexcept;
  const Digest& digest() const noexcept;
  std::uint32_t labels() const noexcept {
    return rows_.labels;
  }  // `__UNLABELED__` and resource labels included
  std::uint32_t vm_labels() const noexcept { return rows_.vm_labels; }  // rows below this are VM labels
  std::span<const std::string> ste_types() const noexcept;  // sorted; a type's index is its place here
  std::span<const std::string> wall_types() const noexcept;
  std::string_view label_name(LabelId) const noexcept;
  bool is_resource(LabelId label) const noexcept {
    return label.value >= rows_.vm_labels && label.value < rows_.labels;
  }
  // none() when absent; `__UNLABELED__` is row 0 of either kind, defined or not.
  LabelId find_vm_label(std::string_view name) const noexcept;
  LabelId find_resource_label(std::string_view name) const noexcept;

  // Bit t of word t/64: the label carries type t. No words for a label that there is not.
  std::span<const std::uint64_t> ste(LabelId label) const noexcept {
    return row(rows_.ste, rows_.ste_words, label);
  }
  std::span<const std::uint64_t> wall(LabelId label) const noexcept {
    return row(rows_.wall, rows_.wall_words, label);
  }
  std::uint32_t conflict_sets() const noexcept;
  std::string_view conflict_set_name(std::uint32_t set) const noexcept;
  std::span<const std::uint64_t> conflict_set(std::uint32_t set) const noexcept;
  std::span<const std::uint32_t> sets_naming(std::uint32_t wall_type) const noexcept {  // ascending
    return wall_type < rows_.wall_types ? rows_.sets_naming.row(wall_type) : std::span<const std::uint32_t>();
  }
  // Sets that name a wall type of the label, ascending.
  std::span<const std::uint32_t> sets_met(LabelId label) const noexcept {
    return label.value < rows_.labels ? rows_.sets_met.row(label.value) : std::span<const std::uint32_t>();
  }
  // What one running VM of the label excludes: how many of the sets it meets name `type`, the label's own types apart.
  struct Exclusion {
    std::uint32_t type, sets;
  };
  std::span<const Exclusion> exclusions(LabelId label) const noexcept {
    return label.value < rows_.labels ? rows_.exclusions.row(label.value) : std::span<const Exclusion>();
  }

  // STE: do the labels have a type in common? A label out of range shares with nothing.
  bool shares(LabelId a, LabelId b) const noexcept { return first_shared_type(a, b) != kNoType; }
  // Host authorization: types(vm) within types(host), and at least one.
  bool authorizes(LabelId host, LabelId vm) const noexcept;
  std::uint32_t first_shared_type(LabelId a, LabelId b) const noexcept {  // kNoType when they share none
    const auto x = ste(a), y = ste(b);
    return x.empty() || y.empty() ? kNoType
                                  : first_bit(x, [&](std::size_t word) { return x[word] & y[word]; });
  }
  std::uint32_t first_missing_type(LabelId host, LabelId vm) const noexcept {  // kNoType: the host lacks none
    const auto held = ste(host), needed = ste(vm);
    return first_bit(needed,
                     [&](std::size_t word) { return needed[word] & ~(held.empty() ? 0 : held[word]); });
  }
  // Does a running VM of label `running` keep one of label `starting` from its host? Symmetric in strict.
  bool excludes(LabelId running, LabelId starting) const noexcept;
  // Does the label carry two wall types of one conflict set? (Possible in xen33 only.)
  bool conflicts_with_itself(LabelId) const noexcept;

  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  ~Policy();

 private:
  struct Tables;
  // Rows of unequal length, one after the other: row r is items[begin[r]] to items[begin[r + 1]].
  template <class T>
  struct RaggedRows {
    const std::uint32_t* begin = nullptr;
    const T* items = nullptr;
    std::span<const T> row(std::uint32_t r) const noexcept {
      return {items + begin[r], items + begin[r + 1]};
    }
  };
  // Where the tables lie, for the members that decide.
  struct Rows {
    std::uint32_t labels = 0, vm_labels = 0, wall_types = 0, ste_words = 0, wall_words = 0;
    const std::uint64_t *ste = nullptr, *wall = nullptr;
    RaggedRows<std::uint32_t> sets_naming, sets_met;
    RaggedRows<Exclusion> exclusions;
  };
  explicit Policy(std::unique_ptr<Tables>);
  std::span<const std::uint64_t> row(const std::uint64_t* first, std::uint32_t words,
                                     LabelId label) const noexcept {
    return label.value < rows_.labels ? std::span(first + std::size_t{label.value} * words, words)
                                      : std::span<const std::uint64_t>();
  }
  // The first bit of the words that `word` computes, one for each of `like`.
  template <class Word>
  static std::uint32_t first_bit(std::span<const std::uint64_t> like, Word word) noexcept {
    for (std::size_t i = 0; i < like.size(); ++i) {
      if (const std::uint64_t bits = word(i); bits != 0)
        return static_cast<std::uint32_t>(i * 64) + static_cast<std::uint32_t>(std::countr_zero(bits));
    }
    return kNoType;
  }
  std::unique_ptr<const Tables> tables_;
  Rows rows_;
};

}  // namespace tvdsim::models
