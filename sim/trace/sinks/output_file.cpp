#include "sim/trace/sinks/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;

[[noreturn]] void fail_with(const std::string& path, int code) {
  const char* name = strerrorname_np(code);
  throw WorldError(
      fmt::format("cannot write {}", path), name ? name : "unknown errno",
      code == ENOSPC ? "free some space on that disk, or choose another directory" : strerrordesc_np(code));
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail(errno);
  buffer_.reserve(kBuffer);
}

OutputFile::~OutputFile() {
  if (file_ >= 0) close(file_);
  struct stat status {};
  // Only what was a file of ours: a device that was named as the output stays.
  if (!finished_ && lstat(path_.c_str(), &status) == 0 && S_ISREG(status.st_mode)) unlink(path_.c_str());
}

void OutputFile::fail(int code) const { fail_with(path_, code); }

void OutputFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
}

void OutputFile::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBuffer) flush();
}

void OutputFile::finish() {
  flush();
  // A device or pipe has nothing to sync; that is no failure.
  if (fsync(file_) != 0 && errno != EINVAL && errno != EROFS) fail(errno);
  const int closed = close(file_);
  file_ = -1;
  if (closed != 0) fail(errno);
  finished_ = true;
}

void make_directory(const std::string& path) {
  struct stat status {};
  if (mkdir(path.c_str(), 0777) == 0) return;
  const int code = errno;
  if (code == EEXIST && stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return;
  fail_with(path, code);
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        json += "\\\"";
        break;
      case '\\':
        json += "\\\\";
        break;
      case '\n':
        json += "\\n";
        break;
      case '\t':
        json += "\\t";
        break;
      case '\r':
        json += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          json += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          json += c;
        }
    }
  }
  return json + '"';
}

}  // namespace tvdsim::sim
