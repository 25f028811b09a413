// Writes every decision, with what each control said, into the trace; a warning is also an incident, exactly once.
//
// Invariant  one row of `decisions` per decision, numbered from 0; its components carry that number.
// Cost       the words are made here, once per decision, never inside the monitor; a label's types once per policy.
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/host/domain_table.hpp"
#include "sim/engine/engine.hpp"

namespace tvdsim::models {

class DecisionRings;
class EventDesk;

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
  // Told of every decision as numbers. `alone`: nobody wants words, so none are made and no rows are written: what a run of
  // millions of calls needs.
  struct Witness {
    void (*call)(void* self, const Request& request, const Decision& decision) = nullptr;
    void* self = nullptr;
  };
  void watch(const Witness& witness, bool alone) noexcept {
    witness_ = witness;
    alone_ = alone;
  }
  // Given every decision as it was made, before its words are.
  void feed(DecisionRings* rings) noexcept { rings_ = rings; }
  // Told of every decision that has words.
  void feed(EventDesk* desk) noexcept { desk_ = desk; }

 private:
  // A label's types in words. A label of all types has thousands, and stands in most decisions.
  struct PolicyTypes {
    std::shared_ptr<const Policy> policy;  // kept, so that its address stays its own
    std::vector<sim::TextId> of_label;     // none(): not asked for yet
  };
  sim::TextId types_text(const Monitor& monitor, LabelId label);

  std::string_view vm_name(sim::VmId vm) const noexcept;
  sim::Engine& engine_;
  const DomainTable& domains_;
  std::uint64_t next_ = 0;
  Listener listener_;
  Witness witness_;
  bool alone_ = false;
  DecisionRings* rings_ = nullptr;
  EventDesk* desk_ = nullptr;
  std::unordered_map<const Policy*, PolicyTypes> types_;
};

}  // namespace tvdsim::models
