// Sessions over a bus that somebody sits at: what he reads, what he changes, what he makes up.
#include "vtpm/device/protected_session.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/base/error.hpp"
#include "sim/base/random.hpp"
#include "vtpm/device/commands.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Buses : testing::Test {
  TpmFleet fleet;
  TpmId tpm = fleet.create("bus");
  std::vector<Bytes> heard;
  // What the one at the bus makes of a command and its answer.
  std::function<void(Bytes&)> change_command = [](Bytes&) {}, change_answer = [](Bytes&) {};
  std::function<bool(const Bytes&)> drop = [](const Bytes&) { return false; };
  Speak speak = [this](std::span<const std::uint8_t> given) {
    Bytes command(given.begin(), given.end());
    heard.push_back(command);
    if (drop(command)) return forged();
    change_command(command);
    Bytes answer = fleet.execute(tpm, command);
    heard.push_back(answer);
    change_answer(answer);
    return answer;
  };
  sim::Stream random{7, "caller"};
  Draw draw = [this](std::span<std::uint8_t> bytes) {
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.below(256));
  };
  const Bytes secret{'d', 'i', 's', 'k', ' ', 'k', 'e', 'y', ' ', '4', '7', '1', '1'};
  const BankSelection selection[1] = {{HashAlg::sha256, 1u << 10}};
  const BankDigest digest{HashAlg::sha256, Bytes(32, 0x5a)};

  void SetUp() override { expect_success(speak(startup_command(StartupType::clear)), "starting"); }
  static std::uint32_t code_of(const Bytes& command) { return command[8] * 256u + command[9]; }
  // Success, as a TPM would say it to a command with one session.
  static Bytes forged() {
    Bytes answer = {0x80, 0x02, 0, 0, 0, 19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0};
    return answer;
  }
  bool was_heard(const Bytes& what) const {
    return std::any_of(heard.begin(), heard.end(), [&](const Bytes& message) {
      return std::search(message.begin(), message.end(), what.begin(), what.end()) != message.end();
    });
  }
  Bytes pcr10() { return read_pcr_response(fleet.execute(tpm, pcr_read_command(HashAlg::sha256, 10))); }
};

// F-083
TEST_F(Buses, CarryASealedSecretThatNobodyReadsOnTheWay) {
  SealedSecret sealed;
  {
    ProtectedSession session(speak, draw);
    sealed = seal_protected(session, secret, selection);
  }
  ProtectedSession session(speak, draw);
  EXPECT_EQ(unseal_protected(session, sealed).secret, secret);
  EXPECT_FALSE(was_heard(secret));
  // The same object in the clear.
  EXPECT_EQ(unseal(speak, sealed).secret, secret);
  EXPECT_TRUE(was_heard(secret));
}

TEST_F(Buses, LeaveNothingInTheTpm) {
  const auto loaded = [&] {
    constexpr std::uint8_t kTransient[] = {0x80, 0x01, 0, 0,    0, 22, 0, 0, 0x01, 0x7a, 0,
                                           0,    0,    1, 0x80, 0, 0,  0, 0, 0,    0,    64};
    constexpr std::uint8_t kSessionsLoaded[] = {0x80, 0x01, 0, 0, 0, 22, 0, 0, 0x01, 0x7a, 0,
                                                0,    0,    1, 2, 0, 0,  0, 0, 0,    0,    64};
    Bytes both = fleet.execute(tpm, kTransient);
    const Bytes sessions = fleet.execute(tpm, kSessionsLoaded);
    both.insert(both.end(), sessions.begin(), sessions.end());
    return both;
  };
  const Bytes before = loaded();
  for (int round = 0; round < 5; ++round) {
    ProtectedSession session(speak, draw);
    const SealedSecret sealed = seal_protected(session, secret, selection);
    extend_protected(session, 10, {&digest, 1});
    EXPECT_EQ(describe(unseal_protected(session, sealed).code).name, "TPM_RC_POLICY_FAIL");
  }
  EXPECT_EQ(loaded(), before);
}

// F-083
TEST_F(Buses, NoticeAnExtendThatWasDropped) {
  drop = [](const Bytes& command) { return code_of(command) == 0x182; };
  const Bytes before = pcr10();
  ProtectedSession session(speak, draw);
  try {
    extend_protected(session, 10, {&digest, 1});
    FAIL() << "an answer that the TPM never gave was believed";
  } catch (const sim::WorldError& error) {
    EXPECT_EQ(error.name(), "tpm_bus");
  }
  // Without the session nobody knows.
  EXPECT_EQ(response_code(speak(pcr_extend_command(10, {&digest, 1}))), 0u);
  EXPECT_EQ(pcr10(), before);
}

TEST_F(Buses, NoticeAnAnswerOfEarlier) {
  ProtectedSession session(speak, draw);
  extend_protected(session, 10, {&digest, 1});
  const Bytes recorded = heard.back();
  const Bytes before = pcr10();
  change_command = [](Bytes& command) {
    if (code_of(command) == 0x182) command = pcr_read_command(HashAlg::sha256, 0);
  };
  change_answer = [recorded](Bytes& answer) {
    answer = recorded;
  };  // it speaks once more when the session ends
  EXPECT_THROW(extend_protected(session, 10, {&digest, 1}), sim::WorldError);
  EXPECT_EQ(pcr10(), before);
}

TEST_F(Buses, NoChangedBitOfAnAnswerGivesAnotherSecret) {
  SealedSecret sealed;
  {
    ProtectedSession session(speak, draw);
    sealed = seal_protected(session, secret, selection);
  }
  int refused = 0;
  for (std::size_t at = 0; at < 130; ++at) {
    std::uint32_t last = 0;
    change_command = [&](Bytes& command) { last = code_of(command); };
    change_answer = [&](Bytes& answer) {
      if (last == 0x15e && at < answer.size()) answer[at] ^= static_cast<std::uint8_t>(1u << at % 8);
    };
    ProtectedSession session(speak, draw);
    try {
      const UnsealResult opened = unseal_protected(session, sealed);
      if (opened) {
        EXPECT_EQ(opened.secret, secret) << at;
      } else {
        ++refused;
      }
    } catch (const sim::WorldError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 80);
}

TEST_F(Buses, NoChangedBitOfACommandExtendsAnotherValue) {
  const Bytes before = pcr10();
  for (std::size_t at = 10; at < 10 + 4 + 4 + 73 + 38; ++at) {
    std::uint32_t last = 0;
    change_command = [&](Bytes& command) {
      last = code_of(command);
      if (last == 0x182 && at < command.size()) command[at] ^= static_cast<std::uint8_t>(1u << at % 8);
    };
    ProtectedSession session(speak, draw);
    EXPECT_THROW(extend_protected(session, 10, {&digest, 1}), sim::WorldError) << at;
    EXPECT_EQ(pcr10(), before) << at;
  }
}

TEST_F(Buses, NoticeAKeyThatIsNotTheTpms) {
  AttestationKey known;
  {
    ProtectedSession session(speak, draw);
    known = session.storage_key();
  }
  ProtectedSession again(speak, draw, known);
  known.x[0] ^= 1;
  EXPECT_THROW(ProtectedSession(speak, draw, known), sim::WorldError);
}

}  // namespace
}  // namespace tvdsim::vtpm
