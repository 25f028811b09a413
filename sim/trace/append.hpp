// How a row becomes bytes: the part of Trace that is generated from tables.def, included by trace.hpp alone.
//
// A row is hashed as its table's number (one byte) and its cells, little-endian, at the width of their type. No row
// touches the heap unless its table is stored.
//
// Cost       about 10 ns for a row of four columns, plus SHA-256 over its bytes.
#pragma once

namespace tvdsim::sim {

namespace rows {
// each_cell(row, f) calls f on every cell, in the order of the table's columns.
#define TABLE(name, kind, what) \
  template <class Visitor>      \
  inline void each_cell(const name& row, Visitor&& visit) {
#define COLUMN(table, type, name, what) visit(row.name);
#define TABLE_END(name) }
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END
}  // namespace rows

// Writes the cells of one row: into the block that is hashed, and into an array when the table is stored.
struct RowWriter {
  Trace& trace;
  unsigned char* out = trace.block_.data() + trace.used_;

  template <class Word>
  void put(Word word) noexcept {
    for (std::size_t i = 0; i < sizeof(Word); ++i) out[i] = static_cast<unsigned char>(word >> (8 * i));
    out += sizeof(Word);
  }
  void done() noexcept { trace.used_ = static_cast<std::size_t>(out - trace.block_.data()); }
  void operator()(Time cell) noexcept { put(static_cast<std::uint64_t>(cell.ns)); }
  void operator()(Duration cell) noexcept { put(static_cast<std::uint64_t>(cell.ns)); }
  void operator()(std::uint32_t cell) noexcept { put(cell); }
  void operator()(std::uint64_t cell) noexcept { put(cell); }
  void operator()(std::int64_t cell) noexcept { put(static_cast<std::uint64_t>(cell)); }
  void operator()(TextId cell) { put(trace.canonical(cell)); }
};

// A text that a row uses for the first time is hashed before the row, which must not be split by it.
struct TextNumberer {
  Trace& trace;
  void (*number)(Trace&, TextId);
  void operator()(TextId cell) const { number(trace, cell); }
  template <class Cell>
  void operator()(const Cell&) const noexcept {}
};

struct CellCopier {
  std::uint64_t* out;
  void operator()(Time cell) noexcept { *out++ = static_cast<std::uint64_t>(cell.ns); }
  void operator()(Duration cell) noexcept { *out++ = static_cast<std::uint64_t>(cell.ns); }
  void operator()(std::uint32_t cell) noexcept { *out++ = cell; }
  void operator()(std::uint64_t cell) noexcept { *out++ = cell; }
  void operator()(std::int64_t cell) noexcept { *out++ = static_cast<std::uint64_t>(cell); }
  void operator()(TextId cell) noexcept { *out++ = cell.value; }
};

template <class Row>
void Trace::append(const Row& row) {
  constexpr auto index = static_cast<std::size_t>(Row::kTable);
  each_cell(row, TextNumberer{*this, [](Trace& trace, TextId id) { trace.canonical(id); }});
  if (used_ > kBlock - kRowMost) flush();
  RowWriter writer{*this};
  writer.put(static_cast<std::uint8_t>(Row::kTable));
  each_cell(row, writer);
  writer.done();
  ++counts_[index];
  if (stored_[index]) {
    std::uint64_t cells[sizeof(Row) / sizeof(std::uint32_t)];
    CellCopier copier{cells};
    each_cell(row, copier);
    keep(Row::kTable, cells, static_cast<std::size_t>(copier.out - cells));
  }
}

}  // namespace tvdsim::sim
