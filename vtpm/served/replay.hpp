// Command streams recorded at one TPM and given to another: is it the same TPM, answer by answer?
//
//   const TpmState before = ours.save();
//   Recorder recorder(ours);                       // a device like any; what is done with it is kept
//   …work with recorder…
//   theirs.load(before);
//   const ReplayResult result = replay(theirs, recorder.stream());     // result.differences is empty: it is
//
// Invariant  a response that may vary counts as `varying` only where it varies in nothing but what replay_rules.def allows.
// Cost       the commands, and a copy of each.
// Threads    one at a time.
// Leaves out responses under an HMAC session whose contents vary: their HMAC then varies too, and counts as a difference.
// Source     TCG TPM 2.0 Library 1.59, Part 2 §10.12 (attestation), Part 3; vtpm/served/replay_rules.def.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::vtpm {

struct RecordedCommand {
  std::vector<std::uint8_t> command, response;
  std::uint8_t locality = 0;
};

class Recorder final : public TpmDevice {
 public:
  explicit Recorder(TpmDevice& device) : device_(device) {}
  std::span<const RecordedCommand> stream() const noexcept { return stream_; }

  std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command,
                                    std::uint8_t locality = 0) override;
  void power_cycle() override { device_.power_cycle(); }  // no part of the stream, as the rest
  TpmState save() override { return device_.save(); }
  void load(const TpmState& state) override { device_.load(state); }
  bool signal(TpmSignal signal, std::span<const std::uint8_t> data = {}, std::uint8_t locality = 0) override {
    return device_.signal(signal, data, locality);
  }

 private:
  TpmDevice& device_;
  std::vector<RecordedCommand> stream_;
};

enum class Sameness : std::uint8_t { equal, varying, different };
// Are these two responses to this command those of one TPM?
Sameness compare_responses(std::span<const std::uint8_t> command, std::span<const std::uint8_t> one,
                           std::span<const std::uint8_t> other);

struct ReplayResult {
  std::size_t equal = 0, varying = 0;
  struct Difference {
    std::size_t at = 0;  // of the stream
    std::uint32_t command = 0;
    std::vector<std::uint8_t> recorded, replayed;
  };
  std::vector<Difference> differences;
};
// Goes on after a difference: the rest tells whether it mattered.
ReplayResult replay(TpmDevice& device, std::span<const RecordedCommand> stream);

}  // namespace tvdsim::vtpm
