// Do TPMs come back from segment deltas as they come back from blobs? Asked of the copy itself, before anybody's TPM is in it.
#include <atomic>
#include <mutex>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm_home.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kTpms = 3, kRounds = 6;
constexpr std::uint8_t kReadClock[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81};
// TPM2_HashSequenceStart of SHA-256 without a secret: its state lies among the loaded objects.
constexpr std::uint8_t kStartHash[] = {0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x86, 0, 0, 0x00, 0x0b};

// A visit by each in every round, so that each is parked between any two of its own.
Bytes turns(Home& home) {
  Bytes said;
  Tpm tpms[kTpms];
  std::uint32_t keys[kTpms] = {};
  const BankSelection selection{HashAlg::sha256, 0x400};
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    for (std::uint32_t i = 0; i < kTpms; ++i) {
      Tpm& tpm = tpms[i];
      if (round == 0) tpm.key = stream_key(0, "self-test " + std::to_string(i));
      const CommandContext now{.now = sim::Time{1'234'567'891LL * (round * kTpms + i)}};
      const auto keep = [&](std::span<const std::uint8_t> answer) {
        said.insert(said.end(), answer.begin(), answer.end());
      };
      const BankDigest digest{HashAlg::sha256, Bytes(32, static_cast<std::uint8_t>(i + round))};
      if (round == 0) {
        const Bytes started = home.execute(tpm, startup_command(StartupType::clear), now);
        expect_success(started, "starting a TPM of the self-test");
        keep(home.execute(tpm, kStartHash, now));
      } else if (round == 1) {
        const Bytes made = home.execute(tpm, create_attestation_key_command(), now);
        keys[i] = read_key_response(made).handle;
        keep(made);
      } else if (round == kRounds - 1) {
        keep(home.execute(tpm, quote_command(keys[i], Bytes(16, 1), {&selection, 1}), now));
        keep(home.save(tpm).permanent);
      }
      keep(home.execute(tpm, pcr_extend_command(10, {&digest, 1}), now));
      keep(home.execute(tpm, get_random_command(16), now));
      keep(home.execute(tpm, kReadClock, now));
    }
  }
  for (Tpm& tpm : tpms) home.forget(tpm);
  return said;
}

// What one way of parking makes of it; nothing when it fails.
Bytes turns_with(TpmLibrary& copy, bool segments) {
  Home home(copy, segments);
  const Home::Entry entry(home);
  try {
    return turns(home);
  } catch (const sim::WorldError&) {
    copy.holder = nullptr;
    return {};
  }
}

}  // namespace

bool segments_agree(TpmLibrary& copy) {
  if (copy.stock || copy.segment.empty()) return false;
  const Bytes by_blobs = turns_with(copy, false);
  return !by_blobs.empty() && turns_with(copy, true) == by_blobs;
}

bool segments_trusted(TpmLibrary& copy) {
  static std::mutex one_at_a_time;
  static std::size_t size = 0;
  static bool asked = false, agreed = false;
  const std::lock_guard guard(one_at_a_time);
  if (!asked) {
    agreed = segments_agree(copy);
    size = copy.segment.size();
    asked = true;
  }
  return agreed && copy.segment.size() == size;
}

}  // namespace tvdsim::vtpm
