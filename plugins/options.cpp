#include "plugins/options.hpp"

#include <charconv>
#include <set>
#include <string_view>

namespace tvdsim::plugins {

namespace {

constexpr std::string_view kKnown =
    "page, ram, gate=timer|insn|off, ring=block|drop, devices=off|stores|all, pages=on|off, tpm=on|off, "
    "shift=0..10, "
    "tpm_wait_ms, notify";

bool number(std::string_view text, std::uint32_t most, std::uint32_t& into) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return false;
  into = value;
  return true;
}

bool one_of(std::string_view value, std::initializer_list<std::string_view> words, unsigned& index) {
  index = 0;
  for (const std::string_view word : words) {
    if (word == value) return true;
    ++index;
  }
  return false;
}

// Whether the value was one that the key takes.
bool set(Options& options, std::string_view key, std::string_view value, bool& known) {
  known = true;
  unsigned index = 0;
  std::uint32_t fd = 0;
  if (key == "page" || key == "ram") {
    (key == "page" ? options.page : options.ram) = value;
    return !value.empty();
  }
  if (key == "gate") {
    const bool good = one_of(value, {"timer", "insn", "off"}, index);
    options.gate = static_cast<GateMode>(index);
    return good;
  }
  if (key == "ring") {
    const bool good = one_of(value, {"block", "drop"}, index);
    options.when_full = static_cast<WhenFull>(index);
    return good;
  }
  if (key == "devices") {
    const bool good = one_of(value, {"off", "stores", "all"}, index);
    options.devices = static_cast<Devices>(index);
    return good;
  }
  if (key == "pages" || key == "tpm") {
    const bool good = one_of(value, {"off", "on"}, index);
    (key == "pages" ? options.pages : options.tpm) = index == 1;
    return good;
  }
  if (key == "shift") return number(value, 10, options.shift);
  if (key == "tpm_wait_ms") return number(value, 600'000, options.tpm_wait_ms);
  if (key == "notify") {
    const bool good = number(value, 1u << 20, fd);
    options.notify = static_cast<int>(fd);
    return good;
  }
  known = false;
  return false;
}

}  // namespace

std::string read_options(int count, char** arguments, Options& options) {
  std::set<std::string, std::less<>> seen;
  for (int i = 0; i < count; ++i) {
    const std::string_view argument = arguments[i];
    const auto equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    const std::string_view value = equals == argument.npos ? "" : argument.substr(equals + 1);
    bool known = false;
    const bool good = set(options, key, value, known);
    if (!known) return "unknown argument `" + std::string(argument) + "`; known: " + std::string(kKnown);
    if (!good)
      return "argument `" + std::string(argument) +
             "` has no value that it takes; known: " + std::string(kKnown);
    if (!seen.emplace(key).second) return "argument `" + std::string(key) + "` is given twice";
  }
  if (options.page.empty())
    return "argument `page` is missing: the file of the page that is shared with the time master";
  return {};
}

}  // namespace tvdsim::plugins
