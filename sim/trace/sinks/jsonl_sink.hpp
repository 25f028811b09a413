// A trace as JSON lines: one object per stored row, {"table": "decisions", "id": 0, "time_ns": …}, table after table.
//
// Invariant  a line has the columns of its table in their order; a text that is none is null.
// Cost       about 1 us per row.
// Threads    the trace's writer.
#pragma once

#include <string>

#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

void write_jsonl(const Trace& trace, const std::string& path);

}  // namespace tvdsim::sim
