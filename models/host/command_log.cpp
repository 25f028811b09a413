#include "models/host/command_log.hpp"

namespace tvdsim::models {

namespace {

std::string_view subject_of(const Action& action) {
  for (const std::string* name : {&action.vm, &action.disk, &action.host, &action.device, &action.policy}) {
    if (!name->empty()) return *name;
  }
  return {};
}

}  // namespace

std::string_view to_text(Result result) noexcept {
  switch (result) {
    case Result::done:
      return "done";
    case Result::refused:
      return "refused";
    case Result::failed:
      return "failed";
  }
  return "";
}

std::uint64_t CommandLog::add(const Action& action) {
  commands_.push_back({action, {}, {}, false, false});
  return commands_.size();
}

sim::PolicyEpoch CommandLog::epoch(std::uint64_t correlation, std::uint32_t group) const {
  const Epochs& epochs = commands_.at(correlation - 1).epochs;
  return epochs && group < epochs->size() ? (*epochs)[group] : sim::PolicyEpoch{0};
}

std::string_view CommandLog::principal(std::uint64_t correlation) const {
  const Action& asked = action(correlation);
  if (!asked.principal.empty()) return asked.principal;
  return action_infos()[static_cast<std::size_t>(asked.kind)].principal;
}

void CommandLog::close(std::uint64_t correlation) {
  Command& command = commands_.at(correlation - 1);
  if (command.closed) return;
  command.closed = true;
  sim::Trace& trace = engine_.trace();
  const ActionInfo& info = action_infos()[static_cast<std::size_t>(command.action.kind)];
  // A policy's text would be the subject of its update; its place in the setup says as much in fewer bytes.
  const ActionKind kind = command.action.kind;
  const bool of_policy = kind == ActionKind::update_policy || kind == ActionKind::deploy_policy ||
                         kind == ActionKind::activate_policy || kind == ActionKind::get_policy;
  const std::string subject = of_policy ? "policy " + std::to_string(command.action.policy_index)
                                        : std::string(subject_of(command.action));
  trace.append(sim::rows::commands{.correlation = correlation,
                                   .time_ns = engine_.now(),
                                   .action = trace.text(info.name),
                                   .principal = trace.text(principal(correlation)),
                                   .subject = trace.text(subject),
                                   .result = trace.text(to_text(command.answer.result)),
                                   .reason = trace.text(command.answer.reason)});
}

void CommandLog::close(std::uint64_t correlation, Result result, std::string_view reason) {
  if (closed(correlation)) return;
  prepare(correlation, {result, std::string(reason)});
  close(correlation);
}

void CommandLog::close_unanswered() {
  for (std::uint64_t i = 1; i <= commands_.size(); ++i) {
    if (commands_[i - 1].begun) close(i, Result::failed, "no answer before the run ended");
  }
}

}  // namespace tvdsim::models
