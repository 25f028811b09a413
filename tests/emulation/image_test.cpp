// Images: what a guest will measure is known from its file, and a file of another form is refused.
#include <gtest/gtest.h>

#include <cstring>

#include "models/emulation/guest_image.hpp"
#include "sim/base/error.hpp"
#include "sim/base/random.hpp"

namespace tvdsim::tests {
namespace {

using namespace models;

// The smallest file with these two sections: header, their bytes, names, table.
std::vector<std::uint8_t> image(std::string_view code, std::string_view constants) {
  std::vector<std::uint8_t> out(52);
  const auto put = [&](std::size_t at, std::uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; ++i) out.at(at + i) = static_cast<std::uint8_t>(number >> (8 * i));
  };
  const auto add = [&](std::string_view bytes) {
    const std::size_t at = out.size();
    out.insert(out.end(), bytes.begin(), bytes.end());
    return at;
  };
  const std::size_t text = add(code), rodata = add(constants);
  const std::size_t names = add(std::string_view("\0.text\0.rodata\0", 15));
  const std::size_t table = out.size();
  out.resize(table + 4 * 40);
  const auto section = [&](std::size_t index, std::uint64_t name, std::uint64_t offset, std::uint64_t size) {
    put(table + index * 40, name, 4);
    put(table + index * 40 + 16, offset, 4);
    put(table + index * 40 + 20, size, 4);
  };
  section(1, 1, text, code.size());
  section(2, 7, rodata, constants.size());
  section(3, 0, names, 15);
  std::memcpy(out.data(), "\177ELF\1\1", 6);
  put(32, table, 4);
  put(46, 40, 2);
  put(48, 4, 2);
  put(50, 3, 2);
  return out;
}

vtpm::Digest sha256(std::string_view text) {
  return vtpm::hash(vtpm::HashAlg::sha256,
                    {{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}});
}

TEST(GuestImage, IsMeasuredInItsPartsAndItsWords) {
  const auto parts = payload_parts(image("code", "constants"), "work=1");
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].pcr, 8u);
  EXPECT_EQ(parts[0].sha256, sha256("code"));
  EXPECT_EQ(parts[1].pcr, 9u);
  EXPECT_EQ(parts[1].sha256, sha256("constants"));
  EXPECT_EQ(parts[2].pcr, 12u);
  EXPECT_EQ(parts[2].sha256, sha256("work=1"));
}

TEST(GuestImage, ExtendsAsTpmsDo) {
  const auto digest = sha256("x");
  const auto pcrs =
      pcrs_after(std::vector<MeasuredPart>{{8, "a", digest}, {8, "b", digest}, {9, "c", digest}});
  const auto zero = vtpm::Digest::filled(vtpm::HashAlg::sha256, 0);
  const auto once = vtpm::hash(vtpm::HashAlg::sha256, {zero.view(), digest.view()});
  EXPECT_EQ(pcrs.at(9), once);
  EXPECT_EQ(pcrs.at(8), vtpm::hash(vtpm::HashAlg::sha256, {once.view(), digest.view()}));
}

// However a file is cut or changed, it is either measured or refused by name.
TEST(GuestImage, ThatIsDamagedIsRefusedOrMeasuredNeverReadBeyond) {
  const auto good = image("code", "constants");
  sim::Stream stream(7, "damage");
  std::size_t refused = 0, taken = 0;
  for (int i = 0; i < 4000; ++i) {
    auto bytes = good;
    bytes[stream.below(bytes.size())] = static_cast<std::uint8_t>(stream.below(256));
    if (i % 3 == 0) bytes.resize(stream.below(bytes.size()));
    bytes.shrink_to_fit();
    try {
      payload_parts(bytes, "");
      ++taken;
    } catch (const sim::WorldError& error) {
      EXPECT_EQ(error.name(), "guest_image");
      ++refused;
    }
  }
  EXPECT_GT(refused, 800u);
  EXPECT_GT(taken, 800u);
}

}  // namespace
}  // namespace tvdsim::tests
