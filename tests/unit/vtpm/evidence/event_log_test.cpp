#include "vtpm/evidence/event_log.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// Writes logs as firmware does: little-endian, one event after the other.
struct Writer {
  Bytes out;
  Writer& u8(std::uint32_t v) {
    out.push_back(static_cast<std::uint8_t>(v));
    return *this;
  }
  Writer& u16(std::uint32_t v) { return u8(v).u8(v >> 8); }
  Writer& u32(std::uint32_t v) { return u16(v).u16(v >> 16); }
  Writer& text(std::string_view v) {
    out.insert(out.end(), v.begin(), v.end());
    return *this;
  }
  Writer& fill(std::size_t count, std::uint8_t with) {
    out.insert(out.end(), count, with);
    return *this;
  }
  Writer& sha1_event(std::uint32_t pcr, std::uint32_t type, std::uint8_t digest, std::string_view data) {
    return u32(pcr).u32(type).fill(20, digest).u32(static_cast<std::uint32_t>(data.size())).text(data);
  }
  // SHA-1 and SHA-256, each filled with `digest`.
  Writer& agile_event(std::uint32_t pcr, std::uint32_t type, std::uint8_t digest, std::string_view data) {
    u32(pcr).u32(type).u32(2).u16(4).fill(20, digest).u16(11).fill(32, digest);
    return u32(static_cast<std::uint32_t>(data.size())).text(data);
  }
};

using namespace std::string_view_literals;

Writer header(std::initializer_list<std::pair<unsigned, unsigned>> algorithms) {
  Writer data;
  data.text("Spec ID Event03\0"sv)
      .u32(0)
      .u8(0)
      .u8(2)
      .u8(0)
      .u8(2)
      .u32(static_cast<std::uint32_t>(algorithms.size()));
  for (const auto& [id, size] : algorithms) data.u16(id).u16(size);
  data.u8(0);
  Writer log;
  log.sha1_event(0, kNoAction, 0, std::string(data.out.begin(), data.out.end()));
  return log;
}
Writer agile() { return header({{4, 20}, {11, 32}}); }

std::string refusal(const Bytes& bytes) {
  try {
    EventLog::parse(bytes);
  } catch (const sim::InputError& e) {
    EXPECT_FALSE(e.findings().at(0).where.empty());
    return e.findings().at(0).code;
  }
  return "accepted";
}

TEST(EventLog, OfTpm12ReplaysInSha1) {
  Writer w;
  w.sha1_event(0, 8, 1, "BIOS").sha1_event(4, 4, 2, "\0\0\0\0"sv).sha1_event(0, 1, 3, "POST");
  const EventLog log = EventLog::parse(w.out);
  EXPECT_EQ(log.format(), EventLog::Format::sha1);
  ASSERT_EQ(log.events().size(), 3u);
  EXPECT_EQ(event_type_name(log.events()[1].type), "EV_SEPARATOR");
  PcrBank expected(HashAlg::sha1);
  expected.extend(0, Digest::filled(HashAlg::sha1, 1).view());
  expected.extend(4, Digest::filled(HashAlg::sha1, 2).view());
  expected.extend(0, Digest::filled(HashAlg::sha1, 3).view());
  ASSERT_EQ(log.replay().size(), 1u);
  EXPECT_EQ(log.replay()[0], expected);
}

TEST(EventLog, OfTpm20ReplaysInEachBankOfItsHeader) {
  const EventLog log = EventLog::parse(agile().agile_event(7, 0x80000001, 9, "SecureBoot").out);
  EXPECT_EQ(log.format(), EventLog::Format::crypto_agile);
  ASSERT_EQ(log.replay().size(), 2u);
  for (const PcrBank& bank : log.replay()) {
    PcrBank expected(bank.alg());
    expected.extend(7, Digest::filled(bank.alg(), 9).view());
    EXPECT_EQ(bank, expected);
  }
}

TEST(EventLog, KeepsABankThatWeCannotComputeOutOfTheReplay) {
  Writer w = header({{4, 20}, {0x12, 32}});  // SM3
  w.u32(0).u32(1).u32(2).u16(0x12).fill(32, 1).u16(4).fill(20, 2).u32(0);
  const EventLog log = EventLog::parse(w.out);
  EXPECT_EQ(log.algorithms().size(), 2u);
  ASSERT_EQ(log.replay().size(), 1u);
  EXPECT_EQ(log.replay()[0].alg(), HashAlg::sha1);
}

TEST(EventLog, DoesNotExtendWhatIsInformationOnly) {
  const EventLog log = EventLog::parse(agile().agile_event(3, kNoAction, 9, "a remark").out);
  for (const PcrBank& bank : log.replay()) EXPECT_FALSE(bank.touched(3));
}

TEST(EventLog, BeginsPcrZeroAtTheLocalityItNames) {
  const EventLog log = EventLog::parse(agile().agile_event(0, kNoAction, 0, "StartupLocality\0\3"sv).out);
  EXPECT_EQ(log.startup_locality(), 3);
  EXPECT_EQ(to_hex(log.replay()[1].value(0).view()), std::string(62, '0') + "03");
}

TEST(EventLog, RefusesALocalityThatIsMalformedRepeatedOrTooLate) {
  const auto with = [](std::string_view data, std::uint32_t pcr = 0) {
    return agile().agile_event(pcr, kNoAction, 0, data).out;
  };
  EXPECT_EQ(refusal(with("StartupLocality\0\4"sv)), "accepted");
  EXPECT_EQ(refusal(with("StartupLocality\0\5"sv)), "TVD-506");
  EXPECT_EQ(refusal(with("StartupLocality\0"sv)), "TVD-506");
  EXPECT_EQ(refusal(with("StartupLocality\0\3\0"sv)), "TVD-506");
  EXPECT_EQ(refusal(with("StartupLocality\0\3"sv, 1)), "TVD-506");
  Writer twice = agile();
  twice.agile_event(0, kNoAction, 0, "StartupLocality\0\3"sv)
      .agile_event(0, kNoAction, 0, "StartupLocality\0\3"sv);
  EXPECT_EQ(refusal(twice.out), "TVD-506");
  Writer late = agile();
  late.agile_event(0, 1, 1, "POST").agile_event(0, kNoAction, 0, "StartupLocality\0\3"sv);
  EXPECT_EQ(refusal(late.out), "TVD-506");
}

TEST(EventLog, CutAnywhereButBetweenEventsIsRefused) {
  Writer w = agile();
  const std::size_t first = w.out.size();
  w.agile_event(0, 1, 1, "POST");
  const std::size_t second = w.out.size();
  w.agile_event(7, 4, 2, "\xff\xff\xff\xff");
  for (std::size_t n = 0; n < w.out.size(); ++n) {
    const bool whole = n == first || n == second;
    const std::string got = refusal(Bytes(w.out.begin(), w.out.begin() + static_cast<std::ptrdiff_t>(n)));
    // A cut within the bytes of PCR 0's number leaves zeros, which are padding.
    const bool padding = n > first && n <= first + 4;
    EXPECT_EQ(got, whole || padding ? "accepted" : n < first ? "TVD-501" : "TVD-502") << n;
  }
}

TEST(EventLog, EndsWhereTheFirmwareFilledItsArea) {
  for (const std::uint8_t with : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
    const EventLog log = EventLog::parse(agile().agile_event(0, 1, 1, "POST").fill(500, with).out);
    EXPECT_EQ(log.events().size(), 2u);
    EXPECT_EQ(log.padding(), 500u);
  }
  EXPECT_NE(refusal(agile().fill(500, 0xff).u8(0).out), "accepted")
      << "what is not all one byte is no padding";
}

TEST(EventLog, RefusesAHeaderThatContradictsItself) {
  EXPECT_EQ(refusal(header({}).out), "TVD-503");
  EXPECT_EQ(refusal(header({{4, 32}}).out), "TVD-503") << "SHA-1 of 32 bytes";
  EXPECT_EQ(refusal(header({{4, 20}, {4, 20}}).out), "TVD-503") << "twice the same";
  EXPECT_EQ(refusal(header({{0x99, 0}}).out), "TVD-503") << "no size";
  EXPECT_EQ(refusal(header({{0x99, 65}}).out), "TVD-503") << "larger than any digest";
  Writer data;
  data.text("Spec ID Event03\0"sv).u32(0).u32(0).u32(0xffffffff);  // four thousand million algorithms
  Writer log;
  log.sha1_event(0, kNoAction, 0, std::string(data.out.begin(), data.out.end()));
  EXPECT_EQ(refusal(log.out), "TVD-503");
}

TEST(EventLog, RefusesAnEventThatSomeBankWouldNotSee) {
  Writer missing = agile();
  missing.u32(0).u32(1).u32(1).u16(4).fill(20, 1).u32(0);
  EXPECT_EQ(refusal(missing.out), "TVD-504");
  Writer twice = agile();
  twice.u32(0).u32(1).u32(2).u16(4).fill(20, 1).u16(4).fill(20, 1).u32(0);
  EXPECT_EQ(refusal(twice.out), "TVD-504");
  Writer foreign = agile();
  foreign.u32(0).u32(1).u32(2).u16(4).fill(20, 1).u16(12).fill(48, 1).u32(0);
  EXPECT_EQ(refusal(foreign.out), "TVD-504");
  Writer many = agile();
  many.u32(0).u32(1).u32(0x10000000);
  EXPECT_EQ(refusal(many.out), "TVD-504");
  Writer remark = agile();
  remark.u32(0).u32(kNoAction).u32(1).u16(4).fill(20, 1).u32(0);
  EXPECT_EQ(refusal(remark.out), "accepted") << "what is never extended may lack a digest";
}

TEST(EventLog, RefusesAPcrThatNoTpmHas) {
  EXPECT_EQ(refusal(agile().agile_event(24, 1, 1, "").out), "TVD-505");
  EXPECT_EQ(refusal(agile().agile_event(0xffffffff, 1, 1, "").out), "TVD-505");
  EXPECT_EQ(refusal(agile().agile_event(0xffffffff, kNoAction, 1, "").out), "accepted");
}

TEST(EventLog, ShowsEveryChangedDigestByteInTheReplay) {
  Writer w = agile();
  w.agile_event(0, 1, 1, "POST").agile_event(4, 0xd, 2, "GRUB");
  const EventLog log = EventLog::parse(w.out);
  const auto honest = log.replay();
  std::size_t digest_bytes = 0;
  for (const LogEvent& event : log.events()) {
    if (event.type == kNoAction) continue;
    const std::size_t sha1 = event.offset + 14, sha256 = sha1 + 20 + 2;
    for (std::size_t i = sha1; i < sha256 + 32; ++i) {
      if (i == sha1 + 20 || i == sha1 + 21) continue;  // the algorithm's number between them
      Bytes forged = w.out;
      forged[i] ^= 0x80;
      const auto replayed = EventLog::parse(forged).replay();
      const std::size_t bank = i < sha256 ? 0 : 1;
      EXPECT_NE(replayed[bank].value(event.pcr), honest[bank].value(event.pcr)) << i;
      EXPECT_EQ(replayed[1 - bank], honest[1 - bank]) << "the other bank still tells the truth";
      ++digest_bytes;
    }
  }
  EXPECT_EQ(digest_bytes, 2u * (20 + 32));
}

TEST(EventLog, DoesNotCoverTypesAndData) {
  // The other side of the coin, and why those fields are marked: a changed word does not show.
  const auto before = EventLog::parse(agile().agile_event(0, 1, 1, "POST").out);
  const auto after = EventLog::parse(agile().agile_event(0, 8, 1, "FAKE").out);
  EXPECT_EQ(before.replay(), after.replay());
  EXPECT_NE(before.events()[1].data, after.events()[1].data);
}

}  // namespace
}  // namespace tvdsim::vtpm
