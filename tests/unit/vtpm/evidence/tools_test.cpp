// What we write and accept, tpm2-tools and evmctl read and accept; what we refuse, they refuse.
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/x509.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/evidence.hpp"
#include "vtpm/evidence/ima_log_writer.hpp"
#include "vtpm/evidence/ima_signature.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::Machine, tests::Sent;

const Buffer kNonce = tests::bytes_of("a question of twenty");

struct Tools : testing::Test {
  Tools() {
    folder = std::filesystem::path(testing::TempDir()) /
             ("tvdsim-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder);
  }
  ~Tools() override { std::filesystem::remove_all(folder); }

  std::string put(const std::string& name, std::span<const std::uint8_t> bytes) {
    const auto path = folder / name;
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return path.string();
  }
  // Exit status and standard output.
  std::pair<int, std::string> run(const std::string& command) {
    std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 4096> block{};
    while (const std::size_t n = std::fread(block.data(), 1, block.size(), pipe)) out.append(block.data(), n);
    return {pclose(pipe), out};
  }

  std::filesystem::path folder;
  Machine machine;
};

// The PCRs at the end of tpm2_eventlog's YAML, by bank.
std::map<std::string, std::map<std::uint32_t, std::string>> pcrs_in(const std::string& yaml) {
  std::map<std::string, std::map<std::uint32_t, std::string>> out;
  std::istringstream lines(yaml);
  std::string line, bank;
  bool in_pcrs = false;
  while (std::getline(lines, line)) {
    if (line == "pcrs:") {
      in_pcrs = true;
    } else if (in_pcrs && line.size() > 3 && line.find("0x") == std::string::npos) {
      bank = line.substr(2, line.find(':') - 2);
    } else if (in_pcrs && line.find("0x") != std::string::npos) {
      out[bank][static_cast<std::uint32_t>(std::stoul(line))] = line.substr(line.find("0x") + 2);
    }
  }
  return out;
}

// Without a start-up locality: tpm2_eventlog 5.4 begins PCR 0 at zero whatever the log says of it.
TEST_F(Tools, Tpm2EventlogReadsOurLogAndComesToTheSamePcrs) {
  EventLogWriter log(Machine::kBanks);
  std::vector<PcrBank> pcrs{PcrBank(Machine::kBanks[0]), PcrBank(Machine::kBanks[1])};
  const auto extend = [&](std::uint32_t pcr, const std::vector<LogDigest>& digests) {
    for (std::size_t i = 0; i < pcrs.size(); ++i) pcrs[i].extend(pcr, digests[i].value.view());
  };
  extend(0, log.record(0, EventType::EV_S_CRTM_VERSION, measure(log.banks(), "1\0.\0002\0"), "1\0.\0002\0"));
  extend(0, log.record(0, EventType::EV_POST_CODE, measure(log.banks(), "POST"), "POST"));
  for (std::uint32_t pcr = 0; pcr < 8; ++pcr) extend(pcr, log.separator(pcr));
  extend(4, log.record(4, EventType::EV_EFI_ACTION,
                       measure(log.banks(), "Calling EFI Application from Boot Option"),
                       "Calling EFI Application from Boot Option"));
  extend(8, log.record(8, EventType::EV_IPL, measure(log.banks(), "grub_cmd: boot"), "grub_cmd: boot"));
  extend(9, log.record(9, EventType::EV_IPL, measure(log.banks(), "a kernel"), "/vmlinuz"));
  extend(12, log.record(12, EventType::EV_COMPACT_HASH, measure(log.banks(), "policy"), "policy"));

  const auto [status, yaml] = run("tpm2_eventlog " + put("eventlog.bin", log.bytes()));
  ASSERT_EQ(status, 0) << yaml;
  const auto theirs = pcrs_in(yaml);
  ASSERT_EQ(theirs.size(), 2u) << yaml;
  const EventLog parsed = EventLog::parse(log.bytes());
  std::size_t equal = 0;
  for (const PcrBank& bank : parsed.replay()) {
    for (const PcrBank& held : pcrs) {
      if (held.alg() != bank.alg()) continue;
      EXPECT_EQ(held, bank) << "extending and replaying are one arithmetic";
    }
    for (const auto& [pcr, hex] : theirs.at(std::string(to_text(bank.alg())))) {
      EXPECT_TRUE(bank.touched(pcr));
      EXPECT_EQ(to_hex(bank.value(pcr).view()), hex) << pcr;
      ++equal;
    }
  }
  EXPECT_EQ(equal, 2u * 11) << yaml;
}

// F-080
TEST_F(Tools, Tpm2CheckquoteAndWeAcceptAndRefuseTheSameQuotes) {
  machine.run("/sbin/init", "init");
  PcrValues pcrs = pcr_values(machine.pcrs[1], 0x7ff);
  const std::vector<PcrSelection> selection = {{HashAlg::sha256, 0x7ff, 3}};
  const Sent sent = tests::quote_of(machine.key, kNonce, selection, pcrs);
  const PublicKey key = machine.key.public_key();
  const std::string pem = key.pem();
  const std::string pem_file =
      put("ak.pem", std::span(reinterpret_cast<const std::uint8_t*>(pem.data()), pem.size()));
  Buffer tpm2b;
  ByteWriter(tpm2b).tpm2b(machine.key.tpmt_public());
  const std::string pub_file = put("ak.pub", tpm2b);

  const auto both = [&](const Buffer& attest, const Buffer& signature, const Buffer& nonce,
                        const PcrValues& values, const std::string& key_file) {
    const std::string command =
        "tpm2_checkquote -u " + key_file + " -m " + put("q.msg", attest) + " -s " + put("q.sig", signature) +
        " -f " + put("q.pcrs", write_pcr_dump(selection, values)) + " -g sha256 -q " + to_hex(nonce);
    const auto [status, text] = run(command);
    const QuoteVerdict ours = verify_quote(attest, signature, key, nonce, values);
    EXPECT_EQ(status == 0, bool(ours)) << text << ours.detail;
    EXPECT_EQ(read_pcr_dump(write_pcr_dump(selection, values)), values);
    return ours.reason;
  };
  EXPECT_EQ(both(sent.attest, sent.signature, kNonce, pcrs, pem_file), QuoteReason::ok);
  EXPECT_EQ(both(sent.attest, sent.signature, kNonce, pcrs, pub_file), QuoteReason::ok);
  Buffer other = kNonce;
  other[3] ^= 1;
  EXPECT_EQ(both(sent.attest, sent.signature, other, pcrs, pem_file), QuoteReason::nonce);
  for (std::size_t i = 0; i < sent.attest.size(); i += 9) {
    Buffer forged = sent.attest;
    forged[i] ^= 1;
    EXPECT_NE(both(forged, sent.signature, kNonce, pcrs, pem_file), QuoteReason::ok) << i;
  }
  for (std::size_t i = 6; i < sent.signature.size(); i += 7) {
    Buffer forged = sent.signature;
    forged[i] ^= 1;
    EXPECT_NE(both(sent.attest, forged, kNonce, pcrs, pem_file), QuoteReason::ok) << i;
  }
  for (auto& [pcr, digest] : pcrs[HashAlg::sha256]) {
    digest.bytes[pcr] ^= 1;
    EXPECT_EQ(both(sent.attest, sent.signature, kNonce, pcrs, pem_file), QuoteReason::pcr_digest) << pcr;
    digest.bytes[pcr] ^= 1;
  }
}

// A certificate of this key as evmctl wants keys: in DER; who signed it does not matter to it.
Buffer certificate_of(const PublicKey& key) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> anyone(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
  X509_set_version(made.get(), 2);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("publisher"), -1, -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), const_cast<EVP_PKEY*>(key.handle()));
  X509_sign(made.get(), anyone.get(), EVP_sha256());
  unsigned char* der = nullptr;
  const int size = i2d_X509(made.get(), &der);
  Buffer out(der, der + size);
  OPENSSL_free(der);
  return out;
}

// As /sys/class/tpm shows them.
std::string pcr_file(const PcrBank& bank) {
  std::string text;
  for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
    char word[16];
    std::snprintf(word, sizeof word, "PCR-%02u:", pcr);
    text += word;
    const Digest value = bank.value(pcr);
    for (const std::uint8_t byte : value.view()) {
      std::snprintf(word, sizeof word, " %02X", byte);
      text += word;
    }
    text += '\n';
  }
  return text;
}

// F-064
TEST_F(Tools, EvmctlComesToOurPcrAndVerifiesOurFileSignatures) {
  const PublisherKey& publisher = PublisherKey::of("publisher");
  ImaLogWriter log(Machine::kBanks, true);
  std::vector<PcrBank> pcrs{PcrBank(Machine::kBanks[0]), PcrBank(Machine::kBanks[1])};
  const auto extend = [&](std::span<const LogDigest> digests) {
    for (std::size_t i = 0; i < pcrs.size(); ++i) pcrs[i].extend(10, digests[i].value.view());
  };
  extend(log.boot_aggregate(PcrBank(HashAlg::sha256)));
  for (const std::string_view path : {"/sbin/init", "/usr/bin/a file of a name with blanks", "/bin/sh"}) {
    const Buffer content = tests::bytes_of(path);
    const Digest digest = hash(HashAlg::sha256, {content});
    extend(log.file(path, HashAlg::sha256, digest.view(),
                    ima_signature(publisher, HashAlg::sha256, digest.view())));
  }
  const std::string key = put("publisher.der", certificate_of(publisher.public_key()));
  const auto evmctl = [&](const Buffer& shown, const PcrBank& bank) {
    const std::string file = put("pcrs", tests::bytes_of(pcr_file(bank)));
    return run("evmctl -v ima_measurement --verify-sig --key " + key + " --pcrs " +
               std::string(to_text(bank.alg())) + "," + file + " " + put("ima.log", shown));
  };
  for (const PcrBank& bank : pcrs) {
    const auto [status, text] = evmctl(log.bytes(), bank);
    EXPECT_EQ(status, 0) << text;
    EXPECT_NE(text.find("Matched per TPM bank"), std::string::npos) << text;
    for (const char* path : {"/sbin/init", "a name with blanks", "/bin/sh"})
      EXPECT_NE(text.find(std::string(path) + ": verification is OK"), std::string::npos) << text;
  }
  PcrBank other = pcrs[1];
  other.extend(10, Digest::filled(HashAlg::sha256, 1).view());
  EXPECT_NE(evmctl(log.bytes(), other).first, 0) << "a PCR to which the log does not lead";
  Buffer forged = log.bytes();
  forged[forged.size() - 3] ^= 1;  // in the last entry's signature, which the template hash covers
  EXPECT_NE(evmctl(forged, pcrs[1]).first, 0);
}

}  // namespace
}  // namespace tvdsim::vtpm
