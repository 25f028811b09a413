#include "pybind/core/answer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "models/acm/explain.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::pybind {

Answer answer(const models::Policy& policy, const sim::Request& request, const sim::Decision& decision,
              std::string_view other_name) {
  return {std::string(sim::to_text(decision.verdict)), std::string(sim::to_text(decision.rule)),
          models::sentence(policy, request, decision.rule, decision.detail, other_name),
          std::string(sim::to_text(sim::control_of(decision.rule))), std::string(other_name)};
}

models::LabelId find_label(const models::Policy& policy, std::string_view name) {
  constexpr std::string_view kResource = "resource:";
  const bool resource = name.starts_with(kResource);
  const auto plain = resource ? name.substr(kResource.size()) : name;
  const auto label = resource ? policy.find_resource_label(plain) : policy.find_vm_label(plain);
  if (label.exists()) return label;
  std::vector<std::string> known;
  for (std::uint32_t row = 0; row < policy.labels(); ++row) {
    const models::LabelId id{row};
    if (policy.is_resource(id) == resource) known.emplace_back(policy.label_name(id));
  }
  std::sort(known.begin(), known.end());
  throw sim::InputError(sim::Finding{"TVD-101", "label",
                                     fmt::format("{} label `{}` is not defined in policy `{}`.",
                                                 resource ? "resource" : "VM", plain, policy.def().name),
                                     sim::suggest(plain, known)});
}

sim::Request sharing_request(const models::Policy& policy, std::string_view a, std::string_view b) {
  auto first = find_label(policy, a), second = find_label(policy, b);
  if (policy.is_resource(first) && !policy.is_resource(second)) std::swap(first, second);
  const bool disk = policy.is_resource(second) && !policy.is_resource(first);
  return {.hook = disk ? sim::Hook::disk_attach : sim::Hook::evtchn_bind,
          .host = sim::HostId{0},
          .subject = sim::VmId{0},
          .subject_label = first,
          .object_label = second,
          .object = 1};
}

sim::Request start_request(const models::Policy& policy, std::string_view vm, std::string_view host) {
  return {.hook = sim::Hook::vm_start,
          .host = sim::HostId{0},
          .subject = sim::VmId{0},
          .subject_label = find_label(policy, vm),
          .object_label = find_label(policy, host),
          .object = 0};
}

models::Monitor::Setup only(sim::Control control, models::LabelId host_label) {
  models::Monitor::Setup setup;
  setup.host = sim::HostId{0};
  setup.host_label = host_label;
  for (auto& mode : setup.modes.mode) mode = sim::ControlMode::off;
  setup.modes.set(control, sim::ControlMode::on);
  return setup;
}

}  // namespace tvdsim::pybind
