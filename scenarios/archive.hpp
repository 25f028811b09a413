// run.sqlite of a finished run, read back: rows of one table at a time, cells as text or number.
//
// Throws InputError TVD-130 when there is no such file or it is no archive of a run.
//
// Cost       one statement per table; rows are read one by one, nothing is kept.
// Threads    one per archive.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tvdsim::scenarios {

class Archive {
 public:
  explicit Archive(const std::string& run_directory);
  ~Archive();
  Archive(const Archive&) = delete;

  bool has_table(std::string_view table) const;

  class Rows {
   public:
    Rows(Rows&&) noexcept;
    ~Rows();
    bool next();  // false after the last row
    std::string text(std::string_view column) const;
    std::int64_t number(std::string_view column) const;
    const std::vector<std::string>& columns() const noexcept;
    std::vector<std::string> cells() const;  // the row's cells, as text, by column

   private:
    friend class Archive;
    struct Impl;
    explicit Rows(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  // All rows in the order written, or those whose integer `column` has the value.
  Rows rows(std::string_view table) const;
  Rows rows(std::string_view table, std::string_view column, std::int64_t value) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::scenarios
