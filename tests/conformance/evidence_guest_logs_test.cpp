// Logs of real guests, and the PCRs that their TPMs held: do our parsers and our arithmetic agree with them?
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <sstream>

#include "tests/support/oracle.hpp"
#include "vtpm/evidence/event_log.hpp"
#include "vtpm/evidence/ima_log.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::oracle, tests::oracle_absent, tests::read_bytes, tests::read_text;

// What expected.tsv says of one guest, and what its pcrs.txt holds.
struct Guest {
  std::filesystem::path folder;
  std::size_t events = 0, matching = 0, entries = 0, violations = 0;
  std::map<std::pair<HashAlg, std::uint32_t>, std::string> pcrs;
};

std::vector<Guest> guests(const std::filesystem::path& root) {
  std::vector<Guest> out;
  std::istringstream rows(read_text(root / "expected.tsv"));
  std::string row;
  std::getline(rows, row);
  while (std::getline(rows, row)) {
    if (row.empty()) continue;
    Guest guest;
    std::string name;
    std::size_t mismatching = 1;
    std::istringstream(row) >> name >> guest.events >> guest.matching >> mismatching >> guest.entries >>
        guest.violations;
    EXPECT_EQ(mismatching, 0u) << row;
    guest.folder = root / name;
    std::istringstream lines(read_text(guest.folder / "pcrs.txt"));
    std::string word, bank, hex;
    std::uint32_t pcr = 0;
    while (lines >> word >> bank >> pcr >> hex) guest.pcrs[{hash_by_name(bank).value(), pcr}] = hex;
    out.push_back(std::move(guest));
  }
  return out;
}

struct GuestLogs : testing::Test {
  void SetUp() override {
    const auto root = oracle("guest-logs");
    if (!root) GTEST_SKIP() << oracle_absent(3);
    all = guests(*root);
    ASSERT_GE(all.size(), 3u);
  }
  std::vector<Guest> all;
};

TEST_F(GuestLogs, OfTheFirmwareReplayToThePcrsOfTheTpm) {
  for (const Guest& guest : all) {
    const EventLog log = EventLog::parse(read_bytes(guest.folder / "tpm_eventlog.bin"));
    EXPECT_EQ(log.format(), EventLog::Format::crypto_agile);
    EXPECT_EQ(log.events().size() - 1, guest.events) << guest.folder;
    std::size_t matching = 0;
    for (const PcrBank& bank : log.replay()) {
      for (std::uint32_t pcr = 0; pcr < PcrBank::kCount; ++pcr) {
        if (!bank.touched(pcr)) continue;
        EXPECT_EQ(to_hex(bank.value(pcr).view()), guest.pcrs.at({bank.alg(), pcr}))
            << guest.folder << " PCR " << pcr;
        ++matching;
      }
    }
    EXPECT_EQ(matching, guest.matching) << guest.folder;
  }
  std::cout << "conformance: " << all.size() << " guest event logs\n";
}

TEST_F(GuestLogs, OfImaReplayToPcr10InEveryBank) {
  std::size_t banks = 0;
  for (const Guest& guest : all) {
    const ImaLog log = ImaLog::parse(read_bytes(guest.folder / "ima_binary.bin"));
    EXPECT_EQ(log.entries().size(), guest.entries) << guest.folder;
    EXPECT_EQ(std::count_if(log.entries().begin(), log.entries().end(),
                            [](const ImaEntry& e) { return e.violation(); }),
              static_cast<std::ptrdiff_t>(guest.violations));
    EXPECT_EQ(log.first_bad(), std::nullopt) << guest.folder;
    for (const HashAlg alg : kHashAlgs) {
      const auto expected = guest.pcrs.find({alg, 10});
      if (expected == guest.pcrs.end()) continue;
      // This kernel has no SHA-384 and SHA-512: their banks get the SHA-1 template hash and zeros.
      const bool built_in = alg == HashAlg::sha1 || alg == HashAlg::sha256;
      const ImaFill fill = built_in ? ImaFill::rehash : ImaFill::padded_sha1;
      EXPECT_EQ(to_hex(log.replay(alg, SIZE_MAX, fill).view()), expected->second)
          << guest.folder << ' ' << to_text(alg);
      const Digest end{from_hex(expected->second).value()};
      EXPECT_EQ(log.prefix_for(alg, end, fill), log.entries().size());
      EXPECT_NE(log.replay(alg, log.entries().size() - 1, fill), end);
      ++banks;
    }
  }
  EXPECT_EQ(banks, 10u);
  std::cout << "conformance: " << all.size() << " guest IMA logs, " << banks << " banks\n";
}

TEST_F(GuestLogs, InAsciiSayTheSameAsInBinary) {
  std::size_t entries = 0;
  for (const Guest& guest : all) {
    const ImaLog binary = ImaLog::parse(read_bytes(guest.folder / "ima_binary.bin"));
    const ImaLog ascii = ImaLog::parse(read_bytes(guest.folder / "ima_ascii.txt"));
    EXPECT_TRUE(ascii.ascii());
    EXPECT_FALSE(binary.ascii());
    ASSERT_EQ(ascii.entries().size(), binary.entries().size());
    for (std::size_t i = 0; i < binary.entries().size(); ++i, ++entries) {
      const ImaEntry &a = ascii.entries()[i], &b = binary.entries()[i];
      EXPECT_EQ(a.template_hash, b.template_hash);
      EXPECT_EQ(a.data, b.data) << guest.folder << " entry " << i << ' ' << b.path();
      EXPECT_EQ(a.path(), b.path());
    }
    EXPECT_EQ(ascii.first_bad(), std::nullopt);
  }
  std::cout << "conformance: " << entries << " IMA entries in both forms\n";
}

TEST_F(GuestLogs, BeginWithTheHashOfWhatTheFirmwareMeasured) {
  for (const Guest& guest : all) {
    const ImaLog log = ImaLog::parse(read_bytes(guest.folder / "ima_binary.bin"));
    const ImaEntry* first = log.boot_aggregate();
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(first->algorithm(), "sha256");
    PcrBank pcrs(HashAlg::sha256);
    std::vector<std::uint8_t> all_ten;  // PCRs 0 to 9, as the TPM held them
    for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
      const auto value = from_hex(guest.pcrs.at({HashAlg::sha256, pcr})).value();
      all_ten.insert(all_ten.end(), value.begin(), value.end());
    }
    EXPECT_EQ(to_hex(first->digest()), to_hex(hash(HashAlg::sha256, {all_ten}).view())) << guest.folder;
    for (const PcrBank& bank : EventLog::parse(read_bytes(guest.folder / "tpm_eventlog.bin")).replay()) {
      if (bank.alg() != HashAlg::sha256) continue;
      // PCRs 8 and 9 were not measured by this firmware, or are in its log: either way the replay has all ten.
      EXPECT_EQ(to_hex(boot_aggregate(bank).view()), to_hex(first->digest())) << guest.folder;
    }
  }
}

TEST_F(GuestLogs, WithOneChangedByteNoLongerReplayToThePcrs) {
  std::size_t changed = 0;
  for (const Guest& guest : all) {
    const auto bytes = read_bytes(guest.folder / "tpm_eventlog.bin");
    const EventLog log = EventLog::parse(bytes);
    const auto honest = log.replay();
    for (const LogEvent& event : log.events()) {
      if (event.type == kNoAction) continue;
      auto forged = bytes;
      forged[event.offset + 12 + 2 + 5] ^= 0x10;  // pcr, type, count, algorithm, then into the first digest
      const auto replayed = EventLog::parse(forged).replay();
      EXPECT_NE(replayed.front().value(event.pcr), honest.front().value(event.pcr))
          << guest.folder << ' ' << event.offset;
      ++changed;
    }
  }
  EXPECT_GE(changed, 50u);
  std::cout << "conformance: " << changed << " forged digests found\n";
}

TEST_F(GuestLogs, OfAQuotedGuestMatchTheQuoteUpToAnEarlierEntry) {
  // The quote signs the hash of PCRs 0-9, 10 and 14; it was taken before the log was read, so a prefix of the log explains it.
  for (const Guest& guest : all) {
    if (!std::filesystem::exists(guest.folder / "quote.msg")) continue;
    const auto quote = read_bytes(guest.folder / "quote.msg");
    ASSERT_GE(quote.size(), 32u);
    const Digest signed_pcrs{std::span(quote).last(32)};
    const ImaLog log = ImaLog::parse(read_bytes(guest.folder / "ima_binary.bin"));
    std::vector<std::size_t> prefixes;
    for (std::size_t upto = 0; upto <= log.entries().size(); ++upto) {
      std::vector<std::uint8_t> selection;
      for (const std::uint32_t pcr : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14}) {
        const auto value =
            pcr == 10 ? std::vector<std::uint8_t>{} : from_hex(guest.pcrs.at({HashAlg::sha256, pcr})).value();
        const Digest ten = log.replay(HashAlg::sha256, upto);
        const auto view = pcr == 10 ? ten.view() : std::span<const std::uint8_t>(value);
        selection.insert(selection.end(), view.begin(), view.end());
      }
      if (hash(HashAlg::sha256, {selection}) == signed_pcrs) prefixes.push_back(upto);
    }
    ASSERT_EQ(prefixes.size(), 1u) << "exactly one prefix of the log explains the quote";
    EXPECT_LT(prefixes.front(), log.entries().size());
    std::cout << "conformance: the quote of " << guest.folder.filename() << " covers " << prefixes.front()
              << " of " << log.entries().size() << " entries\n";
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
