#include "models/host/vm_backend.hpp"

namespace tvdsim::models {

namespace {

class SimulatedBackend final : public VmBackend {
 public:
  SimulatedBackend(DomainTable& domains, Costs& costs) : domains_(domains), costs_(costs) {}

  sim::Duration build(sim::VmId vm) override {
    return costs_.charge(Cost::build_domain) +
           costs_.charge_memory(Cost::build_memory, domains_.size[vm.value]);
  }
  // Guests have no instructions of their own: what they do comes in as actions.
  void run(sim::VmId) override {}
  void pause(sim::VmId) override {}
  sim::Duration save(sim::VmId vm) override {
    return costs_.charge(Cost::save_domain) +
           costs_.charge_memory(Cost::save_memory, domains_.size[vm.value]);
  }
  sim::Duration restore(sim::VmId vm) override {
    return costs_.charge(Cost::restore_domain) +
           costs_.charge_memory(Cost::restore_memory, domains_.size[vm.value]);
  }
  sim::Duration destroy(sim::VmId) override { return costs_.charge(Cost::teardown); }
  void wipe(sim::VmId vm) override { domains_.memory[vm.value]->clear(); }
  ByteStore& memory(sim::VmId vm) override { return *domains_.memory[vm.value]; }

 private:
  DomainTable& domains_;
  Costs& costs_;
};

}  // namespace

std::unique_ptr<VmBackend> make_simulated_backend(DomainTable& domains, Costs& costs) {
  return std::make_unique<SimulatedBackend>(domains, costs);
}

}  // namespace tvdsim::models
