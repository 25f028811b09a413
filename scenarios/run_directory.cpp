#include "scenarios/run_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <vector>

#include "scenarios/json.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::scenarios {
namespace {

constexpr std::string_view kLock = "run.lock";

[[noreturn]] void taken(const std::string& path, std::string message, std::string help) {
  throw sim::InputError(sim::Finding{"TVD-131", path, std::move(message), std::move(help)});
}

[[noreturn]] void disk_failed(std::string_view doing, const std::string& path, int error) {
  throw sim::WorldError(fmt::format("{} `{}`: {}", doing, path, std::strerror(error)), errno_name(error),
                        error == ENOSPC || error == EDQUOT ? "free some space and run again" : "");
}

// Closes on every way out.
struct File {
  int fd = -1;
  ~File() {
    if (fd >= 0) ::close(fd);
  }
};

void write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) disk_failed("writing", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
}

void flush(const std::string& path, int flags) {
  File file{::open(path.c_str(), flags)};
  if (file.fd < 0) disk_failed("opening", path, errno);
  if (::fsync(file.fd) != 0) disk_failed("flushing", path, errno);
}

// Every file that a run leaves: nothing else is removed from a directory that is taken over.
bool is_ours(std::string_view name) {
  if (name.ends_with(".part")) name.remove_suffix(5);
  constexpr std::array kOurs{std::string_view("manifest.json"), std::string_view("spec.json"),
                             std::string_view("run.sqlite"),    std::string_view("run.sqlite-journal"),
                             std::string_view("report.txt"),    std::string_view("frames.pcap"),
                             std::string_view("columns"),       std::string_view("decisions"),
                             std::string_view("certificates"),  kLock};
  return std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end() || name == "run.sqlite.part-journal";
}

}  // namespace

std::string errno_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name ? name : fmt::format("errno {}", error);
}

std::string read_file(const std::string& path, std::string_view code) {
  const auto refuse = [&](int error) -> void {
    throw sim::InputError(
        sim::Finding{std::string(code),
                     path,
                     fmt::format("cannot be read: {} ({}).", std::strerror(error), errno_name(error)),
                     {}});
  };
  File file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) refuse(errno);
  std::string bytes;
  std::array<char, 65536> block;
  for (;;) {
    const auto got = ::read(file.fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse(errno);
    if (got == 0) return bytes;
    bytes.append(block.data(), static_cast<std::size_t>(got));
  }
}

RunDirectory::RunDirectory(std::string path, std::string_view spec_hash) : path_(std::move(path)) {
  while (path_.size() > 1 && path_.back() == '/') path_.pop_back();
  if (path_.empty()) taken("out", "no run directory is named.", "\"runs/a\"");
  std::error_code error;
  std::filesystem::create_directories(path_, error);
  if (error)
    taken(
        path_,
        fmt::format("the run directory cannot be made: {} ({}).", error.message(), errno_name(error.value())),
        "choose another");
  lock();
  try {
    take_over(spec_hash);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::lock() {
  const auto name = file(kLock);
  const bool was_there = ::access(name.c_str(), F_OK) == 0;
  lock_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    taken(
        path_,
        fmt::format("the run directory cannot be written: {} ({}).", std::strerror(errno), errno_name(errno)),
        "choose another");
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(lock_);
  lock_ = -1;
  taken(path_,
        was_there ? "another process is writing a run there now." : "the run directory cannot be locked.",
        "wait for it, or choose another directory");
}

void RunDirectory::take_over(std::string_view spec_hash) {
  std::vector<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    if (auto name = entry.path().filename().string(); name != kLock) there.push_back(std::move(name));
  }
  if (there.empty()) return;
  std::sort(there.begin(), there.end());
  const auto give_back = [&] { ::unlink(file(kLock).c_str()); };
  for (const auto& name : there) {
    if (is_ours(name)) continue;
    give_back();
    taken(path_, fmt::format("the directory holds `{}`, which no run wrote.", name),
          "choose a directory that is new or empty");
  }
  if (std::filesystem::exists(file("manifest.json"))) {
    sim::Findings ignored;
    const Json manifest = parse_json(read_file(file("manifest.json"), "TVD-131"), "manifest.json", ignored);
    const auto status = std::string(manifest.text_of("status"));
    if (status == "complete" || manifest.text_of("spec_hash") != spec_hash) {
      give_back();
      taken(path_,
            status == "complete"
                ? std::string("the directory holds a complete run already; it is never overwritten.")
                : fmt::format("the directory holds the run of another Spec (status {}).", status),
            fmt::format("choose another directory, or remove it: rm -r {}", path_));
    }
  }
  // The manifest goes last: as long as it is there, what is left is known to be an unfinished run.
  std::stable_partition(there.begin(), there.end(),
                        [](const std::string& name) { return name != "manifest.json"; });
  for (const auto& name : there) std::filesystem::remove_all(file(name));
}

std::string RunDirectory::file(std::string_view name) const { return fmt::format("{}/{}", path_, name); }
std::string RunDirectory::part(std::string_view name) const { return fmt::format("{}/{}.part", path_, name); }

void RunDirectory::write(std::string_view name, std::string_view bytes) {
  const auto path = part(name);
  {
    File out{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (out.fd < 0) disk_failed("opening", path, errno);
    write_all(out.fd, bytes, path);
  }
  adopt(name);
}

void RunDirectory::adopt(std::string_view name) {
  const auto from = part(name), to = file(name);
  const bool directory = std::filesystem::is_directory(from);
  flush(from, directory ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CLOEXEC);
  if (::rename(from.c_str(), to.c_str()) != 0) disk_failed("naming", to, errno);
  sync();
}

void RunDirectory::sync() const { flush(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

void RunDirectory::finish() {
  ::unlink(file(kLock).c_str());
  ::close(lock_);
  lock_ = -1;
}

}  // namespace tvdsim::scenarios
