// A decision and what it was asked about; the words come later, from the policy epoch.
//
// A Request says who wants to do what to whom. A Decision says yes or no and which rule decided; it is 16 bytes
// of numbers, so that the hot path copies two registers. Names, types and sentences are resolved by
// models/acm/explain.hpp against the policy that was active in `epoch`.
//
// Invariant  a default Decision is deny/no_rule_applies: what nobody decided is refused.
// Cost       trivially copyable, 16 bytes.
// Source     the three answers: accept, accept+warn, deny (sHype poster, 2005).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/base/ids.hpp"

namespace tvdsim::sim {

enum class Hook : std::uint8_t {
#define HOOK(name, subject, object, point, guards, refused) name,
#include "sim/base/hooks.def"
#undef HOOK
};

enum class Point : std::uint8_t { core, dom0, manager };

// Which way information goes once a request is granted. A channel or a page that both may write carries it both ways; a page or a
// disk that the subject may only read, to the subject.
enum class Flow : std::uint8_t { both, to_subject, to_object };

enum class Control : std::uint8_t {
#define CONTROL(name, stops, without) name,
#include "sim/base/controls.def"
#undef CONTROL
  none,
};
inline constexpr std::size_t kControls = static_cast<std::size_t>(Control::none);

// off: not consulted; monitor: a refusal becomes a warning; on: a refusal refuses.
enum class ControlMode : std::uint8_t { off, monitor, on };

enum class Rule : std::uint8_t {
#define RULE(name, control, sentence) name,
#include "sim/base/rules.def"
#undef RULE
};

enum class Verdict : std::uint8_t { deny, warn, permit };

// What one control said in the course of a decision (a component row).
enum class Outcome : std::uint8_t { permit, warn, deny, not_applicable, not_reached, off };

std::string_view to_text(Hook) noexcept;
std::string_view to_text(Point) noexcept;
std::string_view to_text(Control) noexcept;
std::string_view to_text(ControlMode) noexcept;
std::string_view to_text(Rule) noexcept;
std::string_view to_text(Verdict) noexcept;
std::string_view to_text(Outcome) noexcept;
Point point_of(Hook) noexcept;
Control control_of(Rule) noexcept;
std::string_view sentence_of(Rule) noexcept;  // with {types}, {set}, {other} still in it

// The tables as data, in the order of the enums.
struct HookInfo {
  std::string_view name, subject, object;
  Point point;
  std::string_view guards, refused;
};
struct ControlInfo {
  std::string_view name, stops, without;
};
struct RuleInfo {
  std::string_view name;
  Control control;
  std::string_view sentence;
};
std::span<const HookInfo> hook_infos() noexcept;
std::span<const ControlInfo> control_infos() noexcept;  // without `none`
std::span<const RuleInfo> rule_infos() noexcept;

struct Decision {
  Verdict verdict = Verdict::deny;
  Hook hook{};
  Rule rule = Rule::no_rule_applies;
  Point point{};
  PolicyEpoch epoch;  // the policy that was active
  std::uint32_t detail =
      0;       // the rule's own: conflict set index << 16 | type index for the wall, else type index
  VmId other;  // the VM (or, for a disk, its last writer) that stands in the way

  explicit operator bool() const noexcept { return verdict != Verdict::deny; }
  friend bool operator==(const Decision&, const Decision&) = default;
};
static_assert(sizeof(Decision) <= 16);

struct Request {
  Hook hook{};
  HostId host;   // where it is decided
  VmId subject;  // who asks
  LabelId subject_label;
  LabelId object_label;  // label of the other VM, of the resource, or of the host
  std::uint32_t object =
      Id<struct AnyTag>::kNone;  // the other party's own id, of the kind that the hook names
  Flow flow = Flow::both;
};

// Where each hook is decided: as its row says, unless a scenario moves it between the core and the service beside it (dom0).
// What the manager decides stays there.
class Placement {
 public:
  constexpr Placement() = default;
  constexpr Point operator[](Hook hook) const noexcept { return point_[static_cast<std::size_t>(hook)]; }
  static constexpr bool movable(Hook hook) noexcept {
    return kOwn[static_cast<std::size_t>(hook)] != Point::manager;
  }
  // False, and nothing changed: the hook is the manager's, or shall become it.
  constexpr bool move(Hook hook, Point to) noexcept {
    if (!movable(hook) || to == Point::manager) return false;
    point_[static_cast<std::size_t>(hook)] = to;
    return true;
  }
  friend constexpr bool operator==(const Placement&, const Placement&) = default;

 private:
  static constexpr Point kOwn[] = {
#define HOOK(name, subject, object, point, guards, refused) Point::point,
#include "sim/base/hooks.def"
#undef HOOK
  };
  Point point_[sizeof kOwn / sizeof kOwn[0]] = {
#define HOOK(name, subject, object, point, guards, refused) Point::point,
#include "sim/base/hooks.def"
#undef HOOK
  };
};

// The modes of all controls: everything is on unless a scenario says otherwise.
struct ControlModes {
  ControlMode mode[kControls];
  constexpr ControlModes() {
    for (auto& m : mode) m = ControlMode::on;
  }
  ControlMode operator[](Control c) const noexcept { return mode[static_cast<std::size_t>(c)]; }
  void set(Control c, ControlMode m) noexcept { mode[static_cast<std::size_t>(c)] = m; }
};

}  // namespace tvdsim::sim
