// An event is 32 bytes of plain data: when, in which order, what kind, whom it concerns, and one word of the kind's own.
//
// Cost       trivially copyable; handlers are a function pointer and an object, never std::function.
#pragma once

#include <cstdint>

#include "sim/base/units.hpp"

namespace tvdsim::sim {

using EventKind = std::uint32_t;  // given out by Engine::kind()

struct Event {
  Time time;
  std::uint64_t order = 0;  // registration order: the tie-breaker
  EventKind kind = 0;
  std::uint32_t target = 0;
  std::uint64_t data = 0;
};
static_assert(sizeof(Event) == 32);

struct Handler {
  void (*call)(void* self, const Event& event) = nullptr;
  void* self = nullptr;

  // Handler::to<&Hypervisor::on_built>(hypervisor)
  template <auto Method, class T>
  static Handler to(T& object) {
    return {[](void* to, const Event& event) { (static_cast<T*>(to)->*Method)(event); }, &object};
  }
};

}  // namespace tvdsim::sim
