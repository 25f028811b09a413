#include "vtpm/evidence/ima_log.hpp"

#include <gtest/gtest.h>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using namespace std::string_view_literals;

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

void put_u32(Bytes& out, std::size_t v) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}
void put(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

Bytes fields(std::initializer_list<Bytes> contents) {
  Bytes out;
  for (const Bytes& content : contents) put_u32(out, content.size()), put(out, content);
  return out;
}
Bytes digest_field(std::uint8_t fill, std::string_view alg = "sha256:\0"sv, std::size_t size = 32) {
  Bytes out = bytes_of(alg);
  out.insert(out.end(), size, fill);
  return out;
}
Bytes name_field(std::string_view name) {
  Bytes out = bytes_of(name);
  out.push_back(0);
  return out;
}
const Bytes kSignature = {3, 2, 4, 0xde, 0xad, 0xbe, 0xef, 0, 3, 0xaa, 0xbb, 0xcc};

// A binary log as the kernel writes it: each template hash is the SHA-1 of its data.
struct Log {
  Bytes out;
  Log& entry(std::string_view name, const Bytes& data, std::uint32_t pcr = 10) {
    return entry_with_hash(name, data, hash(HashAlg::sha1, {data}), pcr);
  }
  Log& entry_with_hash(std::string_view name, const Bytes& data, const Digest& sha1, std::uint32_t pcr = 10) {
    put_u32(out, pcr), put(out, Bytes(sha1.view().begin(), sha1.view().end()));
    put_u32(out, name.size()), put(out, bytes_of(name)), put_u32(out, data.size()), put(out, data);
    return *this;
  }
  Log& file(std::string_view path, std::uint8_t fill) {
    return entry("ima-ng", fields({digest_field(fill), name_field(path)}));
  }
  Log& violation(std::string_view path) {
    return entry_with_hash("ima-ng", fields({digest_field(0), name_field(path)}),
                           Digest::filled(HashAlg::sha1, 0));
  }
};

std::string refusal(const Bytes& bytes) {
  try {
    ImaLog::parse(bytes);
  } catch (const sim::InputError& e) {
    return e.findings().at(0).code;
  }
  return "accepted";
}
std::string refusal(std::string_view text) { return refusal(bytes_of(text)); }

TEST(ImaLog, SaysWhichFileHadWhichDigest) {
  Log w;
  w.file("boot_aggregate", 1).file("/sbin/init", 2);
  w.entry("ima-sig", fields({digest_field(3), name_field("/usr/bin/ssh"), kSignature}));
  w.entry("ima-buf", fields({digest_field(4), name_field(".ima"), bytes_of("a certificate")}));
  w.entry("ima-modsig",
          fields({digest_field(5), name_field("/m.ko"), {}, digest_field(6), bytes_of("pkcs7")}));
  w.entry("ima-ngv2", fields({digest_field(7, "verity:sha256:\0"sv), name_field("/verity")}));
  const ImaLog log = ImaLog::parse(w.out);
  ASSERT_EQ(log.entries().size(), 6u);
  EXPECT_EQ(log.entries()[1].path(), "/sbin/init");
  EXPECT_EQ(log.entries()[1].algorithm(), "sha256");
  EXPECT_EQ(to_hex(log.entries()[1].digest()), to_hex(Bytes(32, 2)));
  EXPECT_EQ(log.entries()[1].signature().has_value(), false);
  const auto signature = log.entries()[2].signature();
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->key, 0xdeadbeefu);
  EXPECT_EQ(to_hex(signature->signature), "aabbcc");
  EXPECT_EQ(log.entries()[3].field(ImaField::buf).size(), 13u);
  EXPECT_EQ(log.entries()[4].field(ImaField::modsig).size(), 5u);
  EXPECT_EQ(log.entries()[5].algorithm(), "sha256");
  EXPECT_EQ(log.first_bad(), std::nullopt);
  ASSERT_NE(log.boot_aggregate(), nullptr);
  EXPECT_EQ(log.boot_aggregate()->digest()[0], 1);
}

TEST(ImaLog, ReadsTheFirstTemplateWhoseDataCarryNoLength) {
  // hash = SHA-1(digest || name in 256 zeros)
  Bytes hashed(20, 7);
  put(hashed, bytes_of("/bin/sh"));
  hashed.resize(276);
  Log w;
  put_u32(w.out, 10);
  const Digest sha1 = hash(HashAlg::sha1, {hashed});
  put(w.out, Bytes(sha1.view().begin(), sha1.view().end()));
  put_u32(w.out, 3), put(w.out, bytes_of("ima")), put(w.out, Bytes(20, 7)), put_u32(w.out, 7),
      put(w.out, bytes_of("/bin/sh"));
  const ImaLog binary = ImaLog::parse(w.out);
  EXPECT_EQ(binary.first_bad(), std::nullopt);
  EXPECT_EQ(binary.entries()[0].path(), "/bin/sh");
  const std::string line = "10 " + to_hex(sha1.view()) + " ima " + to_hex(Bytes(20, 7)) + " /bin/sh\n";
  const ImaLog ascii = ImaLog::parse(bytes_of(line));
  EXPECT_EQ(ascii.entries()[0].data, binary.entries()[0].data);
}

TEST(ImaLog, ReplaysToThePcrThatTheKernelLeaves) {
  Log w;
  w.file("/a", 1).violation("/b").file("/c", 2);
  const ImaLog log = ImaLog::parse(w.out);
  PcrBank sha1(HashAlg::sha1), sha256(HashAlg::sha256), padded(HashAlg::sha256);
  for (const ImaEntry& e : log.entries()) {
    const bool violation = e.path() == "/b";
    EXPECT_EQ(e.violation(), violation);
    sha1.extend(10, violation ? Bytes(20, 0xff)
                              : Bytes(e.template_hash.view().begin(), e.template_hash.view().end()));
    sha256.extend(10, violation ? Digest::filled(HashAlg::sha256, 0xff).view()
                                : hash(HashAlg::sha256, {e.data}).view());
    Bytes zeros(e.template_hash.view().begin(), e.template_hash.view().end());
    zeros.resize(32);
    padded.extend(10, violation ? Bytes(32, 0xff) : zeros);
  }
  EXPECT_EQ(log.replay(HashAlg::sha1), sha1.value(10));
  EXPECT_EQ(log.replay(HashAlg::sha256), sha256.value(10));
  EXPECT_EQ(log.replay(HashAlg::sha256, SIZE_MAX, ImaFill::padded_sha1), padded.value(10));
  EXPECT_EQ(log.replay(HashAlg::sha256, 0), Digest::filled(HashAlg::sha256, 0));
}

TEST(ImaLog, FindsThePrefixThatAnOlderQuoteCovers) {
  Log w;
  for (std::uint8_t i = 1; i <= 20; ++i) w.file("/f" + std::to_string(i), i);
  const ImaLog log = ImaLog::parse(w.out);
  for (const std::size_t upto : {0, 1, 13, 20})
    EXPECT_EQ(log.prefix_for(HashAlg::sha256, log.replay(HashAlg::sha256, upto)), upto);
  EXPECT_EQ(log.prefix_for(HashAlg::sha256, Digest::filled(HashAlg::sha256, 9)), std::nullopt);
}

TEST(ImaLog, KeepsPcrsApart) {
  Log w;
  w.file("/a", 1);
  const Digest only_ten = ImaLog::parse(w.out).replay(HashAlg::sha256);
  w.entry("ima-ng", fields({digest_field(2), name_field("/b")}), 11);
  const ImaLog log = ImaLog::parse(w.out);
  EXPECT_EQ(log.replay(HashAlg::sha256), only_ten);
  EXPECT_FALSE(log.replay(HashAlg::sha256, SIZE_MAX, ImaFill::rehash, 11).all(0));
}

TEST(ImaLog, ShowsTheFirstEntryWhoseHashIsNotThatOfItsData) {
  Log w;
  w.file("/a", 1).violation("/b").file("/c", 2).file("/d", 3);
  Bytes forged = w.out;
  forged[forged.size() - 2] ^= 1;  // in the last path
  EXPECT_EQ(ImaLog::parse(w.out).first_bad(), std::nullopt);
  EXPECT_EQ(ImaLog::parse(forged).first_bad(), 3u);
}

TEST(ImaLog, ShowsEveryChangedByteOfAHashOrOfItsData) {
  Log w;
  w.file("/usr/sbin/sshd", 1).file("/bin/sh", 2);
  const ImaLog honest = ImaLog::parse(w.out);
  std::size_t seen = 0, refused = 0;
  for (std::size_t i = 0; i < w.out.size(); ++i) {
    if (i % (w.out.size() / 2 + 4) < 4)
      continue;  // the PCR's number: covered by nothing but the replays of both PCRs
    Bytes forged = w.out;
    forged[i] ^= 0x20;
    if (refusal(forged) != "accepted") {
      ++refused;
      continue;
    }
    const ImaLog log = ImaLog::parse(forged);
    EXPECT_TRUE(log.first_bad() || log.replay(HashAlg::sha1) != honest.replay(HashAlg::sha1)) << i;
    ++seen;
  }
  EXPECT_GE(seen, 2u * (20 + 32));
  EXPECT_GT(refused, 0u);
}

TEST(ImaLog, BroughtBackFromAsciiHasItsSpaces) {
  const Bytes data = fields({digest_field(1), name_field("/mnt/my file_1")});
  const std::string sha1 = to_hex(hash(HashAlg::sha1, {data}).view());
  for (const char* printed : {"/mnt/my_file_1", "/mnt/my file_1"}) {
    const std::string line = "10 " + sha1 + " ima-ng sha256:" + to_hex(Bytes(32, 1)) + " " + printed + "\n";
    const ImaLog log = ImaLog::parse(bytes_of(line));
    EXPECT_EQ(log.entries()[0].path(), "/mnt/my file_1") << printed;
    EXPECT_EQ(log.first_bad(), std::nullopt);
  }
}

TEST(ImaLog, InAsciiMayLeaveEmptyFieldsAway) {
  const Bytes unsigned_data = fields({digest_field(1), name_field("/bin/cafe"), {}});
  const Bytes signed_data = fields({digest_field(1), name_field("/bin/cafe"), kSignature});
  const std::string digest = " ima-sig sha256:" + to_hex(Bytes(32, 1)) + " /bin/cafe";
  const auto line = [&](const Bytes& data, const std::string& end) {
    return "10 " + to_hex(hash(HashAlg::sha1, {data}).view()) + digest + end;
  };
  EXPECT_EQ(ImaLog::parse(bytes_of(line(unsigned_data, ""))).first_bad(), std::nullopt);
  EXPECT_EQ(ImaLog::parse(bytes_of(line(unsigned_data, " \n"))).first_bad(), std::nullopt);
  const ImaLog with = ImaLog::parse(bytes_of(line(signed_data, " " + to_hex(kSignature) + "\n")));
  EXPECT_EQ(with.first_bad(), std::nullopt);
  EXPECT_TRUE(with.entries()[0].signature());
  // A name with a space whose second half could be a signature in hex: the template hash decides.
  const Bytes tricky = fields({digest_field(1), name_field("/bin/cafe cafe"), {}});
  EXPECT_EQ(ImaLog::parse(bytes_of(line(tricky, " cafe"))).entries()[0].path(), "/bin/cafe cafe");
}

TEST(ImaLog, ThatIsCutIsRefused) {
  Log w;
  w.file("/a", 1);
  const std::size_t first = w.out.size();
  w.file("/b", 2);
  for (std::size_t n = 0; n < w.out.size(); ++n) {
    const std::string got = refusal(Bytes(w.out.begin(), w.out.begin() + static_cast<std::ptrdiff_t>(n)));
    EXPECT_EQ(got, n < 4 ? "TVD-511" : n == first ? "accepted" : "TVD-502") << n;
  }
}

TEST(ImaLog, ThatIsNoneIsRefusedByItsFault) {
  EXPECT_EQ(refusal(""sv), "TVD-511");
  EXPECT_EQ(refusal("hello world, this is text"sv), "TVD-511");
  EXPECT_EQ(refusal("10 zz ima-ng sha256:00 /a"sv), "TVD-511");
  EXPECT_EQ(refusal("24 " + std::string(40, '1') + " ima-ng sha256:" + std::string(64, '0') + " /a"),
            "TVD-505");
  EXPECT_EQ(refusal("10 " + std::string(40, '1') + " ima-xl sha256:" + std::string(64, '0') + " /a"),
            "TVD-512");
  EXPECT_EQ(refusal("10 " + std::string(40, '1') + " ima-ng sha256:" + std::string(62, '0') + " /a"),
            "TVD-513");
  EXPECT_EQ(refusal("10 " + std::string(40, '1') + " ima-ng " + std::string(64, '0') + " /a"), "TVD-513");
  EXPECT_EQ(refusal("10 " + std::string(40, '1') + " ima-ng sha256:" + std::string(64, '0')), "TVD-513");
  EXPECT_EQ(refusal("10 " + std::string(40, '1') + " ima-ng sha256:" + std::string(64, '0') + " /a"),
            "accepted");
}

TEST(ImaLog, RefusesFieldsThatAreNotThoseOfTheTemplate) {
  const auto one = [](std::string_view name, const Bytes& data) {
    return refusal(Log{}.entry(name, data).out);
  };
  EXPECT_EQ(one("ima-ng", fields({digest_field(1), name_field("/a")})), "accepted");
  EXPECT_EQ(one("ima-ng", fields({digest_field(1)})), "TVD-513") << "a field is missing";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1), name_field("/a"), {}})), "TVD-513") << "a field too many";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1, "sha256:\0"sv, 20), name_field("/a")})), "TVD-513")
      << "SHA-256 of 20 bytes";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1, "sha256\0"sv), name_field("/a")})), "TVD-513")
      << "no colon";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1, ":\0"sv), name_field("/a")})), "TVD-513") << "no algorithm";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1), bytes_of("/a")})), "TVD-513") << "no NUL";
  EXPECT_EQ(one("ima-ng", fields({digest_field(1), name_field("/a\0/b"sv)})), "TVD-513") << "two NULs";
  Bytes long_field = fields({digest_field(1), name_field("/a")});
  long_field[3] = 0xff;
  EXPECT_EQ(one("ima-ng", long_field), "TVD-513") << "a field longer than the data";
}

TEST(ImaLog, RefusesASignatureThatContradictsItself) {
  const auto with = [](const Bytes& sig) {
    return refusal(Log{}.entry("ima-sig", fields({digest_field(1), name_field("/a"), sig})).out);
  };
  EXPECT_EQ(with(kSignature), "accepted");
  EXPECT_EQ(with({}), "accepted");
  EXPECT_EQ(with({1, 0xaa, 0xbb}), "accepted") << "a stored digest is no signature";
  for (std::size_t n = 1; n < kSignature.size(); ++n) {
    EXPECT_EQ(with(Bytes(kSignature.begin(), kSignature.begin() + static_cast<std::ptrdiff_t>(n))), "TVD-514")
        << n;
  }
  Bytes bad_version = kSignature;
  bad_version[1] = 9;
  EXPECT_EQ(with(bad_version), "TVD-514");
  EXPECT_EQ(with({3, 2, 4, 0, 0, 0, 0, 0, 0}), "TVD-514") << "nothing in it";
}

}  // namespace
}  // namespace tvdsim::vtpm
