// Digests that are known: of which component, in which form, good or bad, with a word on where the knowledge comes from.
//
// One SQLite table, in memory or in a file that other tools may fill. It answers an appraisal's look-ups: `good` for a digest that
// is listed as good for this kind and name, `bad` for one that is listed as bad under any name, `unknown` for all others.
//
// Invariant  what is in no row is unknown, never good; bad beats good.
// Cost       a look-up is one indexed query; tests/bench/testbed_bench.cpp has it within a whole run.
// Threads    one at a time.
// Leaves out signed imports and their provenance.
// Source     Sailer et al., USENIX Security 2004 (fingerprint database); SQLite for its one-file format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "models/attestation/image.hpp"
#include "vtpm/evidence/appraisal.hpp"

namespace tvdsim::models {

class ReferenceStore final : public vtpm::ReferenceLookup {
 public:
  // An empty path: in memory. WorldError when the file cannot be opened or is no such database.
  explicit ReferenceStore(const std::string& path = {});
  ~ReferenceStore() override;

  void add(Kind kind, std::string_view name, vtpm::HashAlg alg, std::span<const std::uint8_t> digest,
           Standing standing, std::string_view annotation);
  // All components of an image, as they are when nobody changed them, in both banks.
  void add_image(const SoftwareImage& image);

  Standing look_up(const Item& item) const override;
  std::string expected(const Item& item) const override;
  std::string annotation(
      const Item& item) const override;  // of the row that decided; empty when there is none
  std::uint64_t size() const;

 private:
  struct Database;
  std::unique_ptr<Database> database_;
};

}  // namespace tvdsim::models
