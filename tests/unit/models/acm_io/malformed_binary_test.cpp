// Binary policies that somebody made wrong, by accident or on purpose: each is refused by name, and nothing is read out of bounds.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/acm_io/binary_reader.hpp"
#include "tests/unit/models/acm_io/small_policy.hpp"

namespace tvdsim::models {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// One malformation: what is done to the small policy's bytes, and the one finding that names it.
struct Malformation {
  std::string_view what;
  std::function<void(Bytes&)> make;
  std::string_view code;
  std::function<std::size_t(const Bytes&)> at;
  std::string_view words;  // that the sentence contains
  bool xen33_reads = false;
};

std::function<std::size_t(const Bytes&)> byte(std::size_t at) {
  return [at](const Bytes&) { return at; };
}
std::function<std::size_t(const Bytes&)> in_wall(std::size_t at) {
  return [at](const Bytes& b) { return wall_at(b) + at; };
}
std::function<std::size_t(const Bytes&)> in_ste(std::size_t at) {
  return [at](const Bytes& b) { return ste_at(b) + at; };
}
std::function<void(Bytes&)> set(std::function<std::size_t(const Bytes&)> at, std::uint32_t value) {
  return [=](Bytes& b) { put(b, at(b), value); };
}
void insert(Bytes& b, std::size_t at, std::size_t count) {
  b.insert(b.begin() + static_cast<std::ptrdiff_t>(at), count, 0);
  put(b, Acm4::kLengthAt, static_cast<std::uint32_t>(b.size()));
}

const std::vector<Malformation>& malformations() {
  static const std::vector<Malformation> kAll = {
      {"no magic", set(byte(0), 0x1debd), "TVD-330", byte(0), "begins with 0001debd"},
      {"format 3", set(byte(4), 3), "TVD-330", byte(4), "of format 3"},
      {"too long a length", [](Bytes& b) { put(b, 8, static_cast<std::uint32_t>(b.size()) + 8); }, "TVD-331",
       byte(8), "there are"},
      {"bytes behind the policy", [](Bytes& b) { b.resize(b.size() + 8); }, "TVD-331", byte(8), "there are"},
      {"a name inside the header", set(byte(12), 56), "TVD-332", byte(12), "belongs to the header"},
      {"a gap before the name",
       [](Bytes& b) {
         insert(b, 60, 8);
         put(b, 12, 68);
         put(b, 20, get(b, 20) + 8);
         put(b, 28, get(b, 28) + 8);
       },
       "TVD-332", byte(12), "8 bytes between the header", true},
      {"a name far outside", set(byte(12), 0xfffffff0U), "TVD-332", byte(12), "begins at byte 4294967280"},
      {"primary code 0", set(byte(16), 0), "TVD-333", byte(16), "code 0"},
      {"primary code 7", set(byte(16), 7), "TVD-333", byte(16), "code 7"},
      {"primary type enforcement", set(byte(16), 2), "TVD-333", byte(16), "type enforcement (2)"},
      {"primary offset outside", set(byte(20), 0x10000), "TVD-332", byte(20), "begins at byte 65536"},
      {"secondary code 0", set(byte(24), 0), "TVD-333", byte(24), "code 0"},
      {"secondary code 15", set(byte(24), 15), "TVD-333", byte(24), "code 15"},
      {"a wall whose length wraps", [](Bytes& b) { put(b, 28, get(b, 20) - 8); }, "TVD-332", byte(28),
       "belongs to"},
      {"an empty wall", [](Bytes& b) { put(b, 28, get(b, 20)); }, "TVD-332", byte(28), "belongs to"},
      {"a wall of 8 bytes", [](Bytes& b) { put(b, 28, get(b, 20) + 8); }, "TVD-332", in_wall(0),
       "8 bytes long"},
      {"an STE section of 12 bytes", [](Bytes& b) { put(b, 28, static_cast<std::uint32_t>(b.size()) - 12); },
       "TVD-332", in_wall(36 + 30), "takes 72"},
      {"a name of no length", set(byte(60), 0), "TVD-334", byte(60), "0 bytes long"},
      {"a name longer than its section", set(byte(60), 13), "TVD-334", byte(60), "13 bytes long"},
      {"a name whose length wraps", set(byte(60), 0xfffffffcU), "TVD-334", byte(60), "4294967292"},
      {"a name without an end", [](Bytes& b) { b[69] = 'x'; }, "TVD-334", byte(69), "zero byte"},
      {"a name with an end too early", [](Bytes& b) { b[66] = 0; }, "TVD-334", byte(66),
       "control character 00"},
      {"a name that is not UTF-8", [](Bytes& b) { b[65] = 0xff; }, "TVD-334", byte(65), "not UTF-8"},
      {"padding that is not zero", [](Bytes& b) { b[72] = 1; }, "TVD-332", byte(72),
       "padding of the policy's name", true},
      {"wall version 2", set(in_wall(0), 2), "TVD-333", in_wall(0), "version 2"},
      {"a wall that is no wall", set(in_wall(4), 2), "TVD-333", in_wall(4), "code 2"},
      {"too many wall types", set(in_wall(8), 4097), "TVD-335", in_wall(8), "at most 4096"},
      {"no wall types",
       [](Bytes& b) {
         put(b, wall_at(b) + 8, 0);
         put(b, wall_at(b) + 24, 36);
       },
       "TVD-335", in_wall(8), "0 wall types", true},
      {"1000 wall types", set(in_wall(8), 1000), "TVD-335", in_wall(20), "1000 types takes 8000 bytes"},
      {"too many VM labels", set(in_wall(12), 0x10000), "TVD-335", in_wall(12), "at most 65535"},
      {"a wall without the control domain", [](Bytes& b) { put(b, wall_at(b) + 12, 1); }, "TVD-335",
       in_wall(12), "1 VM labels", true},
      {"too many conflict sets", set(in_wall(16), 0xffffffffU), "TVD-335", in_wall(16), "at most 4096"},
      {"4000 conflict sets", set(in_wall(16), 4000), "TVD-335", in_wall(24), "4000 rows"},
      {"a wall table in the header", set(in_wall(20), 8), "TVD-332", in_wall(20),
       "overlaps what ends at byte 36", true},
      {"a wall table outside", set(in_wall(20), 0xfffffffeU), "TVD-332", in_wall(20),
       "begins at byte 4294967294"},
      {"conflict sets over the wall's rows", set(in_wall(24), 38), "TVD-332", in_wall(24), "overlaps", true},
      {"a gap before the conflict sets", set(in_wall(24), 62), "TVD-332", in_wall(24),
       "2 bytes of the wall section", true},
      {"running counters", set(in_wall(28), 36), "TVD-332", in_wall(28), "running system", true},
      {"aggregate counters", set(in_wall(32), 36), "TVD-332", in_wall(32), "running system", true},
      {"a cell of 2", [](Bytes& b) { b[wall_at(b) + 37] = 2; }, "TVD-335", in_wall(36), "is 2", true},
      {"a cell of 256", [](Bytes& b) { b[wall_at(b) + 36] = 1; }, "TVD-335", in_wall(36), "is 256", true},
      {"8 bytes behind the wall",
       [](Bytes& b) {
         insert(b, ste_at(b), 8);
         put(b, 28, get(b, 28) + 8);
       },
       "TVD-332", in_wall(66), "80 bytes long", true},
      {"STE version 2", set(in_ste(0), 2), "TVD-333", in_ste(0), "version 2"},
      {"STE that is a wall", set(in_ste(4), 1), "TVD-333", in_ste(4), "code 1"},
      {"too many STE types", set(in_ste(8), 0x80000000U), "TVD-335", in_ste(8), "at most 4096"},
      {"too many labels", set(in_ste(12), 0xffffffffU), "TVD-335", in_ste(12), "at most 65535"},
      {"a table whose size wraps",
       [](Bytes& b) {
         put(b, ste_at(b) + 8, 4096);
         put(b, ste_at(b) + 12, 65535);
       },
       "TVD-335", in_ste(16), "takes 536862720 bytes"},
      {"an STE table outside", set(in_ste(16), 0x7fffffffU), "TVD-332", in_ste(16),
       "begins at byte 2147483647"},
      {"8 bytes behind all", [](Bytes& b) { insert(b, b.size(), 8); }, "TVD-332", in_ste(40), "48 bytes long",
       true},
      {"fewer labels than the wall",
       [](Bytes& b) {
         put(b, ste_at(b) + 12, 3);
         b.resize(ste_at(b) + 32);
         put(b, 8, static_cast<std::uint32_t>(b.size()));
       },
       "TVD-335", in_ste(12), "3 rows, and the wall 4", true},
  };
  return kAll;
}

TEST(MalformedBinary, EveryMalformationIsOneFindingWithItsPlace) {
  for (const Malformation& malformation : malformations()) {
    SCOPED_TRACE(malformation.what);
    Bytes bytes = small_binary();
    malformation.make(bytes);
    sim::Findings findings;
    EXPECT_EQ(read_policy_binary(bytes, "p.bin", findings), BinaryPolicy{});
    ASSERT_THAT(findings.list(), SizeIs(1)) << said(findings);
    EXPECT_EQ(findings.list()[0].code, malformation.code);
    EXPECT_EQ(findings.list()[0].where, fmt::format("p.bin, byte {}", malformation.at(bytes)));
    EXPECT_THAT(findings.list()[0].message, HasSubstr(std::string(malformation.words)));
    EXPECT_EQ(findings.list()[0].severity, sim::Severity::error);
  }
}

TEST(MalformedBinary, Xen33WarnsWhereTheHypervisorLookedAway) {
  for (const Malformation& malformation : malformations()) {
    SCOPED_TRACE(malformation.what);
    Bytes bytes = small_binary();
    malformation.make(bytes);
    sim::Findings findings;
    const BinaryPolicy binary = read_policy_binary(bytes, "p.bin", findings, PolicyMode::xen33);
    EXPECT_EQ(!findings.any_error(), malformation.xen33_reads) << said(findings);
    EXPECT_EQ(binary.name, malformation.xen33_reads ? "small" : "");
    ASSERT_FALSE(findings.list().empty());
    EXPECT_EQ(findings.list()[0].code, malformation.code);
  }
}

void expect_consistent(const BinaryPolicy& binary, const sim::Findings& findings) {
  for (const TypeTable* table : {&binary.ste, &binary.wall, &binary.conflicts}) {
    ASSERT_EQ(table->cells.size(), std::size_t{table->rows} * table->types);
    ASSERT_LE(table->types, Policy::kMaxTypes);
    ASSERT_TRUE(std::ranges::all_of(table->cells, [](std::uint8_t cell) { return cell <= 1; }));
  }
  if (findings.any_error()) {
    ASSERT_EQ(binary, BinaryPolicy{});
  }
}

TEST(MalformedBinary, IsRefusedWhereverItIsCut) {
  const Bytes whole = small_binary();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    for (const bool length_says_so : {false, true}) {
      for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::xen33}) {
        SCOPED_TRACE(length);
        // Of exactly this size, so that a sanitizer sees a read behind it.
        Bytes bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        bytes.shrink_to_fit();
        if (length_says_so && length >= 12) put(bytes, 8, static_cast<std::uint32_t>(length));
        sim::Findings findings;
        const BinaryPolicy binary = read_policy_binary(bytes, "p.bin", findings, mode);
        expect_consistent(binary, findings);
        EXPECT_TRUE(findings.any_error());
      }
    }
  }
}

TEST(MalformedBinary, EachFlippedBitOfAWordIsRefusedOrReadToAConsistentPolicy) {
  const Bytes whole = small_binary();
  std::size_t refused = 0, read = 0;
  const std::size_t sections[][2] = {
      {0, Acm4::kHeaderSize + 4}, {wall_at(whole), Acm4::kWallSize}, {ste_at(whole), Acm4::kSteSize}};
  for (const auto& [begin, size] : sections) {
    for (std::size_t bit = begin * 8; bit < (begin + size) * 8; ++bit) {
      Bytes bytes = whole;
      bytes[bit / 8] ^= static_cast<std::uint8_t>(0x80 >> bit % 8);
      for (const PolicyMode mode : {PolicyMode::strict, PolicyMode::xen33}) {
        SCOPED_TRACE(bit);
        sim::Findings findings;
        const BinaryPolicy binary = read_policy_binary(bytes, "p.bin", findings, mode);
        expect_consistent(binary, findings);
        if (mode == PolicyMode::strict) {
          // The version and the hash are the only words that may be anything.
          const bool free = bit / 8 >= Acm4::kMajorAt && bit / 8 < Acm4::kHeaderSize;
          EXPECT_EQ(findings.any_error(), !free) << said(findings);
          ++(findings.any_error() ? refused : read);
        }
        if (findings.any_error()) continue;
        sim::Findings of_meaning;
        (void)compile_binary(binary, nullptr, mode, "p.bin", of_meaning);
      }
    }
  }
  EXPECT_EQ(read, 28U * 8);
  EXPECT_EQ(refused, (64U + 36 + 20 - 28) * 8);
}

}  // namespace
}  // namespace tvdsim::models
