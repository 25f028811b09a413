// Segment deltas against blobs: whatever TPMs do and however often they are parked, both ways give one answer.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "tests/unit/vtpm/device/fleet_steps.hpp"
#include "vtpm/device/segment_delta.hpp"
#include "vtpm/device/tpm_home.hpp"

namespace tvdsim::vtpm {
namespace {

struct Parked : testing::Test {
  void SetUp() override {
    if (TpmFleet::default_path() != "private") GTEST_SKIP() << "no private copies of libtpms on this machine";
  }
};

TEST_F(Parked, AsSegmentsIsWhatThisMachineDoes) {
  EXPECT_EQ(TpmFleet().parking(), Parking::segments) << "the self-test found a difference";
  EXPECT_EQ(TpmFleet({.parking = Parking::blobs}).parking(), Parking::blobs);
}

// F-080
TEST_F(Parked, AsSegmentsOrAsBlobsAtAnyNumberOfWorkersTpmsAreOne) {
  const Walk blobs = walk({.seed = 11, .parking = Parking::blobs}, 24, 1'500, true);
  ASSERT_GT(blobs.refused, 20u) << "the walk has too few commands that are refused";
  ASSERT_GT(blobs.quotes, 50u);
  for (const unsigned workers : {1u, 2u, 4u}) {
    const Walk segments = walk({.seed = 11, .workers = workers}, 24, 1'500, true);
    EXPECT_TRUE(segments.answers == blobs.answers) << workers;
    EXPECT_EQ(segments.states, blobs.states) << workers;
  }
  EXPECT_FALSE(walk({.seed = 12}, 24, 1'500, true).answers == blobs.answers) << "the seed changes nothing";
}

// What the library spells in one way in a TPM that was never away, and in another in one that came back from its blobs.
TEST_F(Parked, AsSegmentsOrAsBlobsTheirHashIsOneWhateverTheyDid) {
  const auto bytes = [](std::initializer_list<int> list) {
    Bytes out;
    for (const int byte : list) out.push_back(static_cast<std::uint8_t>(byte));
    return out;
  };
  const auto sized = [](Bytes command) {
    command[5] = static_cast<std::uint8_t>(command.size());
    return command;
  };
  const Bytes start = startup_command(StartupType::clear);
  // An index of 24 bytes that its owner may write and read; some of it written, or none.
  Bytes define =
      bytes({0x80, 0x02, 0, 0, 0, 0, 0, 0,  0x01, 0x2a, 0x40, 0, 0, 1,    0, 0, 0, 9, 0x40, 0, 0, 9, 0,
             0,    0,    0, 0, 0, 0, 0, 14, 0x01, 0,    0,    5, 0, 0x0b, 0, 2, 0, 2, 0,    0, 0, 24});
  Bytes write = bytes({0x80, 0x02, 0,    0, 0, 0, 0, 0, 0x01, 0x37, 0x40, 0, 0, 1, 0x01, 0, 0, 5, 0, 0,
                       0,    9,    0x40, 0, 0, 9, 0, 0, 0,    0,    0,    0, 4, 1, 2,    3, 4, 0, 8});
  const Bytes wrong_password = sized(bytes(
      {0x80, 0x02, 0, 0,   0,   0,   0, 0, 0x01, 0x2a, 0x40, 0, 0, 1, 0, 0,    0, 12, 0x40, 0, 0, 9, 0, 0,
       0,    0,    3, 'b', 'a', 'd', 0, 0, 0,    14,   0x01, 0, 0, 6, 0, 0x0b, 0, 2,  0,    2, 0, 0, 0, 8}));
  const std::pair<std::string, std::vector<Bytes>> histories[] = {
      {"saved its state", {start, shutdown_command(StartupType::state)}},
      {"saved its state and went on", {start, shutdown_command(StartupType::state), get_random_command(8)}},
      {"defined an index", {start, sized(define)}},
      {"wrote a part of an index", {start, sized(define), sized(write)}},
      {"was refused a secret", {start, wrong_password}},
      {"asked for a start-up that there is no state for", {startup_command(StartupType::state)}},
      {"was refused, then started", {startup_command(StartupType::state), start}},
      {"was never started", {get_random_command(8)}},
      {"changed its seeds",
       {start, change_eps_command(), clear_command(), create_attestation_key_command()}}};
  for (const auto& [what, commands] : histories) {
    std::vector<std::array<std::uint8_t, 32>> digests;
    std::vector<std::vector<Bytes>> answers;
    for (const Parking parking : {Parking::segments, Parking::blobs}) {
      for (const int visits : {0, 1, 3}) {  // of another TPM in between
        TpmFleet fleet({.seed = 5, .parking = parking});
        const TpmId tpm = fleet.create("one"), other = fleet.create("other");
        auto& said = answers.emplace_back();
        for (const Bytes& command : commands) {
          said.push_back(fleet.execute(tpm, command));
          for (int i = 0; i < visits; ++i)
            fleet.execute(other, start), fleet.execute(tpm, pcr_read_command(HashAlg::sha256, 0));
        }
        digests.push_back(fleet.state_digest(tpm));
        EXPECT_EQ(fleet.state_digest(tpm), digests.back()) << what << ": hashing changes nothing";
      }
    }
    for (std::size_t i = 1; i < digests.size(); ++i) {
      EXPECT_EQ(digests[i], digests[0]) << what << ", way " << i;
      EXPECT_EQ(answers[i], answers[0]) << what << ", way " << i;
    }
  }
}

TEST_F(Parked, AsSegmentsTpmsAreAsIfTheyHadNeverBeenAway) {
  const Walk alone = walk({.seed = 11, .workers = 24}, 24, 1'500);  // a copy for each: nobody is ever parked
  ASSERT_GT(alone.quotes, 50u);
  const Walk parked = walk({.seed = 11}, 24, 1'500);
  EXPECT_TRUE(parked.answers == alone.answers);
  EXPECT_EQ(parked.states, alone.states);
  EXPECT_TRUE(walk({.seed = 11, .parking = Parking::blobs}, 24, 1'500).answers == alone.answers);
}

TEST_F(Parked, RsaKeysComeBackFromSegmentsToo) {
  TpmFleet segments({.seed = 3}), blobs({.seed = 3, .parking = Parking::blobs});
  std::vector<Bytes> said[2];
  for (TpmFleet* fleet : {&segments, &blobs}) {
    const TpmId a = fleet->create("a"), b = fleet->create("b");
    for (const TpmId tpm : {a, b})
      expect_success(fleet->execute(tpm, startup_command(StartupType::clear)), "starting");
    std::vector<Bytes>& answers = said[fleet == &blobs];
    answers.push_back(fleet->execute(a, create_rsa_command()));
    ASSERT_EQ(response_code(answers.back()), 0u);
    for (int round = 0; round < 3; ++round) {
      fleet->execute(b, get_random_command(8));  // the other one is parked
      answers.push_back(fleet->execute(a, sign_command(0x8000'0000, Bytes(32, 7))));
      ASSERT_EQ(response_code(answers.back()), 0u);
    }
    fleet->power_cycle(a);
    fleet->execute(b, get_random_command(8));
  }
  EXPECT_EQ(said[0], said[1]);
}

// The ablation of the swapped data: a segment that leaves most of the TPM's own out.
TEST_F(Parked, TheSelfTestFindsASegmentThatIsNotTheWholeOne) {
  TpmLibrary& copy = TpmLibrary::borrow(false);
  const auto whole = copy.segment;
  EXPECT_TRUE(segments_agree(copy));
  const std::size_t left_out = whole.size() / 16 * 15 / 64 * 64;
  copy.segment = whole.subspan(left_out);
  copy.loaded.erase(copy.loaded.begin(), copy.loaded.begin() + static_cast<std::ptrdiff_t>(left_out));
  copy.image.clear();
  copy.at_image = false;
  EXPECT_FALSE(segments_agree(copy));
  // The copy is not given back: what is in it now is nobody's.
}

TEST(SegmentDelta, PutsTheImageBackAndThenEveryByteThatWasAnother) {
  sim::Stream stream(5, "segments");
  const std::size_t lines = 200;  // the last ones are no whole block
  Bytes image(64 * (lines + 1)), segment;
  for (std::size_t i = 0; i < image.size(); ++i)  // every other block is zero
    image[i] = i / 256 % 2 ? 0 : static_cast<std::uint8_t>(stream.below(256));
  const Bytes blank = blank_blocks(image);
  ASSERT_EQ(std::count(blank.begin(), blank.end(), 1), static_cast<long>(blank.size() / 2));
  for (int round = 0; round < 300; ++round) {
    segment = image;
    const std::uint64_t changes = stream.below(60);
    for (std::uint64_t i = 0; i < changes; ++i)
      segment[stream.below(segment.size())] = static_cast<std::uint8_t>(stream.below(256));
    const Bytes before = segment;
    Bytes delta;
    take_delta(segment, image, blank, delta);
    ASSERT_EQ(segment, image);
    ASSERT_LE(delta.size(), changes * 11) << "more is kept than was changed";
    apply_delta(segment, delta);
    ASSERT_EQ(segment, before);
  }
}

TEST_F(Parked, ATpmWithoutKeysTakesTwoKilobytes) {
  TpmLibrary& copy = TpmLibrary::borrow(false);
  {
    Home home(copy, true);
    const Home::Entry entry(home);
    Tpm tpms[2];
    for (Tpm& tpm : tpms) {
      tpm.key = stream_key(1, &tpm == tpms ? "a" : "b");
      const BankDigest digest{HashAlg::sha256, Bytes(32, 5)};
      for (const Bytes& command : {startup_command(StartupType::clear), pcr_extend_command(10, {&digest, 1})})
        expect_success(home.execute(tpm, command, {}), "a command");
    }
    EXPECT_GT(tpms[0].delta.view().size(), 400u);
    EXPECT_LT(tpms[0].delta.view().size(), 2048u);
    RecordProperty("bytes", static_cast<int>(tpms[0].delta.view().size()));
    for (Tpm& tpm : tpms) home.forget(tpm);
  }
  TpmLibrary::give_back(copy);
}

}  // namespace
}  // namespace tvdsim::vtpm
