// A further policy beside type enforcement and walls: it answers a request, and the monitor refuses what it refuses.
//
// Components are handed to a monitor at its making (Monitor::Setup::components) and are asked at every hook that a label decides,
// after the controls of that hook: the answer of all is the conjunction of each. A component knows labels and hooks, not call sites, and a
// hook that is added later is asked about like any other. Control::component switches all of them.
//
//   class Shifts final : public PolicyComponent { … };            // its own file, nothing else changes
//   setup.components.push_back(std::make_shared<Shifts>(…));
//
// Invariant  answer() is a function of the request and the policy that the component is bound to.
// Cost       one virtual call per component and decision.
// Threads    const members may run concurrently.
// Leaves out the gate of models/acm/share_gate.hpp, which decides by types alone.
// Source     Sailer et al., ACSAC 2005: policies are instances behind one hook interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "models/acm/policy.hpp"
#include "sim/base/decision.hpp"

namespace tvdsim::models {

class PolicyComponent {
 public:
  // nothing: the hook is none of its business; unknown: a party means nothing to it, which refuses.
  enum class Says : std::uint8_t { nothing, permit, deny, unknown };
  struct Answer {
    Says says = Says::nothing;
    std::uint16_t reason = 0;  // the component's own, for words()
  };

  virtual ~PolicyComponent() = default;
  virtual std::string_view name() const noexcept = 0;
  // The same component for the labels of this policy, which outlives it.
  virtual std::shared_ptr<const PolicyComponent> bound_to(const Policy& policy) const = 0;
  virtual Answer answer(const sim::Request& request) const noexcept = 0;
  // The answer in words that name both parties as this component sees them; begins with its name.
  virtual std::string words(const sim::Request& request, std::uint16_t reason) const = 0;
};

}  // namespace tvdsim::models
