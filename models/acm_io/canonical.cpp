#include "models/acm_io/canonical.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::models {
namespace {

void put(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
  out += '\n';
}

void put(std::string& out, Version version) { put(out, std::to_string(version.major) + "." + std::to_string(version.minor)); }

void put_sorted(std::string& out, std::string_view what, std::vector<std::string> names) {
  std::erase(names, std::string{});
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  put(out, what);
  put(out, std::to_string(names.size()));
  for (const std::string& name : names) put(out, name);
}

void put_labels(std::string& out, std::string_view what, const std::vector<LabelDef>& labels) {
  std::vector<const LabelDef*> sorted;
  for (const LabelDef& label : labels) sorted.push_back(&label);
  std::stable_sort(sorted.begin(), sorted.end(), [](const LabelDef* a, const LabelDef* b) { return a->name < b->name; });
  put(out, what);
  put(out, std::to_string(sorted.size()));
  for (const LabelDef* label : sorted) {
    put(out, label->name);
    put(out, label->renamed_from);
    put_sorted(out, "ste", label->ste);
    put_sorted(out, "wall", label->wall);
  }
}

}  // namespace

std::string canonical_bytes(const PolicyDef& def) {
  std::string out;
  put(out, "tvdsim-policy-1");
  put(out, def.name);
  put(out, def.version);
  put(out, def.from ? def.from->first : std::string{});
  put(out, def.from ? def.from->second : Version{});
  put(out, def.from ? "updates" : "original");
  put(out, def.has_ste ? "ste" : "no ste");
  put(out, def.has_wall ? "wall" : "no wall");
  put_sorted(out, "ste types", def.ste_types);
  put_sorted(out, "wall types", def.wall_types);
  // Sets of one name keep their order: it decides which of them a refusal names.
  std::vector<const ConflictSetDef*> sets;
  for (const ConflictSetDef& set : def.conflict_sets) sets.push_back(&set);
  std::stable_sort(sets.begin(), sets.end(), [](const ConflictSetDef* a, const ConflictSetDef* b) { return a->name < b->name; });
  put(out, std::to_string(sets.size()));
  for (const ConflictSetDef* set : sets) put_sorted(out, set->name, set->types);
  put(out, def.bootstrap);
  put_labels(out, "vm labels", def.vm_labels);
  put_labels(out, "resource labels", def.resource_labels);
  return out;
}

Digest canonical_digest(const PolicyDef& def) {
  const std::string bytes = canonical_bytes(def);
  Digest digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 || size != digest.size()) {
    throw sim::WorldError("cannot compute a policy's SHA-256 digest", "EVP_Digest");
  }
  return digest;
}

}  // namespace tvdsim::models
