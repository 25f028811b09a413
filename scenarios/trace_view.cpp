#include "scenarios/trace_view.hpp"

#include "sim/base/error.hpp"

namespace tvdsim::scenarios {

TableView::TableView(const sim::Trace& trace, sim::TableId table)
    : trace_(trace), table_(table), rows_(trace.stored(table) ? trace.column(table, 0).size() : 0) {}

std::size_t TableView::column(std::string_view name) const {
  const auto& columns = sim::table_infos()[static_cast<std::size_t>(table_)].columns;
  std::size_t found = columns.size();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) found = i;
  }
  TVDSIM_ASSERT(found < columns.size(), "tables.def has the column that a report reads");
  return found;
}

std::uint64_t TableView::number(std::size_t row, std::size_t column) const {
  return trace_.column(table_, column)[row];
}

std::string_view TableView::text(std::size_t row, std::size_t column) const {
  return trace_.text(sim::TextId{static_cast<std::uint32_t>(number(row, column))});
}

}  // namespace tvdsim::scenarios
