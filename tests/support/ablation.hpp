// The control modes a test runs under: everything on, unless the evidence checker takes one control away.
//
// A test that shows a refusal takes its modes from here. docs/check_features.py runs it twice: as it stands, when it must
// pass, and with TVDSIM_ABLATE=<control> in the environment, when it must FAIL: a refusal that survives the loss of its
// control was never that control's doing. docs/features.md names the control beside each negative test.
//
//   // F-014
//   TEST(Wall, RefusesARivalBesideARunningTenant) {
//     DatacenterSetup setup = two_rivals();
//     setup.controls = tests::modes_under_test();      // or Monitor::Setup{.modes = tests::modes_under_test()}
//     ... EXPECT_EQ(decision.verdict, Verdict::deny);  // fails under TVDSIM_ABLATE=wall
//
// Invariant  without TVDSIM_ABLATE every control is on; with it exactly the named ones (comma-separated) are off.
// Leaves out `monitor`: tests that are about it set it themselves.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/base/decision.hpp"

namespace tvdsim::tests {

// Switches the control off in `modes`; a name that is no control ends the process, so that no ablation passes unnoticed.
inline void ablate(sim::ControlModes& modes, std::string_view control) {
  constexpr std::string_view kNames[] = {
#define CONTROL(name, stops, without) #name,
#include "sim/base/controls.def"
#undef CONTROL
  };
  for (std::size_t i = 0; i < sim::kControls; ++i) {
    if (kNames[i] != control) continue;
    modes.set(static_cast<sim::Control>(i), sim::ControlMode::off);
    return;
  }
  std::fprintf(stderr, "TVDSIM_ABLATE names no control: `%.*s` (sim/base/controls.def)\n",
               static_cast<int>(control.size()), control.data());
  std::_Exit(4);
}

inline sim::ControlModes modes_under_test() {
  sim::ControlModes modes;
  const char* text = std::getenv("TVDSIM_ABLATE");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    ablate(modes, rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return modes;
}

}  // namespace tvdsim::tests
