#include "vtpm/served/sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

constexpr int kBacklog = 64;

[[noreturn]] void fail(const std::string& doing, int code, std::string_view help = {}) {
  throw sim::WorldError(doing, ::strerrorname_np(code) ? ::strerrorname_np(code) : "EIO", help);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  if (path.size() >= sizeof out.sun_path)
    fail(fmt::format("a socket at {}", path), ENAMETOOLONG, "a path of at most 107 bytes");
  std::memcpy(out.sun_path, path.data(), path.size());
  return out;
}

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

template <class Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// Room for the descriptors that one message may bring.
constexpr std::size_t kMaxAlong = 8;

void take_descriptors(msghdr& message, std::vector<Fd>* along) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      Fd taken(fd);  // closed here when nobody wants it
      if (along) along->push_back(std::move(taken));
    }
  }
}

void wait_for(int socket, short events, Deadline deadline, const char* doing) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() < 0) fail(doing, ETIMEDOUT);
    pollfd one{socket, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left.count() + 1, 60'000)));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) fail(doing, errno);
  }
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Listener Listener::at_path(const std::string& path) {
  const std::string doing = fmt::format("listening at {}", path);
  const sockaddr_un address = address_of(path);
  Listener out;
  out.fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.fd_) fail(doing, errno);
  // Before it has a name, so that nobody else can ever open it.
  if (::fchmod(out.get(), 0600) != 0) fail(doing, errno);
  if (::bind(out.get(), generic(address), sizeof address) != 0)
    fail(doing, errno,
         errno == EADDRINUSE ? "something is there: another path, or remove it if nobody serves it" : "");
  out.path_ = path;
  struct stat made {};
  if (::stat(path.c_str(), &made) == 0) {
    out.device_ = made.st_dev;
    out.inode_ = made.st_ino;
  }
  if (::listen(out.get(), kBacklog) != 0) fail(doing, errno);
  return out;
}

Listener Listener::at_port(std::uint16_t port) {
  const std::string doing = fmt::format("listening on port {} of 127.0.0.1", port);
  Listener out;
  out.fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.fd_) fail(doing, errno);
  const int yes = 1;
  ::setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in address = address_of(port);
  if (::bind(out.get(), generic(address), sizeof address) != 0) fail(doing, errno, "another port");
  sockaddr_in got{};
  socklen_t size = sizeof got;
  if (::getsockname(out.get(), reinterpret_cast<sockaddr*>(&got), &size) != 0) fail(doing, errno);
  out.port_ = ntohs(got.sin_port);
  if (::listen(out.get(), kBacklog) != 0) fail(doing, errno);
  return out;
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_),
      port_(other.port_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  std::swap(port_, other.port_);
  return *this;
}

Listener::~Listener() {
  if (path_.empty()) return;
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0 && there.st_dev == device_ && there.st_ino == inode_)
    ::unlink(path_.c_str());
}

Fd Listener::accept() const {
  Fd out(::accept4(get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (out && path_.empty()) {
    const int yes = 1;
    ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  return out;
}

std::pair<Listener, Listener> listen_on_pair(std::uint16_t port) {
  constexpr std::uint16_t kLastPort = 65535;
  if (port == kLastPort) fail("listening on port 65535 and the next", EINVAL, "a lower port");
  for (int tries = 0;; ++tries) {
    Listener first = Listener::at_port(port);
    try {
      if (first.port() == kLastPort) continue;
      Listener second = Listener::at_port(static_cast<std::uint16_t>(first.port() + 1));
      return {std::move(first), std::move(second)};
    } catch (const sim::WorldError&) {
      if (port != 0 || tries == 100) throw;
    }
  }
}

std::ptrdiff_t receive_now(int socket, std::span<std::uint8_t> into, std::vector<Fd>* along) {
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxAlong * sizeof(int))];
  iovec part{into.data(), into.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got >= 0) {
    take_descriptors(message, along);
    return got;
  }
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : 0;
}

std::ptrdiff_t send_now(int socket, std::span<const std::uint8_t> bytes) {
  const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

Fd connect_to_path(const std::string& path, Deadline deadline) {
  const sockaddr_un address = address_of(path);
  for (;;) {
    Fd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!out) fail("making a socket", errno);
    if (::connect(out.get(), generic(address), sizeof address) == 0) return out;
    const int why = errno;
    const bool may_come = why == ENOENT || why == ECONNREFUSED || why == EAGAIN || why == EINTR;
    if (!may_come) fail(fmt::format("connecting to {}", path), why);
    if (std::chrono::steady_clock::now() > deadline) fail(fmt::format("connecting to {}", path), ETIMEDOUT);
    ::usleep(1000);
  }
}

Fd connect_to_port(std::uint16_t port, Deadline deadline) {
  const sockaddr_in address = address_of(port);
  for (;;) {
    Fd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!out) fail("making a socket", errno);
    if (::connect(out.get(), generic(address), sizeof address) == 0) return out;
    if (errno != ECONNREFUSED && errno != EINTR) fail(fmt::format("connecting to port {}", port), errno);
    if (std::chrono::steady_clock::now() > deadline)
      fail(fmt::format("connecting to port {}", port), ETIMEDOUT);
    ::usleep(1000);
  }
}

void send_all(int socket, std::span<const std::uint8_t> bytes, Deadline deadline, int along) {
  while (!bytes.empty()) {
    wait_for(socket, POLLOUT, deadline, "sending to a TPM");
    iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    if (along >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(c), &along, sizeof along);
      along = -1;
    }
    const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fail("sending to a TPM", ECONNRESET);
    if (sent > 0) bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
}

std::vector<std::uint8_t> receive_some(int socket, std::size_t most, Deadline deadline) {
  std::vector<std::uint8_t> out(most);
  for (;;) {
    wait_for(socket, POLLIN, deadline, "waiting for a TPM's answer");
    const ssize_t got = receive_now(socket, out);
    if (got == 0) fail("waiting for a TPM's answer", ECONNRESET, "the other side closed the connection");
    if (got < 0) continue;
    out.resize(static_cast<std::size_t>(got));
    return out;
  }
}

}  // namespace tvdsim::vtpm
