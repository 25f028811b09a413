// Every bit of a log: what a digest or a length covers cannot be changed unseen, and what nothing covers decides nothing.
#include "vtpm/evidence/coverage.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "sim/base/error.hpp"
#include "tests/support/evidence_corpus.hpp"
#include "vtpm/evidence/ima_ascii.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::corpus_log, tests::CorpusLog, tests::flip_all, tests::FlipCount, tests::Machine;

Buffer variable(std::string_view name, Buffer value) {
  Buffer data = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
  ByteWriter out(data);
  out.u32(name.size()), out.u32(0), out.u32(value.size()), out.u32(0);
  for (const char c : name) out.u8(static_cast<std::uint8_t>(c)), out.u8(0);
  out.bytes(value);
  return data;
}

// A boot of UEFI firmware, as its TPM 2.0 log tells it.
Buffer uefi_log(std::uint8_t locality, std::span<const HashAlg> banks) {
  EventLogWriter log(banks);
  if (locality != 0) log.startup_locality(locality);
  const auto said = [&](std::uint32_t pcr, std::uint32_t type, const Buffer& data) {
    log.record(pcr, type, measure(banks, data), data);
  };
  said(0, EventType::EV_S_CRTM_VERSION, tests::bytes_of("1.0"));
  log.record(0, EventType::EV_NO_ACTION, measure(banks, "nothing"), "a remark of the firmware");
  log.record(0, EventType::EV_EFI_PLATFORM_FIRMWARE_BLOB, measure(banks, "the volume's bytes"),
             "address and size");
  said(7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {1}));
  for (std::uint32_t pcr = 0; pcr < 8; ++pcr) log.separator(pcr);
  log.record(4, EventType::EV_EFI_BOOT_SERVICES_APPLICATION, measure(banks, "shim"), "a device path");
  for (const std::string_view text : kExitBootServices)
    said(5, EventType::EV_EFI_ACTION, tests::bytes_of(text));
  return log.bytes();
}

// The same events as TPM 1.2's firmware logs them.
Buffer old_log(const Buffer& agile) {
  Buffer out;
  ByteWriter log(out);
  const EventLog parsed = EventLog::parse(agile);
  for (const LogEvent& event : parsed.events().subspan(1)) {
    log.u32(event.pcr), log.u32(event.type);
    log.bytes(event.digests.front().value.view());
    log.u32(event.data.size()), log.bytes(event.data);
  }
  return out;
}

Buffer entry(std::string_view shape, const Buffer& data, bool violation = false) {
  Buffer out;
  ByteWriter log(out);
  log.u32(10);
  Buffer hashed = data;
  if (shape == "ima") {  // digest, length, name
    hashed.erase(hashed.begin() + 20, hashed.begin() + 24);
    hashed.resize(276);
  }
  const Digest digest = violation ? Digest::filled(HashAlg::sha1, 0) : hash(HashAlg::sha1, {hashed});
  log.bytes(digest.view());
  log.u32(shape.size()), log.text(shape);
  if (shape != "ima") log.u32(data.size());
  log.bytes(data);
  return out;
}

// An entry of every template, and violations.
Buffer ima_of_all_templates() {
  Buffer out;
  const auto field = [](const Buffer& content) {
    Buffer f;
    ByteWriter(f).u32(content.size());
    f.insert(f.end(), content.begin(), content.end());
    return f;
  };
  const auto add = [&](std::string_view shape, const std::vector<Buffer>& fields, bool violation = false) {
    Buffer data;
    for (const Buffer& f : fields) data.insert(data.end(), f.begin(), f.end());
    const Buffer whole = entry(shape, data, violation);
    out.insert(out.end(), whole.begin(), whole.end());
  };
  Buffer digest = tests::bytes_of("sha256:");
  digest.push_back(0);
  digest.resize(8 + 32, 0x5c);
  Buffer verity = tests::bytes_of("verity:sha256:");
  verity.push_back(0);
  verity.resize(15 + 32, 0x5d);
  Buffer path = tests::bytes_of("/usr/bin/a b");
  path.push_back(0);
  const Buffer signature = {3, 2, 4, 1, 2, 3, 4, 0, 5, 9, 9, 9, 9, 9};
  add("ima", {Buffer(20, 0x11), field(tests::bytes_of("/sbin/init"))});
  add("ima-ng", {field(digest), field(path)});
  add("ima-ngv2", {field(verity), field(path)});
  add("ima-sig", {field(digest), field(path), field(signature)});
  add("ima-sigv2", {field(verity), field(path), field({})});
  add("ima-buf", {field(digest), field(path), field(Buffer(11, 7))});
  add("ima-modsig", {field(digest), field(path), field({}), field(digest), field(Buffer(9, 8))});
  add("ima-ng", {field(digest), field(path)}, true);
  add("ima", {Buffer(20, 0x12), field(tests::bytes_of("/var/log/x"))}, true);
  return out;
}

Buffer bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return Buffer(std::istreambuf_iterator<char>(in), {});
}

std::vector<CorpusLog> generated() {
  std::vector<CorpusLog> out;
  Machine machine;
  machine.run("/sbin/init", "init");
  machine.extend(10, machine.ima.violation("/var/log/wtmp"));
  machine.run("/opt/a file", "a");
  const HashAlg strong[] = {HashAlg::sha384, HashAlg::sha512};
  out.push_back(corpus_log("a booted machine", machine.events.bytes(), false));
  out.push_back(corpus_log("UEFI", uefi_log(0, Machine::kBanks), false));
  out.push_back(corpus_log("UEFI, locality 3, SHA-384 and SHA-512", uefi_log(3, strong), false));
  out.push_back(corpus_log("UEFI on TPM 1.2", old_log(uefi_log(0, Machine::kBanks)), false));
  out.push_back(corpus_log("UEFI that hashes its words", uefi_log(4, Machine::kBanks), false));
  out.back().hashed_words = true;
  Buffer padded = machine.events.bytes();
  padded.resize(padded.size() + 7, 0xff);
  out.push_back(corpus_log("with padding", padded, false));
  out.push_back(corpus_log("ima-ng with a violation", machine.ima.bytes(), true));
  out.push_back(corpus_log("every template", ima_of_all_templates(), true));
  out.push_back(corpus_log("a prefix", ima_of_all_templates(), true));
  out.back().believed = 4;
  const ImaLog log = ImaLog::parse(out.back().bytes);
  PcrValues held;
  for (const HashAlg bank : Machine::kBanks) held[bank][10] = log.replay(bank, 4);
  out.back() = corpus_log("a prefix", out.back().bytes, true, held);
  out.back().believed = 4;
  return out;
}

void expect_sound(std::vector<CorpusLog>& corpus, std::size_t at_least) {
  FlipCount all;
  std::size_t trusted = 0;
  for (CorpusLog& item : corpus) {
    item.expect.hashed_words = item.hashed_words;
    const Appraisal honest = item.appraised(item.bytes);
    if (!honest) continue;  // a seed that is refused as it is
    ++trusted;
    const FlipCount count = flip_all(item, 1);
    EXPECT_TRUE(count.sound()) << count.first << "; survived " << count.survived << ", influenced "
                               << count.influenced << ", unnamed " << count.unnamed;
    all += count;
  }
  EXPECT_GE(trusted, at_least);
  std::cout << trusted << " logs, every bit: " << all.refused << " refused by name, " << all.same
            << " read as the same, " << all.untouched << " untrusted and without influence\n";
}

// F-064
TEST(Coverage, OfGeneratedLogsHoldsForEveryBit) {
  auto corpus = generated();
  for (CorpusLog& item : corpus) {
    item.expect.hashed_words = item.hashed_words;
    EXPECT_TRUE(item.appraised(item.bytes)) << item.name << ": " << item.appraised(item.bytes).detail;
  }
  expect_sound(corpus, corpus.size());
}

// F-064
TEST(Coverage, OfTheFuzzersSeedsHoldsForEveryBit) {
  const std::filesystem::path seeds =
      std::filesystem::path(std::getenv("TVDSIM_SOURCE_DIR")) / "tests/fuzz/corpus";
  std::vector<CorpusLog> corpus;
  for (const char* kind : {"event_log", "ima_log"}) {
    for (const auto& file : std::filesystem::directory_iterator(seeds / kind)) {
      const Buffer bytes = bytes_of_file(file.path());
      const bool ima = std::string_view(kind) == "ima_log";
      try {
        if (ima && ImaLog::parse(bytes).ascii()) continue;
        corpus.push_back(corpus_log(file.path().filename().string(), bytes, ima));
      } catch (const sim::InputError&) {
        continue;  // a seed that is no log
      }
    }
  }
  expect_sound(corpus, 12);
}

TEST(Coverage, OfAnAsciiLogIsThatOfWhatItIsReadAs) {
  const ImaLog log = ImaLog::parse(ima_of_all_templates());
  const std::string text = ascii_ima_log(log.entries());
  CorpusLog item = corpus_log("ASCII", Buffer(text.begin(), text.end()), true);
  item.believed = log.entries().size();
  const Appraisal honest = item.appraised(item.bytes);
  ASSERT_TRUE(honest) << honest.detail;
  const auto read = [](const Buffer& bytes) {
    std::vector<Buffer> out;
    const ImaLog parsed = ImaLog::parse(bytes);
    for (const ImaEntry& e : parsed.entries()) {
      out.push_back(e.violation() ? Buffer{} : e.data);
      out.emplace_back(e.template_hash.view().begin(), e.template_hash.view().end());
    }
    return out;
  };
  const auto meant = read(item.bytes);
  std::size_t refused = 0, same = 0;
  for (std::size_t bit = 0; bit < 8 * item.bytes.size(); ++bit) {
    Buffer changed = item.bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const Appraisal now = item.appraised(changed);
    if (!now) {
      EXPECT_TRUE(now.reason && !now.detail.empty());
      ++refused;
      continue;
    }
    EXPECT_EQ(read(changed), meant) << "byte " << bit / 8 << " says something else and is believed";
    ++same;
  }
  EXPECT_GT(refused, 10 * same);
  std::cout << "an ASCII log, every bit: " << refused << " refused by name, " << same
            << " read as the same\n";
}

TEST(Coverage, NamesARowForEachUntrustedByteAndTilesTheLog) {
  std::set<UntrustedBytes> seen;
  const auto look = [&](const std::vector<CoverRange>& ranges, std::size_t size) {
    std::size_t at = 0;
    for (const CoverRange& range : ranges) {
      EXPECT_EQ(range.at, at);
      at += range.size;
      EXPECT_EQ(range.row.has_value(), range.cover == Cover::untrusted);
      if (range.row) seen.insert(*range.row);
    }
    EXPECT_EQ(at, size);
  };
  for (const CorpusLog& item : generated())
    look(item.ima ? coverage_of_ima_log(item.bytes, item.believed) : coverage_of_event_log(item.bytes),
         item.bytes.size());
  const std::filesystem::path seeds =
      std::filesystem::path(std::getenv("TVDSIM_SOURCE_DIR")) / "tests/fuzz/corpus/event_log";
  for (const char* name : {"agile_unknown_bank", "agile_vendor_info"})
    look(coverage_of_event_log(bytes_of_file(seeds / name)), bytes_of_file(seeds / name).size());
  Machine machine;
  const auto pcrs = machine.quote(Buffer(20, 1)).pcrs;
  const Buffer dump = write_pcr_dump(Machine::selection(), pcrs);
  look(coverage_of_pcr_dump(dump), dump.size());
  for (std::size_t row = 0; row <= static_cast<std::size_t>(UntrustedBytes::dump_unused); ++row)
    EXPECT_TRUE(seen.contains(static_cast<UntrustedBytes>(row))) << to_text(static_cast<UntrustedBytes>(row));
}

TEST(Coverage, OfAPcrFileHoldsForEveryBit) {
  const Machine machine;
  const Buffer nonce(20, 1);
  const auto sent = machine.quote(nonce);
  const Quote quote = Quote::parse(sent.attest, sent.signature);
  const PublicKey key = machine.key.public_key();
  const Buffer dump = write_pcr_dump(Machine::selection(), sent.pcrs);
  std::size_t refused = 0, same = 0;
  tests::flips(dump, coverage_of_pcr_dump(dump), 1,
               [&](const CoverRange& range, std::size_t at, const Buffer& changed) {
                 bool holds = false;
                 try {
                   holds = bool(quote.check_pcrs(read_pcr_dump(changed)));
                 } catch (const sim::InputError& e) {
                   EXPECT_FALSE(e.findings().front().message.empty());
                 }
                 if (range.cover == Cover::untrusted) {
                   EXPECT_TRUE(holds) << at;
                 } else if (range.cover != Cover::structure) {
                   EXPECT_FALSE(holds) << at;
                 }
                 holds ? ++same : ++refused;
               });
  EXPECT_TRUE(quote.verify(key, nonce, sent.pcrs));
  EXPECT_GT(refused, 8u * 22 * 20);
  EXPECT_GT(same, 1000u);
}

TEST(Semantics, AreLookedAtWhenAskedForAndNamed) {
  CorpusLog item = corpus_log("UEFI", uefi_log(3, Machine::kBanks), false);
  item.expect.startup_locality = 3;
  item.expect.secure_boot = true;
  item.expect.separators = true;
  item.expect.exit_boot_services = ExitBootServices::logged;
  const Appraisal all = item.appraised(item.bytes);
  EXPECT_TRUE(all) << all.detail;
  for (const AppraisalCheck check :
       {AppraisalCheck::event_data, AppraisalCheck::separators, AppraisalCheck::startup_locality,
        AppraisalCheck::exit_boot_services, AppraisalCheck::secure_boot})
    EXPECT_EQ(all.result(check).outcome, Appraisal::Outcome::passed) << to_text(check);
  const auto reason = [&] { return item.appraised(item.bytes).reason; };
  item.expect.startup_locality = 0;
  EXPECT_EQ(reason(), AppraisalCheck::startup_locality);
  item.expect.startup_locality.reset();
  item.expect.secure_boot = false;
  EXPECT_EQ(reason(), AppraisalCheck::secure_boot);
  item.expect.secure_boot = true;
  // The log without its log check is words alone: nothing is read from it.
  item.checks.set(AppraisalCheck::event_log, false);
  EXPECT_EQ(item.appraised(item.bytes).verdict, Appraisal::Verdict::incomplete);
}

// One event more, less or different, with the PCRs of exactly that log.
struct OddBoots : testing::Test {
  Appraisal of(const EventLogWriter& written) {
    CorpusLog item = corpus_log("odd", written.bytes(), false);
    item.expect = [&] {
      Expectations e = expect;
      e.key = item.expect.key, e.ima_log = false;
      return e;
    }();
    return item.appraised(item.bytes);
  }
  void boot(EventLogWriter& to, std::uint32_t pcr, std::uint32_t type, const Buffer& data) {
    to.record(pcr, type, measure(to.banks(), data), data);
  }
  Expectations expect;
  EventLogWriter log{Machine::kBanks};
};

TEST_F(OddBoots, WithASecondOrAFailedOrAMissingSeparatorAreNamed) {
  log.separator(0);
  EXPECT_TRUE(of(log));
  expect.separators = true;
  EXPECT_EQ(of(log).reason, AppraisalCheck::separators);
  EXPECT_EQ(of(log).pcr, 1u);
  expect.separators = false;
  EventLogWriter twice = log;
  twice.separator(0);
  EXPECT_EQ(of(twice).reason, AppraisalCheck::separators);
  boot(log, 1, EventType::EV_SEPARATOR, {1, 0, 0, 0});
  EXPECT_EQ(of(log).reason, AppraisalCheck::separators) << "an error of the firmware";
}

TEST_F(OddBoots, WhoseSecureBootIsNotSaidInTimeAreNamed) {
  expect.secure_boot = true;
  EXPECT_EQ(of(log).reason, AppraisalCheck::secure_boot) << "nothing says it";
  EventLogWriter late = log;
  late.separator(7);
  boot(late, 7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {1}));
  EXPECT_EQ(of(late).reason, AppraisalCheck::secure_boot) << "after the firmware's part anybody may say it";
  EventLogWriter odd = log;
  boot(odd, 7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {7}));
  EXPECT_EQ(of(odd).reason, AppraisalCheck::secure_boot);
  EventLogWriter forged = log;
  forged.record(7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG,
                measure(log.banks(), variable("SecureBoot", {0})), variable("SecureBoot", {1}));
  const Appraisal lie = of(forged);
  EXPECT_EQ(lie.reason, AppraisalCheck::secure_boot) << "the log says on, and off was measured";
  boot(log, 7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {1}));
  EXPECT_TRUE(of(log));
  boot(log, 7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {0}));
  EXPECT_EQ(of(log).reason, AppraisalCheck::secure_boot) << "twice";
  expect.secure_boot = false;
  EventLogWriter none{Machine::kBanks};
  boot(none, 7, EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable("SecureBoot", {}));
  EXPECT_TRUE(of(none)) << "firmware that knows no Secure Boot";
}

TEST_F(OddBoots, ThatDoNotLogTheEndOfTheBootServicesAreNamedUnlessThatIsAllowed) {
  boot(log, 5, EventType::EV_EFI_ACTION, tests::bytes_of("Calling EFI Application from Boot Option"));
  CorpusLog item = corpus_log("gap", log.bytes(), false);
  PcrValues held = item.pcrs;
  for (auto& [bank, values] : held) {
    for (const std::string_view text : kExitBootServices)
      values[5] = hash(bank, {values[5].view(), measure({&bank, 1}, text).front().value.view()});
  }
  item = corpus_log("gap", log.bytes(), false, held);
  Appraisal appraisal = item.appraised(item.bytes);
  EXPECT_EQ(appraisal.reason, AppraisalCheck::event_log);
  EXPECT_NE(appraisal.detail.find("end of the boot services"), std::string::npos) << appraisal.detail;
  item.expect.exit_boot_services = ExitBootServices::gap_allowed;
  appraisal = item.appraised(item.bytes);
  EXPECT_TRUE(appraisal) << appraisal.detail;
  EXPECT_EQ(appraisal.result(AppraisalCheck::exit_boot_services).outcome, Appraisal::Outcome::not_applicable);
  expect.exit_boot_services = ExitBootServices::logged;
  EXPECT_EQ(of(log).reason, AppraisalCheck::exit_boot_services);
  boot(log, 5, EventType::EV_EFI_ACTION, tests::bytes_of(kExitBootServices[0]));
  EXPECT_EQ(of(log).reason, AppraisalCheck::exit_boot_services) << "left, and not with success";
  boot(log, 5, EventType::EV_EFI_ACTION, tests::bytes_of(kExitBootServices[1]));
  EXPECT_TRUE(of(log));
}

TEST_F(OddBoots, ThatSayWhatWasNotMeasuredAreNamed) {
  log.record(5, EventType::EV_EFI_ACTION, measure(log.banks(), "one thing"), "another");
  EXPECT_EQ(of(log).reason, AppraisalCheck::event_data);
  EventLogWriter version{Machine::kBanks};
  version.record(0, EventType::EV_S_CRTM_VERSION, measure(version.banks(), "1.0"), "2.0");
  EXPECT_TRUE(of(version)) << "some firmware measures something else";
  expect.hashed_words = true;
  EXPECT_EQ(of(version).reason, AppraisalCheck::event_data);
}

}  // namespace
}  // namespace tvdsim::vtpm
