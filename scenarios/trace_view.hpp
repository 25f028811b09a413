// One stored table of a trace, read by column name.
//
// Cost       text() is one look-up of an interned string; the column is found once.
// Threads    reading only.
#pragma once

#include <cstdint>
#include <string_view>

#include "sim/trace/trace.hpp"

namespace tvdsim::scenarios {

class TableView {
 public:
  TableView(const sim::Trace& trace, sim::TableId table);

  std::size_t rows() const noexcept { return rows_; }
  std::size_t column(std::string_view name) const;  // asserts that there is such a column
  std::uint64_t number(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::size_t column) const;
  std::string_view text(std::size_t row, std::string_view name) const { return text(row, column(name)); }
  std::uint64_t number(std::size_t row, std::string_view name) const { return number(row, column(name)); }

 private:
  const sim::Trace& trace_;
  sim::TableId table_;
  std::size_t rows_;
};

}  // namespace tvdsim::scenarios
