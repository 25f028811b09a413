// A client of a served TPM for tests: commands and control over sockets, with a deadline, and what came back.
//
// Leaves out mercy: a server that does not answer in ten seconds is WorldError ETIMEDOUT.
#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"
#include "vtpm/served/control.hpp"
#include "vtpm/served/sockets.hpp"

namespace tvdsim::tests {

inline vtpm::Deadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }

class TpmClient {
 public:
  using Bytes = std::vector<std::uint8_t>;
  explicit TpmClient(vtpm::Fd socket) : socket_(std::move(socket)) {}
  static TpmClient at(const std::string& path) { return TpmClient(vtpm::connect_to_path(path, soon())); }
  static TpmClient at(std::uint16_t port) { return TpmClient(vtpm::connect_to_port(port, soon())); }

  void send(const Bytes& bytes, int along = -1) { vtpm::send_all(socket_.get(), bytes, soon(), along); }
  Bytes receive(std::size_t size) {
    while (got_.size() < size) {
      const Bytes more = vtpm::receive_some(socket_.get(), size - got_.size(), soon());
      got_.insert(got_.end(), more.begin(), more.end());
    }
    return std::exchange(got_, {});
  }
  // A TPM's response, by the size in its header.
  Bytes response() {
    Bytes out = receive(10);
    const std::size_t size = static_cast<std::size_t>(out[4]) << 8 | out[5];
    const Bytes rest = size > 10 ? receive(size - 10) : Bytes{};
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
  }
  Bytes execute(const Bytes& command) {
    send(command);
    return response();
  }
  Bytes control(const vtpm::ControlRequest& request, int along = -1) {
    send(vtpm::write_control(request), along);
    Bytes out;
    for (;;) {
      const auto size = vtpm::answer_size(request.code, out);
      const std::size_t want = size ? *size : out.size() + 4;
      if (out.size() == want) return out;
      const Bytes more = receive(want - out.size());
      out.insert(out.end(), more.begin(), more.end());
    }
  }
  vtpm::ControlResult result(const vtpm::ControlRequest& request, int along = -1) {
    return *vtpm::read_result(control(request, along));
  }
  // Has the server closed this connection?
  bool closed() {
    try {
      vtpm::receive_some(socket_.get(), 1, soon());
      return false;
    } catch (const sim::WorldError& gone) {
      return gone.name() == "ECONNRESET";
    }
  }
  void leave() { socket_ = vtpm::Fd(); }

 private:
  vtpm::Fd socket_;
  Bytes got_;
};

// Both ends of a connection.
inline std::pair<vtpm::Fd, vtpm::Fd> socket_pair() {
  std::array<int, 2> ends{-1, -1};
  TVDSIM_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
                "sockets come in pairs");
  return {vtpm::Fd(ends[0]), vtpm::Fd(ends[1])};
}

}  // namespace tvdsim::tests
