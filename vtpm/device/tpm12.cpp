#include "vtpm/device/tpm12.hpp"

#include <fmt/format.h>

#include "sim/base/error.hpp"
#include "vtpm/device/command_bytes.hpp"
#include "vtpm/device/libtpms_device.hpp"
#include "vtpm/device/tpm_surroundings.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kManufacture12 = ~std::uint64_t{0}, kParking12 = kManufacture12 - 1;
constexpr std::uint32_t kRequest12 = 0x00c1;  // TPM_TAG_RQU_COMMAND

struct Old {
  TpmKey key{};
  void* instance = nullptr;    // the library's; null: destroyed
  std::uint64_t commands = 0;  // since it came to be here
};

}  // namespace

struct Tpm12Fleet::Impl {
  explicit Impl(std::uint64_t with) : seed(with), copy(TpmLibrary::borrow(false)), device(copy) {
    device.power_off();  // whoever had the copy before may have left a TPM running in it
    device.choose_12(true);
  }
  ~Impl() {
    for (Old& tpm : tpms) end(tpm);
    device.choose_12(false);
    TpmLibrary::give_back(copy);
  }
  Old& find(TpmId id, std::string_view doing) {
    if (id.value >= tpms.size() || !tpms[id.value].instance)
      throw sim::WorldError(fmt::format("{}: there is no TPM {}", doing, id.value), "ENODEV");
    return tpms[id.value];
  }
  void end(Old& tpm) noexcept {
    if (!tpm.instance) return;
    copy.swap_12(tpm.instance);
    device.power_off();  // which frees it
    copy.swap_12(nullptr);
    tpm.instance = nullptr;
    --living;
  }

  std::uint64_t seed;
  TpmLibrary& copy;
  LibtpmsDevice device;
  std::vector<Old> tpms;
  std::size_t living = 0;
};

Tpm12Fleet::Tpm12Fleet(std::uint64_t seed) {
  if (!TpmLibrary::private_copies())
    throw sim::WorldError("making TPM 1.2s", "stock_library", "private copies alone hold several");
  impl_ = std::make_unique<Impl>(seed);
}
Tpm12Fleet::~Tpm12Fleet() = default;

TpmId Tpm12Fleet::create(std::string_view name, sim::Time now) {
  Old tpm{.key = stream_key(impl_->seed, name)};
  TpmStream stream(tpm.key, kManufacture12);
  const TpmSurroundings here(stream, now, 0);
  impl_->copy.swap_12(nullptr);
  impl_->device.power_on_manufactured();
  tpm.instance = impl_->copy.swap_12(nullptr);
  impl_->tpms.push_back(tpm);
  ++impl_->living;
  return TpmId{static_cast<std::uint32_t>(impl_->tpms.size() - 1)};
}

Bytes Tpm12Fleet::execute(TpmId id, std::span<const std::uint8_t> command, CommandContext context) {
  Old& tpm = impl_->find(id, "executing a TPM 1.2 command");
  TpmStream stream(tpm.key, tpm.commands++);
  const TpmSurroundings here(stream, context.now, context.locality);
  impl_->copy.swap_12(tpm.instance);
  return impl_->device.process(command);
}

TpmState Tpm12Fleet::save(TpmId id, CommandContext context) {
  Old& tpm = impl_->find(id, "saving a TPM 1.2");
  TpmStream stream(tpm.key, kParking12);
  const TpmSurroundings here(stream, context.now, 0);
  impl_->copy.swap_12(tpm.instance);
  TpmState out;
  out.permanent = impl_->device.permanent_state();
  out.running = impl_->device.running_state();
  out.digest = out.compute_digest();
  return out;
}

TpmId Tpm12Fleet::load(std::string_view name, const TpmState& state, CommandContext context) {
  if (state.permanent.empty())
    throw sim::WorldError("loading a TPM 1.2's state", "state_empty", "there is no permanent part");
  if (state.digest != state.compute_digest())
    throw sim::WorldError("loading a TPM 1.2's state", "state_digest", "the state was changed on its way");
  Old tpm{.key = stream_key(impl_->seed, name)};
  TpmStream stream(tpm.key, kParking12);
  const TpmSurroundings here(stream, context.now, 0);
  impl_->copy.swap_12(nullptr);
  impl_->device.power_on_12(state.permanent, state.running);
  tpm.instance = impl_->copy.swap_12(nullptr);
  impl_->tpms.push_back(tpm);
  ++impl_->living;
  return TpmId{static_cast<std::uint32_t>(impl_->tpms.size() - 1)};
}

void Tpm12Fleet::destroy(TpmId id) { impl_->end(impl_->find(id, "destroying a TPM 1.2")); }

std::size_t Tpm12Fleet::size() const noexcept { return impl_->living; }

Bytes startup_12_command() { return Command(kRequest12, 0x99).u16(1).take(); }
Bytes extend_12_command(std::uint32_t pcr, std::span<const std::uint8_t> sha1) {
  TVDSIM_ASSERT(sha1.size() == 20, "a TPM 1.2 extends with SHA-1 digests");
  return Command(kRequest12, 0x14).u32(pcr).bytes(sha1).take();
}
Bytes read_pcr_12_command(std::uint32_t pcr) { return Command(kRequest12, 0x15).u32(pcr).take(); }
Bytes get_random_12_command(std::uint32_t bytes) { return Command(kRequest12, 0x46).u32(bytes).take(); }

Bytes read_12_response(std::span<const std::uint8_t> response) {
  Response r(response, "a TPM 1.2 command");
  r.take(6);
  if (const std::uint32_t code = r.number(4); code != 0)
    throw sim::WorldError(fmt::format("a TPM 1.2 command: return code {}", code), "tpm12_refused");
  const auto left = r.take(r.left());
  return {left.begin(), left.end()};
}

}  // namespace tvdsim::vtpm
