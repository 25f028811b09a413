// The fields of an IMA entry: where they lie in the template data and what they say.
#include <algorithm>
#include <string>

#include "vtpm/evidence/ima_ascii.hpp"
#include "vtpm/evidence/ima_log.hpp"
#include "vtpm/evidence/reader.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::size_t kLegacyDigest = 20, kLegacyName = 256;  // template `ima`: SHA-1, then the name in zeros

// "sha256:\0" and the digest, or "verity:sha256:\0" and the digest. Gives where the digest begins; 0: not of that form.
std::size_t digest_start(Bytes field, std::size_t colons) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < colons; ++i) {
    const auto colon = std::find(field.begin() + static_cast<std::ptrdiff_t>(at), field.end(), ':');
    if (colon == field.end()) return 0;
    at = static_cast<std::size_t>(colon - field.begin()) + 1;
  }
  return at < field.size() && field[at] == 0 ? at + 1 : 0;
}

std::string_view name_of_algorithm(Bytes prefix) {  // "sha256:\0" or "verity:sha256:\0" -> "sha256"
  const std::string_view text = as_text(prefix.first(prefix.size() - 2));
  const auto colon = text.rfind(':');
  return colon == std::string_view::npos ? text : text.substr(colon + 1);
}

std::size_t colons_of(ImaField kind) { return kind == ImaField::d_ngv2 ? 2 : 1; }

bool sound_digest(Bytes field, ImaField kind) {
  if (kind == ImaField::d_modsig && field.empty()) return true;
  const std::size_t start = digest_start(field, colons_of(kind));
  if (start == 0) return false;
  const std::size_t size = field.size() - start;
  const std::string_view name = name_of_algorithm(field.first(start));
  const auto in_a_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), in_a_name)) return false;
  const auto alg = hash_by_name(name);
  return alg ? size == digest_size(*alg) : size > 0 && size <= kMaxDigest;
}

bool sound_field(Bytes field, ImaField kind) {
  switch (kind) {
    case ImaField::d_ng:
    case ImaField::d_ngv2:
    case ImaField::d_modsig:
      return sound_digest(field, kind);
    case ImaField::n_ng:  // one NUL, at the end
      return !field.empty() && std::find(field.begin(), field.end(), 0) == field.end() - 1;
    case ImaField::d:
    case ImaField::n:
    case ImaField::sig:
    case ImaField::buf:
    case ImaField::modsig:
      return true;
  }
  return false;
}

}  // namespace

std::span<const ImaTemplate> ima_templates() {
  static const std::vector<ImaTemplate> rows = {
#define IMA_TEMPLATE(name, ...) ImaTemplate{name, {__VA_ARGS__}},
#include "vtpm/evidence/ima_templates.def"
#undef IMA_TEMPLATE
  };
  return rows;
}

const ImaTemplate* find_ima_template(std::string_view name) noexcept {
  for (const ImaTemplate& row : ima_templates()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

bool tile_ima_fields(ImaEntry& entry) {
  entry.parts.clear();
  const Bytes data = entry.data;
  if (entry.shape->fields.front() == ImaField::d) {
    if (data.size() != kLegacyDigest + kLegacyName) return false;
    const Bytes name = data.subspan(kLegacyDigest);
    const auto end = std::find(name.begin(), name.end(), 0);
    if (end == name.begin() || !std::all_of(end, name.end(), [](std::uint8_t b) { return b == 0; }))
      return false;
    entry.parts = {{0, kLegacyDigest}, {kLegacyDigest, static_cast<std::uint32_t>(end - name.begin())}};
    return true;
  }
  std::size_t at = 0;
  for (const ImaField kind : entry.shape->fields) {
    if (data.size() - at < 4) return false;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size |= static_cast<std::size_t>(data[at + i]) << (8 * i);
    at += 4;
    if (size > data.size() - at || !sound_field(data.subspan(at, size), kind)) return false;
    entry.parts.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(size)});
    at += size;
  }
  return at == data.size();
}

// type, version, hash, key identifier (4), size (2), signature: big-endian, as the kernel's signature_v2_hdr.
std::optional<std::string_view> fault_of_ima_signature(Bytes field) noexcept {
  if (field.empty() || (field[0] != 3 && field[0] != 5 && field[0] != 6))
    return std::nullopt;  // no digital signature
  if (field.size() < 2 || (field[1] != 2 && field[1] != 3)) return "its version is neither 2 nor 3";
  if (field.size() < 9) return "it ends within its header";
  const std::size_t size = static_cast<std::size_t>(field[7]) << 8 | field[8];
  if (size != field.size() - 9) return "the size in its header is not its size";
  if (size == 0) return "there is nothing in it";
  return std::nullopt;
}

Bytes ImaEntry::field(ImaField kind) const noexcept {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (shape->fields[i] == kind) return Bytes(data).subspan(parts[i].at, parts[i].size);
  }
  return {};
}

std::string_view ImaEntry::path() const noexcept {
  const Bytes legacy = field(ImaField::n);
  if (!legacy.empty()) return as_text(legacy);
  const Bytes name = field(ImaField::n_ng);
  return name.empty() ? std::string_view{} : as_text(name.first(name.size() - 1));
}

std::string_view ImaEntry::algorithm() const noexcept {
  for (const ImaField kind : {ImaField::d_ng, ImaField::d_ngv2}) {
    const Bytes whole = field(kind);
    if (!whole.empty()) return name_of_algorithm(whole.first(digest_start(whole, colons_of(kind))));
  }
  return field(ImaField::d).empty() ? "" : "sha1";
}

Bytes ImaEntry::digest() const noexcept {
  for (const ImaField kind : {ImaField::d_ng, ImaField::d_ngv2}) {
    const Bytes whole = field(kind);
    if (!whole.empty()) return whole.subspan(digest_start(whole, colons_of(kind)));
  }
  return field(ImaField::d);
}

std::optional<ImaSignature> ImaEntry::signature() const {
  const Bytes raw = field(ImaField::sig);
  if (raw.size() < 10 || (raw[0] != 3 && raw[0] != 5 && raw[0] != 6)) return std::nullopt;
  ImaSignature out;
  out.hash = raw[2];
  for (std::size_t i = 3; i < 7; ++i) out.key = out.key << 8 | raw[i];
  out.signature = raw.subspan(9);
  return out;
}

bool ImaEntry::hash_matches() const { return template_hash == hash(HashAlg::sha1, {data}); }

}  // namespace tvdsim::vtpm
