// Named random streams: one per component, so that a new component never shifts another's numbers.
//
// Invariant  the same (seed, name) gives the same numbers on every compiler, machine and worker count.
// Cost       about 1 ns per number (xoshiro256**); no allocation.
// Threads    a stream belongs to one thread; different streams are independent.
// Leaves out cryptographic strength: TPMs draw their own bytes (vtpm/device).
// Source     Blackman & Vigna, xoshiro256** 1.0; Lemire 2019 for below().
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/base/units.hpp"

namespace tvdsim::sim {

class Stream {
 public:
  Stream(std::uint64_t seed, std::string_view name) noexcept;

  std::uint64_t next() noexcept;                           // 64 uniform bits
  std::uint64_t below(std::uint64_t n) noexcept;           // uniform on 0 … n-1, exact; n > 0
  double unit() noexcept;                                  // uniform on [0, 1), 53 bits
  bool chance(double p) noexcept;                          // true with probability p
  Duration exponential(Duration mean) noexcept;            // memoryless waiting time, rounded to ns
  Duration uniform(Duration low, Duration high) noexcept;  // on [low, high)
  // Lognormal with this mean; spread: its standard deviation in units of the mean. Rounded to ns, at least 1.
  Duration lognormal(Duration mean, double spread) noexcept;

 private:
  std::uint64_t state_[4];
};

// Natural logarithm from IEEE basic operations only: the same bits with every libm. Needs x > 0 and normal.
double portable_log(double x) noexcept;
// The exponential function likewise, for |x| up to 700.
double portable_exp(double x) noexcept;

}  // namespace tvdsim::sim
