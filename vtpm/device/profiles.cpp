#include "vtpm/device/profiles.hpp"

#include <algorithm>

namespace tvdsim::vtpm {
namespace {

enum class Row : std::uint8_t {
#define PROFILE(name, what) name,
#define FIGURE(profile, kind, us, source)
#define SPREAD(profile, percent, source)
#include "vtpm/device/profiles.def"
#undef SPREAD
#undef FIGURE
#undef PROFILE
  count
};
constexpr std::size_t kProfiles = static_cast<std::size_t>(Row::count);

constexpr auto make_table() {
  std::array<LatencyProfile, kProfiles> table{};
  const auto put = [&](Row row, CommandClass kind, std::int64_t us, std::string_view source) {
    table[static_cast<std::size_t>(row)].figures[static_cast<std::size_t>(kind)] = {sim::Duration{us * 1000},
                                                                                    source};
  };
#define PROFILE(n, w)                                \
  table[static_cast<std::size_t>(Row::n)].name = #n; \
  table[static_cast<std::size_t>(Row::n)].what = w;
#define FIGURE(profile, kind, us, source) put(Row::profile, CommandClass::kind, us, source);
#define SPREAD(profile, percent, source)                                  \
  table[static_cast<std::size_t>(Row::profile)].spread = percent / 100.0; \
  table[static_cast<std::size_t>(Row::profile)].spread_source = source;
#include "vtpm/device/profiles.def"
#undef SPREAD
#undef FIGURE
#undef PROFILE
  return table;
}
constexpr auto kTable = make_table();

constexpr bool complete() {
  for (const LatencyProfile& profile : kTable) {
    if (profile.spread < 0 || profile.spread_source.empty()) return false;
    for (const LatencyFigure& figure : profile.figures)
      if (figure.time.ns <= 0 || figure.source.empty()) return false;
  }
  return true;
}
static_assert(complete(), "profiles.def lacks a figure, a spread or a source");

}  // namespace

std::string_view to_text(CommandClass kind) noexcept {
  constexpr std::string_view kNames[] = {"extend", "read", "quote", "sign", "keygen", "other"};
  static_assert(std::size(kNames) == kCommandClasses);
  return kNames[static_cast<std::size_t>(kind)];
}

CommandClass command_class(std::span<const std::uint8_t> command) noexcept {
  if (command.size() < 10) return CommandClass::other;
  std::uint32_t code = 0;
  for (std::size_t i = 6; i < 10; ++i) code = code << 8 | command[i];
  switch (code) {
    case 0x182:  // PCR_Extend
    case 0x13c:  // PCR_Event
    case 0x136:  // NV_Extend
      return CommandClass::extend;
    case 0x17e:  // PCR_Read
    case 0x14e:  // NV_Read
    case 0x173:  // ReadPublic
    case 0x169:  // NV_ReadPublic
    case 0x181:  // ReadClock
    case 0x17a:  // GetCapability
      return CommandClass::read;
    case 0x158:  // Quote
      return CommandClass::quote;
    case 0x15d:  // Sign
    case 0x148:  // Certify
    case 0x14a:  // CertifyCreation
    case 0x14c:  // GetTime
    case 0x14d:  // GetSessionAuditDigest
    case 0x133:  // GetCommandAuditDigest
    case 0x184:  // NV_Certify
      return CommandClass::sign;
    case 0x131:  // CreatePrimary
    case 0x153:  // Create
    case 0x191:  // CreateLoaded
      return CommandClass::keygen;
    default:
      return CommandClass::other;
  }
}

sim::Duration LatencyProfile::draw(CommandClass kind, sim::Stream& stream) const noexcept {
  return stream.lognormal(of(kind), spread);
}

std::span<const LatencyProfile> profiles() noexcept { return kTable; }

const LatencyProfile* profile_named(std::string_view name) noexcept {
  const auto found = std::find_if(kTable.begin(), kTable.end(),
                                  [&](const LatencyProfile& profile) { return profile.name == name; });
  return found == kTable.end() ? nullptr : &*found;
}

}  // namespace tvdsim::vtpm
