// Between SimGrid's seconds (a double) and our nanoseconds (an integer).
//
// A date is rounded up, because a flow is not over before its last byte; what exceeds a nanosecond by less than a
// hundredth counts as rounding noise of the double, not as another nanosecond.
//
// Invariant  to_ns(to_seconds(t)) == t for t up to 10^6 s.
#pragma once

#include <cmath>

#include "sim/base/units.hpp"

namespace tvdsim::sim {

inline double to_seconds(Time t) noexcept { return static_cast<double>(t.ns) / 1e9; }

inline Time to_ns(double seconds) noexcept {
  constexpr double kNoise = 1.0 / 64;
  constexpr double kMost = 9.2e18;
  const double ns = seconds * 1e9;
  if (!(ns < kMost)) return Time::never();
  // Above 10^5 s a double's own grain exceeds the noise bound; two grains are allowed for then.
  const double grain = std::nextafter(ns, kMost) - ns;
  return {static_cast<std::int64_t>(std::ceil(ns - (kNoise > 2 * grain ? kNoise : 2 * grain)))};
}

}  // namespace tvdsim::sim
