#include "models/host/event_desk.hpp"

#include <fmt/format.h>

#include "models/attestation/protocol.hpp"
#include "models/host/world.hpp"

namespace tvdsim::models {

namespace {

bool gives_a_resource(sim::Hook hook) {
  switch (hook) {
    case sim::Hook::disk_assign:
    case sim::Hook::disk_attach:
    case sim::Hook::device_assign:
    case sim::Hook::vtpm_attach:
    case sim::Hook::vlan_join:
    case sim::Hook::vlan_map:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view to_text(EventType type) noexcept {
  static constexpr std::string_view kNames[] = {
#define EVENT_KIND(name, what, closed) #name,
#include "models/host/event_kinds.def"
#undef EVENT_KIND
  };
  return kNames[static_cast<std::size_t>(type)];
}

EventDesk::EventDesk(World& world) : world_(world), done_(world.setup.plans.size()) {}

void EventDesk::begin() {
  service_ = world_.bus.add("events", sim::MessageHandler::to<&EventDesk::on_message>(*this));
  if (world_.setup.plans.empty()) return;
  operator_ = world_.bus.add("operator", sim::MessageHandler::to<&EventDesk::told>(*this));
  plan_kind_ = world_.engine.kind("events.plan", sim::Handler::to<&EventDesk::on_plan>(*this));
}

void EventDesk::row(std::uint64_t id, std::string_view state, const Key& key, std::string_view cause) {
  sim::Trace& trace = world_.trace;
  trace.append(sim::rows::management_events{.event = id,
                                            .time_ns = world_.engine.now(),
                                            .state = trace.text(state),
                                            .kind = trace.text(to_text(key.first)),
                                            .entity = trace.text(key.second),
                                            .cause = trace.text(cause)});
}

void EventDesk::raise(EventType type, std::string_view entity, Event event) {
  const auto [found, fresh] = open_.try_emplace(Key{type, std::string(entity)}, std::move(event));
  if (!fresh) return;
  found->second.id = next_++;
  row(found->second.id, "open", found->first, found->second.cause);
  plan(found->first, found->second.id);
}

void EventDesk::close(EventType type, std::string_view entity, std::string_view finding) {
  if (open_.empty()) return;
  const auto found = open_.find(Key{type, std::string(entity)});
  if (found == open_.end()) return;
  row(found->second.id, "remediated", found->first, finding);
  open_.erase(found);
}

void EventDesk::decided(const sim::Decision& decision, std::string_view subject, std::string_view object,
                        std::string_view why) {
  const EventType type =
      gives_a_resource(decision.hook) ? EventType::mis_assignment : EventType::policy_violation;
  if (decision.verdict != sim::Verdict::permit)
    return raise(type, subject, {0, std::string(why), decision.hook, std::string(object)});
  if (open_.empty()) return;
  const auto found = open_.find(Key{type, std::string(subject)});
  if (found == open_.end() || found->second.hook != decision.hook || found->second.object != object) return;
  close(type, subject, why);
}

void EventDesk::judged(std::string_view subject, AttestationVerdict verdict, std::string_view reason,
                       std::string_view why) {
  const bool nothing_came = reason == kSilence || reason == kLiveness || reason == "tpm_quota";
  if (nothing_came) return raise(EventType::silent, subject, {0, std::string(why), {}, {}});
  close(EventType::silent, subject, "evidence came");
  if (verdict == AttestationVerdict::trusted)
    return close(EventType::integrity_failure, subject, "its evidence is trusted");
  raise(EventType::integrity_failure, subject, {0, std::string(why), {}, {}});
}

void EventDesk::diverged(std::string_view host, std::string_view cause) {
  raise(EventType::divergence, host, {0, std::string(cause), {}, {}});
}

void EventDesk::agrees(std::string_view host) {
  close(EventType::divergence, host, "it runs its group's policy");
}

void EventDesk::on_message(const sim::Message& message) { acknowledge(message); }

void EventDesk::acknowledge(const sim::Message& message) {
  const Action& action = world_.commands.action(message.correlation);
  const std::string& entity = action.vm.empty() ? action.host : action.vm;
  for (const auto& [key, event] : open_) {
    if (to_text(key.first) != action.mode || key.second != entity) continue;
    row(event.id, "acknowledged", key, fmt::format("by {}", world_.commands.principal(message.correlation)));
    return world_.reply(service_, message.correlation, Result::done, fmt::format("event {}", event.id));
  }
  world_.reply(service_, message.correlation, Result::failed,
               fmt::format("no event {} about {} is open", action.mode, entity));
}

}  // namespace tvdsim::models
