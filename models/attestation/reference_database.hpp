// The tables of a reference store and its prepared questions: private to reference_store.cpp and reference_imports.cpp.
//
// Threads    one at a time.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <unordered_map>

#include "models/attestation/reference_store.hpp"
#include "sim/base/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace tvdsim::models {

// A prepared statement that is reset when its use is over. What is bound must live until then.
class ReferenceQuery {
 public:
  explicit ReferenceQuery(sqlite3_stmt* statement) : statement_(statement) {}
  ~ReferenceQuery();
  ReferenceQuery(const ReferenceQuery&) = delete;
  ReferenceQuery& number(int at, std::int64_t value);
  ReferenceQuery& text(int at, std::string_view value);
  ReferenceQuery& blob(int at, std::span<const std::uint8_t> value);
  bool step();  // is there a row? WorldError when SQLite says neither
  std::int64_t number(int column) const;
  bool null(int column) const;
  std::string text(int column) const;
  std::span<const std::uint8_t> blob(int column) const;

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
  std::uint64_t changed_rows() const;  // by the statement before
  std::uint64_t last_row() const;
  void run(const std::string& sql);
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
  ~ReferenceTransaction();  // takes back what was not committed
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
