#include "models/acm_io/canonical.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

using Names = std::vector<std::string>;

// Every field carries its length, so that no two different policies run together into the same bytes.
class Writer {
 public:
  void number(std::uint64_t value) {
    const char digits[] = {static_cast<char>(value >> 24 & 0xff), static_cast<char>(value >> 16 & 0xff),
                           static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
    bytes_.append(digits, sizeof digits);
  }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  void set(const Names& written) {
    std::vector<std::string_view> names(written.begin(), written.end());
    std::erase(names, std::string_view{});
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    number(names.size());
    for (const std::string_view name : names) text(name);
  }
  void version(Version version) {
    number(version.major);
    number(version.minor);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

void labels(Writer& out, const std::vector<LabelDef>& labels) {
  std::vector<std::string> rows;
  for (const LabelDef& label : labels) {
    Writer row;
    row.text(label.name);
    row.text(label.renamed_from);
    row.set(label.ste);
    row.set(label.wall);
    rows.push_back(row.take());
  }
  std::ranges::sort(rows);
  out.number(rows.size());
  for (const std::string& row : rows) out.text(row);
}

}  // namespace

std::string canonical_bytes(const PolicyDef& def) {
  Writer out;
  out.text("tvdsim policy 1");
  out.text(def.name);
  out.version(def.version);
  out.number(def.from ? 1 : 0);
  if (def.from) {
    out.text(def.from->first);
    out.version(def.from->second);
  }
  out.number((def.has_ste ? 1U : 0U) | (def.has_wall ? 2U : 0U));
  out.set(def.ste_types);
  out.set(def.wall_types);
  std::vector<std::string> sets;
  for (const ConflictSetDef& set : def.conflict_sets) {
    Writer row;
    row.text(set.name);
    row.set(set.types);
    sets.push_back(row.take());
  }
  std::ranges::sort(sets);
  out.number(sets.size());
  for (const std::string& set : sets) out.text(set);
  out.text(def.bootstrap);
  labels(out, def.vm_labels);
  labels(out, def.resource_labels);
  return out.take();
}

Digest policy_digest(const PolicyDef& def) { return digest_of(canonical_bytes(def)); }

Digest digest_of(std::string_view bytes) {
  Digest digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != digest.size()) {
    throw sim::WorldError("computing a policy's digest", "EVP_Digest");
  }
  return digest;
}

std::string to_hex(const Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

}  // namespace tvdsim::models
