// Calls between services: every one is a traced message that can be lost, delayed, duplicated, or find its receiver crashed.
//
// A service is a name and a handler. send() puts a message on the bus; it arrives `latency` later as an event. Fault rules
// say which messages fare badly; a crashed service neither sends nor receives until it is restarted. A service that has to put
// its affairs in order when that happens watches itself. One bus per engine.
//
// Invariant  every sent message has exactly one row in `messages` per fate (a duplicate has two).
// Cost       one event and one row per message; arguments are moved, not copied.
// Threads    the engine's.
// Leaves out a reliable transport: who needs one retries by correlation id.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine/engine.hpp"

namespace tvdsim::sim {

struct Message {
  std::uint64_t id = 0;
  ServiceId from, to;
  TextId method, principal;
  std::uint64_t correlation = 0;
  std::uint64_t data = 0;  // the receiver's own: usually an index into the sender's command table
};

struct MessageHandler {
  void (*call)(void* self, const Message& message) = nullptr;
  void* self = nullptr;
  template <auto Method, class T>
  static MessageHandler to(T& object) {
    return {[](void* to, const Message& m) { (static_cast<T*>(to)->*Method)(m); }, &object};
  }
};

struct FaultRule {
  enum class Kind : std::uint8_t {
    loss,
    delay,
    duplicate,
    crash,               // the receiver dies before it could handle the message
    crash_after,         // the receiver dies when it has handled it
    crash_sender,        // the sender dies before the message has left
    crash_sender_after,  // the sender dies when it has left
  } kind = Kind::loss;
  std::string method{}, receiver{};  // empty: any
  std::uint64_t first = 0;           // from the n-th matching message on (0-based)
  std::uint64_t count = UINT64_MAX;  // so many of them
  double probability = 1.0;          // drawn from stream "messages.faults"
  Duration delay{};                  // for delay and duplicate (the copy comes so much later)
};

// Told when the service dies and when it lives again.
struct ServiceWatch {
  void (*call)(void* self, bool alive) = nullptr;
  void* self = nullptr;
  template <auto Method, class T>
  static ServiceWatch to(T& object) {
    return {[](void* to, bool alive) { (static_cast<T*>(to)->*Method)(alive); }, &object};
  }
};

class MessageBus {
 public:
  MessageBus(Engine& engine, Duration latency);
  ~MessageBus();

  ServiceId add(std::string_view name, MessageHandler handler);
  ServiceId find(std::string_view name) const noexcept;  // none() when unknown
  std::string_view name(ServiceId) const noexcept;
  void add_fault(FaultRule rule);
  void watch(ServiceId, ServiceWatch);  // one per service
  void crash(ServiceId);
  void restart(ServiceId);
  bool crashed(ServiceId) const noexcept;

  // Returns the message's id. The delay is charged to Cause::message.
  std::uint64_t send(ServiceId from, ServiceId to, std::string_view method, std::string_view principal,
                     std::uint64_t correlation, std::uint64_t data = 0);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::sim
