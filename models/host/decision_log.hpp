// Writes every decision, with what each control said, into the trace; a warning is also an incident, exactly once.
//
// Invariant  one row of `decisions` per decision, numbered from 0; its components carry that number.
// Cost       the words are made here, once per decision, never inside the monitor.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "models/acm/monitor.hpp"
#include "models/host/domain_table.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

class DecisionLog {
 public:
  DecisionLog(sim::Engine& engine, const DomainTable& domains) : engine_(engine), domains_(domains) {}

  struct Parties {
    std::string_view host, subject, object;
    std::uint64_t correlation = 0;
  };
  // Returns the reason as a sentence that names both labels.
  std::string record(const Monitor& monitor, const Request& request, const Decision& decision,
                     const Parties& parties);
  std::uint64_t count() const noexcept { return next_; }
  // Told of every decision, in order, with its verdict and the sentence that names both parties.
  struct Listener {
    void (*call)(void* self, std::string_view host, std::uint64_t id, std::string_view verdict,
                 std::string_view words) = nullptr;
    void* self = nullptr;
  };
  void listen(const Listener& listener) noexcept { listener_ = listener; }

 private:
  std::string_view vm_name(sim::VmId vm) const noexcept;
  sim::Engine& engine_;
  const DomainTable& domains_;
  std::uint64_t next_ = 0;
  Listener listener_;
};

}  // namespace tvdsim::models
