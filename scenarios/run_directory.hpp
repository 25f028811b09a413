// The directory of one run: taken by one process at a time, each file there only when it is whole.
//
// write() puts bytes under a temporary name, flushes them to the disk and renames; a file that someone else writes (the
// SQLite sink) is begun under part() and put in place by adopt(). Only files of a run are ever removed.
//
// Invariant  a file without the suffix `.part` is complete.
// Cost       two fsync per file.
// Threads    one.
#pragma once

#include <string>
#include <string_view>

namespace tvdsim::scenarios {

class RunDirectory {
 public:
  // Makes the directory, or takes over an empty one or one whose run of the same Spec did not complete.
  // Throws InputError TVD-131: taken by a complete run, by another Spec, by files that are no run, by a process that is
  // writing there now; or it cannot be made.
  RunDirectory(std::string path, std::string_view spec_hash);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;

  const std::string& path() const noexcept { return path_; }
  std::string file(std::string_view name) const;
  std::string part(std::string_view name) const;              // where `name` is written before it is whole
  void write(std::string_view name, std::string_view bytes);  // throws WorldError with the errno's own name
  void adopt(std::string_view name);                          // flushes part(name) and gives it its name
  void finish();                                              // the run is over: removes the lock

 private:
  void lock();
  void take_over(std::string_view spec_hash);
  void sync() const;

  std::string path_;
  int lock_ = -1;
};

std::string read_file(const std::string& path,
                      std::string_view code);  // throws InputError `code` when it cannot be read
std::string errno_name(int error);             // "ENOSPC"

}  // namespace tvdsim::scenarios
