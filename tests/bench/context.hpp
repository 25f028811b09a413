// What every benchmark says about itself, and the seed that it draws its inputs from.
//
// Link tvdsim_bench_frame through tvdsim_benchmark() and the frame brings main(), prints machine, commit and compiler, and lets the A/B
// comparison fix the number of iterations and count only the instructions of the timed loop. A benchmark adds its
// input mix, and draws every input from bench_seed():
//
//   const tvdsim::tests::InputMix kMix{"decide", "40 VM labels, 60 % permit, 40 % deny, order shuffled by the seed"};
//
// Invariant  one seed, one sequence of inputs: two builds that are handed the same seed do the same work.
// Cost       nothing inside the timed loop.
// Threads    bench_seed() may be called from any.
// Leaves out baselines: no figure is ever committed; tests/bench/ab.py builds both revisions and compares.
#pragma once

#include <cstdint>
#include <string_view>

namespace tvdsim::tests {

// The seed of this process; ab.py gives both sides the same one and changes it from round to round.
[[nodiscard]] std::uint64_t bench_seed();

// At namespace scope: one line of the report's context.
struct InputMix {
  InputMix(std::string_view benchmark, std::string_view mix);
};

}  // namespace tvdsim::tests
