#include "netsim/packet.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "netsim/pcap.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::tests {
namespace {

using namespace netsim;

Packet packet(Packet::Kind kind, std::size_t data = 56) {
  return {kind, 0x0a000001, 0x0a000002, 49'152, 9, data};
}

// RFC 1071 section 3: the words 0001 f203 f4f5 f6f7 add up to ddf2.
TEST(InternetChecksum, IsThatOfTheStandardsExample) {
  const std::uint8_t words[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(internet_checksum(words), static_cast<std::uint16_t>(~0xddf2));
}

TEST(Packets, AreReadAsTheyWereBuilt) {
  for (const auto kind : {Packet::Kind::echo_request, Packet::Kind::echo_reply, Packet::Kind::datagram}) {
    for (const std::size_t data : {0, 1, 2, 57, 1472}) {
      const Packet built = packet(kind, data);
      EXPECT_EQ(read_packet(kIpv4Type, build_packet(built)), built);
    }
  }
  const auto announced = read_packet(kArpType, build_announcement({{2, 0, 0, 0, 0, 1}}, 0x0a000007));
  EXPECT_EQ(announced.kind, Packet::Kind::announcement);
  EXPECT_EQ(announced.source, 0x0a000007u);
}

TEST(Packets, OneFlippedBitAnywhereIsNoticed) {
  for (const auto kind : {Packet::Kind::echo_request, Packet::Kind::datagram}) {
    const Packet built = packet(kind, 9);
    const auto whole = build_packet(built);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      auto bytes = whole;
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1 << bit % 8);
      EXPECT_EQ(read_packet(kIpv4Type, bytes).kind, Packet::Kind::other) << "bit " << bit;
    }
  }
}

TEST(Packets, EveryPrefixIsRefused) {
  const auto whole = build_packet(packet(Packet::Kind::datagram, 9));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(read_packet(kIpv4Type, std::span(whole).first(size)).kind, Packet::Kind::other);
}

TEST(Pcap, HoldsTheFramesWithNanosecondsInOrder) {
  const std::string path = testing::TempDir() + "tvdsim_pcap_test.pcap";
  {
    PcapWriter writer(path);
    writer.write(sim::Time{1'000'000'007}, std::vector<std::uint8_t>(60, 0xaa));
    writer.write(sim::Time{2'123'456'789}, std::vector<std::uint8_t>(61, 0xbb));
    EXPECT_EQ(writer.frames(), 2u);
    writer.close();
  }
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> raw{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(raw.size(), 24u + 16 + 60 + 16 + 61);
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(raw[at + i]);
    return value;
  };
  EXPECT_EQ(word(0), 0xa1b23c4du) << "the nanosecond form's magic number";
  EXPECT_EQ(word(20), 1u) << "Ethernet";
  EXPECT_EQ(word(24), 1u);
  EXPECT_EQ(word(28), 7u);
  EXPECT_EQ(word(24 + 16 + 60), 2u);
  EXPECT_EQ(word(24 + 16 + 60 + 4), 123'456'789u);
  std::remove(path.c_str());
}

TEST(Pcap, AFileThatCannotBeMadeIsTheWorldsError) {
  EXPECT_THROW(PcapWriter("/nonexistent-folder/x.pcap"), sim::WorldError);
}

TEST(Pcap, ADiskThatIsFullIsSaid) {
  PcapWriter writer("/dev/full");
  writer.write(sim::Time{}, std::vector<std::uint8_t>(60));
  try {
    writer.flush();
    FAIL() << "/dev/full took a frame";
  } catch (const sim::WorldError& error) {
    EXPECT_EQ(error.name(), "ENOSPC");
  }
}

}  // namespace
}  // namespace tvdsim::tests
