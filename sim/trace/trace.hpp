// What happened, as typed columns, and one hash over all of it.
//
// Rows are appended to tables (tables.def); every row of every table enters the fingerprint in order, whether or not
// its table is stored. Counts are always exact. Sinks (sim/trace/sinks) read a finished or a growing trace.
//
// Invariant  fingerprint() depends on the rows appended and on nothing else: not on what is stored, nor on sinks.
//            A text counts by its content and by the order in which rows first use it, not by when it was interned.
// Cost       append: a few stores per column plus hashing of the row's bytes in 4 kB blocks; text() one hash look-up.
// Threads    one writer.
// Source     INET's fingerprint tests, for the idea of one hash per run.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/ids.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::sim {

enum class Cause : std::uint8_t {
#define CAUSE(name, what) name,
#include "sim/trace/causes.def"
#undef CAUSE
};
std::string_view to_text(Cause) noexcept;

enum class TableId : std::uint8_t {
#define TABLE(name, kind, what) name,
#define COLUMN(table, type, name, what)
#define TABLE_END(name)
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END
};

enum class TableKind : std::uint8_t { rare, bulk, truth };
enum class ColumnType : std::uint8_t { time, span, u32, u64, i64, text };

namespace column {
using time = Time;
using span = Duration;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i64 = std::int64_t;
using text = TextId;
}  // namespace column

// One struct per table: DecisionsRow would be rows::decisions{ .id = …, .time_ns = …, … }.
namespace rows {
#define TABLE(name, kind, what) \
  struct name {                 \
    static constexpr TableId kTable = TableId::name;
#define COLUMN(table, type, name, what) column::type name{};
#define TABLE_END(name) \
  }                     \
  ;
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END
}  // namespace rows

struct ColumnInfo {
  std::string_view name;
  ColumnType type;
  std::string_view what;
};
struct TableInfo {
  std::string_view name;
  TableKind kind;
  std::string_view what;
  std::vector<ColumnInfo> columns;
};
const std::vector<TableInfo>& table_infos();  // in the order of tables.def

const TableInfo& table_info(TableId);

inline constexpr std::size_t kTables = []() constexpr {
  std::size_t n = 0;
#define TABLE(name, kind, what) ++n;
#define COLUMN(table, type, name, what)
#define TABLE_END(name)
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END
  return n;
}
();

class Trace {
 public:
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;

  TextId text(std::string_view);                 // intern
  std::string_view text(TextId) const noexcept;  // "" for none()
  std::uint32_t texts() const noexcept;          // how many: their ids count from 0

  template <class Row>
  void append(const Row& row);  // one of rows::*

  void store(TableId, bool stored);  // default: all but `bulk` tables; holds for rows to come
  bool stored(TableId table) const noexcept { return stored_[static_cast<std::size_t>(table)]; }
  std::uint64_t count(TableId table) const noexcept {  // rows appended, stored or not
    return counts_[static_cast<std::size_t>(table)];
  }
  // Column of a stored table: raw 64-bit values (text as TextId, times as ns).
  const std::vector<std::uint64_t>& column(TableId, std::size_t column) const;

  // SHA-256 over all rows so far, hex.
  std::string fingerprint();

  void charge(Cause, Duration) noexcept;  // books to the ledger
  struct Charge {
    std::uint64_t count = 0;
    Duration total;
  };
  const Charge& charged(Cause) const noexcept;
  void append_ledger();  // one row of `charges` for each cause that was charged

 private:
  struct Impl;
  friend struct RowWriter;                      // sim/trace/append.hpp
  static constexpr std::size_t kBlock = 8192;   // bytes hashed at a time
  static constexpr std::size_t kRowMost = 512;  // no row is longer

  void flush() noexcept;            // hashes the block
  std::uint32_t canonical(TextId);  // number of a text by first use; hashes its content then
  void keep(TableId, const std::uint64_t* cells, std::size_t n);

  std::unique_ptr<Impl> impl_;
  std::array<std::uint64_t, kTables> counts_{};
  std::array<bool, kTables> stored_{};
  std::size_t used_ = 0;
  std::array<unsigned char, kBlock> block_;
};

}  // namespace tvdsim::sim

#include "sim/trace/append.hpp"
