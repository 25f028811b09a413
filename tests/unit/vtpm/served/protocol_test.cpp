#include <gtest/gtest.h>

#include "vtpm/served/command_stream.hpp"
#include "vtpm/served/control.hpp"
#include "vtpm/served/state_blob.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Kind = ControlParse::Kind;

// A request of this command with every field that it has set to something.
ControlRequest full(const ControlRow& row) {
  ControlRequest out{.code = row.code};
  switch (row.code) {
    case ControlCode::init:
      out.flags = 0x01020304;
      break;
    case ControlCode::set_locality:
    case ControlCode::reset_tpmestablished:
      out.locality = 3;
      break;
    case ControlCode::set_buffersize:
      out.size = 0xfffefdfc;
      break;
    case ControlCode::get_stateblob:
      out.offset = 77;
      [[fallthrough]];
    case ControlCode::set_stateblob:
      out.flags = 1;
      out.kind = 0x80000002;
      break;
    case ControlCode::get_info:
      out.info = 0x0102030405060708;
      out.offset = 9;
      break;
    default:
      break;
  }
  if (row.data) out.data = {5, 6, 7};
  return out;
}

TEST(ControlStream, ReadsEveryRequestAsItWasWritten) {
  for (const ControlRow& row : control_rows()) {
    const ControlRequest request = full(row);
    Bytes bytes = write_control(request);
    EXPECT_EQ(bytes.size(), 4 + row.size + request.data.size()) << row.name;
    bytes.push_back(0xee);  // the beginning of the next
    const ControlParse parsed = parse_control(bytes);
    EXPECT_EQ(parsed.kind, Kind::request) << row.name;
    EXPECT_EQ(parsed.request, request) << row.name;
    EXPECT_EQ(parsed.used, bytes.size() - 1) << row.name;
  }
}

TEST(ControlStream, TakesNoBeginningForARequest) {
  for (const ControlRow& row : control_rows()) {
    const Bytes bytes = write_control(full(row));
    for (std::size_t n = 0; n < bytes.size(); ++n)
      EXPECT_EQ(parse_control(std::span(bytes).first(n)).kind, Kind::incomplete) << row.name << " " << n;
  }
}

TEST(ControlStream, KnowsALocalityInAFieldOfFourBytes) {
  for (const std::uint8_t number : std::vector<std::uint8_t>{5, 11}) {
    const Bytes narrow{0, 0, 0, number, 3}, stop{0, 0, 0, 14};
    for (const std::size_t padding : {0u, 3u}) {
      for (const bool more : {false, true}) {
        Bytes bytes = narrow;
        bytes.resize(narrow.size() + padding);
        if (more) bytes.insert(bytes.end(), stop.begin(), stop.end());
        const ControlParse parsed = parse_control(bytes);
        EXPECT_EQ(parsed.kind, Kind::request);
        EXPECT_EQ(parsed.request.locality, 3);
        EXPECT_EQ(parsed.used, narrow.size() + padding);
        EXPECT_EQ(parsed.padding, padding);
      }
    }
  }
}

TEST(ControlStream, RefusesUnknownNumbersAndSizesOfNobodys) {
  for (const std::uint8_t number : std::vector<std::uint8_t>{0, 19, 255}) {
    const ControlParse parsed = parse_control(Bytes{0, 0, 0, number});
    EXPECT_EQ(parsed.kind, Kind::refused);
    EXPECT_EQ(parsed.refusal, ControlResult::bad_ordinal);
  }
  for (const Bytes& size : {Bytes{0xff, 0xff, 0xff, 0xff}, Bytes{0, 0x10, 0, 1}}) {
    Bytes bytes{0, 0, 0, 7};
    bytes.insert(bytes.end(), size.begin(), size.end());
    EXPECT_EQ(parse_control(bytes).kind, Kind::refused);
    EXPECT_EQ(parse_control(bytes).refusal, ControlResult::size);
  }
  EXPECT_EQ(parse_control(Bytes{0, 0, 0, 7, 0, 0x10, 0, 0}).kind, Kind::incomplete) << "the largest there is";
}

TEST(ControlStream, AnswersSayHowLongTheyAre) {
  const Bytes blob(100, 7);
  const std::pair<ControlCode, Bytes> answers[] = {
      {ControlCode::get_capability, capability_answer()},
      {ControlCode::get_tpmestablished, established_answer(true)},
      {ControlCode::get_tpmestablished, result_answer(ControlResult::bad_ordinal)},
      {ControlCode::set_buffersize, buffer_size_answer(4096)},
      {ControlCode::get_stateblob, state_answer(blob, 0)},
      {ControlCode::get_stateblob, state_answer(blob, 100)},
      {ControlCode::get_stateblob, no_state_answer()},
      {ControlCode::get_stateblob, result_answer(ControlResult::bad_ordinal)},
      {ControlCode::get_info, info_answer(7, 0)},
      {ControlCode::get_info, result_answer(ControlResult::fail)},
      {ControlCode::get_config, config_answer()},
      {ControlCode::stop, result_answer(ControlResult::ok)}};
  for (const auto& [code, answer] : answers) {
    EXPECT_EQ(answer_size(code, answer), answer.size());
    for (std::size_t n = 0; n < answer.size(); ++n) {
      const auto told = answer_size(code, std::span(answer).first(n));
      EXPECT_TRUE(!told || *told == answer.size()) << n;
    }
  }
}

TEST(ControlStream, StateAnswersAreReadFromAnyOffset) {
  const Bytes blob{1, 2, 3, 4, 5};
  for (std::uint32_t from = 0; from <= 7; ++from) {
    const auto read = read_state_answer(state_answer(blob, from));
    ASSERT_TRUE(read);
    const auto rest = static_cast<std::ptrdiff_t>(std::min<std::size_t>(from, blob.size()));
    EXPECT_EQ(read->data, Bytes(blob.begin() + rest, blob.end()));
    EXPECT_EQ(read->total, read->data.size());
  }
  EXPECT_EQ(read_state_answer(no_state_answer())->result, ControlResult::none);
  const Bytes whole = state_answer(blob, 0);
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(read_state_answer(std::span(whole).first(n))) << n;
}

TEST(CommandStream, CutsCommandsBySizeAndKnowsTheSimulatorsHeader) {
  const Bytes random{0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8};
  Bytes framed{0, 0, 0, 8, 3, 0, 0, 0, 12};
  framed.insert(framed.end(), random.begin(), random.end());
  for (const Bytes& whole : {random, framed}) {
    for (std::size_t n = 0; n < whole.size(); ++n)
      EXPECT_EQ(parse_command(std::span(whole).first(n), kMaxBuffer).kind, CommandParse::Kind::incomplete);
    Bytes two = whole;
    two.insert(two.end(), whole.begin(), whole.end());
    const CommandParse parsed = parse_command(two, kMaxBuffer);
    ASSERT_EQ(parsed.kind, CommandParse::Kind::command);
    EXPECT_EQ(parsed.used, whole.size());
    EXPECT_EQ(Bytes(parsed.command.begin(), parsed.command.end()), random);
    EXPECT_EQ(parsed.framed(), &whole == &framed || whole == framed);
  }
  EXPECT_EQ(parse_command(framed, kMaxBuffer).locality, 3);
  EXPECT_EQ(framed_response(Bytes{1, 2}), (Bytes{0, 0, 0, 2, 1, 2, 0, 0, 0, 0}));
}

TEST(CommandStream, RefusesSizesThatNoCommandHas) {
  const auto kind = [](std::uint8_t high, std::uint8_t low) {
    return parse_command(Bytes{0x80, 1, 0, 0, high, low, 0, 0, 1, 0x7b}, 2808).kind;
  };
  EXPECT_EQ(kind(0, 0), CommandParse::Kind::refused);
  EXPECT_EQ(kind(0, 9), CommandParse::Kind::refused);
  EXPECT_EQ(kind(0, 10), CommandParse::Kind::command);
  EXPECT_EQ(kind(0x0a, 0xf8), CommandParse::Kind::incomplete);
  EXPECT_EQ(kind(0x0a, 0xf9), CommandParse::Kind::refused);
  EXPECT_EQ(parse_command(Bytes{0x80, 1, 0xff, 0xff, 0xff, 0xff}, kMaxBuffer).kind,
            CommandParse::Kind::refused);
  // A frame whose size is not its command's.
  EXPECT_EQ(
      parse_command(Bytes{0, 0, 0, 8, 0, 0, 0, 0, 11, 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8}, kMaxBuffer)
          .kind,
      CommandParse::Kind::refused);
  EXPECT_EQ(bare_response(Bytes{0, 0xc1}, 0x101), (Bytes{0, 0xc4, 0, 0, 0, 10, 0, 0, 1, 1}));
  EXPECT_EQ(bare_response(Bytes{0x80}, 0x142), (Bytes{0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x42}));
}

TEST(StateBlobs, AreUnpackedAsTheyWerePackedAndNotOtherwise) {
  for (const std::size_t size : {0u, 1u, 1299u}) {
    const Bytes blob(size, 0x5c);
    const Bytes packed = pack_state_blob(blob);
    EXPECT_EQ(unpack_state_blob(packed), blob);
    for (std::size_t n = 0; n < packed.size(); ++n)
      EXPECT_FALSE(unpack_state_blob(std::span(packed).first(n)));
    Bytes longer = packed;
    longer.push_back(0);
    EXPECT_FALSE(unpack_state_blob(longer));
    // Each bit of the header says something that must be so; only the versions leave room.
    for (std::size_t bit = 16; bit < 22 * 8; ++bit) {
      Bytes other = packed;
      other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      EXPECT_FALSE(unpack_state_blob(other)) << bit;
    }
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
