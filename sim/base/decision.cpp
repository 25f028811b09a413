#include "sim/base/decision.hpp"

#include <array>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

constexpr HookInfo kHooks[] = {
#define HOOK(name, subject, object, point, guards, refused) \
  {#name, #subject, #object, Point::point, guards, refused},
#include "sim/base/hooks.def"
#undef HOOK
};
constexpr ControlInfo kControlInfos[] = {
#define CONTROL(name, stops, without) {#name, stops, without},
#include "sim/base/controls.def"
#undef CONTROL
};
constexpr RuleInfo kRules[] = {
#define RULE(name, control, sentence) {#name, Control::control, sentence},
#include "sim/base/rules.def"
#undef RULE
};
constexpr std::string_view kPoints[] = {"core", "dom0", "manager"};
constexpr std::string_view kModes[] = {"off", "monitor", "on"};
constexpr std::string_view kVerdicts[] = {"deny", "warn", "permit"};
constexpr std::string_view kOutcomes[] = {"permit", "warn", "deny", "not_applicable", "not_reached", "off"};

static_assert(std::size(kControlInfos) == kControls);

template <class Table, class Enum>
const auto& row(const Table& table, Enum value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  TVDSIM_ASSERT(index < std::size(table), "an enumerator lies outside its table");
  return table[index];
}

}  // namespace

std::string_view to_text(Hook hook) noexcept { return row(kHooks, hook).name; }
std::string_view to_text(Point point) noexcept { return row(kPoints, point); }
std::string_view to_text(Control control) noexcept {
  return control == Control::none ? std::string_view("none") : row(kControlInfos, control).name;
}
std::string_view to_text(ControlMode mode) noexcept { return row(kModes, mode); }
std::string_view to_text(Rule rule) noexcept { return row(kRules, rule).name; }
std::string_view to_text(Verdict verdict) noexcept { return row(kVerdicts, verdict); }
std::string_view to_text(Outcome outcome) noexcept { return row(kOutcomes, outcome); }

Point point_of(Hook hook) noexcept { return row(kHooks, hook).point; }
Control control_of(Rule rule) noexcept { return row(kRules, rule).control; }
std::string_view sentence_of(Rule rule) noexcept { return row(kRules, rule).sentence; }

std::span<const HookInfo> hook_infos() noexcept { return kHooks; }
std::span<const ControlInfo> control_infos() noexcept { return kControlInfos; }
std::span<const RuleInfo> rule_infos() noexcept { return kRules; }

}  // namespace tvdsim::sim
