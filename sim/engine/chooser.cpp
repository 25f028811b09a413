#include "sim/engine/chooser.hpp"

#include "sim/base/error.hpp"

namespace tvdsim::sim {

std::size_t AllOrders::choose(std::span<const Event> tied) {
  TVDSIM_ASSERT(tied.size() >= 2, "a single event leaves no choice");
  if (depth_ == path_.size()) path_.push_back({0, static_cast<std::uint32_t>(tied.size())});
  const Choice choice = path_[depth_++];
  TVDSIM_ASSERT(choice.of == tied.size(),
                "the scenario did not repeat itself: another number of events is tied");
  return choice.taken;
}

// Depth first: the last choice that has an untried alternative takes it, and what followed is forgotten.
bool AllOrders::next() {
  TVDSIM_ASSERT(depth_ == path_.size(), "the scenario did not repeat itself: a choice did not come up again");
  while (!path_.empty() && path_.back().taken + 1 == path_.back().of) path_.pop_back();
  if (path_.empty()) return false;
  ++path_.back().taken;
  depth_ = 0;
  ++visited_;
  return true;
}

}  // namespace tvdsim::sim
