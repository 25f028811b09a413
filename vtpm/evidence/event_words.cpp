// What events mean, as far as a digest covers what they say.
#include <algorithm>

#include "vtpm/evidence/event_log.hpp"

namespace tvdsim::vtpm {
namespace {

struct Type {
#define EVENT_TYPE(name, number) static constexpr std::uint32_t name = number;
#include "vtpm/evidence/event_types.def"
#undef EVENT_TYPE
};

// EFI_GLOBAL_VARIABLE, and "SecureBoot" in UTF-16.
constexpr std::uint8_t kGlobalVariable[] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                            0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
constexpr std::string_view kSecureBoot = "SecureBoot";

std::uint64_t u64_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

const Digest& separator_digest(HashAlg bank, std::uint8_t byte) {
  struct Both {
    Digest zeros, ones;
  };
  const auto both = [](HashAlg alg) {
    const std::uint8_t zeros[4] = {}, ones[4] = {0xff, 0xff, 0xff, 0xff};
    return Both{hash(alg, {zeros}), hash(alg, {ones})};
  };
  switch (bank) {
#define HASH(name, id, size)                         \
  case HashAlg::name: {                              \
    static const Both digests = both(HashAlg::name); \
    return byte == 0 ? digests.zeros : digests.ones; \
  }
#include "vtpm/algorithms.def"
#undef HASH
  }
  static const Digest none;
  return none;
}

bool says_what_was_measured(const LogEvent& event) {
  bool any = false;
  for (const LogDigest& digest : event.digests) {
    const auto alg = static_cast<HashAlg>(digest.alg);
    if (!digest_size(alg)) continue;
    if (!(digest.value == hash(alg, {event.data}))) return false;
    any = true;
  }
  return any;
}

bool must_say_what_was_measured(std::uint32_t type, bool all) noexcept {
  switch (type) {
    case Type::EV_SEPARATOR:
    case Type::EV_EFI_ACTION:
      return true;
    case Type::EV_S_CRTM_VERSION:
    case Type::EV_EFI_VARIABLE_DRIVER_CONFIG:
    case Type::EV_EFI_VARIABLE_AUTHORITY:
    case Type::EV_EFI_GPT_EVENT:
      return all;
    default:
      return false;
  }
}

std::optional<SecureBootVariable> secure_boot_variable(const LogEvent& event) {
  // UEFI_VARIABLE_DATA: GUID, the name's length in characters, the value's in bytes, the name, the value.
  constexpr std::size_t kHead = 32, kName = 2 * kSecureBoot.size();
  const std::span<const std::uint8_t> data = event.data;
  if (event.type != Type::EV_EFI_VARIABLE_DRIVER_CONFIG || data.size() < kHead + kName) return std::nullopt;
  if (!std::equal(std::begin(kGlobalVariable), std::end(kGlobalVariable), data.begin())) return std::nullopt;
  if (u64_of(data.subspan(16, 8)) != kSecureBoot.size()) return std::nullopt;
  for (std::size_t i = 0; i < kSecureBoot.size(); ++i) {
    if (data[kHead + 2 * i] != static_cast<std::uint8_t>(kSecureBoot[i]) || data[kHead + 2 * i + 1] != 0)
      return std::nullopt;
  }
  SecureBootVariable out;
  const auto value = data.subspan(kHead + kName);
  const std::uint64_t size = u64_of(data.subspan(24, 8));
  if (size != value.size() || size > 1) return out;
  if (size == 0) out.on = false;  // the variable does not exist: the firmware knows no Secure Boot
  if (size == 1 && value[0] <= 1) out.on = value[0] == 1;
  return out;
}

}  // namespace tvdsim::vtpm
