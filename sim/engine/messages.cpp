#include "sim/engine/messages.hpp"

#include <algorithm>

#include "sim/base/error.hpp"

namespace tvdsim::sim {
namespace {

struct Service {
  std::string name;
  TextId text;
  MessageHandler handler;
  ServiceWatch watch{};
  bool crashed = false;
};

struct Fault {
  FaultRule rule;
  std::uint64_t matched = 0;
};

// A message on its way: one for each copy that will arrive.
struct Flight {
  Message message;
  Time sent;
  TextId fate;                 // what its row will say when it arrives
  bool crashes = false;        // its arrival finds, and leaves, the receiver crashed
  bool crashes_after = false;  // the receiver does not outlive its handling
};

struct Fates {
  bool lost = false, crash = false, crash_after = false, duplicate = false;
  bool sender = false, sender_after = false;  // crashes
  Duration delay, copy_delay;
};

}  // namespace

struct MessageBus::Impl {
  Engine& engine;
  Duration latency;
  EventKind arrival, sender_death;
  Stream& faults_stream;
  TextId delivered, lost, duplicate, delayed, dropped;
  std::vector<Service> services;
  std::vector<Fault> faults;
  std::vector<Flight> flights;  // by slot; the arrival event carries the slot
  std::vector<std::uint32_t> free;
  std::uint64_t next_id = 0;

  Impl(Engine& with, Duration wait)
      : engine(with),
        latency(wait),
        arrival(engine.kind("message", Handler::to<&Impl::arrive>(*this))),
        sender_death(engine.kind("message.sender_death", Handler::to<&Impl::sender_dies>(*this))),
        faults_stream(engine.stream("messages.faults")),
        delivered(engine.trace().text("delivered")),
        lost(engine.trace().text("lost")),
        duplicate(engine.trace().text("duplicate")),
        delayed(engine.trace().text("delayed")),
        dropped(engine.trace().text("dropped")) {}

  Service& service(ServiceId id) {
    TVDSIM_ASSERT(id.value < services.size(), "no such service");
    return services[id.value];
  }
  TextId text_of(ServiceId id) const { return id.exists() ? services[id.value].text : TextId::none(); }

  void record(const Message& message, Time sent, TextId fate) {
    engine.trace().append(rows::messages{.id = message.id,
                                         .sent_ns = sent,
                                         .time_ns = engine.now(),
                                         .sender = text_of(message.from),
                                         .receiver = text_of(message.to),
                                         .method = message.method,
                                         .principal = message.principal,
                                         .correlation = message.correlation,
                                         .fate = fate});
  }
  void crash(ServiceId id);
  Fates fates(std::string_view method, std::string_view receiver);
  void launch(const Flight& flight, Duration wait);
  void arrive(const Event& event);
  void sender_dies(const Event& event) { crash({event.target}); }
};

void MessageBus::Impl::crash(ServiceId id) {
  Service& crashing = service(id);
  if (crashing.crashed) return;
  crashing.crashed = true;
  auto& trace = engine.trace();
  trace.append(rows::incidents{.time_ns = engine.now(),
                               .kind = trace.text("service_crash"),
                               .entity = crashing.text,
                               .cause = trace.text("fault")});
  // A copy: the watcher may add services.
  const ServiceWatch watch = crashing.watch;
  if (watch.call) watch.call(watch.self, false);
}

// Every rule counts the messages it matches, whether or not an earlier rule has hit the message already.
Fates MessageBus::Impl::fates(std::string_view method, std::string_view receiver) {
  Fates fates;
  for (auto& [rule, matched] : faults) {
    if (!rule.method.empty() && rule.method != method) continue;
    if (!rule.receiver.empty() && rule.receiver != receiver) continue;
    const std::uint64_t nth = matched++;
    if (nth < rule.first || nth - rule.first >= rule.count) continue;
    if (rule.probability < 1.0 && !faults_stream.chance(rule.probability)) continue;
    switch (rule.kind) {
      case FaultRule::Kind::loss:
        fates.lost = true;
        break;
      case FaultRule::Kind::crash:
        fates.crash = true;
        break;
      case FaultRule::Kind::crash_after:
        fates.crash_after = true;
        break;
      case FaultRule::Kind::crash_sender:
        fates.sender = true;
        break;
      case FaultRule::Kind::crash_sender_after:
        fates.sender_after = true;
        break;
      case FaultRule::Kind::delay:
        fates.delay = fates.delay + rule.delay;
        break;
      case FaultRule::Kind::duplicate:
        fates.duplicate = true;
        fates.copy_delay = fates.copy_delay + rule.delay;
        break;
    }
  }
  return fates;
}

void MessageBus::Impl::launch(const Flight& flight, Duration wait) {
  std::uint32_t slot;
  if (free.empty()) {
    slot = static_cast<std::uint32_t>(flights.size());
    flights.push_back(flight);
  } else {
    slot = free.back();
    free.pop_back();
    flights[slot] = flight;
  }
  engine.after(engine.charge(Cause::message, wait), arrival, flight.message.to.value, slot);
}

void MessageBus::Impl::arrive(const Event& event) {
  const auto slot = static_cast<std::uint32_t>(event.data);
  const Flight flight = flights[slot];
  free.push_back(slot);
  if (flight.crashes) crash(flight.message.to);
  const Service& receiver = service(flight.message.to);
  if (receiver.crashed) {
    record(flight.message, flight.sent, dropped);
    return;
  }
  record(flight.message, flight.sent, flight.fate);
  // A copy: the handler may add services.
  const MessageHandler handler = receiver.handler;
  handler.call(handler.self, flight.message);
  if (flight.crashes_after) crash(flight.message.to);
}

MessageBus::MessageBus(Engine& engine, Duration latency) : impl_(std::make_unique<Impl>(engine, latency)) {}
MessageBus::~MessageBus() = default;

ServiceId MessageBus::add(std::string_view name, MessageHandler handler) {
  TVDSIM_ASSERT(handler.call, "a service needs a handler");
  TVDSIM_ASSERT(!find(name).exists(), "a service of that name exists already");
  impl_->services.push_back({std::string(name), impl_->engine.trace().text(name), handler, {}, false});
  return {static_cast<std::uint32_t>(impl_->services.size() - 1)};
}

ServiceId MessageBus::find(std::string_view name) const noexcept {
  const auto& services = impl_->services;
  const auto found = std::find_if(services.begin(), services.end(),
                                  [&](const Service& known) { return known.name == name; });
  if (found == services.end()) return ServiceId::none();
  return {static_cast<std::uint32_t>(found - services.begin())};
}

std::string_view MessageBus::name(ServiceId id) const noexcept { return impl_->service(id).name; }
void MessageBus::add_fault(FaultRule rule) { impl_->faults.push_back({std::move(rule)}); }
void MessageBus::watch(ServiceId id, ServiceWatch watch) { impl_->service(id).watch = watch; }
void MessageBus::crash(ServiceId id) { impl_->crash(id); }
void MessageBus::restart(ServiceId id) {
  Service& service = impl_->service(id);
  if (!service.crashed) return;
  service.crashed = false;
  const ServiceWatch watch = service.watch;
  if (watch.call) watch.call(watch.self, true);
}
bool MessageBus::crashed(ServiceId id) const noexcept { return impl_->service(id).crashed; }

std::uint64_t MessageBus::send(ServiceId from, ServiceId to, std::string_view method,
                               std::string_view principal, std::uint64_t correlation, std::uint64_t data) {
  Impl& self = *impl_;
  auto& trace = self.engine.trace();
  const Service& receiver = self.service(to);
  const Message message{self.next_id++,        from,        to,  trace.text(method),
                        trace.text(principal), correlation, data};
  const Time sent = self.engine.now();
  if (from.exists() && self.service(from).crashed) {
    self.record(message, sent, self.dropped);
    return message.id;
  }
  const Fates fates = self.fates(method, receiver.name);
  // A sender dies when it has done what it is doing: between two handlers, not within one.
  if (from.exists() && (fates.sender || fates.sender_after)) {
    self.engine.after(Duration{}, self.sender_death, from.value);
    if (fates.sender) {
      self.record(message, sent, self.dropped);
      return message.id;
    }
  }
  if (fates.lost) {
    self.record(message, sent, self.lost);
    return message.id;
  }
  const bool late = fates.delay.ns > 0;
  const Duration wait = self.latency + fates.delay;
  self.launch({message, sent, late ? self.delayed : self.delivered, fates.crash, fates.crash_after}, wait);
  if (fates.duplicate) self.launch({message, sent, self.duplicate, false, false}, wait + fates.copy_delay);
  return message.id;
}

}  // namespace tvdsim::sim
