// What can be said of a digest, one statement at a time: that it is good, that it is replaced, that something is wrong with it.
//
// Lists, manifests and advisories of whatever format become these; a store applies them (reference_store.hpp).
//
// Threads    plain data.
// Source     seed 002 section 3.2 (list of reference measurements and its maintenance).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vtpm/evidence/appraisal.hpp"

namespace tvdsim::models {

struct ReferenceChange {
  // add: it is good under this kind and name. retire: it is not current any more. remove: it was never listed.
  // annotate: what `standing` says is true of the digest under every name; `good` takes back what `text` names.
  enum class What : std::uint8_t { add, retire, remove, annotate };
  using Kind = vtpm::ReferenceLookup::Kind;
  using Standing = vtpm::ReferenceLookup::Standing;

  What what = What::add;
  Kind kind = Kind::file;
  vtpm::HashAlg alg = vtpm::HashAlg::sha256;
  Standing standing = Standing::good;
  vtpm::Digest digest;
  std::string name;  // of add, retire and remove: the path or component
  std::string text;  // of annotate: an identifier and whatever follows it

  friend bool operator==(const ReferenceChange&, const ReferenceChange&) = default;
};
std::string_view to_text(ReferenceChange::What what) noexcept;
std::string_view to_text(ReferenceChange::Kind kind) noexcept;
std::string_view to_text(ReferenceChange::Standing standing) noexcept;  // "vulnerable"
// Words that an annotation may say: outdated, vulnerable, revoked, malicious; good takes one back.
std::optional<ReferenceChange::Standing> annotation_standing(std::string_view word) noexcept;
std::optional<ReferenceChange::Kind> reference_kind(std::string_view word) noexcept;

}  // namespace tvdsim::models
