#include "models/emulation/guest_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "models/emulation/guest_command.hpp"
#include "plugins/guest_page.h"
#include "sim/base/error.hpp"

namespace tvdsim::models {

namespace {

using Clock = std::chrono::steady_clock;

void must_be_readable(const std::string& path, std::string_view what) {
  if (access(path.c_str(), R_OK) == 0) return;
  throw sim::WorldError(fmt::format("the guest's {} `{}` cannot be read", what, path), "guest_files",
                        "build it: the targets tvd_guest and tvd_payload");
}

// The last line that the program printed, or "".
std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const auto line = text.rfind('\n');
  return line == text.npos ? text : text.substr(line + 1);
}

}  // namespace

struct GuestProcess::Impl {
  // A descriptor that closes itself.
  class Descriptor {
   public:
    explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
    ~Descriptor() {
      if (fd_ >= 0) close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    void take(int fd) noexcept { fd_ = fd; }
    int get() const noexcept { return fd_; }

   private:
    int fd_;
  };

  // Anonymous memory that a child can inherit.
  class Shared {
   public:
    Shared(const char* name, std::size_t size) : fd_(memfd_create(name, MFD_CLOEXEC)), size_(size) {
      if (fd_.get() < 0 || ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) fail();
      at_ = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
      if (at_ == MAP_FAILED) fail();
    }
    ~Shared() {
      if (at_ != MAP_FAILED) munmap(at_, size_);
    }
    Shared(const Shared&) = delete;
    int fd() const noexcept { return fd_.get(); }
    void* at() const noexcept { return at_; }
    std::size_t size() const noexcept { return size_; }

   private:
    [[noreturn]] static void fail() {
      throw sim::WorldError(fmt::format("memory for a guest: {}", std::strerror(errno)), "guest_start");
    }
    Descriptor fd_;
    std::size_t size_;
    void* at_ = MAP_FAILED;
  };

  explicit Impl(GuestSetup from)
      : setup(std::move(from)),
        shared("tvdsim-guest-page", sizeof(tvdsim_guest_page) + setup.slots * sizeof(tvdsim_record)),
        ram(kMemoryName, setup.memory.count),
        output("tvdsim-guest-output", 4096),
        notify(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    page().magic = TVDSIM_GUEST_PAGE_MAGIC;
    page().version = TVDSIM_GUEST_PAGE_VERSION;
    page().slots = setup.slots;
    page().limit = in_mode(setup.first_grant);
  }
  ~Impl() { kill(); }

  GuestSetup setup;
  Shared shared, ram, output;
  Descriptor notify, process;
  pid_t pid = 0;
  std::uint32_t reached = 0;
  std::optional<int> status;  // as waitpid gave it

  tvdsim_guest_page& page() const noexcept { return *static_cast<tvdsim_guest_page*>(shared.at()); }
  // The unit of the plugin's limits. Without the timer gate it is instructions.
  std::uint64_t in_mode(sim::Duration time) const noexcept {
    const auto ns = static_cast<std::uint64_t>(time.ns);
    const bool timer = page().mode == TVDSIM_MODE_TIMER ||
                       (page().mode == TVDSIM_MODE_NONE && setup.gate == GuestGate::timer);
    return timer ? ns : ns >> setup.shift;
  }
  void start();
  void kill() noexcept;
  bool ended(bool wait) noexcept;
  void resume() noexcept;
  void look_at_faults();
  std::string printed() const;
  [[noreturn]] void fail_ended();
  [[noreturn]] void fail_late();
  GuestStop stop();
};

void GuestProcess::Impl::start() {
  const std::vector<std::string> words = guest_command(setup);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.fd(), 1);
  posix_spawn_file_actions_adddup2(&actions, output.fd(), 2);
  // By way of numbers that none of them can have: what is copied first must not overwrite what is copied next.
  const std::array<std::pair<int, int>, 3> inherited = {
      {{shared.fd(), kPageFd}, {ram.fd(), kMemoryFd}, {notify.get(), kNotifyFd}}};
  constexpr int kAside = 700;
  for (const auto& [ours, theirs] : inherited)
    posix_spawn_file_actions_adddup2(&actions, ours, theirs + kAside);
  for (const auto& [ours, theirs] : inherited) {
    posix_spawn_file_actions_adddup2(&actions, theirs + kAside, theirs);
    posix_spawn_file_actions_addclose(&actions, theirs + kAside);
  }
  const int failed = posix_spawn(&pid, setup.qemu.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed) {
    pid = 0;
    throw sim::WorldError(fmt::format("cannot start `{}`: {}", setup.qemu, std::strerror(failed)),
                          "guest_start");
  }
  process.take(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool GuestProcess::Impl::ended(bool wait) noexcept {
  if (pid == 0) return true;
  int how = 0;
  if (waitpid(pid, &how, wait ? 0 : WNOHANG) != pid) return false;
  status = how;
  pid = 0;
  return true;
}

void GuestProcess::Impl::kill() noexcept {
  if (pid == 0) return;
  ::kill(pid, SIGKILL);
  ended(true);
}

std::string GuestProcess::Impl::printed() const {
  std::string text(static_cast<std::size_t>(std::max<off_t>(0, lseek(output.fd(), 0, SEEK_CUR))), '\0');
  text.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, pread(output.fd(), text.data(), text.size(), 0))));
  return text;
}

void GuestProcess::Impl::fail_ended() {
  const std::string text = printed();
  if (const auto at = text.find("tvd_guest: "); at != text.npos) {
    const std::string sentence = text.substr(at + 11, text.find('\n', at) - at - 11);
    throw sim::WorldError("the guest's plugin refused: " + sentence, "guest_plugin_refused");
  }
  if (WIFSIGNALED(*status)) {
    throw sim::WorldError(fmt::format("the guest's process was ended by signal {} after {} instructions",
                                      WTERMSIG(*status), page().instructions),
                          "guest_killed");
  }
  throw sim::WorldError(fmt::format("QEMU ended with status {}: {}", WEXITSTATUS(*status), last_line(text)),
                        "guest_start");
}

void GuestProcess::Impl::fail_late() {
  const bool full = __atomic_load_n(&page().blocked, __ATOMIC_ACQUIRE) != 0;
  const std::uint64_t instructions = page().instructions;
  kill();
  if (full) {
    throw sim::WorldError(
        fmt::format("the guest's ring of {} records is full and nobody takes them out", setup.slots),
        "guest_ring_full");
  }
  throw sim::WorldError(fmt::format("the guest did not stop within {} ms; it executed {} instructions",
                                    setup.patience.count(), instructions),
                        "guest_hung");
}

void GuestProcess::Impl::look_at_faults() {
  const std::uint32_t faults = __atomic_load_n(&page().faults, __ATOMIC_ACQUIRE);
  if (faults & TVDSIM_FAULT_TWO_CALLS) {
    kill();
    throw sim::WorldError("the guest called out twice without waiting for an answer", "guest_call_lost");
  }
  if (faults & TVDSIM_FAULT_TPM_SILENT) {
    kill();
    throw sim::WorldError("the guest's TPM did not answer a command", "tpm_silent");
  }
}

GuestStop GuestProcess::Impl::stop() {
  look_at_faults();
  GuestStop stop{GuestStop::limit, page().vtime, page().instructions_at_stop, 0, 0};
  if (page().reason == TVDSIM_STOP_CALL) {
    stop.why = GuestStop::call;
    stop.number = static_cast<std::uint32_t>(page().call);
  }
  if (page().reason == TVDSIM_STOP_EXIT) {
    stop.why = GuestStop::ended;
    const auto until = Clock::now() + setup.patience;
    while (!ended(false)) {  // it is on its way out
      if (Clock::now() >= until) fail_late();
      pollfd end{process.get(), POLLIN, 0};
      poll(&end, 1, 50);
    }
    if (!WIFEXITED(*status) || stop.instructions == 0) fail_ended();
    stop.status = WEXITSTATUS(*status);
  }
  return stop;
}

void GuestProcess::Impl::resume() noexcept {
  __atomic_add_fetch(&page().grant, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, &page().grant, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

GuestProcess::GuestProcess(GuestSetup setup) {
  if (setup.qemu.empty())
    throw sim::WorldError("there is no QEMU to run a guest", "qemu_absent", "apt install qemu-system-x86");
  must_be_readable(setup.image, "image");
  must_be_readable(setup.plugin, "plugin");
  impl_ = std::make_unique<Impl>(std::move(setup));
  impl_->start();
}

GuestProcess::~GuestProcess() = default;

GuestStop GuestProcess::wait(const std::function<void()>& drain) {
  const auto until = Clock::now() + impl_->setup.patience;
  for (;;) {
    if (drain) drain();
    if (const std::uint32_t now = __atomic_load_n(&impl_->page().reached, __ATOMIC_ACQUIRE);
        now != impl_->reached) {
      impl_->reached = now;
      GuestStop stop = impl_->stop();
      if (drain) drain();
      return stop;
    }
    if (impl_->ended(false)) {
      if (__atomic_load_n(&impl_->page().reached, __ATOMIC_ACQUIRE) != impl_->reached) continue;
      if (!impl_->status) throw sim::WorldError("the guest has ended before", "guest_killed");
      impl_->fail_ended();
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) impl_->fail_late();
    pollfd ends[] = {{impl_->notify.get(), POLLIN, 0}, {impl_->process.get(), POLLIN, 0}};
    poll(ends, 2, static_cast<int>(std::min<long>(left, 100)));
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(impl_->notify.get(), &count, sizeof count);
  }
}

void GuestProcess::grant(sim::Duration until) {
  __atomic_store_n(&impl_->page().limit, impl_->in_mode(until), __ATOMIC_RELEASE);
  impl_->resume();
}

void GuestProcess::answer() { impl_->resume(); }
void GuestProcess::kill() noexcept { impl_->kill(); }

std::optional<tvdsim_record> GuestProcess::take() {
  tvdsim_guest_page& page = impl_->page();
  const std::uint64_t tail = page.tail;
  if (tail == __atomic_load_n(&page.head, __ATOMIC_ACQUIRE)) return std::nullopt;
  const tvdsim_record record =
      reinterpret_cast<const tvdsim_record*>(&page + 1)[tail & (impl_->setup.slots - 1)];
  __atomic_store_n(&page.tail, tail + 1, __ATOMIC_RELEASE);
  return record;
}

std::uint64_t GuestProcess::dropped() const noexcept { return impl_->page().header.dropped; }
std::span<std::uint8_t> GuestProcess::memory() noexcept {
  return {static_cast<std::uint8_t*>(impl_->ram.at()), impl_->ram.size()};
}
tvdsim_call& GuestProcess::call_block() noexcept {
  return *reinterpret_cast<tvdsim_call*>(memory().data() + TVDSIM_CALL_BLOCK);
}
bool GuestProcess::exact() const noexcept { return impl_->page().mode == TVDSIM_MODE_TIMER; }
bool GuestProcess::deterministic() const noexcept {
  if (impl_->setup.tpm != GuestTpm::none && !impl_->setup.hold_for_tpm) return false;
  return (impl_->page().faults & (TVDSIM_FAULT_NO_TPM_HOLD | TVDSIM_FAULT_TPM_SILENT)) == 0;
}
std::uint64_t GuestProcess::overshoot() const noexcept { return impl_->page().overshoot; }
std::uint64_t GuestProcess::block_size() const noexcept { return impl_->page().block_size; }
std::uint64_t GuestProcess::tpm_holds() const noexcept { return impl_->page().tpm_holds; }
std::string_view GuestProcess::device(std::uint64_t number) const noexcept {
  return number < TVDSIM_GUEST_DEVICES ? std::string_view(impl_->page().devices[number]) : "?";
}
int GuestProcess::pid() const noexcept { return impl_->pid; }

std::string find_qemu() {
  if (const char* named = std::getenv("TVDSIM_QEMU"); named && *named)
    return access(named, X_OK) == 0 ? named : "";
  const char* path = std::getenv("PATH");
  for (std::string_view rest = path ? path : ""; !rest.empty();) {
    const auto colon = rest.find(':');
    std::string program = std::string(rest.substr(0, colon)) + "/qemu-system-x86_64";
    if (access(program.c_str(), X_OK) == 0) return program;
    rest = colon == rest.npos ? std::string_view() : rest.substr(colon + 1);
  }
  return {};
}

}  // namespace tvdsim::models
