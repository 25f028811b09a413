#include "vtpm/device/tpm.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/libtpms_device.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kRetry = 0x922;  // TPM_RC_RETRY

// Does this command sign with a key of its own choosing of a nonce? Quote, Sign, Certify, CertifyCreation, GetTime, …
bool signs(std::span<const std::uint8_t> command) noexcept {
  if (command.size() < 10) return false;
  const std::uint32_t code = static_cast<std::uint32_t>(command[8]) << 8 | command[9];
  constexpr std::uint32_t kSigning[] = {0x148, 0x14a, 0x14c, 0x14d, 0x133, 0x158, 0x15d, 0x184, 0x197};
  return std::find(std::begin(kSigning), std::end(kSigning), code) != std::end(kSigning);
}

// TPM2_IncrementalSelfTest of ECDSA. The test draws random bytes, and a parked TPM makes it anew at its next signature: made
// before the signature, its bytes are nobody's and the signature is the same whether the TPM was away or not.
constexpr std::uint8_t kTestSigning[] = {0x80, 0x01, 0, 0, 0, 16, 0, 0, 0x01, 0x42, 0, 0, 0, 1, 0x00, 0x18};

// Numbers of no command: what is drawn then is nobody's key.
constexpr std::uint64_t kManufacture = ~std::uint64_t{0}, kParking = kManufacture - 1;

struct Tpm {
  Tpm(std::uint64_t seed, std::string_view name, sim::Time made) : stream(seed, name), made_at(made) {}
  TpmState state;  // as it was parked; stale while the TPM sits in its copy
  TpmStream stream;
  sim::Time made_at;  // manufactured then, at the first visit
  sim::Time last;     // its clock when it was last spoken to: parking takes no time
  std::uint64_t commands = 0;
};

void append(Bytes& bytes, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<std::uint8_t>(number >> shift));
}

std::array<std::uint8_t, 32> sha256(const Bytes& bytes) {
  std::array<std::uint8_t, 32> out{};
  TVDSIM_ASSERT(EVP_Digest(bytes.data(), bytes.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1,
                "OpenSSL has SHA-256");
  return out;
}

bool stock_wanted() noexcept {
  const char* asked = std::getenv("TVDSIM_LIBTPMS");
  return asked && std::string_view(asked) == "stock";
}

// One copy of the library and who sits in it. Whoever works in it is alone: an Entry says so.
class Home {
 public:
  explicit Home(bool stock) : library_(TpmLibrary::borrow(stock)), device_(library_) {}
  Home(const Home&) = delete;
  ~Home() { TpmLibrary::give_back(library_); }

  class Entry {
   public:
    explicit Entry(Home& home) : home_(home) {
      TVDSIM_ASSERT(!home.library_.entered.test_and_set(std::memory_order_acquire),
                    "two threads are in one copy of the TPM library");
    }
    ~Entry() { home_.library_.entered.clear(std::memory_order_release); }
    Entry(const Entry&) = delete;

   private:
    Home& home_;
  };

  LibtpmsDevice& device() noexcept { return device_; }
  bool holds(const Tpm& tpm) const noexcept { return library_.holder == &tpm; }
  std::uint64_t commands = 0;

  // What sits in the copy is parked. The stock library's guest may be another fleet's.
  void leave() {
    if (!library_.holder) return;
    Tpm& tpm = *static_cast<Tpm*>(const_cast<void*>(library_.holder));
    tpm.stream.begin(kParking);
    const TpmSurroundings there(tpm.stream, tpm.last, 0);
    tpm.state.permanent = device_.permanent_state();
    tpm.state.running = device_.running_state();
    device_.power_off();
    library_.holder = nullptr;
  }
  void put_out(const Tpm& tpm) noexcept {
    if (!holds(tpm)) return;
    device_.power_off();
    library_.holder = nullptr;
  }
  // A TPM that was never spoken to is manufactured now, as of when it was made.
  void seat(Tpm& tpm, sim::Time now) {
    if (!holds(tpm)) {
      leave();
      const bool made = !tpm.state.permanent.empty();
      tpm.stream.begin(made ? kParking : kManufacture);
      const TpmSurroundings here(tpm.stream, made ? now : tpm.made_at, 0);
      if (made) {
        device_.power_on(tpm.state.permanent, tpm.state.running);
      } else {
        device_.power_on_manufactured();
      }
      library_.holder = &tpm;
      tested_ = false;
    }
    tpm.last = now;
  }
  void take_over(const Tpm& tpm) noexcept {
    library_.holder = &tpm;
    tested_ = false;
  }
  void test_signing(Tpm& tpm) {
    if (tested_) return;
    tpm.stream.begin(kParking);
    const TpmSurroundings here(tpm.stream, tpm.last, 0);
    device_.process(
        kTestSigning);  // a TPM that is not started refuses, and will refuse the signature as well
    tested_ = true;
  }

 private:
  TpmLibrary& library_;
  LibtpmsDevice device_;
  bool tested_ = false;  // may whoever sits here sign at once?
};

}  // namespace

std::array<std::uint8_t, 32> TpmState::compute_digest() const {
  Bytes all;
  for (const Bytes* part : {&permanent, &running}) {
    append(all, part->size());
    all.insert(all.end(), part->begin(), part->end());
  }
  return sha256(all);
}

struct TpmFleet::Impl {
  TpmFleetSetup setup;
  std::vector<std::unique_ptr<Home>> homes;
  // Behind pointers, so that a copy's guest stays where it is while the fleet grows. A destroyed TPM leaves a gap.
  std::vector<std::unique_ptr<Tpm>> tpms;
  mutable std::shared_mutex growing;
  std::size_t living = 0;

  Tpm& find(TpmId id, std::string_view doing) {
    const std::shared_lock guard(growing);
    if (id.value >= tpms.size())
      throw sim::WorldError(fmt::format("{}: there is no TPM {}", doing, id.value), "ENODEV");
    if (!tpms[id.value])
      throw sim::WorldError(fmt::format("{}: TPM {} was destroyed", doing, id.value), "ENODEV");
    return *tpms[id.value];
  }
  Home& home(TpmId id) { return *homes[id.value % homes.size()]; }
};

TpmFleet::TpmFleet(TpmFleetSetup setup) : impl_(std::make_unique<Impl>()) {
  setup.stock = setup.stock || stock_wanted() || !TpmLibrary::private_copies();
  impl_->setup = setup;
  const unsigned homes = setup.stock ? 1 : std::max(setup.workers, 1u);
  for (unsigned i = 0; i < homes; ++i) impl_->homes.push_back(std::make_unique<Home>(setup.stock));
}

TpmFleet::~TpmFleet() {
  for (std::uint32_t i = 0; i < impl_->tpms.size(); ++i) {
    if (!impl_->tpms[i]) continue;
    Home& home = impl_->home(TpmId{i});
    const Home::Entry entry(home);
    home.put_out(*impl_->tpms[i]);
  }
}

TpmId TpmFleet::create(std::string_view name, sim::Time now) {
  const std::unique_lock guard(impl_->growing);
  const auto number = static_cast<std::uint32_t>(impl_->tpms.size());
  const std::string called = name.empty() ? fmt::format("#{}", number) : std::string(name);
  impl_->tpms.push_back(std::make_unique<Tpm>(impl_->setup.seed, called, now));
  ++impl_->living;
  return TpmId{number};
}

Bytes TpmFleet::execute(TpmId id, std::span<const std::uint8_t> command, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "executing a command");
  home.seat(tpm, context.now);
  if (signs(command)) home.test_signing(tpm);
  tpm.stream.begin(tpm.commands);
  ++home.commands;
  const TpmSurroundings here(tpm.stream, context.now, context.locality);
  Bytes response = home.device().process(command);
  // A TPM tests an algorithm before its first use and then wants the command again: drivers send it, and so do we.
  if (response_code(response) == kRetry) {
    tpm.stream.begin(tpm.commands);
    response = home.device().process(command);
  }
  ++tpm.commands;
  return response;
}

void TpmFleet::power_cycle(TpmId id, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "power-cycling");
  home.seat(tpm, context.now);
  home.leave();
  tpm.state.running.clear();
}

bool TpmFleet::signal(TpmId id, TpmSignal signal, std::span<const std::uint8_t> data,
                      CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "signalling");
  home.seat(tpm, context.now);
  tpm.stream.begin(kParking);
  const TpmSurroundings here(tpm.stream, context.now, context.locality);
  return home.device().signal(signal, data);
}

TpmState TpmFleet::save(TpmId id) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& tpm = impl_->find(id, "saving");
  if (tpm.state.permanent.empty()) home.seat(tpm, tpm.made_at);
  if (home.holds(tpm)) home.leave();
  TpmState out = tpm.state;
  out.digest = out.compute_digest();
  return out;
}

void TpmFleet::load(TpmId id, const TpmState& state, CommandContext context) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  Tpm& mine = impl_->find(id, "loading a state");
  if (state.permanent.empty())
    throw sim::WorldError("loading a TPM state", "state_empty", "there is no permanent part");
  if (state.digest != state.compute_digest()) {
    throw sim::WorldError("loading a TPM state", "state_digest", "the state was changed on its way");
  }
  home.leave();
  mine.stream.begin(kParking);
  const TpmSurroundings here(mine.stream, context.now, 0);
  TpmState candidate = state;
  home.device().power_on(candidate.permanent,
                         candidate.running);  // a refusal leaves `mine` parked, as it was
  mine.state = std::move(candidate);
  mine.last = context.now;
  home.take_over(mine);
}

void TpmFleet::destroy(TpmId id) {
  Home& home = impl_->home(id);
  const Home::Entry entry(home);
  home.put_out(impl_->find(id, "destroying"));
  const std::unique_lock guard(impl_->growing);
  impl_->tpms[id.value].reset();
  --impl_->living;
}

bool TpmFleet::exists(TpmId id) const noexcept {
  const std::shared_lock guard(impl_->growing);
  return id.value < impl_->tpms.size() && impl_->tpms[id.value] != nullptr;
}

std::size_t TpmFleet::size() const noexcept { return impl_->living; }

unsigned TpmFleet::workers() const noexcept { return static_cast<unsigned>(impl_->homes.size()); }

std::vector<std::uint64_t> TpmFleet::commands_per_worker() const {
  std::vector<std::uint64_t> out;
  for (const auto& home : impl_->homes) out.push_back(home->commands);
  return out;
}

std::string_view TpmFleet::path() const noexcept { return impl_->setup.stock ? "stock" : "private"; }
bool TpmFleet::deterministic() const noexcept { return !impl_->setup.stock; }

std::string_view TpmFleet::default_path() noexcept {
  return stock_wanted() || !TpmLibrary::private_copies() ? "stock" : "private";
}

// A running blob also keeps books about the host's clock between visits, which depend on when its TPM was parked. What counts
// is what the TPM would answer: its permanent state, clock, PCRs and loaded objects.
std::array<std::uint8_t, 32> TpmFleet::state_digest() {
  constexpr std::uint8_t kReadClock[] = {0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x81};
  constexpr std::uint8_t kLoaded[] = {0x80, 0x01, 0, 0,    0, 22, 0, 0, 0x01, 0x7a, 0,
                                      0,    0,    1, 0x80, 0, 0,  0, 0, 0,    0,    64};
  Bytes all;
  for (std::uint32_t i = 0; i < impl_->tpms.size(); ++i) {
    append(all, i);
    if (!exists(TpmId{i})) continue;
    const TpmState state = save(TpmId{i});
    all.insert(all.end(), state.permanent.begin(), state.permanent.end());
    Home& home = impl_->home(TpmId{i});
    const Home::Entry entry(home);
    Tpm& tpm = *impl_->tpms[i];
    home.seat(tpm, tpm.last);
    const TpmSurroundings here(tpm.stream, tpm.last, 0);
    const auto ask = [&](std::span<const std::uint8_t> command) {
      const Bytes answer = home.device().process(command);
      all.insert(all.end(), answer.begin(), answer.end());
    };
    ask(kReadClock);
    ask(kLoaded);
    for (const HashAlg bank : kHashAlgs) {
      for (std::uint32_t pcr = 0; pcr < kPcrs; ++pcr) ask(pcr_read_command(bank, pcr));
    }
  }
  return sha256(all);
}

}  // namespace tvdsim::vtpm
