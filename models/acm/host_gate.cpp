#include "models/acm/host_gate.hpp"

namespace tvdsim::models {

HostGate::HostGate(const std::shared_ptr<const Policy>& policy, PolicyEpoch epoch,
                   const Monitor::Setup& setup)
    : monitor_(policy, epoch, setup), sharing_(*policy, epoch, setup.modes[Control::ste]) {}

HostGate::Start HostGate::start(const Request& request) {
  const std::scoped_lock lock(mutex_);
  return Start(*this, monitor_.check(request));
}

void HostGate::Start::commit() {
  const std::scoped_lock lock(gate_.mutex_);
  ticket_.commit();
}

void HostGate::Start::cancel() {
  const std::scoped_lock lock(gate_.mutex_);
  ticket_.cancel();
}

void HostGate::stop(VmId vm) {
  const std::scoped_lock lock(mutex_);
  monitor_.stop(vm);
}

HostGate::Replaced HostGate::replace(const std::shared_ptr<const Policy>& next, PolicyEpoch epoch,
                                     std::span<const Monitor::Link> links) {
  const std::scoped_lock lock(mutex_);
  if (monitor_.reserved() > 0) return Replaced::busy;
  if (!monitor_.plan_update(*next, links).empty()) return Replaced::blocked;
  monitor_.replace(next, epoch);
  sharing_.replace(*next, epoch, monitor_.modes()[Control::ste]);
  return Replaced::done;
}

}  // namespace tvdsim::models
