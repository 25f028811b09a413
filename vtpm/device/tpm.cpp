#include "vtpm/device/tpm.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <atomic>

#include "sim/base/error.hpp"
#include "vtpm/device/libtpms_device.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

// The seat in the library: one TPM of one fleet has it, or nobody.
struct Seat {
  TpmState* holder = nullptr;
  std::atomic_flag entered = ATOMIC_FLAG_INIT;
};
Seat& seat() {
  static Seat s;
  return s;
}

class Entry {
 public:
  Entry() {
    TVDSIM_ASSERT(!seat().entered.test_and_set(std::memory_order_acquire),
                  "two threads are in the TPM library");
  }
  ~Entry() { seat().entered.clear(std::memory_order_release); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
};

void refresh(TpmState& state) {
  state.permanent = LibtpmsDevice::permanent_state();
  state.running = LibtpmsDevice::running_state();
}

void leave_seat() {
  if (!seat().holder) return;
  refresh(*seat().holder);
  LibtpmsDevice::power_off();
  seat().holder = nullptr;
}

void empty_seat_of(const TpmState* state) noexcept {
  if (seat().holder != state) return;
  LibtpmsDevice::power_off();
  seat().holder = nullptr;
}

void take_seat(TpmState& state) {
  if (seat().holder == &state) return;
  leave_seat();
  LibtpmsDevice::power_on(state.permanent, state.running);
  seat().holder = &state;
}

}  // namespace

std::array<std::uint8_t, 32> TpmState::compute_digest() const {
  Bytes all;
  for (const Bytes* part : {&permanent, &running}) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      all.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(part->size()) >> shift));
    }
    all.insert(all.end(), part->begin(), part->end());
  }
  std::array<std::uint8_t, 32> out{};
  unsigned size = 0;
  TVDSIM_ASSERT(
      EVP_Digest(all.data(), all.size(), out.data(), &size, EVP_sha256(), nullptr) == 1 && size == out.size(),
      "OpenSSL has SHA-256");
  return out;
}

struct TpmFleet::Impl {
  // Behind pointers, so that the seat's holder stays where it is while the fleet grows. A destroyed TPM leaves a gap.
  std::vector<std::unique_ptr<TpmState>> tpms;
  std::size_t living = 0;

  TpmState& find(TpmId id, std::string_view doing) {
    if (id.value >= tpms.size())
      throw sim::WorldError(fmt::format("{}: there is no TPM {}", doing, id.value), "ENODEV");
    if (!tpms[id.value])
      throw sim::WorldError(fmt::format("{}: TPM {} was destroyed", doing, id.value), "ENODEV");
    return *tpms[id.value];
  }
};

TpmFleet::TpmFleet() : impl_(std::make_unique<Impl>()) {}

TpmFleet::~TpmFleet() {
  const Entry entry;
  for (const auto& tpm : impl_->tpms) {
    if (tpm) empty_seat_of(tpm.get());
  }
}

TpmId TpmFleet::create() {
  const Entry entry;
  leave_seat();
  impl_->tpms.push_back(std::make_unique<TpmState>());
  try {
    LibtpmsDevice::power_on_manufactured();
  } catch (...) {
    impl_->tpms.pop_back();
    throw;
  }
  seat().holder = impl_->tpms.back().get();
  ++impl_->living;
  return TpmId{static_cast<std::uint32_t>(impl_->tpms.size() - 1)};
}

Bytes TpmFleet::execute(TpmId tpm, std::span<const std::uint8_t> command) {
  const Entry entry;
  take_seat(impl_->find(tpm, "executing a command"));
  return LibtpmsDevice::process(command);
}

void TpmFleet::power_cycle(TpmId tpm) {
  const Entry entry;
  TpmState& state = impl_->find(tpm, "power-cycling");
  take_seat(state);
  leave_seat();
  state.running.clear();
}

TpmState TpmFleet::save(TpmId tpm) {
  const Entry entry;
  TpmState& state = impl_->find(tpm, "saving");
  if (seat().holder == &state) leave_seat();
  TpmState out = state;
  out.digest = out.compute_digest();
  return out;
}

void TpmFleet::load(TpmId tpm, const TpmState& state) {
  const Entry entry;
  TpmState& mine = impl_->find(tpm, "loading a state");
  if (state.permanent.empty())
    throw sim::WorldError("loading a TPM state", "state_empty", "there is no permanent part");
  if (state.digest != state.compute_digest()) {
    throw sim::WorldError("loading a TPM state", "state_digest", "the state was changed on its way");
  }
  leave_seat();
  auto candidate = std::make_unique<TpmState>(state);
  LibtpmsDevice::power_on(candidate->permanent,
                          candidate->running);  // a refusal leaves `mine` parked, as it was
  mine = std::move(*candidate);
  seat().holder = &mine;
}

void TpmFleet::destroy(TpmId tpm) {
  const Entry entry;
  empty_seat_of(&impl_->find(tpm, "destroying"));
  impl_->tpms[tpm.value].reset();
  --impl_->living;
}

bool TpmFleet::exists(TpmId tpm) const noexcept {
  return tpm.value < impl_->tpms.size() && impl_->tpms[tpm.value] != nullptr;
}

std::size_t TpmFleet::size() const noexcept { return impl_->living; }

}  // namespace tvdsim::vtpm
