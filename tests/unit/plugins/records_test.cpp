#include "plugins/records.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/unit/plugins/records_as_c.h"

namespace {

std::vector<unsigned char> stream_written_by_c() {
  std::vector<unsigned char> bytes(1024);
  bytes.resize(tvdsim_test_c_write_stream(bytes.data()));
  return bytes;
}

TEST(Records, HaveOneLayoutInBothLanguages) {
  EXPECT_EQ(tvdsim_test_c_size_of_header(), sizeof(tvdsim_records_header));
  EXPECT_EQ(tvdsim_test_c_size_of_record(), sizeof(tvdsim_record));
}

TEST(Records, WrittenInCAreReadInCpp) {
  const auto bytes = stream_written_by_c();
  ASSERT_EQ(bytes.size(), 32u + 5u * 40u);
  tvdsim_records_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.magic, TVDSIM_RECORDS_MAGIC);
  EXPECT_EQ(header.version, TVDSIM_RECORDS_VERSION);
  EXPECT_EQ(header.record_size, sizeof(tvdsim_record));
  EXPECT_EQ(header.guest, 7u);
  for (std::size_t i = 0; i < 5; ++i) {
    tvdsim_record record;
    std::memcpy(&record, bytes.data() + 32 + 40 * i, sizeof record);
    EXPECT_EQ(record.sequence, i);
    EXPECT_EQ(record.kind, i + 1);
    EXPECT_EQ(record.instructions, 1000 * (i + 1));
    EXPECT_EQ(record.flags, record.kind == TVDSIM_RECORD_DEVICE ? TVDSIM_RECORD_IS_STORE : 0u);
    EXPECT_EQ(record.a, 0x1122334455667788u);
    EXPECT_EQ(record.b, 0xfed40018u);
  }
}

TEST(Records, AreTheseBytesOnEveryMachine) {
  const auto bytes = stream_written_by_c();
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 4), "RTVD");
  // The device record, third of five: sequence 2, 3000 instructions, kind 3, vCPU 0, store, 4 bytes, a, b; little-endian.
  const std::vector<unsigned char> expected = {
      2, 0, 0, 0, 0,    0,    0,    0,    0xb8, 0x0b, 0,    0,    0,    0,    0,    0,    3, 0, 0, 0,
      1, 0, 4, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x18, 0x00, 0xd4, 0xfe, 0, 0, 0, 0};
  EXPECT_EQ(std::vector<unsigned char>(bytes.begin() + 32 + 80, bytes.begin() + 32 + 120), expected);
}

}  // namespace
