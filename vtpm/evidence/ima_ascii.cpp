#include "vtpm/evidence/ima_ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <string>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kMostUnderscores = 8;   // 256 readings of a name
constexpr std::size_t kMostRestored = 16384;  // bytes of template data for which they are tried

struct Line {
  std::string_view rest;
  std::size_t number;

  std::string_view token() {
    const auto end = std::min(rest.find(' '), rest.size());
    const auto out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
  }
  [[noreturn]] void refuse(std::string_view code, std::string message, std::string help = {}) const {
    throw sim::InputError(sim::Finding{std::string(code), fmt::format("IMA log, line {}", number),
                                       std::move(message), std::move(help), sim::Severity::error});
  }
};

void append(Buffer& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }
void append(Buffer& out, const Buffer& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void append_field(Buffer& out, const Buffer& content) {
  const auto size = static_cast<std::uint32_t>(content.size());
  for (std::uint32_t shift = 0; shift < 32; shift += 8)
    out.push_back(static_cast<std::uint8_t>(size >> shift));
  append(out, content);
}

// "sha256:<hex>" as the kernel hashed it: "sha256:", NUL, the digest. Nothing when it is not of that form.
std::optional<Buffer> digest_field(std::string_view token) {
  const auto colon = token.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto digest = from_hex(token.substr(colon + 1));
  if (!digest) return std::nullopt;
  Buffer out;
  append(out, token.substr(0, colon + 1));
  out.push_back(0);
  append(out, *digest);
  return out;
}

std::optional<Buffer> optional_field(ImaField kind, std::string_view token) {
  if (token.empty()) return Buffer{};
  return kind == ImaField::d_modsig ? digest_field(token) : from_hex(token);
}

// One reading of the part after the digest: the name, and the fields that follow it.
struct Reading {
  std::string name;
  std::vector<Buffer> after;
};

// Bit i of `printed` says that field 2+i is on the line. Fields are taken from the right: only the name can hold spaces.
std::optional<Reading> read_after_digest(std::string_view rest, std::span<const ImaField> kinds,
                                         std::uint32_t printed) {
  Reading out;
  out.after.resize(kinds.size());
  for (std::size_t i = kinds.size(); i-- > 0;) {
    if (!(printed >> i & 1)) continue;
    const auto space = rest.rfind(' ');
    if (space == std::string_view::npos) return std::nullopt;
    auto field = optional_field(kinds[i], rest.substr(space + 1));
    if (!field) return std::nullopt;
    out.after[i] = std::move(*field);
    rest = rest.substr(0, space);
  }
  if (rest.empty() || rest.find('\0') != std::string_view::npos) return std::nullopt;
  out.name = rest;
  return out;
}

Buffer template_data(const ImaTemplate& shape, const Buffer& digest, std::string_view name,
                     const Reading& reading) {
  Buffer out;
  if (shape.fields.front() == ImaField::d) {
    append(out, digest);
    append(out, name);
    out.resize(
        std::max<std::size_t>(out.size(), 20 + 256));  // a longer name is found when the fields are tiled
    return out;
  }
  append_field(out, digest);
  Buffer terminated;
  append(terminated, name);
  terminated.push_back(0);
  append_field(out, terminated);
  for (const Buffer& field : reading.after) append_field(out, field);
  return out;
}

// The kernel prints a space in a name as `_`: which of them were spaces, the template hash knows.
bool restore_spaces(ImaEntry& entry, const Buffer& digest, const Reading& reading) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < reading.name.size(); ++i) {
    if (reading.name[i] == '_') places.push_back(i);
  }
  if (places.empty() || places.size() > kMostUnderscores || entry.data.size() > kMostRestored) return false;
  const Buffer plain = entry.data;
  for (std::uint32_t spaces = 1; spaces < 1u << places.size(); ++spaces) {
    std::string name = reading.name;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (spaces >> i & 1) name[places[i]] = ' ';
    }
    entry.data = template_data(*entry.shape, digest, name, reading);
    if (entry.hash_matches()) return true;
  }
  entry.data = plain;
  return false;
}

Buffer read_digest(Line& line, const ImaTemplate& shape) {
  const std::string_view token = line.token();
  const bool legacy = shape.fields.front() == ImaField::d;
  auto digest = legacy ? from_hex(token) : digest_field(token);
  if (!digest || (legacy && digest->size() != 20))
    line.refuse("TVD-513", fmt::format("`{}` is not a file's digest", token));
  return std::move(*digest);
}

// Tries the readings, those with all fields on the line first, until one fits the hash; else the first that is possible.
void read_fields(ImaEntry& entry, Line& line) {
  const Buffer digest = read_digest(line, *entry.shape);
  const auto kinds = std::span(entry.shape->fields).subspan(2);
  Buffer first;
  for (std::uint32_t printed = 1u << kinds.size(); printed-- > 0;) {
    const auto reading = read_after_digest(line.rest, kinds, printed);
    if (!reading) continue;
    entry.data = template_data(*entry.shape, digest, reading->name, *reading);
    if (first.empty()) first = entry.data;
    if (entry.hash_matches() || (!entry.violation() && restore_spaces(entry, digest, *reading))) return;
  }
  if (first.empty()) line.refuse("TVD-513", "the fields after the digest are not those of the template");
  entry.data = std::move(first);
}

}  // namespace

ImaEntry parse_ima_line(std::string_view text, std::size_t number) {
  Line line{text, number};
  line.rest.remove_prefix(std::min(line.rest.find_first_not_of(' '), line.rest.size()));
  ImaEntry entry;
  const std::string_view pcr = line.token();
  const auto [end, error] = std::from_chars(pcr.data(), pcr.data() + pcr.size(), entry.pcr);
  if (error != std::errc{} || end != pcr.data() + pcr.size())
    line.refuse("TVD-511", "the line does not begin with a PCR's number");
  if (entry.pcr >= PcrBank::kCount) line.refuse("TVD-505", fmt::format("an entry for PCR {}", entry.pcr));

  const auto template_hash = from_hex(line.token());
  if (!template_hash || template_hash->size() != 20)
    line.refuse("TVD-511", "the second word is not a SHA-1 template hash");
  entry.template_hash = Digest(*template_hash);

  const std::string_view name = line.token();
  entry.shape = find_ima_template(name);
  if (!entry.shape) line.refuse("TVD-512", fmt::format("the template {:?} is not known", name));

  read_fields(entry, line);
  if (!tile_ima_fields(entry)) line.refuse("TVD-513", "the fields are not what the template prescribes");
  if (const auto fault = fault_of_ima_signature(entry.field(ImaField::sig))) {
    line.refuse("TVD-514", fmt::format("the signature of {:?} is not one: {}", entry.path(), *fault));
  }
  return entry;
}

}  // namespace tvdsim::vtpm
