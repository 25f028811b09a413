// Something outside the event queue that has its own next moment: flows in flight now, real guests later.
//
// Invariant  next_date() >= the engine's clock; advance(t) is called with t <= next_date() and t never decreasing.
// Threads    called from the engine's thread only.
#pragma once

#include "sim/base/units.hpp"

namespace tvdsim::sim {

class Source {
 public:
  virtual ~Source() = default;
  virtual Time next_date() = 0;       // Time::never() when nothing is pending
  virtual void advance(Time to) = 0;  // brings it to `to`; completions at `to` are delivered in here
};

}  // namespace tvdsim::sim
