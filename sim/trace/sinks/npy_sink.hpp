// Columns as files that numpy maps: <directory>/<table>/<column>.npy, little-endian, of the column's own width.
//
//   numpy.load("columns/events/time_ns.npy", mmap_mode="r")
//
// A text column holds indices into <directory>/texts.json, a list; 2^32 - 1 stands for "none".
//
// Invariant  every file is whole, or not there.
// Cost       one pass over each column.
// Threads    the trace's writer.
// Source     NumPy enhancement proposal 1, format 1.0.
#pragma once

#include <string>
#include <vector>

#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

std::vector<TableId> stored_bulk_tables(const Trace& trace);

void write_npy(const Trace& trace, const std::string& directory, const std::vector<TableId>& tables);
void write_npy(const Trace& trace, const std::string& directory);  // the stored bulk tables

}  // namespace tvdsim::sim
