#include "vtpm/served/fleet_tpm.hpp"

#include <utility>

namespace tvdsim::vtpm {
namespace {

const std::shared_ptr<std::shared_mutex>& of_the_stock_library() {
  static const auto& lock = *new std::shared_ptr<std::shared_mutex>(std::make_shared<std::shared_mutex>());
  return lock;
}

}  // namespace

SharedFleet::SharedFleet(TpmFleet& fleet)
    : fleet_(fleet),
      homes_(std::make_unique<std::mutex[]>(fleet.workers())),
      alone_(fleet.deterministic() ? std::make_shared<std::shared_mutex>() : of_the_stock_library()) {}

FleetTpm::FleetTpm(SharedFleet& fleet, TpmId tpm, Clock clock)
    : fleet_(fleet), tpm_(tpm), clock_(std::move(clock)) {}

CommandContext FleetTpm::context(std::uint8_t locality) const {
  return {.now = clock_ ? clock_() : sim::Time{}, .locality = locality};
}

std::vector<std::uint8_t> FleetTpm::execute(std::span<const std::uint8_t> command, std::uint8_t locality) {
  return fleet_.with(tpm_, [&](TpmFleet& fleet) { return fleet.execute(tpm_, command, context(locality)); });
}

void FleetTpm::power_cycle() {
  fleet_.with(tpm_, [&](TpmFleet& fleet) { fleet.power_cycle(tpm_, context(0)); });
}

TpmState FleetTpm::save() {
  return fleet_.alone([&](TpmFleet& fleet) { return fleet.save(tpm_); });
}

void FleetTpm::load(const TpmState& state) {
  fleet_.alone([&](TpmFleet& fleet) { fleet.load(tpm_, state, context(0)); });
}

bool FleetTpm::signal(TpmSignal signal, std::span<const std::uint8_t> data, std::uint8_t locality) {
  return fleet_.with(tpm_,
                     [&](TpmFleet& fleet) { return fleet.signal(tpm_, signal, data, context(locality)); });
}

}  // namespace tvdsim::vtpm
