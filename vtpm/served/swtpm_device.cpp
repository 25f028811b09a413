#include "vtpm/served/swtpm_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/served/sockets.hpp"
#include "vtpm/served/state_blob.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;
using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

std::string folder_of_its_own() {
  std::string name = std::filesystem::temp_directory_path() / "tvdsim-swtpm-XXXXXX";
  if (!::mkdtemp(name.data()))
    throw sim::WorldError("a folder for swtpm", "EACCES", "TMPDIR names another place");
  return name;
}

// Found as the shell finds it.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    std::string candidate = fmt::format("{}/{}", rest.substr(0, colon), name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  }
  return "";
}

}  // namespace

class SwtpmDevice::Process {
 public:
  explicit Process(SwtpmSetup setup) : setup_(std::move(setup)) {
    const std::string program = find_program(setup_.program);
    if (program.empty())
      throw sim::WorldError(fmt::format("starting {}", setup_.program), "ENOENT", "apt install swtpm");
    folder_ = folder_of_its_own();
    try {
      start(program);
      control_ = connect("/ctrl");
      data_ = connect("/data");
      demand({.code = ControlCode::init}, "powering swtpm on");
    } catch (...) {
      end();
      throw;
    }
  }
  ~Process() { end(); }
  Process(const Process&) = delete;

  int pid() const noexcept { return pid_; }
  const std::string& folder() const noexcept { return folder_; }

  Bytes execute(std::span<const std::uint8_t> command) {
    return guarded([&](Deadline deadline) {
      send_all(data_.get(), command, deadline);
      Bytes out = receive_some(data_.get(), kMaxBuffer, deadline);
      while (out.size() < 6 || out.size() < size_of(out))
        append(out, receive_some(data_.get(), kMaxBuffer, deadline));
      return out;
    });
  }

  Bytes control(const ControlRequest& request) {
    return guarded([&](Deadline deadline) {
      send_all(control_.get(), write_control(request), deadline);
      Bytes out;
      for (;;) {
        const auto size = answer_size(request.code, out);
        if (size && *size > kMaxControlData) throw sim::WorldError("reading swtpm's answer", "EMSGSIZE");
        if (size && out.size() >= *size) return out;
        append(out, receive_some(control_.get(), size ? *size - out.size() : 4, deadline));
      }
    });
  }
  Bytes demand(const ControlRequest& request, std::string_view doing) {
    Bytes answer = control(request);
    const ControlResult result = *read_result(answer);
    if (result != ControlResult::ok) throw sim::WorldError(fmt::format("swtpm, {}", doing), to_text(result));
    return answer;
  }

  std::uint8_t locality = 0;  // what it was told last

 private:
  static std::size_t size_of(const Bytes& response) {
    return static_cast<std::size_t>(response[2]) << 24 | static_cast<std::size_t>(response[3]) << 16 |
           static_cast<std::size_t>(response[4]) << 8 | response[5];
  }
  static void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

  void start(const std::string& program) {
    const std::string state = fmt::format("dir={}", folder_),
                      data = fmt::format("type=unixio,path={}/data", folder_),
                      control = fmt::format("type=unixio,path={}/ctrl", folder_);
    const char* words[] = {program.c_str(), "socket",      "--tpm2",     "--tpmstate",
                           state.c_str(),   "--server",    data.c_str(), "--ctrl",
                           control.c_str(), "--terminate", nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    const int code =
        ::posix_spawn(&pid_, program.c_str(), &files, nullptr, const_cast<char**>(words), ::environ);
    posix_spawn_file_actions_destroy(&files);
    if (code == 0) return;
    pid_ = -1;
    throw sim::WorldError(fmt::format("starting {}", program), ::strerrorname_np(code));
  }

  // Waits for its socket as long as it lives, and not past the deadline.
  Fd connect(const char* name) {
    const auto deadline = SteadyClock::now() + setup_.deadline;
    for (;;) {
      try {
        return connect_to_path(folder_ + name, std::min(deadline, SteadyClock::now() + 20ms));
      } catch (const sim::WorldError& problem) {
        if (has_ended()) lost("swtpm_died");
        if (SteadyClock::now() > deadline) lost(problem.name());
      }
    }
  }

  bool has_ended() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
  }
  // A connection that breaks off is a program that ends: its status comes a moment later.
  bool ends_now() {
    for (int i = 0; i < 100 && !has_ended(); ++i) std::this_thread::sleep_for(1ms);
    return pid_ < 0;
  }

  [[noreturn]] void lost(const std::string& name) {
    lost_ = name;
    std::string how = name == "ETIMEDOUT"
                          ? fmt::format("swtpm did not answer within {} ms", setup_.deadline.count())
                          : std::string("swtpm is gone");
    if (name == "swtpm_died" && WIFSIGNALED(status_)) how += fmt::format(": signal {}", WTERMSIG(status_));
    if (name == "swtpm_died" && WIFEXITED(status_))
      how += fmt::format(": exit status {}", WEXITSTATUS(status_));
    throw sim::WorldError(how, name);
  }

  template <class Work>
  Bytes guarded(const Work& work) {
    if (!lost_.empty()) lost(lost_);
    try {
      return work(SteadyClock::now() + setup_.deadline);
    } catch (const sim::WorldError& problem) {
      lost(problem.name() == "ECONNRESET" && ends_now() ? "swtpm_died" : problem.name());
    }
  }

  void end() noexcept {
    control_ = Fd();
    data_ = Fd();  // --terminate
    for (int i = 0; i < 300 && !has_ended() && lost_.empty(); ++i) std::this_thread::sleep_for(1ms);
    if (!has_ended()) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status_, 0);
      pid_ = -1;
    }
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

  SwtpmSetup setup_;
  std::string folder_, lost_;
  pid_t pid_ = -1;
  int status_ = 0;
  Fd control_, data_;
};

bool SwtpmDevice::installed() { return !find_program("swtpm").empty(); }

SwtpmDevice::SwtpmDevice(SwtpmSetup setup) : process_(std::make_unique<Process>(std::move(setup))) {}
SwtpmDevice::~SwtpmDevice() = default;

int SwtpmDevice::process() const noexcept { return process_->pid(); }
const std::string& SwtpmDevice::folder() const noexcept { return process_->folder(); }

Bytes SwtpmDevice::ask(const ControlRequest& request) { return process_->control(request); }

Bytes SwtpmDevice::execute(std::span<const std::uint8_t> command, std::uint8_t locality) {
  if (locality != process_->locality) {
    process_->demand({.code = ControlCode::set_locality, .locality = locality}, "setting the locality");
    process_->locality = locality;
  }
  constexpr std::uint32_t kRetry =
      0x922;  // TPM_RC_RETRY: the TPM tested an algorithm first and wants the command again
  Bytes response = process_->execute(command);
  if (response.size() >= 10 && response_code(response) == kRetry) response = process_->execute(command);
  return response;
}

void SwtpmDevice::power_cycle() {
  process_->demand({.code = ControlCode::init, .flags = kForgetStored}, "power-cycling");
}

TpmState SwtpmDevice::save() {
  const auto part = [&](BlobKind kind) {
    const ControlRequest request{.code = ControlCode::get_stateblob,
                                 .kind = static_cast<std::uint32_t>(kind)};
    const auto answer = read_state_answer(process_->demand(request, "saving its state"));
    auto blob = answer ? unpack_state_blob(answer->data) : std::nullopt;
    if (!blob)
      throw sim::WorldError("swtpm, saving its state", "state_foreign",
                            "it is packed or encrypted as we do not know it");
    return std::move(*blob);
  };
  TpmState out{part(BlobKind::permanent), part(BlobKind::running), {}};
  out.digest = out.compute_digest();
  return out;
}

void SwtpmDevice::load(const TpmState& state) {
  if (state.permanent.empty())
    throw sim::WorldError("loading a TPM state", "state_empty", "there is no permanent part");
  if (state.digest != state.compute_digest())
    throw sim::WorldError("loading a TPM state", "state_digest", "the state was changed on its way");
  const auto give = [&](const TpmState& given) {
    const auto set = [&](BlobKind kind, const Bytes& blob) {
      process_->demand({.code = ControlCode::set_stateblob,
                        .kind = static_cast<std::uint32_t>(kind),
                        .data = pack_state_blob(blob)},
                       "loading a state");
    };
    process_->demand({.code = ControlCode::stop}, "powering off");
    set(BlobKind::permanent, given.permanent);
    if (!given.running.empty()) set(BlobKind::running, given.running);
    process_->demand({.code = ControlCode::init, .flags = kForgetStored}, "powering on with a state");
  };
  const TpmState before = save();
  try {
    give(state);
  } catch (const sim::WorldError&) {
    give(before);
    throw;
  }
}

bool SwtpmDevice::signal(TpmSignal signal, std::span<const std::uint8_t> data, std::uint8_t locality) {
  ControlRequest request{.code = ControlCode::hash_end, .locality = locality};
  switch (signal) {
    case TpmSignal::hash_start:
      request.code = ControlCode::hash_start;
      break;
    case TpmSignal::hash_data:
      request.code = ControlCode::hash_data;
      request.data.assign(data.begin(), data.end());
      break;
    case TpmSignal::hash_end:
      break;
    case TpmSignal::established:
      return process_->demand({.code = ControlCode::get_tpmestablished}, "reading the mark")[4] != 0;
    case TpmSignal::reset_established: {
      request.code = ControlCode::reset_tpmestablished;
      const ControlResult result = *read_result(process_->control(request));
      if (result == ControlResult::bad_locality) return false;
      if (result != ControlResult::ok) throw sim::WorldError("swtpm, resetting the mark", to_text(result));
      return true;
    }
  }
  process_->demand(request, "a dynamic launch");
  return true;
}

}  // namespace tvdsim::vtpm
