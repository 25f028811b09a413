// Digests that are known: of which component, in which form; what is said about them since; and who said so, when.
//
// One SQLite database, in memory or in a file. It answers an appraisal's look-ups: `good` for a digest that is listed under this
// kind and name, `outdated` when its time is over, and whatever an annotation says, under every name: vulnerable, revoked, malicious.
// What changes it is one import at a time, whole or not at all, and each one leaves a row that says who made it, also when it was
// refused. A manifest comes with a signature of somebody who is trusted; under the two-person rule it takes two of them.
//
// Invariant  what is in no row is unknown, never good; the gravest of what is known is the answer; history is only appended to.
// Cost       a look-up that was made before is one of a hash table, another three indexed queries; an import is one insertion per
//            digest. tests/bench/reference_bench.cpp has them with a million digests.
// Threads    one at a time.
// Source     Sailer et al., USENIX Security 2004 (fingerprint database); seed 002 sections 2.2.2 and 3.2; SQLite.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/image.hpp"
#include "models/attestation/reference_change.hpp"
#include "models/attestation/reference_lists.hpp"
#include "sim/base/decision.hpp"
#include "sim/base/units.hpp"
#include "vtpm/evidence/appraisal.hpp"

namespace tvdsim::models {

// A row of the history: who changed what, and what came of it.
struct ReferenceImport {
  std::uint64_t id = 0;  // from 1
  sim::Time at;
  std::string operation;  // add, import, annotate, retire, remove
  std::string importer, source;
  std::uint64_t rows = 0;      // statements that changed something
  std::string result, reason;  // done, waiting (for another signer) or refused; why
};

// How a manifest gets in.
struct ImportRules {
  sim::ControlMode signatures =
      sim::ControlMode::on;     // monitor: what is wrong is said in `reason`, and it gets in
  std::uint32_t approvals = 1;  // by so many different signers; 2 is the two-person rule
  sim::Duration grace{0};       // how long what it retires stays good
};

class ReferenceStore final : public vtpm::ReferenceLookup {
 public:
  // An empty path: in memory. WorldError when the file cannot be opened or is no such database.
  explicit ReferenceStore(const std::string& path = {});
  ~ReferenceStore() override;

  // The present, by which grace windows end. Never goes back.
  void at(sim::Time now);

  void add(Kind kind, std::string_view name, vtpm::HashAlg alg, std::span<const std::uint8_t> digest,
           Standing standing, std::string_view source);
  // All components of an image, as they are when nobody changed them, in both banks.
  ReferenceImport add_image(const SoftwareImage& image);
  // What somebody says who answers for it by name: no signature is asked for.
  ReferenceImport apply(const ReferenceList& list, std::string_view operation, std::string_view importer,
                        sim::Duration grace = {});

  // Whose manifests count. The key in any form that PublicKey::parse reads.
  void trust(std::string_view signer, std::span<const std::uint8_t> public_key);
  void distrust(std::string_view signer);
  std::vector<std::string> signers() const;
  // `signature`: ECDSA or RSA over the SHA-256 of the manifest, as `openssl dgst -sign` makes it; empty: there is none.
  ReferenceImport import_manifest(std::string_view manifest, std::span<const std::uint8_t> signature,
                                  std::string_view signer, const ImportRules& rules = {});

  Standing look_up(const Item& item) const override;
  std::string expected(const Item& item) const override;
  std::string annotation(const Item& item) const override;
  std::uint64_t generation() const override { return generation_; }
  // The same store to whom advisories and withdrawals say nothing: what was once good is good.
  const vtpm::ReferenceLookup& without_advisories() const noexcept { return plain_; }

  std::uint64_t size() const;  // digests listed
  std::vector<ReferenceImport> history() const;
  // The row of the history to which this item owes its answer; nothing when nobody ever spoke of it.
  std::optional<ReferenceImport> provenance(const Item& item) const;
  // The digests of a component that are listed now, for who wants to say something about them.
  std::vector<ReferenceChange> listed(Kind kind, std::string_view name) const;

 private:
  struct Database;
  class Plain final : public vtpm::ReferenceLookup {
   public:
    explicit Plain(const ReferenceStore& store) : store_(store) {}
    Standing look_up(const Item& item) const override;
    std::string expected(const Item& item) const override { return store_.expected(item); }
    std::uint64_t generation() const override { return store_.generation_; }

   private:
    const ReferenceStore& store_;
  };
  Standing find(const Item& item, bool advisories) const;
  std::uint64_t write(const ReferenceChange& change, std::uint64_t import, sim::Time good_until);
  ReferenceImport record(std::string_view operation, std::string_view importer, std::string_view source,
                         std::uint64_t rows, std::string_view result, std::string_view reason,
                         std::span<const std::uint8_t> manifest = {});
  ReferenceImport put(const ReferenceList& list, std::string_view operation, std::string_view importer,
                      sim::Duration grace, std::string_view reason, std::span<const std::uint8_t> manifest);
  struct Brought {
    std::uint64_t others = 0;
    bool done = false;
  };
  Brought brought(std::span<const std::uint8_t> manifest, std::string_view but) const;
  std::string fault_of(std::string_view manifest, std::span<const std::uint8_t> signature,
                       std::string_view signer) const;
  void changed();

  std::unique_ptr<Database> database_;
  Plain plain_{*this};
  sim::Time now_;
  sim::Time next_end_;  // of the next grace window
  std::uint64_t generation_ = 1;
};

}  // namespace tvdsim::models
