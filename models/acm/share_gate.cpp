#include "models/acm/share_gate.hpp"

#include <algorithm>
#include <utility>

#include "sim/base/error.hpp"

namespace tvdsim::models {
namespace {

sim::Verdict refusal_under(sim::ControlMode mode) noexcept {
  switch (mode) {
    case sim::ControlMode::off:
      return sim::Verdict::permit;
    case sim::ControlMode::monitor:
      return sim::Verdict::warn;
    case sim::ControlMode::on:
      return sim::Verdict::deny;
  }
  return sim::Verdict::deny;
}

}  // namespace

std::unique_ptr<const ShareGate::View> ShareGate::view_of(const Policy& policy, sim::PolicyEpoch epoch,
                                                          sim::ControlMode mode) const {
  return std::make_unique<const View>(
      View{ShareTable(policy, path_, most_pair_bytes_), epoch, {refusal_under(mode), sim::Verdict::permit}});
}

ShareGate::ShareGate(const Policy& policy, sim::PolicyEpoch epoch, sim::ControlMode mode,
                     ShareTable::Path path, std::size_t most_pair_bytes)
    : path_(path), most_pair_bytes_(most_pair_bytes), current_(view_of(policy, epoch, mode)) {
  view_.store(current_.get(), std::memory_order_release);
}

ShareGate::~ShareGate() { TVDSIM_ASSERT(lanes_.empty(), "a gate outlives its lanes"); }

void ShareGate::replace(const Policy& policy, sim::PolicyEpoch epoch, sim::ControlMode mode) {
  auto next = view_of(policy, epoch, mode);
  const std::scoped_lock lock(mutex_);
  view_.store(next.get(), std::memory_order_release);
  // The pointer first: who sees the new version has the new table.
  const std::uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  version_.store(version, std::memory_order_release);
  retired_.push_back({version, std::exchange(current_, std::move(next))});
  collect_locked();
}

std::size_t ShareGate::collect() {
  const std::scoped_lock lock(mutex_);
  return collect_locked();
}

std::size_t ShareGate::collect_locked() {
  std::uint64_t oldest = version_.load(std::memory_order_relaxed);
  for (const Lane* lane : lanes_) oldest = std::min(oldest, lane->rested_.load(std::memory_order_acquire));
  std::erase_if(retired_, [&](const Retired& each) { return each.version <= oldest; });
  return retired_.size();
}

ShareGate::Counts ShareGate::counts() const {
  const std::scoped_lock lock(mutex_);
  Counts sum = gone_;
  for (const Lane* lane : lanes_) {
    sum.evaluated += lane->evaluated_.load(std::memory_order_relaxed);
    sum.refused += lane->refused_.load(std::memory_order_relaxed);
  }
  return sum;
}

ShareGate::Lane::Lane(ShareGate& gate) : gate_(gate) {
  const std::scoped_lock lock(gate.mutex_);
  rest();
  gate.lanes_.push_back(this);
}

ShareGate::Lane::~Lane() {
  const std::scoped_lock lock(gate_.mutex_);
  gate_.gone_.evaluated += evaluated_.load(std::memory_order_relaxed);
  gate_.gone_.refused += refused_.load(std::memory_order_relaxed);
  std::erase(gate_.lanes_, this);
}

}  // namespace tvdsim::models
