#include "sim/trace/sinks/jsonl_sink.hpp"

#include <fmt/format.h>

#include "sim/trace/sinks/output_file.hpp"

namespace tvdsim::sim {
namespace {

std::string cell_json(const Trace& trace, ColumnType type, std::uint64_t cell) {
  switch (type) {
    case ColumnType::text: {
      const TextId text{static_cast<std::uint32_t>(cell)};
      return text.exists() ? json_string(trace.text(text)) : "null";
    }
    case ColumnType::u32:
    case ColumnType::u64:
      return fmt::format("{}", cell);
    default:
      return fmt::format("{}", static_cast<std::int64_t>(cell));
  }
}

}  // namespace

void write_jsonl(const Trace& trace, const std::string& path) {
  OutputFile file(path);
  for (std::size_t t = 0; t < kTables; ++t) {
    const auto table = static_cast<TableId>(t);
    const auto& info = table_info(table);
    const std::size_t rows = trace.column(table, 0).size();
    for (std::size_t row = 0; row < rows; ++row) {
      std::string line = fmt::format("{{\"table\": \"{}\"", info.name);
      for (std::size_t i = 0; i < info.columns.size(); ++i) {
        const auto& column = info.columns[i];
        line += fmt::format(", \"{}\": {}", column.name,
                            cell_json(trace, column.type, trace.column(table, i)[row]));
      }
      file.write(line + "}\n");
    }
  }
  file.finish();
}

}  // namespace tvdsim::sim
