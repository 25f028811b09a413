#include "sim/trace/sinks/npy_sink.hpp"

#include <fmt/format.h>

#include "sim/trace/sinks/output_file.hpp"

namespace tvdsim::sim {
namespace {

struct Layout {
  std::string_view dtype;
  std::size_t width;
};

Layout layout(ColumnType type) {
  switch (type) {
    case ColumnType::u32:
    case ColumnType::text:
      return {"<u4", 4};
    case ColumnType::u64:
      return {"<u8", 8};
    default:
      return {"<i8", 8};
  }
}

// Magic, version, length, a Python dictionary, padded so that the data begins at a multiple of 64.
std::string npy_header(std::string_view dtype, std::size_t rows) {
  constexpr std::size_t kPrefix = 10, kAlign = 64;
  std::string words = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}", dtype, rows);
  const std::size_t whole = (kPrefix + words.size() + 1 + kAlign - 1) / kAlign * kAlign;
  words.append(whole - kPrefix - words.size() - 1, ' ');
  words += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(words.size() & 0xff);
  header += static_cast<char>(words.size() >> 8);
  return header + words;
}

void write_column(const std::string& path, ColumnType type, const std::vector<std::uint64_t>& cells) {
  const auto [dtype, width] = layout(type);
  OutputFile file(path);
  file.write(npy_header(dtype, cells.size()));
  char bytes[8];
  for (const std::uint64_t cell : cells) {
    for (std::size_t i = 0; i < width; ++i) bytes[i] = static_cast<char>(cell >> (8 * i) & 0xff);
    file.write({bytes, width});
  }
  file.finish();
}

void write_texts(const Trace& trace, const std::string& path) {
  OutputFile file(path);
  file.write("[");
  for (std::uint32_t i = 0; i < trace.texts(); ++i) {
    file.write(i == 0 ? "\n" : ",\n");
    file.write(json_string(trace.text(TextId{i})));
  }
  file.write("]\n");
  file.finish();
}

}  // namespace

std::vector<TableId> stored_bulk_tables(const Trace& trace) {
  std::vector<TableId> tables;
  for (std::size_t i = 0; i < kTables; ++i) {
    const auto id = static_cast<TableId>(i);
    if (table_infos()[i].kind == TableKind::bulk && trace.stored(id)) tables.push_back(id);
  }
  return tables;
}

void write_npy(const Trace& trace, const std::string& directory, const std::vector<TableId>& tables) {
  make_directory(directory);
  bool texts = false;
  for (const TableId table : tables) {
    const auto& info = table_info(table);
    const std::string folder = fmt::format("{}/{}", directory, info.name);
    make_directory(folder);
    for (std::size_t i = 0; i < info.columns.size(); ++i) {
      const auto& column = info.columns[i];
      texts = texts || column.type == ColumnType::text;
      write_column(fmt::format("{}/{}.npy", folder, column.name), column.type, trace.column(table, i));
    }
  }
  if (texts) write_texts(trace, directory + "/texts.json");
}

void write_npy(const Trace& trace, const std::string& directory) {
  write_npy(trace, directory, stored_bulk_tables(trace));
}

}  // namespace tvdsim::sim
