// report.txt: one screen about a run, from its trace alone.
//
// Decisions by hook and verdict; every denial's reason, counted; controls that were not on; components that did not apply,
// counted, so that an absent check is never taken for a passed one; incidents; where the simulated time went.
//
// Cost       one pass over decisions, components and incidents.
// Threads    pure.
#pragma once

#include <string>

#include "scenarios/manifest.hpp"
#include "scenarios/spec.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::scenarios {

std::string report(const Spec& spec, const Manifest& manifest, const sim::Trace& trace);

}  // namespace tvdsim::scenarios
