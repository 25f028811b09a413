#include "sim/base/error.hpp"
#include "sim/trace/trace.hpp"

namespace tvdsim::sim {

const std::vector<TableInfo>& table_infos() {
  static const std::vector<TableInfo> infos{
#define TABLE(name, kind, what) TableInfo{#name, TableKind::kind, what, {
#define COLUMN(table, type, name, what) ColumnInfo{#name, ColumnType::type, what},
#define TABLE_END(name) \
  }                     \
  }                     \
  ,
#include "sim/trace/tables.def"
#undef TABLE
#undef COLUMN
#undef TABLE_END
  };
  return infos;
}

const TableInfo& table_info(TableId table) {
  const auto index = static_cast<std::size_t>(table);
  TVDSIM_ASSERT(index < kTables, "a table lies outside tables.def");
  return table_infos()[index];
}

}  // namespace tvdsim::sim
