// How long a TPM takes for a command, by the kind of TPM: a hardware chip takes tens of milliseconds for a signature, a software
// vTPM a fraction of one.
//
//   const LatencyProfile* chip = profile_named("slb9670");
//   const sim::Duration mean = chip->of(command_class(command));
//   const sim::Duration once = chip->draw(command_class(command), stream);     // lognormal around it
//
// Invariant  every profile has a figure, and the figure a source, for every class of command.
// Cost       a look-up in a table; a draw about 50 ns.
// Threads    all functions may be called from any.
// Leaves out dependence between one command's time and the next one's, and a spread of its own for each class. A chip serves one
//            command at a time: queueing is for who owns the chip (models/attestation/chips.hpp).
// Source     vtpm/device/profiles.def, figure by figure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/base/random.hpp"
#include "sim/base/units.hpp"

namespace tvdsim::vtpm {

enum class CommandClass : std::uint8_t { extend, read, quote, sign, keygen, other };
inline constexpr std::size_t kCommandClasses = 6;
std::string_view to_text(CommandClass kind) noexcept;

// By the command code in the header; bytes without a header are `other`: a TPM refuses them.
CommandClass command_class(std::span<const std::uint8_t> command) noexcept;

struct LatencyFigure {
  sim::Duration time{};
  std::string_view source;
  constexpr bool assumed() const noexcept { return source.starts_with("assumed"); }
};

struct LatencyProfile {
  std::string_view name, what;
  std::array<LatencyFigure, kCommandClasses> figures{};
  double spread = -1;  // standard deviation of each figure, in units of it
  std::string_view spread_source;

  constexpr const LatencyFigure& figure(CommandClass kind) const noexcept {
    return figures[static_cast<std::size_t>(kind)];
  }
  constexpr sim::Duration of(CommandClass kind) const noexcept { return figure(kind).time; }
  sim::Duration draw(CommandClass kind, sim::Stream& stream) const noexcept;
};

std::span<const LatencyProfile> profiles() noexcept;                  // in the order of the table
const LatencyProfile* profile_named(std::string_view name) noexcept;  // null: there is none

}  // namespace tvdsim::vtpm
