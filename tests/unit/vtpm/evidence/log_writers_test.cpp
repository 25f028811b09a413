#include <gtest/gtest.h>

#include "tests/support/evidence.hpp"
#include "vtpm/evidence/event_log_writer.hpp"
#include "vtpm/evidence/ima_log_writer.hpp"

namespace tvdsim::vtpm {
namespace {

using tests::Buffer, tests::bytes_of, tests::Machine;

// F-077
TEST(EventLogWriter, RecordsWhatIsGivenAndTouchesNoPcr) {
  EventLogWriter log(Machine::kBanks);
  const auto measured = measure(log.banks(), "an image");
  const std::size_t before = log.bytes().size();
  EXPECT_EQ(EventLog::parse(log.bytes()).events().size(), 1u) << "measuring is not recording";
  const std::vector<LogDigest> to_extend = log.record(4, EventType::EV_IPL, measured, "loader");
  EXPECT_GT(log.bytes().size(), before);
  const EventLog read = EventLog::parse(log.bytes());
  ASSERT_EQ(read.events().size(), 2u);
  EXPECT_EQ(event_name(read.events()[1]), "loader");
  ASSERT_EQ(to_extend.size(), 2u);
  EXPECT_EQ(to_extend[0].value, hash(HashAlg::sha1, {bytes_of("an image")}));
  EXPECT_EQ(to_extend[1].value, hash(HashAlg::sha256, {bytes_of("an image")}));
  for (const PcrBank& bank : read.replay()) {
    PcrBank expected(bank.alg());
    for (const LogDigest& d : to_extend) {
      if (d.alg == static_cast<std::uint16_t>(bank.alg())) expected.extend(4, d.value.view());
    }
    EXPECT_EQ(bank, expected);
  }
}

TEST(EventLogWriter, SaysTheLocalityOfTheStart) {
  EventLogWriter log(Machine::kBanks);
  log.startup_locality(3);
  log.separator(0);
  const EventLog read = EventLog::parse(log.bytes());
  EXPECT_EQ(read.startup_locality(), 3);
  PcrBank expected(HashAlg::sha256);
  expected.start_at_locality(3);
  expected.extend(0, hash(HashAlg::sha256, {Buffer(4, 0)}).view());
  EXPECT_EQ(read.replay()[1], expected);
}

TEST(EventLogWriter, ServesAnyBanks) {
  for (const HashAlg alg : kHashAlgs) {
    const HashAlg banks[] = {alg};
    EventLogWriter log(banks);
    log.separator(7);
    const auto replayed = EventLog::parse(log.bytes()).replay();
    ASSERT_EQ(replayed.size(), 1u);
    EXPECT_EQ(replayed[0].alg(), alg);
    EXPECT_TRUE(replayed[0].touched(7));
  }
}

TEST(EventNames, AreTextVariablesOrSizes) {
  const auto name = [](std::uint32_t type, Buffer data) {
    LogEvent event;
    event.type = type;
    event.data = std::move(data);
    return event_name(event);
  };
  EXPECT_EQ(name(EventType::EV_IPL, bytes_of("grub.cfg")), "grub.cfg");
  EXPECT_EQ(name(EventType::EV_S_CRTM_VERSION, {'1', 0, '.', 0, '2', 0, 0, 0}), "1.2");
  EXPECT_EQ(name(EventType::EV_SEPARATOR, Buffer(4, 0)), "separator");
  EXPECT_EQ(name(EventType::EV_IPL, {1, 2, 3}), "EV_IPL of 3 bytes");
  EXPECT_EQ(name(EventType::EV_IPL, {}), "EV_IPL of 0 bytes");
  EXPECT_EQ(name(0x7777, bytes_of("\x1b[31mred")), "EV_? of 8 bytes") << "no terminal sequences";
  Buffer variable(16, 0xaa);
  ByteWriter w(variable);
  w.u32(10), w.u32(0), w.u32(1), w.u32(0);
  for (const char c : std::string_view("SecureBoot")) w.u8(static_cast<std::uint8_t>(c)), w.u8(0);
  w.u8(1);
  EXPECT_EQ(name(EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable), "variable SecureBoot");
  variable[16] = 200;
  EXPECT_EQ(name(EventType::EV_EFI_VARIABLE_DRIVER_CONFIG, variable),
            "EV_EFI_VARIABLE_DRIVER_CONFIG of 53 bytes");
}

TEST(ImaLogWriter, LeadsToThePcrThatItsDigestsLeadTo) {
  for (const bool signatures : {false, true}) {
    ImaLogWriter ima(Machine::kBanks, signatures);
    std::vector<PcrBank> pcrs{PcrBank(HashAlg::sha1), PcrBank(HashAlg::sha256)};
    const auto extend = [&](std::span<const LogDigest> digests) {
      for (std::size_t i = 0; i < pcrs.size(); ++i) pcrs[i].extend(10, digests[i].value.view());
    };
    const Digest shell = hash(HashAlg::sha256, {bytes_of("dash")}),
                 old = hash(HashAlg::sha1, {bytes_of("old")});
    const Buffer signature = {3, 2, 4, 0xde, 0xad, 0xbe, 0xef, 0, 3, 0xaa, 0xbb, 0xcc};
    extend(ima.boot_aggregate(pcrs[1]));
    extend(ima.file("/bin/sh", HashAlg::sha256, shell.view(),
                    signatures ? std::span<const std::uint8_t>(signature) : std::span<const std::uint8_t>{}));
    extend(ima.file("/opt/my program", HashAlg::sha1, old.view()));
    extend(ima.violation("/var/log/wtmp"));
    const ImaLog read = ImaLog::parse(ima.bytes());
    ASSERT_EQ(read.entries().size(), ima.size());
    EXPECT_EQ(read.replay(HashAlg::sha1), pcrs[0].value(10));
    EXPECT_EQ(read.replay(HashAlg::sha256), pcrs[1].value(10));
    EXPECT_EQ(read.replays(HashAlg::sha256).back(), pcrs[1].value(10));
    EXPECT_EQ(read.replays(HashAlg::sha256)[2], read.replay(HashAlg::sha256, 2));
    EXPECT_EQ(read.first_bad(), std::nullopt);
    EXPECT_EQ(read.entries()[1].path(), "/bin/sh");
    EXPECT_EQ(read.entries()[1].signature().has_value(), signatures);
    EXPECT_EQ(to_hex(read.entries()[1].digest()), to_hex(shell.view()));
    EXPECT_EQ(read.entries()[2].algorithm(), "sha1");
    EXPECT_TRUE(read.entries()[3].violation());
    ASSERT_NE(read.boot_aggregate(), nullptr);
    EXPECT_EQ(to_hex(read.boot_aggregate()->digest()),
              to_hex(boot_aggregate(PcrBank(HashAlg::sha256)).view()));

    const std::string text = ascii_ima_log(read.entries());
    EXPECT_NE(text.find(" /opt/my_program"), std::string::npos);
    const ImaLog again = ImaLog::parse(bytes_of(text));
    ASSERT_EQ(again.entries().size(), read.entries().size());
    for (std::size_t i = 0; i < read.entries().size(); ++i)
      EXPECT_EQ(again.entries()[i].data, read.entries()[i].data) << i;
    EXPECT_EQ(again.replay(HashAlg::sha256), read.replay(HashAlg::sha256));
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
