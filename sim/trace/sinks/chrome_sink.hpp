// A trace as Chrome's JSON timeline, which Perfetto and chrome://tracing open.
//
// One track per VM and one per host. A VM's track has a slice for each of its lives, from being built to its end, and inside
// it a slice per state. A host's track has one slice for the run and an instant for each decision taken there, with verdict,
// rule and reason; messages are arrows of their own (asynchronous slices).
//
// Invariant  slices of one track nest: none overlaps another without containing it.
// Cost       about 2 us per event; everything is written once, nothing is kept but the open slices.
// Threads    the trace's writer.
// Leaves out bulk tables: millions of events make these viewers fail.
// Source     Trace Event Format, Google.
#pragma once

#include <string>

#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

void write_chrome(const Trace& trace, const std::string& path);

}  // namespace tvdsim::sim
