// An attack that is a race, run in every order that its simultaneous events allow.
//
// Invariant  each order is run once; harmed counts those in which ground truth says that the bad thing happened.
// Cost       one datacenter per order, built anew.
// Threads    one at a time.
#pragma once

#include <cstdint>

#include "models/attack/attack.hpp"

namespace tvdsim::models {

struct InterleavingReport {
  std::uint64_t orders = 0;  // run in all
  std::uint64_t harmed = 0;
  std::uint64_t refused = 0;  // a decision refused a step
  bool complete = true;       // false: `limit` cut it short
};

InterleavingReport run_all_orders(const Attack& attack, Staging staging, ControlMode mode,
                                  std::uint64_t limit = 100'000, std::uint64_t seed = 1);

}  // namespace tvdsim::models
