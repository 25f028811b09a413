#include "models/host/world.hpp"

#include <fmt/format.h>

#include "models/host/audit.hpp"
#include "models/host/decision_rings.hpp"
#include "models/host/event_desk.hpp"
#include "models/host/host_join.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/manager.hpp"
#include "models/host/native_device.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/tvd_host.hpp"
#include "models/host/vm_backend.hpp"
#include "vtpm/device/profiles.hpp"

namespace tvdsim::models {

Machine::Machine() = default;
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;

World::World(sim::Engine& with, const DatacenterSetup& from)
    : engine(with),
      trace(with.trace()),
      setup(from),
      truth(trace),
      costs(with, from.timeless),
      disks(truth, from.disks),
      tvds(from),
      decisions(with, domains),
      commands(with),
      migrations(with),
      bus(with, from.timeless ? sim::Duration{} : from.message_latency),
      backend(make_simulated_backend(domains, costs)) {}

World::~World() = default;

std::uint64_t World::after(sim::Duration wait, Step step, sim::HostId host, std::uint64_t data) {
  return engine.after(wait, kinds[static_cast<std::size_t>(step)], host.value, data);
}

sim::FlowEngine& World::flows() {
  if (!flows_) {
    sim::FlowPlatform platform;
    for (const HostSetup& host : setup.hosts) platform.nics.push_back({host.nic_rate, host.nic_latency, 0});
    const sim::FlowDone done{[](void* self, std::uint64_t tag, sim::Time when) {
                               static_cast<World*>(self)->transferred(tag, when);
                             },
                             this};
    flows_ = sim::make_flow_engine(platform, done, sim::choose_flow_backend());
    engine.add(*flows_);
  }
  return *flows_;
}

Chips& World::chips() {
  if (!chips_) chips_ = std::make_unique<Chips>(engine, setup.tpm_workers);
  return *chips_;
}

ChipLatency World::chip_latency(const HostSetup& host) const {
  using enum vtpm::CommandClass;
  const vtpm::LatencyProfile* profile = vtpm::profile_named(host.tpm_profile);
  if (profile && !setup.timeless) return {profile->of(extend), profile->of(quote), profile};
  return {costs.each(Cost::tpm_extend), costs.each(Cost::tpm_quote)};
}

ChipLatency World::vtpm_latency() const {
  return {costs.each(Cost::tpm_command), costs.each(Cost::vtpm_quote)};
}

sim::HostId World::host_named(std::string_view name) const noexcept {
  for (const Machine& machine : machines) {
    if (machine.name == name) return machine.id;
  }
  return sim::HostId::none();
}

// Delivered while the flow engine advances: the models take it up as an event of their own.
void World::transferred(std::uint64_t tag, sim::Time when) {
  const auto kind = kinds[static_cast<std::size_t>(Step::transferred)];
  engine.at(when, kind, static_cast<std::uint32_t>(tag >> 40), tag & ((std::uint64_t{1} << 40) - 1));
}

void World::incident(std::string_view kind, std::string_view entity, std::string_view cause) {
  trace.append(sim::rows::incidents{.time_ns = engine.now(),
                                    .kind = trace.text(kind),
                                    .entity = trace.text(entity),
                                    .cause = trace.text(cause)});
  if (kind == "policy_divergence") events->diverged(entity, cause);
}

void World::step(std::string_view host, std::string_view actor, std::string_view what,
                 std::string_view subject, std::string_view detail, std::uint64_t correlation) {
  trace.append(sim::rows::steps{.time_ns = engine.now(),
                                .host = trace.text(host),
                                .actor = trace.text(actor),
                                .step = trace.text(what),
                                .subject = trace.text(subject),
                                .detail = trace.text(detail),
                                .correlation = correlation});
}

void World::policy_active(const Policy& policy, PolicyEpoch epoch, std::string_view id,
                          std::string_view group) {
  std::string digest;
  for (const std::uint8_t byte : policy.digest()) digest += fmt::format("{:02x}", byte);
  const auto& def = policy.def();
  trace.append(
      sim::rows::policies{.epoch = epoch.value,
                          .time_ns = engine.now(),
                          .name = trace.text(def.name),
                          .version = trace.text(fmt::format("{}.{}", def.version.major, def.version.minor)),
                          .digest = trace.text(digest),
                          .policy = trace.text(id),
                          .host_group = trace.text(group)});
}

void World::label_changed(std::string_view kind, std::string_view entity, std::string_view before,
                          std::string_view after, std::uint32_t& version, std::string_view cause,
                          std::uint64_t correlation) {
  if (before == after) return;
  trace.append(sim::rows::labels{.time_ns = engine.now(),
                                 .kind = trace.text(kind),
                                 .entity = trace.text(entity),
                                 .before = trace.text(before),
                                 .after = trace.text(after),
                                 .version = ++version,
                                 .cause = trace.text(cause),
                                 .correlation = correlation});
}

void World::enter(sim::VmId vm, VmState state, std::string_view cause, std::uint64_t correlation) {
  const VmState before = domains.state.at(vm.value);
  domains.state[vm.value] = state;
  const sim::HostId host = domains.where[vm.value];
  trace.append(sim::rows::lifecycle{.time_ns = engine.now(),
                                    .vm = trace.text(domains.name[vm.value]),
                                    .host = trace.text(machines.at(host.value).name),
                                    .from_state = trace.text(to_text(before)),
                                    .to_state = trace.text(to_text(state)),
                                    .cause = trace.text(cause),
                                    .correlation = correlation});
  events->entered(vm, state);
}

void World::set_label(sim::VmId vm, std::string_view label, std::string_view cause,
                      std::uint64_t correlation) {
  const std::string before = domains.label_name.at(vm.value);
  if (!domains.set_label(vm, label)) return;
  trace.append(sim::rows::labels{.time_ns = engine.now(),
                                 .kind = trace.text("vm"),
                                 .entity = trace.text(domains.name[vm.value]),
                                 .before = trace.text(before),
                                 .after = trace.text(label),
                                 .version = domains.label_version[vm.value],
                                 .cause = trace.text(cause),
                                 .correlation = correlation});
}

void World::reply(sim::ServiceId from, std::uint64_t correlation, Result result, std::string_view reason) {
  commands.prepare(correlation, {result, std::string(reason)});
  bus.send(from, admin, "reply", commands.principal(correlation), correlation);
}

}  // namespace tvdsim::models
