#include "models/acm_io/resource_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "models/acm_io/xml_text.hpp"

namespace tvdsim::models {
namespace {

constexpr unsigned kFirstVlan = 1, kLastVlan = 4094;

ResourceName refused(std::string problem) { return {{}, std::move(problem)}; }

bool is_driver_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

ResourceName with_path(std::string prefix, std::string_view path) {
  if (!path.starts_with('/')) return refused(fmt::format("the path `{}` does not begin with `/`.", path));
  std::string out = std::move(prefix);
  const std::size_t before = out.size();
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view step = path.substr(0, path.find('/'));
    path.remove_prefix(step.size());
    if (step.empty() || step == ".") continue;
    if (step == "..")
      return refused("`..` stands in the path; behind a symbolic link it leads elsewhere than it looks.");
    out += '/';
    out += step;
  }
  return out.size() == before ? refused("the path names no file.") : ResourceName{std::move(out), {}};
}

ResourceName vlan(std::string_view digits) {
  unsigned id = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc{} || stop != digits.data() + digits.size())
    return refused(fmt::format("`{}` is no VLAN number.", digits));
  if (id < kFirstVlan || id > kLastVlan) {
    return refused(fmt::format("VLAN {} cannot be labelled: {} to {} can, 0 and 4095 are reserved.", id,
                               kFirstVlan, kLastVlan));
  }
  return {fmt::format("vlan:{}", id), {}};
}

}  // namespace

ResourceName normalised_resource(std::string_view name) {
  if (end_of_utf8(name) < name.size() || name.find('\0') != std::string_view::npos)
    return refused("the name is not UTF-8, or holds a NUL character.");
  const std::size_t colon = name.find(':');
  const std::string_view kind = name.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? "" : name.substr(colon + 1);
  if (colon == std::string_view::npos ||
      (kind != "phy" && kind != "file" && kind != "tap" && kind != "vlan")) {
    return refused(fmt::format("`{}` does not begin with `phy:`, `file:`, `tap:` or `vlan:`.", name));
  }
  if (kind == "vlan") return vlan(rest);
  if (kind == "file") return with_path("file:", rest);
  if (kind == "phy") {
    if (rest.empty()) return refused("`phy:` is followed by no device.");
    return rest.starts_with('/') ? with_path("phy:", rest) : with_path("phy:", fmt::format("/dev/{}", rest));
  }
  const std::size_t second = rest.find(':');
  const std::string_view driver = rest.substr(0, second);
  if (second == std::string_view::npos || driver.empty() || !std::ranges::all_of(driver, is_driver_letter))
    return refused("`tap:` is followed by a driver and a path, as in `tap:aio:/var/a.img`.");
  return with_path(fmt::format("tap:{}:", driver), rest.substr(second + 1));
}

}  // namespace tvdsim::models
