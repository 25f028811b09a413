#include "sim/trace/sinks/sqlite_sink.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

// SQLite can describe a code but not name it.
std::string_view code_name(int code) {
  switch (code & 0xff) {
    case SQLITE_ERROR:
      return "SQLITE_ERROR";
    case SQLITE_INTERNAL:
      return "SQLITE_INTERNAL";
    case SQLITE_PERM:
      return "SQLITE_PERM";
    case SQLITE_ABORT:
      return "SQLITE_ABORT";
    case SQLITE_BUSY:
      return "SQLITE_BUSY";
    case SQLITE_LOCKED:
      return "SQLITE_LOCKED";
    case SQLITE_NOMEM:
      return "SQLITE_NOMEM";
    case SQLITE_READONLY:
      return "SQLITE_READONLY";
    case SQLITE_INTERRUPT:
      return "SQLITE_INTERRUPT";
    case SQLITE_IOERR:
      return "SQLITE_IOERR";
    case SQLITE_CORRUPT:
      return "SQLITE_CORRUPT";
    case SQLITE_FULL:
      return "SQLITE_FULL";
    case SQLITE_CANTOPEN:
      return "SQLITE_CANTOPEN";
    case SQLITE_SCHEMA:
      return "SQLITE_SCHEMA";
    case SQLITE_TOOBIG:
      return "SQLITE_TOOBIG";
    case SQLITE_CONSTRAINT:
      return "SQLITE_CONSTRAINT";
    case SQLITE_MISMATCH:
      return "SQLITE_MISMATCH";
    case SQLITE_MISUSE:
      return "SQLITE_MISUSE";
    case SQLITE_NOTADB:
      return "SQLITE_NOTADB";
    default:
      return "SQLITE_UNKNOWN";
  }
}

struct DatabaseClose {
  void operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
};
struct StatementFinalize {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, DatabaseClose>;
using Statement = std::unique_ptr<sqlite3_stmt, StatementFinalize>;

}  // namespace

struct SqliteSink::Impl {
  std::string path;
  SqliteOptions options;
  Database database{};
  std::array<Statement, kTables> inserts{};
  std::array<std::uint64_t, kTables> written{};
  std::uint64_t in_transaction = 0;
  bool begun = false;  // the file is ours
  bool finished = false;

  // A failed constructor of the sink comes here too.
  ~Impl() {
    if (finished || !begun) return;
    for (auto& insert : inserts) insert.reset();
    database.reset();
    unlink(path.c_str());
  }

  [[noreturn]] void fail(int code) const {
    const char* words = database ? sqlite3_errmsg(database.get()) : sqlite3_errstr(code);
    const bool full = (code & 0xff) == SQLITE_FULL;
    throw WorldError(fmt::format("cannot write {}", path), code_name(code),
                     full ? "free some space on that disk, or choose another directory" : words);
  }
  void check(int code) const {
    if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) fail(code);
  }
  void execute(const std::string& sql) const {
    check(sqlite3_exec(database.get(), sql.c_str(), nullptr, nullptr, nullptr));
  }
  Statement prepare(const std::string& sql) const {
    sqlite3_stmt* statement = nullptr;
    check(sqlite3_prepare_v2(database.get(), sql.c_str(), -1, &statement, nullptr));
    return Statement(statement);
  }
  void bind(sqlite3_stmt* statement, int place, std::string_view text) const {
    check(sqlite3_bind_text(statement, place, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
  }
  void run(sqlite3_stmt* statement) const {
    check(sqlite3_step(statement));
    check(sqlite3_reset(statement));
  }

  bool wanted(std::size_t table) const {
    return table_infos()[table].kind != TableKind::bulk || options.bulk;
  }
  void open();
  void create_tables();
  void describe();
  void write_table(const Trace& trace, std::size_t table);
  void write_meta(const Trace& trace);
};

// No journal: the file is new and ours alone, and is only kept when it was finished.
// A device or directory of that name is never removed to make room.
void SqliteSink::Impl::open() {
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      throw WorldError(fmt::format("cannot write {}", path), "SQLITE_CANTOPEN",
                       "it exists and is no regular file");
    }
    unlink(path.c_str());
  }
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  database.reset(opened);
  check(code);
  begun = true;
  execute("PRAGMA journal_mode = OFF");
  execute("PRAGMA synchronous = OFF");
  execute("PRAGMA locking_mode = EXCLUSIVE");
  execute("BEGIN");
  create_tables();
  describe();
}

void SqliteSink::Impl::create_tables() {
  execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT");
  execute(
      "CREATE TABLE schema (table_name TEXT NOT NULL, column_name TEXT NOT NULL, type TEXT NOT NULL, what "
      "TEXT NOT NULL) STRICT");
  for (std::size_t i = 0; i < kTables; ++i) {
    if (!wanted(i)) continue;
    const auto& info = table_infos()[i];
    std::string columns, places;
    for (const auto& column : info.columns) {
      const bool text = column.type == ColumnType::text;
      columns += fmt::format("{}\"{}\" {}", columns.empty() ? "" : ", ", column.name,
                             text ? "TEXT" : "INTEGER NOT NULL");
      places += places.empty() ? "?" : ", ?";
    }
    execute(fmt::format("CREATE TABLE \"{}\" ({}) STRICT", info.name, columns));
    inserts[i] = prepare(fmt::format("INSERT INTO \"{}\" VALUES ({})", info.name, places));
  }
}

void SqliteSink::Impl::describe() {
  static constexpr std::string_view kTypes[] = {"time", "span", "u32", "u64", "i64", "text"};
  const Statement insert = prepare("INSERT INTO schema VALUES (?, ?, ?, ?)");
  for (const auto& table : table_infos()) {
    for (const auto& column : table.columns) {
      bind(insert.get(), 1, table.name);
      bind(insert.get(), 2, column.name);
      bind(insert.get(), 3, kTypes[static_cast<std::size_t>(column.type)]);
      bind(insert.get(), 4, column.what);
      run(insert.get());
    }
  }
}

void SqliteSink::Impl::write_table(const Trace& trace, std::size_t table) {
  const auto& columns = table_infos()[table].columns;
  const auto id = static_cast<TableId>(table);
  std::vector<const std::uint64_t*> cells;
  for (std::size_t i = 0; i < columns.size(); ++i) cells.push_back(trace.column(id, i).data());
  const std::uint64_t rows = trace.column(id, 0).size();
  sqlite3_stmt* const insert = inserts[table].get();
  for (std::uint64_t& row = written[table]; row < rows; ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const int place = static_cast<int>(i) + 1;
      const std::uint64_t cell = cells[i][row];
      if (columns[i].type != ColumnType::text) {
        check(sqlite3_bind_int64(insert, place, static_cast<std::int64_t>(cell)));
      } else if (const TextId text{static_cast<std::uint32_t>(cell)}; text.exists()) {
        bind(insert, place, trace.text(text));
      } else {
        check(sqlite3_bind_null(insert, place));
      }
    }
    run(insert);
    if (++in_transaction < options.rows_per_transaction) continue;
    in_transaction = 0;
    execute("COMMIT");
    execute("BEGIN");
  }
}

void SqliteSink::Impl::write_meta(const Trace& trace) {
  const Statement insert = prepare("INSERT INTO meta VALUES (?, ?)");
  const auto put = [&](std::string_view key, std::string_view value) {
    bind(insert.get(), 1, key);
    bind(insert.get(), 2, value);
    run(insert.get());
  };
  put("format", "1");
  put("version", TVDSIM_VERSION);
  for (std::size_t i = 0; i < kTables; ++i) {
    put(fmt::format("rows.{}", table_infos()[i].name),
        fmt::format("{}", trace.count(static_cast<TableId>(i))));
  }
  for (const auto& [key, value] : options.meta) put(key, value);
}

SqliteSink::SqliteSink(std::string path, SqliteOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->path = std::move(path);
  impl_->options = std::move(options);
  impl_->open();
}

SqliteSink::~SqliteSink() = default;

void SqliteSink::write(const Trace& trace) {
  TVDSIM_ASSERT(!impl_->finished, "a finished file takes no more rows");
  for (std::size_t i = 0; i < kTables; ++i) {
    if (impl_->wanted(i)) impl_->write_table(trace, i);
  }
}

void SqliteSink::finish(const Trace& trace) {
  write(trace);
  impl_->write_meta(trace);
  impl_->execute("COMMIT");
  for (auto& insert : impl_->inserts) insert.reset();
  impl_->check(sqlite3_close(impl_->database.release()));
  const int file = open(impl_->path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  if (file >= 0) close(file);
  if (!synced) impl_->fail(SQLITE_IOERR);
  impl_->finished = true;
}

void write_sqlite(const Trace& trace, const std::string& path, SqliteOptions options) {
  SqliteSink sink(path, std::move(options));
  sink.finish(trace);
}

}  // namespace tvdsim::sim
