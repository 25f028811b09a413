// A trace as one SQLite file: a table per table of the run, with typed columns and texts written out.
//
// Rare and truth tables are written (truth tables keep their name, truth_*), bulk tables on demand. Two more tables describe
// the file: `meta` (key, value) and `schema` (what each column means).
//
//   SqliteSink sink(path);                       // a name of its own, to be renamed by the caller when whole
//   engine.run_until(…); sink.write(trace);      // any number of times: the rows since the last time
//   sink.finish(trace);                          // meta, fsync; without it the destructor removes the file
//
// Invariant  what the trace holds is what the file holds; the trace, and hence its fingerprint, is only read.
// Cost       about 1 us per row, one transaction per `rows_per_transaction` rows.
// Threads    the trace's writer.
// Leaves out u64 values above 2^63 - 1: SQLite's integers are signed, so such a value appears as its two's complement.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

struct SqliteOptions {
  bool bulk = false;  // also stored bulk tables
  std::uint64_t rows_per_transaction = 100'000;
  std::vector<std::pair<std::string, std::string>> meta{};  // further rows of `meta`
};

class SqliteSink {
 public:
  // Any failure is a WorldError that carries SQLite's own name ("SQLITE_FULL", "SQLITE_CANTOPEN", …).
  explicit SqliteSink(std::string path, SqliteOptions options = {});
  ~SqliteSink();
  SqliteSink(const SqliteSink&) = delete;

  void write(const Trace& trace);
  void finish(const Trace& trace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

void write_sqlite(const Trace& trace, const std::string& path, SqliteOptions options = {});

}  // namespace tvdsim::sim
