// The fleet to its limit, and in the same run what else there is: a swtpm process per TPM, and a bare signature by OpenSSL.
//
// TVDSIM_BENCH_TPMS sets how many TPMs are booted and parked (2,000 without it). The rows after `boot_and_park` visit those TPMs
// in random order: each time the one that sits in the copy is parked first.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "sim/base/random.hpp"
#include "tests/bench/context.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/key_commands.hpp"
#include "vtpm/device/tpm.hpp"

namespace {

using namespace tvdsim::vtpm;
using tvdsim::tests::bench_seed;
using Bytes = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kSwtpms = 20, kSigners = 2'000;

std::uint32_t asked_tpms() {
  const char* asked = std::getenv("TVDSIM_BENCH_TPMS");
  return static_cast<std::uint32_t>(asked ? std::strtoul(asked, nullptr, 10) : 2'000);
}

// Megabytes, from a line such as "Pss:  1234 kB".
double megabytes(const std::string& file, const std::string& field) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(field)) return std::strtod(line.c_str() + field.size(), nullptr) / 1024;
  return 0;
}

Bytes extend_with(std::uint8_t fill) {
  const BankDigest digests[] = {{HashAlg::sha1, Bytes(20, fill)}, {HashAlg::sha256, Bytes(32, fill)}};
  return pcr_extend_command(10, digests);
}

std::unique_ptr<TpmFleet> fleet;  // of boot_and_park, for the rows after it

TpmFleet& booted(std::uint32_t tpms) {
  fleet = std::make_unique<TpmFleet>(TpmFleetSetup{.seed = bench_seed()});
  const Bytes start = startup_command(StartupType::clear), extend = extend_with(7);
  for (std::uint32_t i = 0; i < tpms; ++i) {
    const TpmId tpm = fleet->create();
    expect_success(fleet->execute(tpm, start), "starting a TPM");
    expect_success(fleet->execute(tpm, extend), "extending a PCR");
  }
  return *fleet;
}
TpmFleet& parked() { return fleet ? *fleet : booted(asked_tpms()); }

void boot_and_park(benchmark::State& state) {
  fleet.reset();
  const double before = megabytes("/proc/self/status", "VmRSS:");
  for (auto _ : state) booted(asked_tpms());
  const auto tpms = static_cast<double>(fleet->size());
  state.counters["tpms"] = tpms;
  state.counters["MB"] = megabytes("/proc/self/status", "VmRSS:") - before;
  state.counters["B_each"] = state.counters["MB"] * 1024 * 1024 / tpms;
}

void random_switch(benchmark::State& state) {
  TpmFleet& tpms = parked();
  tvdsim::sim::Stream stream(bench_seed(), "visits");
  const Bytes read = pcr_read_command(HashAlg::sha256, 10);
  for (auto _ : state) {
    const TpmId tpm{static_cast<std::uint32_t>(stream.below(tpms.size()))};
    if (response_code(tpms.execute(tpm, read)) != 0) state.SkipWithError("the TPM refuses");
  }
}

void quote_with_switch(benchmark::State& state) {
  TpmFleet& tpms = parked();
  const auto signers = std::min(kSigners, static_cast<std::uint32_t>(tpms.size()));
  std::vector<AttestationKey> keys;
  for (std::uint32_t i = 0; i < signers; ++i) keys.push_back(make_attestation_key(tpms, TpmId{i}));
  tvdsim::sim::Stream stream(bench_seed(), "quotes");
  const BankSelection selection{HashAlg::sha256, 0x4ff};
  const Bytes nonce(20, 9);
  for (auto _ : state) {
    const auto i = static_cast<std::uint32_t>(stream.below(signers));
    benchmark::DoNotOptimize(make_quote(tpms, TpmId{i}, keys[i], nonce, {&selection, 1}));
  }
  state.counters["per_s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
  for (std::uint32_t i = 0; i < signers; ++i) tpms.execute(TpmId{i}, flush_command(keys[i].handle));
}

// What a P-256 signature costs without a TPM around it.
void p256_sign_bare(benchmark::State& state) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
  if (EVP_PKEY_sign_init(context) != 1) state.SkipWithError("OpenSSL does not sign");
  const Bytes digest(32, 5);
  Bytes signature(80);
  for (auto _ : state) {
    std::size_t size = signature.size();
    if (EVP_PKEY_sign(context, signature.data(), &size, digest.data(), digest.size()) != 1)
      state.SkipWithError("OpenSSL does not sign");
  }
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
}

// One swtpm process with a socket in a folder of its own; both are gone with it.
class Swtpm {
 public:
  explicit Swtpm(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    const std::string socket = (folder / "socket").string();
    const std::string arguments[] = {"swtpm",
                                     "socket",
                                     "--tpm2",
                                     "--tpmstate",
                                     "dir=" + folder.string(),
                                     "--server",
                                     "type=unixio,path=" + socket,
                                     "--flags",
                                     "not-need-init,startup-clear"};
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    // Its farewell on standard error would stand between the rows.
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (::posix_spawnp(&process_, "swtpm", &quiet, nullptr, argv.data(), environ) != 0) process_ = 0;
    posix_spawn_file_actions_destroy(&quiet);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.copy(address.sun_path, sizeof address.sun_path - 1);
    for (int attempt = 0; process_ > 0 && attempt < 5'000; ++attempt) {
      file_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(file_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return;
      ::close(file_);
      file_ = -1;
      ::usleep(1'000);
    }
  }
  ~Swtpm() {
    if (file_ >= 0) ::close(file_);
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Swtpm(const Swtpm&) = delete;

  bool answers(const Bytes& command) const {
    if (file_ < 0 || ::send(file_, command.data(), command.size(), MSG_NOSIGNAL) < 0) return false;
    std::uint8_t answer[4096];
    return ::recv(file_, answer, sizeof answer, 0) >= 10;
  }
  double pss() const { return megabytes("/proc/" + std::to_string(process_) + "/smaps_rollup", "Pss:"); }

 private:
  std::filesystem::path folder_;
  pid_t process_ = 0;
  int file_ = -1;
};

bool has_swtpm() {
  const char* path = std::getenv("PATH");
  std::string folders = path ? path : "";
  for (std::size_t at = 0, end = 0; at <= folders.size(); at = end + 1) {
    end = std::min(folders.find(':', at), folders.size());
    if (::access((folders.substr(at, end - at) + "/swtpm").c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Twenty processes: until each has answered its first command; then commands to them in turn.
void swtpm_processes(benchmark::State& state) {
  if (!has_swtpm()) return state.SkipWithError("SKIP: there is no swtpm on this machine");
  const auto folder = std::filesystem::temp_directory_path() / ("tvdsim-bench-" + std::to_string(::getpid()));
  const Bytes read = pcr_read_command(HashAlg::sha256, 10);
  std::vector<std::unique_ptr<Swtpm>> processes;
  const auto begin = Clock::now();
  for (std::uint32_t i = 0; i < kSwtpms; ++i) {
    processes.push_back(std::make_unique<Swtpm>(folder / std::to_string(i)));
    if (!processes.back()->answers(read)) state.SkipWithError("swtpm does not answer");
  }
  const std::chrono::duration<double, std::milli> started = Clock::now() - begin;
  std::uint32_t i = 0;
  for (auto _ : state) {
    i = (i + 1) % kSwtpms;
    if (!processes[i]->answers(read)) state.SkipWithError("swtpm does not answer");
  }
  double all = 0;
  for (const auto& process : processes) all += process->pss();
  state.counters["PSS_MB_each"] = all / kSwtpms;
  state.counters["start_ms_each"] = started.count() / kSwtpms;
  processes.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

BENCHMARK(boot_and_park)->Iterations(1)->Unit(benchmark::kSecond);
BENCHMARK(random_switch)->Unit(benchmark::kMicrosecond);
BENCHMARK(quote_with_switch)->Unit(benchmark::kMicrosecond);
BENCHMARK(p256_sign_bare)->Unit(benchmark::kMicrosecond);
BENCHMARK(swtpm_processes)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
