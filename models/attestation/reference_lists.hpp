// Lists of reference values as other tools write them, read into statements. All of it may be a stranger's bytes.
//
//   sums      `sha256sum` and its sisters, in plain and in BSD form; md5sums-style lists of Debian packages with a stronger hash
//   packages  Debian's Packages index: the SHA-256 of each archive, under its Filename
//   keylime   an IMA policy of Keylime in JSON form: `digests`, path -> list of digests
//   manifest  the form that carries every kind of statement, with or without a signature beside it:
//
//     tvdsim-references 1
//     source nginx 1.24.0-3
//     add sha256:6f2a… file /usr/sbin/nginx
//     retire sha256:91c0… file /usr/sbin/nginx
//     annotate sha256:91c0… vulnerable CVE-2026-0001 heap overflow
//
// In names `\n` and `\\` stand for a line's end and a backslash, as sha256sum writes them. A relative path is one below `/`.
//
// Invariant  a list is read whole or refused with one finding: where, what, and one way out.
// Cost       linear in the text; a Keylime policy is parsed by SQLite's JSON functions.
// Threads    pure.
// Leaves out MD5, which no log carries; exclusions and keyrings of Keylime's policies, which say nothing about digests.
// Source     GNU coreutils (output of sha256sum); Debian Policy 5.3 and deb-repository; Keylime (runtime policy, version 1).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/attestation/reference_change.hpp"

namespace tvdsim::models {

enum class ReferenceFormat : std::uint8_t { sums, packages, keylime, manifest };
std::string_view to_text(ReferenceFormat format) noexcept;
std::optional<ReferenceFormat> reference_format(std::string_view name) noexcept;
ReferenceFormat guess_reference_format(std::string_view text) noexcept;

struct ReferenceList {
  std::string source;  // what a manifest says of itself; a list of another form says nothing
  std::vector<ReferenceChange> changes;
};
// Throws InputError TVD-561 (no such list) or TVD-562 (a line of it). `where` names the file in the finding.
ReferenceList read_references(std::string_view text, ReferenceFormat format, std::string_view where);
// The manifest form of it. read_references() gives the same list back.
std::string write_manifest(const ReferenceList& list);

}  // namespace tvdsim::models
