// One question to a policy, and what each control says to it.
#include <pybind11/stl.h>

#include <nlohmann/json.hpp>

#include "models/acm/explain.hpp"
#include "pybind/core/answer.hpp"
#include "pybind/core/bindings.hpp"
#include "sim/base/error.hpp"

namespace py = pybind11;

namespace tvdsim::pybind {
namespace {

using OrderedJson = nlohmann::ordered_json;
using Neighbours = std::vector<std::string>;

// Who runs there, in this order; each must be able to run beside those before it.
void settle_in(models::Monitor& monitor, const models::Policy& policy, const Neighbours& beside) {
  for (std::uint32_t i = 0; i < beside.size(); ++i) {
    const sim::Request request{.hook = sim::Hook::vm_start,
                               .host = sim::HostId{0},
                               .subject = sim::VmId{i + 1},
                               .subject_label = find_label(policy, beside[i]),
                               .object_label = monitor.host_label(),
                               .object = 0};
    auto ticket = monitor.check(request);
    if (!ticket)
      throw sim::InputError(sim::Finding{
          "TVD-302",
          "beside=" + beside[i],
          "label `" + beside[i] + "` cannot run there itself: " +
              models::sentence(policy, request, ticket.decision().rule, ticket.decision().detail, {}) + ".",
          {}});
    ticket.commit();
  }
}

std::string label_of(const Neighbours& beside, sim::VmId vm) {
  return vm.value >= 1 && vm.value <= beside.size() ? beside[vm.value - 1] : std::string();
}

models::Monitor::Setup everything(models::LabelId host_label) {
  models::Monitor::Setup setup;
  setup.host = sim::HostId{0};
  setup.host_label = host_label;
  return setup;
}

// What a control would have said that was not reached.
models::Monitor::Component alone(const PolicyPtr& policy, const sim::Request& request, models::LabelId host,
                                 const Neighbours& beside, models::Monitor::Component row) {
  models::Monitor monitor(policy, sim::PolicyEpoch{0}, only(row.control, host));
  settle_in(monitor, *policy, beside);
  const auto decision = monitor.decide(request);
  row.rule = decision.rule;
  row.detail = decision.detail;
  row.other = decision.other;
  return row;
}

std::string explain_request(const PolicyPtr& policy, const sim::Request& request, models::LabelId host,
                            const Neighbours& beside) {
  models::Monitor monitor(policy, sim::PolicyEpoch{0}, everything(host));
  settle_in(monitor, *policy, beside);
  const auto decision = monitor.decide(request);
  const auto words = [&](sim::Rule rule, std::uint32_t detail, sim::VmId other) {
    return models::sentence(*policy, request, rule, detail, label_of(beside, other));
  };
  OrderedJson rows = OrderedJson::array();
  for (auto row : monitor.components(request, decision)) {
    if (row.outcome == sim::Outcome::not_reached) row = alone(policy, request, host, beside, row);
    const bool asked = row.rule != sim::Rule::no_rule_applies;
    rows.push_back({{"control", sim::to_text(row.control)},
                    {"outcome", sim::to_text(row.outcome)},
                    {"rule", asked ? std::string(sim::to_text(row.rule)) : std::string()},
                    {"reason", asked ? words(row.rule, row.detail, row.other) : std::string()},
                    {"blocker", asked ? label_of(beside, row.other) : std::string()},
                    {"decides", row.decides}});
  }
  return OrderedJson{{"verdict", sim::to_text(decision.verdict)},
                     {"hook", sim::to_text(request.hook)},
                     {"rule", sim::to_text(decision.rule)},
                     {"reason", words(decision.rule, decision.detail, decision.other)},
                     {"blocker", label_of(beside, decision.other)},
                     {"components", rows}}
      .dump();
}

std::string explain_pair(const PolicyPtr& policy, std::string_view a, std::string_view b) {
  return explain_request(policy, sharing_request(*policy, a, b), models::Policy::kBootstrap, {});
}

std::string explain_start(const PolicyPtr& policy, std::string_view vm, std::string_view host,
                          const Neighbours& beside) {
  const sim::Request request = start_request(*policy, vm, host);
  return explain_request(policy, request, request.object_label, beside);
}

}  // namespace

void bind_policy_explain(py::module_& m) {
  using Held = std::shared_ptr<models::Policy>;
  m.def(
      "explain_pair",
      [](const Held& policy, std::string_view a, std::string_view b) { return explain_pair(policy, a, b); },
      py::arg("policy"), py::arg("a"), py::arg("b"));
  m.def(
      "explain_start",
      [](const Held& policy, std::string_view vm, std::string_view host, const Neighbours& beside) {
        return explain_start(policy, vm, host, beside);
      },
      py::arg("policy"), py::arg("vm"), py::arg("host"), py::arg("beside"));
}

}  // namespace tvdsim::pybind
