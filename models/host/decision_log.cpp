#include "models/host/decision_log.hpp"

#include <fmt/format.h>

#include "models/acm/explain.hpp"
#include "models/host/decision_rings.hpp"
#include "models/host/event_desk.hpp"

namespace tvdsim::models {

namespace {

std::string_view label_text(const Policy& policy, LabelId label) {
  return label.value < policy.labels() ? policy.label_name(label) : std::string_view{};
}

}  // namespace

sim::TextId DecisionLog::types_text(const Monitor& monitor, LabelId label) {
  const Policy& policy = monitor.policy();
  if (label.value >= policy.labels()) return engine_.trace().text("");
  PolicyTypes& known = types_[&policy];
  if (!known.policy) known = {monitor.shared_policy(), std::vector(policy.labels(), sim::TextId::none())};
  sim::TextId& words = known.of_label[label.value];
  if (!words.exists()) words = engine_.trace().text(ste_types_of(policy, label));
  return words;
}

std::string_view DecisionLog::vm_name(sim::VmId vm) const noexcept {
  return vm.value < domains_.count() ? std::string_view(domains_.name[vm.value]) : std::string_view{};
}

std::string DecisionLog::record(const Monitor& monitor, const Request& request, const Decision& decision,
                                const Parties& parties) {
  if (rings_) rings_->push(parties.host, request, decision);
  if (witness_.call) witness_.call(witness_.self, request, decision);
  if (alone_) {
    ++next_;
    return {};
  }
  sim::Trace& trace = engine_.trace();
  const Policy& policy = monitor.policy();
  const std::string_view other = vm_name(decision.other);
  const std::string reason =
      sentence(policy, request, decision.rule, decision.detail, other, monitor.plugged_in());
  const std::string_view subject_label = label_text(policy, request.subject_label);
  const std::string_view object_label = label_text(policy, request.object_label);
  const std::uint64_t id = next_++;
  trace.append(sim::rows::decisions{.id = id,
                                    .time_ns = engine_.now(),
                                    .host = trace.text(parties.host),
                                    .hook = trace.text(to_text(decision.hook)),
                                    .point = trace.text(to_text(decision.point)),
                                    .subject = trace.text(parties.subject),
                                    .subject_label = trace.text(subject_label),
                                    .subject_types = types_text(monitor, request.subject_label),
                                    .object = trace.text(parties.object),
                                    .object_label = trace.text(object_label),
                                    .object_types = types_text(monitor, request.object_label),
                                    .verdict = trace.text(to_text(decision.verdict)),
                                    .control = trace.text(to_text(control_of(decision.rule))),
                                    .rule = trace.text(to_text(decision.rule)),
                                    .reason = trace.text(reason),
                                    .other = trace.text(other),
                                    .epoch = decision.epoch.value,
                                    .correlation = parties.correlation});
  for (const Monitor::Component& part : monitor.components(request, decision)) {
    const bool asked = part.rule != Rule::no_rule_applies;
    const std::string words =
        asked ? sentence(policy, request, part.rule, part.detail, vm_name(part.other), monitor.plugged_in())
              : "";
    trace.append(sim::rows::components{.decision = id,
                                       .control = trace.text(to_text(part.control)),
                                       .outcome = trace.text(to_text(part.outcome)),
                                       .rule = trace.text(asked ? to_text(part.rule) : ""),
                                       .reason = trace.text(words),
                                       .decides = part.decides ? 1u : 0u});
  }
  const std::string full = fmt::format("{}: {} (label `{}`) and {} (label `{}`): {}", to_text(decision.hook),
                                       parties.subject, subject_label, parties.object, object_label, reason);
  if (decision.verdict == Verdict::warn) {
    trace.append(sim::rows::incidents{.time_ns = engine_.now(),
                                      .kind = trace.text("warning"),
                                      .entity = trace.text(parties.subject),
                                      .cause = trace.text(full)});
  }
  if (desk_) desk_->decided(decision, parties.subject, parties.object, reason);
  if (listener_.call) listener_.call(listener_.self, parties.host, id, to_text(decision.verdict), full);
  return full;
}

}  // namespace tvdsim::models
