// A file that is written from front to back, and is either whole or not there.
//
// Invariant  what finish() left is on the disk; without finish() the destructor removes the file.
// Cost       one write(2) per 64 KiB.
// Threads    one at a time.
#pragma once

#include <string>
#include <string_view>

namespace tvdsim::sim {

class OutputFile {
 public:
  explicit OutputFile(std::string path);  // created or truncated; WorldError with errno's name
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void finish();  // flushes, fsyncs, closes

 private:
  [[noreturn]] void fail(int code) const;
  void flush();

  std::string path_, buffer_;
  int file_ = -1;
  bool finished_ = false;
};

// A directory for files; one that is there already is fine.
void make_directory(const std::string& path);

// `text` as a JSON string, with its quotes. Bytes that are not ASCII are passed on as they are (UTF-8).
std::string json_string(std::string_view text);

}  // namespace tvdsim::sim
