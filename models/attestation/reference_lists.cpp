#include "models/attestation/reference_lists.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.hpp"

namespace tvdsim::models {
namespace {

using What = ReferenceChange::What;
using ReferenceStanding = ReferenceChange::Standing;
using ReferenceKind = ReferenceChange::Kind;

constexpr std::string_view kHeader = "tvdsim-references 1";
constexpr std::size_t kLongestName = 4096;  // a path's
constexpr std::string_view kFormats[] = {"sums", "packages", "keylime", "manifest"};
constexpr std::string_view kWhats[] = {"add", "retire", "remove", "annotate"};
constexpr std::string_view kKinds[] = {"boot", "file", "buffer"};
constexpr std::string_view kStandings[] = {"good",    "outdated", "vulnerable", "unheard",
                                           "unknown", "bad",      "revoked",    "malicious"};

[[noreturn]] void refuse(std::string_view code, std::string where, std::string message, std::string help) {
  throw sim::InputError(
      sim::Finding{std::string(code), std::move(where), std::move(message), std::move(help)});
}

// What was written, short and printable.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 40)) out += c >= ' ' && c < '\x7f' ? c : '?';
  return fmt::format("`{}{}`", out, text.size() > 40 ? "…" : "");
}

// Goes over a text line by line; refuses with the line's number.
class Lines {
 public:
  Lines(std::string_view text, std::string_view where) : rest_(text), where_(where) {}
  bool next() {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    line_ = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!line_.empty() && line_.back() == '\r') line_.remove_suffix(1);
    ++number_;
    return true;
  }
  std::string_view line() const noexcept { return line_; }
  [[noreturn]] void refuse_line(std::string message, std::string help) const {
    refuse("TVD-562", fmt::format("{}:{}", where_, number_), std::move(message), std::move(help));
  }

 private:
  std::string_view rest_, where_, line_;
  std::size_t number_ = 0;
};

// The first word of a text; what follows it stays.
std::string_view word_of(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::optional<vtpm::HashAlg> hash_of_size(std::size_t bytes) {
  for (const vtpm::HashAlg alg : vtpm::kHashAlgs)
    if (vtpm::digest_size(alg) == bytes) return alg;
  return std::nullopt;
}

// A digest in hex, of the algorithm given or of the one that has this length.
bool take_digest(std::string_view hex, std::optional<vtpm::HashAlg> alg, ReferenceChange& change) {
  const auto bytes = hex.size() <= 2 * vtpm::kMaxDigest ? vtpm::from_hex(hex) : std::nullopt;
  if (!bytes || bytes->empty()) return false;
  const auto found = alg ? alg : hash_of_size(bytes->size());
  if (!found || vtpm::digest_size(*found) != bytes->size()) return false;
  change.alg = *found;
  change.digest = vtpm::Digest(*bytes);
  return true;
}

// As sha256sum writes it: `\n`, `\r` and `\\` where a name holds such.
std::optional<std::string> unescape(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\') {
      if (++i == name.size()) return std::nullopt;
      if (name[i] != '\\' && name[i] != 'n' && name[i] != 'r') return std::nullopt;
      out += name[i] == 'n' ? '\n' : name[i] == 'r' ? '\r' : '\\';
    } else {
      out += name[i];
    }
  }
  return out;
}

std::string escape(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '\n' || c == '\r' || c == '\\') out += '\\';
    out += c == '\n' ? 'n' : c == '\r' ? 'r' : c;
  }
  return out;
}

// A name that can be one: neither empty nor endless, without a zero byte.
bool sound(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.find('\0') == std::string_view::npos;
}

std::string absolute(std::string name) {
  if (name.starts_with("./")) name.erase(0, 2);
  if (!name.starts_with("/")) name.insert(0, 1, '/');
  return name;
}

// "SHA256 (path) = hex", as `sha256sum --tag` writes it.
bool bsd_line(std::string_view line, std::string_view& hex, std::string_view& name,
              std::optional<vtpm::HashAlg>& alg) {
  const std::size_t open = line.find(" ("), close = line.rfind(") = ");
  if (open == std::string_view::npos || close == std::string_view::npos || close < open + 2) return false;
  std::string word;
  for (const char c : line.substr(0, open))
    word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  alg = vtpm::hash_by_name(word);
  if (!alg) return false;
  name = line.substr(open + 2, close - open - 2);
  hex = line.substr(close + 4);
  return true;
}

void read_sums(Lines& lines, std::vector<ReferenceChange>& out) {
  constexpr const char* kHelp = "a line is a digest in hexadecimal digits, two spaces and a path";
  while (lines.next()) {
    std::string_view line = lines.line();
    if (line.empty() || line.front() == '#') continue;
    const bool escaped = line.front() == '\\';
    if (escaped) line.remove_prefix(1);
    ReferenceChange change;
    std::string_view hex, name;
    std::optional<vtpm::HashAlg> alg;
    if (!bsd_line(line, hex, name, alg)) {
      hex = word_of(name = line);
      if (!name.empty() && (name.front() == ' ' || name.front() == '*')) name.remove_prefix(1);
    }
    if (hex.size() == 32 && vtpm::from_hex(hex))
      lines.refuse_line("an MD5 digest says nothing about what a TPM was told.",
                        "make the list with sha256sum");
    if (!take_digest(hex, alg, change))
      lines.refuse_line(fmt::format("{} is no digest.", quoted(hex)), kHelp);
    const auto plain = escaped ? unescape(name) : std::optional(std::string(name));
    if (!plain || !sound(*plain)) lines.refuse_line(fmt::format("{} is no name.", quoted(name)), kHelp);
    change.name = absolute(*plain);
    out.push_back(std::move(change));
  }
}

void read_packages(Lines& lines, std::vector<ReferenceChange>& out) {
  ReferenceChange change;
  std::string package, version;
  const auto end = [&] {
    const bool any = !package.empty() || !change.name.empty() || change.digest.size != 0;
    if (any && (package.empty() || change.name.empty() || change.digest.size == 0)) {
      lines.refuse_line(
          fmt::format("the paragraph of package {} lacks its Package, Filename or SHA256.", quoted(package)),
          "take the index as the archive serves it");
    }
    if (any) out.push_back(std::move(change));
    change = {};
    package.clear();
  };
  while (lines.next()) {
    const std::string_view line = lines.line();
    if (line.empty()) {
      end();
      continue;
    }
    if (line.front() == ' ' || line.front() == '\t') continue;  // what continues a field that is not read
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      lines.refuse_line(fmt::format("{} is no field.", quoted(line)), "a field is `Name: value`");
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    const std::string_view field = line.substr(0, colon);
    const bool again = (field == "Package" && !package.empty()) ||
                       (field == "Filename" && !change.name.empty()) ||
                       (field == "SHA256" && change.digest.size != 0);
    if (again)
      lines.refuse_line(fmt::format("field {} is given twice.", field), "empty lines end a paragraph");
    if (field == "Package") {
      package = value;
    } else if (field == "Filename") {
      if (!sound(value)) lines.refuse_line(fmt::format("{} is no name.", quoted(value)), "give a path");
      change.name = absolute(std::string(value));
    } else if (field == "SHA256" && !take_digest(value, vtpm::HashAlg::sha256, change)) {
      lines.refuse_line(fmt::format("{} is no SHA-256.", quoted(value)), "64 hexadecimal digits");
    }
  }
  end();
}

void read_statement(const Lines& lines, std::string_view word, std::string_view rest,
                    ReferenceChange& change) {
  constexpr const char* kHelp = "`add sha256:HEX file NAME` or `annotate sha256:HEX vulnerable TEXT`";
  const auto what = std::find(std::begin(kWhats), std::end(kWhats), word);
  if (what == std::end(kWhats)) lines.refuse_line(fmt::format("{} is no statement.", quoted(word)), kHelp);
  change.what = static_cast<What>(what - std::begin(kWhats));
  const std::string_view digest = word_of(rest);
  const std::size_t colon = std::min(digest.find(':'), digest.size());
  const auto alg = vtpm::hash_by_name(digest.substr(0, colon));
  if (!alg || !take_digest(digest.substr(std::min(colon + 1, digest.size())), alg, change))
    lines.refuse_line(fmt::format("{} is no digest.", quoted(digest)), "`sha256:` and 64 hexadecimal digits");
  const std::string_view second = word_of(rest);
  const auto text = unescape(rest);
  if (!text || !sound(*text)) lines.refuse_line(fmt::format("{} is no name or text.", quoted(rest)), kHelp);
  if (change.what == What::annotate) {
    const auto standing = annotation_standing(second);
    if (!standing)
      lines.refuse_line(fmt::format("{} says nothing about a digest.", quoted(second)),
                        "outdated, vulnerable, revoked, malicious, or good to take one back");
    change.standing = *standing;
    change.text = *text;
    return;
  }
  const auto kind = reference_kind(second);
  if (!kind) lines.refuse_line(fmt::format("{} is no kind.", quoted(second)), "boot, file or buffer");
  change.kind = *kind;
  change.name = *text;
}

void read_manifest(Lines& lines, std::string_view where, ReferenceList& out) {
  if (!lines.next() || lines.line() != kHeader)
    refuse("TVD-561", fmt::format("{}:1", where), "this is no manifest of reference values.",
           fmt::format("its first line is `{}`", kHeader));
  while (lines.next()) {
    std::string_view rest = lines.line();
    if (rest.empty() || rest.front() == '#') continue;
    const std::string_view word = word_of(rest);
    if (word == "source") {
      if (!sound(rest) || rest.find('\r') != std::string_view::npos || !out.source.empty())
        lines.refuse_line("a manifest has one source, in one line.", "`source nginx 1.24.0-3`");
      out.source = rest;
      continue;
    }
    read_statement(lines, word, rest, out.changes.emplace_back());
  }
}

// Rows of a JSON document, by SQLite.
class JsonRows {
 public:
  JsonRows() {
    if (sqlite3_open(":memory:", &handle_) != SQLITE_OK)
      throw sim::WorldError("reading JSON", sqlite3_errmsg(handle_));
  }
  ~JsonRows() {
    sqlite3_finalize(statement_);
    sqlite3_close(handle_);
  }
  JsonRows(const JsonRows&) = delete;
  void begin(const char* sql, std::string_view json) {
    sqlite3_finalize(statement_);
    statement_ = nullptr;
    if (sqlite3_prepare_v2(handle_, sql, -1, &statement_, nullptr) != SQLITE_OK)
      throw sim::WorldError("reading JSON", sqlite3_errmsg(handle_));
    sqlite3_bind_text64(statement_, 1, json.data(), json.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  // False at the end; `fault` when the text is no JSON.
  bool next(bool& fault) {
    const int rc = sqlite3_step(statement_);
    fault = rc != SQLITE_ROW && rc != SQLITE_DONE;
    return rc == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* chars = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return chars ? std::string(chars, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
                 : "";
  }

 private:
  sqlite3* handle_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

void read_keylime(std::string_view text, std::string_view where, std::vector<ReferenceChange>& out) {
  JsonRows rows;
  bool fault = text.size() > INT32_MAX;
  rows.begin("SELECT json_valid(?1), CASE WHEN json_valid(?1) THEN json_type(?1, '$.digests') END", text);
  if (fault || !rows.next(fault) || rows.text(0) != "1")
    refuse("TVD-561", std::string(where), "this is no JSON document.", "give a policy as Keylime stores it");
  if (rows.text(1) != "object")
    refuse("TVD-561", std::string(where), "this is no policy of Keylime: it has no object `digests`.",
           "`{\"digests\": {\"/usr/bin/true\": [\"…\"]}}`");
  rows.begin(
      "SELECT path.key, path.type, digest.value, digest.type FROM json_each(?1, '$.digests') AS path"
      " LEFT JOIN json_each(CASE path.type WHEN 'array' THEN path.value ELSE '[0]' END) AS digest",
      text);
  while (rows.next(fault)) {
    ReferenceChange change;
    change.name = rows.text(0);
    const std::string place = fmt::format("{} digests[{}]", where, quoted(change.name));
    if (!sound(change.name)) refuse("TVD-562", place, "this is no path.", "give an absolute path");
    if (rows.text(1) != "array") refuse("TVD-562", place, "the digests of a path are a list.", "`[\"…\"]`");
    if (rows.text(3).empty()) continue;  // an empty list
    const std::string hex = rows.text(2);
    if (rows.text(3) != "text" || !take_digest(hex, std::nullopt, change))
      refuse("TVD-562", place, fmt::format("{} is no digest.", quoted(hex)),
             "hexadecimal digits of a SHA-1 or SHA-2");
    // IMA's own first entry is the hash of the boot's PCRs: the boot log is judged for it.
    if (change.name == "boot_aggregate") continue;
    out.push_back(std::move(change));
  }
  if (fault)
    refuse("TVD-562", std::string(where), "the digests of this policy cannot be read.", "check its JSON");
}

}  // namespace

std::string_view to_text(What what) noexcept { return kWhats[static_cast<std::size_t>(what)]; }
std::string_view to_text(ReferenceKind kind) noexcept { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view to_text(ReferenceStanding standing) noexcept {
  return kStandings[static_cast<std::size_t>(standing)];
}
std::string_view to_text(ReferenceFormat format) noexcept {
  return kFormats[static_cast<std::size_t>(format)];
}

std::optional<ReferenceStanding> annotation_standing(std::string_view word) noexcept {
  for (const auto standing :
       {ReferenceStanding::good, ReferenceStanding::outdated, ReferenceStanding::vulnerable,
        ReferenceStanding::revoked, ReferenceStanding::malicious})
    if (to_text(standing) == word) return standing;
  return std::nullopt;
}

std::optional<ReferenceKind> reference_kind(std::string_view word) noexcept {
  const auto found = std::find(std::begin(kKinds), std::end(kKinds), word);
  if (found == std::end(kKinds)) return std::nullopt;
  return static_cast<ReferenceKind>(found - std::begin(kKinds));
}

std::optional<ReferenceFormat> reference_format(std::string_view name) noexcept {
  const auto found = std::find(std::begin(kFormats), std::end(kFormats), name);
  if (found == std::end(kFormats)) return std::nullopt;
  return static_cast<ReferenceFormat>(found - std::begin(kFormats));
}

ReferenceFormat guess_reference_format(std::string_view text) noexcept {
  if (text.starts_with("tvdsim-references")) return ReferenceFormat::manifest;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return ReferenceFormat::keylime;
  if (text.starts_with("Package:") || text.find("\nPackage:") != std::string_view::npos)
    return ReferenceFormat::packages;
  return ReferenceFormat::sums;
}

ReferenceList read_references(std::string_view text, ReferenceFormat format, std::string_view where) {
  ReferenceList list;
  Lines lines(text, where);
  switch (format) {
    case ReferenceFormat::sums:
      read_sums(lines, list.changes);
      break;
    case ReferenceFormat::packages:
      read_packages(lines, list.changes);
      break;
    case ReferenceFormat::keylime:
      read_keylime(text, where, list.changes);
      break;
    case ReferenceFormat::manifest:
      read_manifest(lines, where, list);
      break;
  }
  if (list.changes.empty())
    refuse("TVD-561", std::string(where), "there is no reference value in it.",
           fmt::format("it was read as `{}`; name another format", to_text(format)));
  return list;
}

std::string write_manifest(const ReferenceList& list) {
  std::string out = fmt::format("{}\n", kHeader);
  if (!list.source.empty()) out += fmt::format("source {}\n", list.source);
  for (const ReferenceChange& change : list.changes) {
    const bool note = change.what == What::annotate;
    out += fmt::format("{} {}:{} {} {}\n", to_text(change.what), vtpm::to_text(change.alg),
                       vtpm::to_hex(change.digest.view()),
                       note ? to_text(change.standing) : to_text(change.kind),
                       escape(note ? change.text : change.name));
  }
  return out;
}

}  // namespace tvdsim::models
