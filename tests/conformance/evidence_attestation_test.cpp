// Logs from the test suites of other verifiers, with the values that those suites publish (EXPECTED.json).
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "sim/base/error.hpp"
#include "tests/support/oracle.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::vtpm {
namespace {

using nlohmann::json;
using tests::oracle, tests::oracle_absent, tests::read_bytes, tests::read_text;

struct Attestation : testing::Test {
  void SetUp() override {
    const auto root = oracle("attestation");
    if (!root) GTEST_SKIP() << oracle_absent(1);
    folder = *root;
    expected = json::parse(read_text(folder / "EXPECTED.json"));
  }
  void TearDown() override {
    if (!IsSkipped() && !HasFailure()) std::cout << "conformance: 1 attestation case\n";
  }

  // Every PCR that EXPECTED.json lists, and no other, in the banks that it lists.
  void expect_replay(const EventLog& log, const json& replayed) {
    std::size_t banks = 0;
    for (const PcrBank& bank : log.replay()) {
      const auto wanted = replayed.find(std::string(to_text(bank.alg())));
      if (wanted == replayed.end()) continue;
      ++banks;
      for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
        const auto value = wanted->find(std::to_string(pcr));
        EXPECT_EQ(value != wanted->end(), bank.touched(pcr)) << "PCR " << pcr;
        if (value == wanted->end()) continue;
        EXPECT_EQ(to_hex(bank.value(pcr).view()), value->get<std::string>());
      }
    }
    EXPECT_EQ(banks, replayed.size());
  }
  std::string refusal_of(const std::string& file, auto parse) {
    try {
      parse(read_bytes(folder / file));
    } catch (const sim::InputError& e) {
      return e.findings().at(0).code;
    }
    return "accepted";
  }

  std::filesystem::path folder;
  json expected;
};

TEST_F(Attestation, AnArchLinuxBootReplaysInBothBanks) {
  const json& want = expected.at("tpm2tools-event-arch-linux.bin");
  const EventLog log = EventLog::parse(read_bytes(folder / "tpm2tools-event-arch-linux.bin"));
  EXPECT_EQ(log.events().size() - 1,
            want.at("events").get<std::size_t>());  // the header event is not counted there
  expect_replay(log, want.at("replayed_pcrs"));
}

TEST_F(Attestation, ALogWithoutTheExitBootServicesEventsDoesNotExplainPcr5) {
  const json& want = expected.at("goattest-ebs-missing.bin");
  const EventLog log = EventLog::parse(read_bytes(folder / "goattest-ebs-missing.bin"));
  EXPECT_EQ(log.format(), EventLog::Format::sha1);
  EXPECT_EQ(log.events().size(), want.at("events").get<std::size_t>());
  expect_replay(log, want.at("replayed_pcrs"));
  PcrBank bank = log.replay().at(0);
  const std::string held = want.at("upstream_pcr5").at("sha1");
  EXPECT_NE(to_hex(bank.value(5).view()), held);
  for (const std::string_view text :
       {"Exit Boot Services Invocation", "Exit Boot Services Returned with Success"}) {
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    bank.extend(5, hash(HashAlg::sha1, {bytes}).view());
  }
  EXPECT_EQ(to_hex(bank.value(5).view()), held)
      << "with the two events that the firmware did not log it does";
}

TEST_F(Attestation, AShortNoActionEventIsALog) {
  const EventLog log = EventLog::parse(read_bytes(folder / "goattest-short-no-action.bin"));
  ASSERT_EQ(log.events().size(), 1u);
  EXPECT_EQ(log.startup_locality(), 3);
  EXPECT_EQ(to_hex(log.replay().at(0).value(0).view()), std::string(39, '0') + "3");
}

TEST_F(Attestation, TextIsNoEventLog) {
  EXPECT_EQ(refusal_of("keylime-bios-bogus.bin", [](auto bytes) { EventLog::parse(bytes); }), "TVD-501");
}

TEST_F(Attestation, AForgedEntryOfAThousandIsFound) {
  const json& want = expected.at("ibmacs-imasig-binary.log");
  const ImaLog log = ImaLog::parse(read_bytes(folder / "ibmacs-imasig-binary.log"));
  ASSERT_EQ(log.entries().size(), want.at("entries").get<std::size_t>());
  EXPECT_EQ(log.first_bad(), want.at("bad_entries").at(0).get<std::size_t>());
  EXPECT_EQ(log.entries()[*log.first_bad()].path().substr(0, 13), "/usr/bin/xaut");
  std::size_t sound = 0, with_signature = 0;
  for (const ImaEntry& entry : log.entries()) {
    sound += entry.hash_matches();
    with_signature += entry.signature().has_value();
  }
  EXPECT_EQ(sound, want.at("template_hash_ok").get<std::size_t>());
  EXPECT_EQ(with_signature, want.at("with_signature").get<std::size_t>());
  EXPECT_EQ(to_hex(log.replay(HashAlg::sha1).view()), want.at("pcr10_sha1").get<std::string>());
  EXPECT_EQ(to_hex(log.replay(HashAlg::sha256).view()), want.at("pcr10_sha256").get<std::string>());
}

TEST_F(Attestation, AsciiLogsReplayInBothBanks) {
  for (const char* file : {"keylime-ima-sig.txt", "keylime-ima-entries-valid.txt"}) {
    const json& want = expected.at(file);
    const ImaLog log = ImaLog::parse(read_bytes(folder / file));
    EXPECT_EQ(log.entries().size(), want.at("entries").get<std::size_t>()) << file;
    EXPECT_EQ(log.first_bad(), std::nullopt) << file;
    EXPECT_EQ(to_hex(log.replay(HashAlg::sha1).view()),
              want.at("pcr10_sha1_replay_of_logged_template_hashes").get<std::string>());
    EXPECT_EQ(to_hex(log.replay(HashAlg::sha256).view()),
              want.at("pcr10_sha256_replay_rehashed_template_data").get<std::string>());
  }
}

TEST_F(Attestation, ASignatureWithAWrongSizeFieldIsRefused) {
  EXPECT_EQ(refusal_of("keylime-ima-sig-malformed.txt", [](auto bytes) { ImaLog::parse(bytes); }), "TVD-514");
}

TEST_F(Attestation, ATpm12BootReplaysToTheQuotedPcrs) {
  const json& want = expected.at("tpm12-linux-quote.json");
  const std::string base64 = json::parse(read_text(folder / "tpm12-linux-quote.json")).at("Log").at("Raw");
  std::vector<std::uint8_t> raw(base64.size());
  const int size = EVP_DecodeBlock(raw.data(), reinterpret_cast<const std::uint8_t*>(base64.data()),
                                   static_cast<int>(base64.size()));
  ASSERT_GT(size, 0);
  raw.resize(static_cast<std::size_t>(size) -
             static_cast<std::size_t>(std::count(base64.end() - 2, base64.end(), '=')));
  const EventLog log = EventLog::parse(raw);
  EXPECT_EQ(log.format(), EventLog::Format::sha1);
  EXPECT_EQ(log.events().size(), want.at("log_events").get<std::size_t>());
  const PcrBank bank = log.replay().at(0);
  for (const auto& [pcr, matches] : want.at("log_replay_matches_pcr").items()) {
    EXPECT_EQ(to_hex(bank.value(static_cast<std::uint32_t>(std::stoul(pcr))).view()) ==
                  want.at("pcrs_sha1").at(pcr),
              matches.get<bool>())
        << pcr;
  }
}

TEST_F(Attestation, EveryCaseOfTheFolderIsOneOfThese) {
  const std::vector<std::string> covered = {
      "tpm2tools-event-arch-linux.bin", "goattest-ebs-missing.bin",      "goattest-short-no-action.bin",
      "keylime-bios-bogus.bin",         "ibmacs-imasig-binary.log",      "keylime-ima-sig.txt",
      "keylime-ima-entries-valid.txt",  "keylime-ima-sig-malformed.txt", "tpm12-linux-quote.json"};
  for (const auto& [file, about] : expected.items()) {
    EXPECT_NE(std::find(covered.begin(), covered.end(), file), covered.end())
        << file << " is read by no test";
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
