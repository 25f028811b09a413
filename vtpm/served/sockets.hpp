// Sockets of one machine: Unix ones and TCP on 127.0.0.1, owned, never left behind. Private to vtpm/served.
//
// Invariant  a listener's file is removed with it, if it is still the one that it made; nothing here raises a signal.
// Threads    one at a time per object.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tvdsim::vtpm {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Listener {
 public:
  Listener() = default;
  // Mode 0600. WorldError when something is there already or the path is too long.
  static Listener at_path(const std::string& path);
  // On 127.0.0.1; port 0: any.
  static Listener at_port(std::uint16_t port);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  explicit operator bool() const noexcept { return bool(fd_); }
  int get() const noexcept { return fd_.get(); }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& path() const noexcept { return path_; }
  Fd accept() const;  // empty: nobody was there after all

 private:
  Fd fd_;
  std::string path_;
  std::uint64_t device_ = 0, inode_ = 0;
  std::uint16_t port_ = 0;
};

// Two listeners on neighbouring ports. Port 0: whichever two are free.
std::pair<Listener, Listener> listen_on_pair(std::uint16_t port);

// Up to the size of `into` bytes now, and the descriptors that came along. 0: the other side is gone; -1: nothing is there yet.
std::ptrdiff_t receive_now(int socket, std::span<std::uint8_t> into, std::vector<Fd>* along = nullptr);
// How many bytes went out now; -1: the other side is gone.
std::ptrdiff_t send_now(int socket, std::span<const std::uint8_t> bytes);

// The other side of a served TPM. Each throws WorldError: ETIMEDOUT past the deadline, ECONNRESET when the server is gone.
using Deadline = std::chrono::steady_clock::time_point;
Fd connect_to_path(const std::string& path, Deadline deadline);
Fd connect_to_port(std::uint16_t port, Deadline deadline);
void send_all(int socket, std::span<const std::uint8_t> bytes, Deadline deadline, int along = -1);
// At least one byte, at most `most`.
std::vector<std::uint8_t> receive_some(int socket, std::size_t most, Deadline deadline);

}  // namespace tvdsim::vtpm
