#include "vtpm/served/served_tpm.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "sim/base/error.hpp"
#include "vtpm/served/command_stream.hpp"
#include "vtpm/served/sockets.hpp"
#include "vtpm/served/tpm_control.hpp"

namespace tvdsim::vtpm {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kMaxClients = 64;  // of one TPM; who comes then waits in the listener's queue
constexpr std::size_t kReadAtOnce = 16384;

struct Client {
  Fd socket;
  bool control = false;
  Bytes in, out;
  std::vector<Fd> along;      // the socket that came over a control connection and has no command yet
  Clock::time_point begun{};  // when the unfinished command began, or its answer could not go out
  bool closing = false;       // once `out` is gone
  bool gone = false;
};

}  // namespace

class ServedTpm::Server {
 public:
  Server(TpmDevice& device, ServedTpmSetup setup)
      : setup_(std::move(setup)),
        control_(device, setup_.powered),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw sim::WorldError("serving a TPM", "EMFILE");
    if (!setup_.data_path.empty()) data_[0] = Listener::at_path(setup_.data_path);
    if (!setup_.control_path.empty()) controls_[0] = Listener::at_path(setup_.control_path);
    if (setup_.port) std::tie(data_[1], controls_[1]) = listen_on_pair(*setup_.port);
    port_ = data_[1].port();
    thread_ = std::thread([this] { serve(); });
  }

  ~Server() { stop(); }
  Server(const Server&) = delete;

  void stop() noexcept {
    const std::lock_guard once(stopping_);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
    if (thread_.joinable()) thread_.join();
  }
  bool wait_for(std::chrono::milliseconds most) const {
    std::unique_lock guard(lock_);
    return changed_.wait_for(guard, most, [&] { return over_; });
  }
  const ServedTpmSetup& setup() const noexcept { return setup_; }
  std::uint16_t port() const noexcept { return port_; }
  ServedCounts counts() const {
    const std::lock_guard guard(lock_);
    return counts_;
  }
  std::string failure() const {
    const std::lock_guard guard(lock_);
    return failure_;
  }

 private:
  void serve() noexcept {
    while (!shut_down_ && step()) {
    }
    clients_.clear();
    for (auto* side : {&data_, &controls_})
      for (Listener& listener : *side) listener = Listener();
    const std::lock_guard guard(lock_);
    over_ = true;
    changed_.notify_all();
  }

  // Waits for something and does it. False: somebody wants us to stop.
  bool step() {
    std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
    const bool room = clients_.size() < kMaxClients;
    for (const auto* side : {&data_, &controls_})
      for (const Listener& listener : *side)
        polled.push_back({room && listener ? listener.get() : -1, POLLIN, 0});
    for (const Client& client : clients_)
      polled.push_back({client.socket.get(), static_cast<short>(client.out.empty() ? POLLIN : POLLOUT), 0});
    if (::poll(polled.data(), polled.size(), patience_left()) < 0) return true;  // a signal
    if (polled[0].revents) return false;
    for (std::size_t i = 0; i < clients_.size() && !shut_down_; ++i)
      if (polled[5 + i].revents) visit(clients_[i]);
    for (std::size_t i = 0; i < 4; ++i)
      if (polled[1 + i].revents) admit(i < 2 ? data_[i] : controls_[i - 2], i >= 2);
    for (Fd& socket : handed_over_) join(std::move(socket), false);
    handed_over_.clear();
    drop();
    return true;
  }

  static bool waiting(const Client& client) { return !client.in.empty() || !client.out.empty(); }

  int patience_left() const {
    int out = -1;
    for (const Client& client : clients_) {
      if (!waiting(client)) continue;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(client.begun + setup_.patience -
                                                                              Clock::now());
      const int ms = static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 60'000));
      out = out < 0 ? ms : std::min(out, ms);
    }
    return out;
  }

  void admit(const Listener& listener, bool control) {
    Fd socket = listener.accept();
    if (socket) join(std::move(socket), control);
  }
  void join(Fd socket, bool control) {
    Client client;
    client.socket = std::move(socket);
    client.control = control;
    clients_.push_back(std::move(client));
    const std::lock_guard guard(lock_);
    ++counts_.clients;
  }

  void drop() {
    const auto now = Clock::now();
    for (Client& client : clients_) {
      const bool unfinished = waiting(client);
      client.gone = client.gone || (unfinished && client.begun + setup_.patience < now);
      if (client.gone && unfinished)
        note([&] { ++counts_.dropped; });  // before its client can see that it is
    }
    std::erase_if(clients_, [](const Client& client) { return client.gone; });
  }

  void visit(Client& client) {
    if (!client.out.empty()) {
      flush(client);
      return work(client);
    }
    std::array<std::uint8_t, kReadAtOnce> buffer;
    const auto got = receive_now(client.socket.get(), buffer, client.control ? &client.along : nullptr);
    if (got < 0) return;
    if (got == 0) {
      client.gone = true;
      return;
    }
    if (client.along.size() > 1) client.along.resize(1);  // one command takes one
    if (client.in.empty()) client.begun = Clock::now();
    client.in.insert(client.in.end(), buffer.begin(), buffer.begin() + got);
    work(client);
  }

  // Every complete command, as long as the answers go out: a client that does not read them gets no more.
  void work(Client& client) {
    std::size_t used = 0;
    while (!shut_down_ && client.out.empty() && !client.closing && !client.gone) {
      const std::span rest = std::span<const std::uint8_t>(client.in).subspan(used);
      const std::size_t took = client.control ? one_control(client, rest) : one_command(client, rest);
      if (took == 0) break;
      used += took;
      client.begun = Clock::now();
      flush(client);
    }
    client.in.erase(client.in.begin(), client.in.begin() + static_cast<std::ptrdiff_t>(used));
    if (client.closing) client.in.clear();
    if (client.in.empty()) client.along.clear();  // nobody asked for it
  }

  void flush(Client& client) {
    const auto sent = send_now(client.socket.get(), client.out);
    if (sent < 0) {
      client.gone = true;
      return;
    }
    client.out.erase(client.out.begin(), client.out.begin() + sent);
    if (client.out.empty() && client.closing) client.gone = true;
  }

  // How many bytes were taken; 0: there is no whole command. A refusal takes all.
  std::size_t one_control(Client& client, std::span<const std::uint8_t> bytes) {
    const ControlParse parsed = parse_control(bytes);
    if (parsed.kind == ControlParse::Kind::incomplete) return 0;
    if (parsed.kind == ControlParse::Kind::refused)
      return refuse(client, result_answer(parsed.refusal), bytes);
    ControlOutcome done;
    if (parsed.request.code == ControlCode::set_datafd && !hand_over(client)) {
      done.answer = result_answer(ControlResult::io_error);
    } else {
      done = control_.perform(parsed.request);
    }
    note([&] { ++counts_.controls; });
    if (setup_.control_observer) setup_.control_observer(parsed.request, *read_result(done.answer));
    client.out = std::move(done.answer);
    if (done.shut_down) {
      shut_down_ = true;
      flush(client);
    }
    return parsed.used;
  }

  bool hand_over(Client& client) {
    if (client.along.empty() || clients_.size() + handed_over_.size() >= kMaxClients) return false;
    handed_over_.push_back(std::move(client.along.front()));
    client.along.clear();
    return true;
  }

  std::size_t one_command(Client& client, std::span<const std::uint8_t> bytes) {
    const CommandParse parsed = parse_command(bytes, control_.buffer_size());
    if (parsed.kind == CommandParse::Kind::incomplete) return 0;
    if (parsed.kind == CommandParse::Kind::refused)
      return refuse(client, bare_response(bytes, kCommandSizeCode), bytes);
    const std::uint8_t locality = parsed.locality.value_or(control_.locality());
    Bytes response = control_.execute(parsed.command, locality);
    note([&] { ++counts_.commands; });
    if (setup_.observer) setup_.observer(parsed.command, response, locality);
    client.out = parsed.framed() ? framed_response(response) : std::move(response);
    return parsed.used;
  }

  std::size_t refuse(Client& client, Bytes answer, std::span<const std::uint8_t> bytes) {
    client.out = std::move(answer);
    client.closing = true;
    note([&] { ++counts_.refused; });
    return bytes.size();
  }

  template <class Change>
  void note(const Change& change) {
    const std::lock_guard guard(lock_);
    change();
    if (failure_ != control_.failure()) failure_ = control_.failure();
  }

  ServedTpmSetup setup_;
  TpmControl control_;
  Fd wake_;
  std::array<Listener, 2> data_, controls_;  // at a path, on a port
  std::uint16_t port_ = 0;
  std::vector<Client> clients_;
  std::vector<Fd> handed_over_;
  bool shut_down_ = false;

  mutable std::mutex lock_;  // of what follows, read from other threads
  mutable std::condition_variable changed_;
  ServedCounts counts_;
  std::string failure_;
  bool over_ = false;

  std::mutex stopping_;
  std::thread thread_;
};

ServedTpm::ServedTpm(TpmDevice& device, ServedTpmSetup setup)
    : server_(std::make_unique<Server>(device, std::move(setup))) {}
ServedTpm::~ServedTpm() = default;

void ServedTpm::stop() noexcept { server_->stop(); }
bool ServedTpm::wait_for(std::chrono::milliseconds most) const { return server_->wait_for(most); }
const std::string& ServedTpm::control_path() const noexcept { return server_->setup().control_path; }
const std::string& ServedTpm::data_path() const noexcept { return server_->setup().data_path; }
std::uint16_t ServedTpm::port() const noexcept { return server_->port(); }
ServedCounts ServedTpm::counts() const { return server_->counts(); }
std::string ServedTpm::failure() const { return server_->failure(); }

}  // namespace tvdsim::vtpm
