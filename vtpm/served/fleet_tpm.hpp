// A fleet that several threads share, and one TPM of it as a device.
//
//   SharedFleet shared(fleet);
//   FleetTpm tpm(shared, fleet.create("g1"), [&] { return engine.now(); });
//
// Invariant  commands to TPMs of different homes run beside each other, those of one home take turns; whatever a fleet wants to
//            do alone is alone. While a fleet is shared, everybody goes through its SharedFleet.
// Cost       two locks per command.
// Threads    all functions may be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>

#include "vtpm/served/tpm_device.hpp"

namespace tvdsim::vtpm {

class SharedFleet {
 public:
  explicit SharedFleet(TpmFleet& fleet);

  // Work with one TPM: execute(), power_cycle(), signal().
  template <class Work>
  std::invoke_result_t<const Work&, TpmFleet&> with(TpmId tpm, const Work& work) {
    const std::shared_lock others(*alone_);
    const std::lock_guard home(homes_[fleet_.home(tpm)]);
    return work(fleet_);
  }
  // Work that nobody may be beside of: create(), save(), load(), destroy().
  template <class Work>
  std::invoke_result_t<const Work&, TpmFleet&> alone(const Work& work) {
    const std::unique_lock others(*alone_);
    return work(fleet_);
  }

 private:
  TpmFleet& fleet_;
  std::unique_ptr<std::mutex[]> homes_;
  std::shared_ptr<std::shared_mutex> alone_;  // one for all fleets on the stock library: they sit in one copy
};

class FleetTpm final : public TpmDevice {
 public:
  using Clock = std::function<sim::Time()>;
  // `clock` says what the TPM's clock shows at each command; without it the clock stands still.
  FleetTpm(SharedFleet& fleet, TpmId tpm, Clock clock = {});

  TpmId id() const noexcept { return tpm_; }
  std::vector<std::uint8_t> execute(std::span<const std::uint8_t> command,
                                    std::uint8_t locality = 0) override;
  void power_cycle() override;
  TpmState save() override;
  void load(const TpmState& state) override;
  bool signal(TpmSignal signal, std::span<const std::uint8_t> data = {}, std::uint8_t locality = 0) override;

 private:
  CommandContext context(std::uint8_t locality) const;

  SharedFleet& fleet_;
  TpmId tpm_;
  Clock clock_;
};

}  // namespace tvdsim::vtpm
