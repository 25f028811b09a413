#include "models/attestation/reference_lists.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace tvdsim::models {
namespace {

using What = ReferenceChange::What;
using Standing = ReferenceChange::Standing;

const std::string kSha1(40, 'a'), kSha256(64, 'b'), kSha384(96, 'c'), kSha512(128, 'd');

ReferenceList read(std::string_view text, ReferenceFormat format) {
  return read_references(text, format, "list");
}

// "CODE where: message" of a list that is refused.
std::string refusal(std::string_view text, ReferenceFormat format) {
  try {
    read(text, format);
  } catch (const sim::InputError& error) {
    EXPECT_EQ(error.findings().size(), 1u);
    const sim::Finding& finding = error.findings().front();
    EXPECT_FALSE(finding.help.empty());
    return finding.code + " " + finding.where + ": " + finding.message;
  }
  return "it was read";
}

std::string names(const ReferenceList& list) {
  std::string all;
  for (const ReferenceChange& change : list.changes)
    all += change.name + " " + std::string(vtpm::to_text(change.alg)) + "\n";
  return all;
}

// F-150
TEST(ReferenceLists, OfSha256sumAndItsSistersAreReadInEveryForm) {
  const std::string text = "# what is good\r\n" + kSha256 + "  /usr/bin/true\n" + kSha1 + " */bin/a b\n" +
                           kSha384 + "  ./etc/x\n\n" + kSha512 + "  usr/lib/libc.so.6\r\n\\" + kSha256 +
                           "  /odd\\nname\\\\\nSHA256 (/bin/(bsd) = x) = " + kSha256;
  EXPECT_EQ(guess_reference_format(text), ReferenceFormat::sums);
  EXPECT_EQ(
      names(read(text, ReferenceFormat::sums)),
      "/usr/bin/true sha256\n/bin/a b sha1\n/etc/x sha384\n/usr/lib/libc.so.6 sha512\n/odd\nname\\ sha256\n"
      "/bin/(bsd) = x sha256\n");
}

TEST(ReferenceLists, OfSumsThatCannotBeReadNameLineAndValue) {
  const auto sums = [](const std::string& text) { return refusal(text, ReferenceFormat::sums); };
  EXPECT_EQ(sums(kSha256 + "  /a\nnonsense  /b\n"), "TVD-562 list:2: `nonsense` is no digest.");
  EXPECT_EQ(sums(kSha256.substr(1) + "  /a"),
            "TVD-562 list:1: `" + std::string(40, 'b') + "…` is no digest.");
  EXPECT_EQ(sums(kSha256), "TVD-562 list:1: `` is no name.");
  EXPECT_EQ(sums(std::string(32, 'e') + "  bin/true"),
            "TVD-562 list:1: an MD5 digest says nothing about what a TPM was told.");
  EXPECT_EQ(sums("\\" + kSha256 + "  /a\\x"), "TVD-562 list:1: `/a\\x` is no name.");
  EXPECT_EQ(sums("\\" + kSha256 + "  /a\\"), "TVD-562 list:1: `/a\\` is no name.");
  EXPECT_EQ(sums(kSha256 + "  " + std::string(5000, 'x')),
            "TVD-562 list:1: `" + std::string(40, 'x') + "…` is no name.");
  EXPECT_EQ(sums(kSha256 + "  a" + std::string(1, '\0') + "\n"), "TVD-562 list:1: `a?` is no name.");
  EXPECT_EQ(sums("SHA256 (/a) = " + kSha1), "TVD-562 list:1: `" + kSha1 + "` is no digest.");
  EXPECT_EQ(sums("# nothing\n"), "TVD-561 list: there is no reference value in it.");
}

// F-150
TEST(ReferenceLists, OfDebiansIndexAreTheArchivesUnderTheirFilenames) {
  const std::string text =
      "Package: bash\nVersion: 5.2\nDescription: a shell\n that goes on\n\tand on\nFilename: "
      "pool/b/bash.deb\nSHA256: " +
      kSha256 + "\n\n\nPackage: tar\nFilename: pool/t/tar.deb\nSHA256: " + kSha256 + "\n";
  EXPECT_EQ(guess_reference_format(text), ReferenceFormat::packages);
  EXPECT_EQ(guess_reference_format("Architecture: all\n" + text), ReferenceFormat::packages);
  EXPECT_EQ(names(read(text, ReferenceFormat::packages)),
            "/pool/b/bash.deb sha256\n/pool/t/tar.deb sha256\n");
  const auto packages = [](const std::string& t) { return refusal(t, ReferenceFormat::packages); };
  EXPECT_EQ(packages("Package: a\nFilename: x\n"),
            "TVD-562 list:2: the paragraph of package `a` lacks its Package, Filename or SHA256.");
  EXPECT_EQ(packages("Package: a\nPackage: b\n"), "TVD-562 list:2: field Package is given twice.");
  EXPECT_EQ(packages("no field"), "TVD-562 list:1: `no field` is no field.");
  EXPECT_EQ(packages("SHA256: 12"), "TVD-562 list:1: `12` is no SHA-256.");
  EXPECT_EQ(packages("Filename:  "), "TVD-562 list:1: `` is no name.");
}

// F-150
TEST(ReferenceLists, OfKeylimesPoliciesAreTheirDigests) {
  const std::string text = R"({"meta": {"version": 1}, "digests": {"boot_aggregate": [")" + kSha1 +
                           R"("], "/bin/sh": [")" + kSha256 + R"(", ")" + kSha1 +
                           R"("], "/empty": []}, "excludes": ["/tmp/.*"]})";
  EXPECT_EQ(guess_reference_format(" " + text), ReferenceFormat::keylime);
  EXPECT_EQ(names(read(text, ReferenceFormat::keylime)), "/bin/sh sha256\n/bin/sh sha1\n");
  const auto keylime = [](const std::string& t) { return refusal(t, ReferenceFormat::keylime); };
  EXPECT_EQ(keylime("{"), "TVD-561 list: this is no JSON document.");
  EXPECT_EQ(keylime(std::string(3000, '[')), "TVD-561 list: this is no JSON document.");
  EXPECT_EQ(keylime("{}"), "TVD-561 list: this is no policy of Keylime: it has no object `digests`.");
  EXPECT_EQ(keylime(R"({"digests": []})"),
            "TVD-561 list: this is no policy of Keylime: it has no object `digests`.");
  EXPECT_EQ(keylime(R"({"digests": {"/a": "x"}})"),
            "TVD-562 list digests[`/a`]: the digests of a path are a list.");
  EXPECT_EQ(keylime(R"({"digests": {"/a": ["x"]}})"), "TVD-562 list digests[`/a`]: `x` is no digest.");
  EXPECT_EQ(keylime(R"({"digests": {"/a": [[1]]}})"), "TVD-562 list digests[`/a`]: `[1]` is no digest.");
  EXPECT_EQ(keylime(R"({"digests": {"": ["x"]}})"), "TVD-562 list digests[``]: this is no path.");
}

TEST(ReferenceLists, OfAManifestAreReadBackFromWhatWasWritten) {
  ReferenceList list{"nginx 1.24", {}};
  for (const What what : {What::add, What::retire, What::remove, What::annotate}) {
    ReferenceChange change;
    change.what = what;
    change.digest = vtpm::Digest::filled(vtpm::HashAlg::sha256, 7);
    if (what == What::annotate) {
      change.standing = Standing::vulnerable;
      change.text = "CVE-2026-1 two words\\";
    } else {
      change.kind = what == What::add ? ReferenceChange::Kind::boot : ReferenceChange::Kind::file;
      change.name = "a name\nwith lines";
    }
    list.changes.push_back(change);
  }
  const std::string text = write_manifest(list);
  EXPECT_EQ(guess_reference_format(text), ReferenceFormat::manifest);
  const ReferenceList again = read("tvdsim-references 1\n# a remark\n\n" + text.substr(text.find('\n') + 1),
                                   ReferenceFormat::manifest);
  EXPECT_EQ(again.source, list.source);
  EXPECT_EQ(again.changes, list.changes);
}

TEST(ReferenceLists, OfAManifestThatCannotBeReadNameTheLine) {
  const auto manifest = [](const std::string& line) {
    return refusal("tvdsim-references 1\n" + line, ReferenceFormat::manifest);
  };
  EXPECT_EQ(refusal("tvdsim-references 2\n", ReferenceFormat::manifest),
            "TVD-561 list:1: this is no manifest of reference values.");
  EXPECT_EQ(refusal("", ReferenceFormat::manifest),
            "TVD-561 list:1: this is no manifest of reference values.");
  EXPECT_EQ(manifest(""), "TVD-561 list: there is no reference value in it.");
  EXPECT_EQ(manifest("forget sha256:" + kSha256 + " file /a"), "TVD-562 list:2: `forget` is no statement.");
  EXPECT_EQ(manifest("add md5:00 file /a"), "TVD-562 list:2: `md5:00` is no digest.");
  EXPECT_EQ(manifest("add sha256"), "TVD-562 list:2: `sha256` is no digest.");
  EXPECT_EQ(manifest("add sha1:" + kSha1 + " disk /a"), "TVD-562 list:2: `disk` is no kind.");
  EXPECT_EQ(manifest("add sha1:" + kSha1 + " file "), "TVD-562 list:2: `` is no name or text.");
  EXPECT_EQ(manifest("annotate sha1:" + kSha1 + " nice it is"),
            "TVD-562 list:2: `nice` says nothing about a digest.");
  EXPECT_EQ(manifest("source a\nsource b"), "TVD-562 list:3: a manifest has one source, in one line.");
}

TEST(ReferenceLists, HaveNamesForTheirFormats) {
  for (const auto format : {ReferenceFormat::sums, ReferenceFormat::packages, ReferenceFormat::keylime,
                            ReferenceFormat::manifest})
    EXPECT_EQ(reference_format(to_text(format)), format);
  EXPECT_EQ(reference_format("xml"), std::nullopt);
  EXPECT_EQ(annotation_standing("bad"), std::nullopt) << "an annotation says what is wrong";
}

}  // namespace
}  // namespace tvdsim::models
