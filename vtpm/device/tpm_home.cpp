#include "vtpm/device/tpm_home.hpp"

#include <algorithm>
#include <cstring>

#include "sim/base/error.hpp"
#include "vtpm/device/commands.hpp"
#include "vtpm/device/segment_delta.hpp"

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

}  // namespace

void ParkedBytes::assign(std::span<const std::uint8_t> bytes) {
  const std::size_t exact = (bytes.size() + 7) / 8 * 8;
  if (exact > capacity_ || exact + 64 < capacity_) {
    bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(exact);
    capacity_ = static_cast<std::uint32_t>(exact);
  }
  if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  size_ = static_cast<std::uint32_t>(bytes.size());
}

void ParkedBytes::clear() noexcept {
  bytes_.reset();
  size_ = capacity_ = 0;
}

Home::Entry::Entry(Home& home) : home_(home) {
  TVDSIM_ASSERT(!home.library_->entered.test_and_set(std::memory_order_acquire),
                "two threads are in one copy of the TPM library");
}

// With a TPM of nobody's that is as far as most are: what the others have in common with it need not be kept for each. Begun with
// the copy as it was loaded: nothing that former guests left is in it.
void Home::take_image() {
  TpmLibrary& copy = *library_;
  if (!copy.image.empty()) return;
  std::memcpy(copy.segment.data(), copy.loaded.data(), copy.loaded.size());
  copy.sound.clear();
  device_->set_up();
  const Bytes off(copy.segment.begin(), copy.segment.end());
  {
    TpmStream nobody(stream_key(0, "image"), kManufacture);
    const TpmSurroundings here(nobody, {}, 0);
    device_->power_on_manufactured();
    const BankDigest digest{HashAlg::sha256, Bytes(32, 0)};
    for (const Bytes& command : {startup_command(StartupType::clear), pcr_extend_command(10, {&digest, 1}),
                                 Bytes(std::begin(kTestSigning), std::end(kTestSigning))})
      device_->process(command);
  }
  copy.forget();
  copy.image.assign(copy.segment.begin(), copy.segment.end());
  std::memcpy(copy.segment.data(), off.data(), off.size());
  copy.blank = blank_blocks(copy.image);
  take_delta(copy.segment, copy.image, copy.blank, copy.off);
  copy.at_image = true;
}

void Home::to_image() noexcept {
  if (library_->at_image) return;
  library_->forget();
  std::memcpy(library_->segment.data(), library_->image.data(), library_->image.size());
  library_->at_image = true;
}

void Home::to_off() noexcept {
  if (segments_) {
    to_image();
    apply_delta(library_->segment, library_->off);
  } else if (library_->at_image) {
    device_->power_off();
  }
  library_->at_image = false;
}

TpmState Home::blobs_of(Tpm& guest) {
  TpmStream stream(guest.key, kParking);
  const TpmSurroundings there(stream, guest.last, 0);
  TpmState out;
  if (guest.failed) library_->fail(false);
  out.permanent = device_->permanent_state();
  out.running = device_->running_state();
  if (guest.failed) library_->fail(true);
  return out;
}

// What sits in the copy is parked. The stock library's guest may be another fleet's.
void Home::leave() {
  if (!library_->holder) return;
  Tpm& guest = *static_cast<Tpm*>(library_->holder);
  library_->holder = nullptr;
  if (segments_) {
    if (guest.failed) library_->fail(false);
    library_->forget();
    take_delta(library_->segment, library_->image, library_->blank, scratch_);
    library_->at_image = true;
    guest.delta.assign(scratch_);
    guest.blobs.reset();
    return;
  }
  try {
    guest.blobs = std::make_unique<TpmState>(blobs_of(guest));
  } catch (const sim::WorldError&) {  // the library cannot say any more what this TPM is
    guest.blobs.reset();
    guest.lost = true;
  }
  device_->power_off();
}

// A TPM that was never spoken to is manufactured now, as of when it was made.
void Home::seat(Tpm& tpm, sim::Time now) {
  if (!holds(tpm)) {
    leave();
    if (segments_) take_image();
    if (!tpm.delta.empty()) {
      to_image();
      apply_delta(library_->segment, tpm.delta.view());
      library_->at_image = false;
    } else {
      to_off();
      TpmStream stream(tpm.key, tpm.blobs ? kParking : kManufacture);
      const TpmSurroundings here(stream, tpm.blobs ? now : tpm.made_at, 0);
      if (tpm.blobs) {
        device_->power_on(tpm.blobs->permanent, tpm.blobs->running);
      } else {
        device_->power_on_manufactured();
      }
    }
    if (tpm.failed) library_->fail(true);
    library_->holder = &tpm;
    tested_ = false;
  }
  tpm.last = now;
}

void Home::empty() noexcept {
  library_->holder = nullptr;
  if (segments_) {
    to_image();
  } else {
    device_->power_off();
  }
}

void Home::test_signing(Tpm& tpm) {
  if (tested_) return;
  ask(tpm, kTestSigning);  // a TPM that is not started refuses, and will refuse the signature as well
  tested_ = true;
}

Bytes Home::ask(Tpm& tpm, std::span<const std::uint8_t> command) {
  seat(tpm, tpm.last);
  TpmStream stream(tpm.key, kParking);
  const TpmSurroundings here(stream, tpm.last, 0);
  return device_->process(command);
}

Bytes Home::execute(Tpm& tpm, std::span<const std::uint8_t> command, CommandContext context) {
  seat(tpm, context.now);
  if (signs(command)) test_signing(tpm);
  ++commands;
  Bytes response;
  // A TPM tests an algorithm before its first use and then wants the command again: drivers send it, and so do we.
  for (int attempt = 0; attempt < 2; ++attempt) {
    TpmStream stream(tpm.key, tpm.commands);
    const TpmSurroundings here(stream, context.now, context.locality);
    response = device_->process(command);
    if (response_code(response) != kRetry) break;
  }
  ++tpm.commands;
  return response;
}

bool Home::signal(Tpm& tpm, TpmSignal signal, std::span<const std::uint8_t> data, CommandContext context) {
  seat(tpm, context.now);
  TpmStream stream(tpm.key, kParking);
  const TpmSurroundings here(stream, context.now, context.locality);
  return device_->signal(signal, data);
}

void Home::power_off(Tpm& tpm, sim::Time now) {
  seat(tpm, now);
  if (tpm.failed) library_->fail(false);
  tpm.failed = false;
  auto blobs = std::make_unique<TpmState>();
  {
    TpmStream stream(tpm.key, kParking);
    const TpmSurroundings there(stream, now, 0);
    blobs->permanent = device_->permanent_state();
  }
  empty();
  tpm.blobs = std::move(blobs);
  tpm.delta.clear();
}

TpmState Home::save(Tpm& tpm) {
  TpmState out;
  if (!holds(tpm) && tpm.blobs) {
    out = *tpm.blobs;
  } else {
    const bool made = holds(tpm) || !tpm.delta.empty();
    seat(tpm, made ? tpm.last : tpm.made_at);
    if (!segments_) {
      leave();
      if (tpm.lost) throw sim::WorldError("saving a TPM", "tpm_lost", "the library cannot say what it is");
      out = *tpm.blobs;
    } else {
      out = blobs_of(tpm);
    }
  }
  out.digest = out.compute_digest();
  return out;
}

Bytes Home::settled(Tpm& tpm) {
  const TpmState state = save(tpm);
  leave();
  if (segments_) take_image();
  to_off();
  Bytes out;
  {
    TpmStream stream(tpm.key, kParking);
    const TpmSurroundings here(stream, tpm.last, 0);
    device_->power_on(state.permanent, state.running);
    out = device_->permanent_state();
  }
  empty();
  return out;
}

void Home::load(Tpm& tpm, const TpmState& state, sim::Time now) {
  leave();
  if (segments_) take_image();
  to_off();
  TpmStream stream(tpm.key, kParking);
  const TpmSurroundings here(stream, now, 0);
  device_->power_on(state.permanent, state.running);  // a refusal leaves the TPM parked, as it was
  tpm.delta.clear();
  tpm.blobs.reset();
  tpm.failed = tpm.lost = false;
  tpm.last = now;
  library_->holder = &tpm;
  tested_ = false;
}

void Home::forget(Tpm& tpm) noexcept {
  if (holds(tpm)) empty();
  tpm.delta.clear();
  tpm.blobs.reset();
  tpm.exists = false;
}

void Home::fail(Tpm& tpm, sim::Time now) {
  if (!library_->can_fail())
    throw sim::WorldError("failing a TPM", "stock_library", "private copies alone can");
  seat(tpm, now);
  library_->fail(true);
  tpm.failed = true;
}

// Its worker dies in the middle of a command and leaves its copy's data in no sensible state: the TPM that sat there is lost. The
// others come back in a copy whose data is put back, or in another copy.
void Home::crash(Tpm& tpm, std::span<const std::uint8_t> command, CommandContext context) {
  if (library_->stock) throw sim::WorldError("losing a worker", "stock_library", "there is no other one");
  seat(tpm, context.now);
  {
    TpmStream stream(tpm.key, tpm.commands);
    const TpmSurroundings here(stream, context.now, context.locality);
    device_->process(command);
  }
  library_->forget();
  std::memset(library_->segment.data(), 0xa5, library_->segment.size());
  library_->holder = nullptr;
  if (segments_) {
    std::memcpy(library_->segment.data(), library_->image.data(), library_->image.size());
    library_->at_image = true;
  } else {  // the broken one stays entered: nobody gets it again
    TpmLibrary& other = TpmLibrary::borrow(false);
    other.entered.test_and_set(std::memory_order_acquire);
    library_ = &other;
    device_.emplace(other);
    to_off();
  }
  tpm.delta.clear();
  tpm.blobs.reset();
  tpm.failed = false;
  tpm.lost = true;
}

}  // namespace tvdsim::vtpm
