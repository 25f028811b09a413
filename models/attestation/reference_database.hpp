// The tables of a reference store and its prepared questions: private to reference_store.cpp and reference_imports.cpp.
//
// Threads    one at a time.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <limits>
#include <string>
#include <unordered_map>

#include "models/attestation/reference_store.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

// A prepared statement that is reset when its use is over. What is bound must live until then.
class ReferenceQuery {
 public:
  explicit ReferenceQuery(sqlite3_stmt* statement) : statement_(statement) {}
  ~ReferenceQuery() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  ReferenceQuery(const ReferenceQuery&) = delete;
  ReferenceQuery& number(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_, at, value);
    return *this;
  }
  ReferenceQuery& text(int at, std::string_view value) {
    sqlite3_bind_text64(statement_, at, value.data() ? value.data() : "", value.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
    return *this;
  }
  ReferenceQuery& blob(int at, std::span<const std::uint8_t> value) {
    sqlite3_bind_blob64(statement_, at, value.data(), value.size(), SQLITE_STATIC);
    return *this;
  }
  bool step() {
    const int rc = sqlite3_step(statement_);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
      throw sim::WorldError("using reference values", sqlite3_errstr(rc));
    return rc == SQLITE_ROW;
  }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  bool null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::string text(int column) const {
    const auto* chars = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return chars ? std::string(chars, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
                 : std::string();
  }
  std::span<const std::uint8_t> blob(int column) const {
    return {static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column)),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

struct ReferenceStore::Database {
  // Questions, by what they are for; the texts are in reference_store.cpp.
  enum Question {
    add,
    retire,
    remove,
    annotate,
    take_back,
    find_value,
    find_notes,
    find_any,
    find_name,
    find_good,
    find_listed,
    next_end,
    count,
    record,
    history,
    import_of,
    approvals,
    trust,
    distrust,
    signers,
    key_of,
    begin,
    commit,
    rollback,
    questions
  };

  void open(const std::string& path);
  ~Database();
  sqlite3_stmt* operator[](Question question) const { return prepared[question]; }

  sqlite3* handle = nullptr;
  sqlite3_stmt* prepared[questions] = {};

  // Answers that were given, under the bytes of the item. Emptied by every change, and when it has grown too much.
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return std::hash<std::string_view>{}(key); }
  };
  static constexpr std::size_t kMostAnswers = 1 << 16;
  std::unordered_map<std::string, Standing, KeyHash, std::equal_to<>> answers;
  std::string key;  // of the look-up at hand
};

// One change, whole or not at all.
class ReferenceTransaction {
 public:
  ReferenceTransaction(sqlite3_stmt* begin, sqlite3_stmt* commit, sqlite3_stmt* rollback)
      : commit_(commit), rollback_(rollback) {
    ReferenceQuery(begin).step();
  }
  ~ReferenceTransaction() {
    if (!done_) sqlite3_step(rollback_);
    sqlite3_reset(rollback_);
  }
  ReferenceTransaction(const ReferenceTransaction&) = delete;
  void commit() {
    ReferenceQuery(commit_).step();
    done_ = true;
  }

 private:
  sqlite3_stmt *commit_, *rollback_;
  bool done_ = false;
};

inline constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

}  // namespace tvdsim::models
