#include "models/host/datacenter.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <unordered_map>

#include "models/acm/boot_policy.hpp"
#include "models/host/action_way.hpp"
#include "models/host/audit.hpp"
#include "models/host/boot_load.hpp"
#include "models/host/checks.hpp"
#include "models/host/decision_rings.hpp"
#include "models/host/event_desk.hpp"
#include "models/host/fault.hpp"
#include "models/host/guest.hpp"
#include "models/host/host_join.hpp"
#include "models/host/hypervisor.hpp"
#include "models/host/integrity_glue.hpp"
#include "models/host/manager.hpp"
#include "models/host/native_device.hpp"
#include "models/host/network.hpp"
#include "models/host/policy_store.hpp"
#include "models/host/policy_warnings.hpp"
#include "models/host/split_driver.hpp"
#include "models/host/toolstack.hpp"
#include "models/host/tvd_host.hpp"
#include "models/host/vm_backend.hpp"
#include "models/host/world.hpp"
#include "sim/base/error.hpp"

namespace tvdsim::models {

std::string_view to_text(VmState state) noexcept {
  static constexpr std::array<std::string_view, 9> kNames = {
      "defined", "building", "running", "suspended", "migrating", "stopped", "crashed", "refused", "paused"};
  return kNames[static_cast<std::size_t>(state)];
}

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Step::count)> kStepNames = {
    "host.start_checked", "host.built",       "host.stopped",  "host.saved",
    "host.switched",      "host.resend",      "host.lease",    "host.transferred",
    "host.io_served",     "host.io_answered", "host.attached", "host.domain_built"};

}  // namespace

struct Datacenter::Impl {
  Impl(sim::Engine& engine, DatacenterSetup from) : setup(std::move(from)), world(engine, setup) {}

  DatacenterSetup setup;
  World world;
  sim::EventKind patience_kind = 0;
  std::map<std::uint64_t, std::uint64_t>
      patience;  // commands that an administrator waits for: the event that ends it
  std::unordered_map<std::string, sim::HostId> hosts;  // by name
  bool watching = false, finished = false;
  std::string broken;

  void build();
  void add_hosts();
  void add_vms();
  void start_vms();
  void check_names(const Action& action) const;
  sim::HostId host(std::string_view name) const noexcept;
  void on_action(const sim::Event& event);
  void on_patience(const sim::Event& event);
  void on_step(const sim::Event& event);
  void on_reply(const sim::Message& message);
  void send(std::uint64_t correlation, sim::ServiceId to);
  void look() {
    if (world.after_event) world.after_event(world.after_event_self);
    if (watching && broken.empty()) broken = find_broken_invariant(world);
  }
};

void Datacenter::Impl::build() {
  sim::Engine& engine = world.engine;
  if (setup.policies.empty()) setup.policies.push_back(boot_policy());
  for (const auto& policy : setup.policies)
    TVDSIM_ASSERT(policy, "a datacenter is built with a policy that did not compile");
  world.action_kind = engine.kind("host.action", sim::Handler::to<&Impl::on_action>(*this));
  patience_kind = engine.kind("host.patience", sim::Handler::to<&Impl::on_patience>(*this));
  for (std::size_t i = 0; i < kStepNames.size(); ++i) {
    world.kinds[i] = engine.kind(kStepNames[i], sim::Handler::to<&Impl::on_step>(*this));
  }
  if (setup.decision_log) {
    world.rings = std::make_unique<DecisionRings>(world, setup.decision_ring);
    world.decisions.feed(world.rings.get());
  }
  world.admin = world.bus.add("admin", sim::MessageHandler::to<&Impl::on_reply>(*this));
  world.events = std::make_unique<EventDesk>(world);
  world.decisions.feed(world.events.get());
  world.policies = std::make_unique<PolicyStore>(world);
  world.manager = std::make_unique<Manager>(world, setup.policies.front());
  add_hosts();
  if (!setup.auditor.empty()) world.audit = std::make_unique<Audit>(world, setup.auditor);
  if (IntegrityGlue::wanted(setup)) {
    world.integrity_glue = std::make_unique<IntegrityGlue>(world);
    world.integrity = &world.integrity_glue->integrity();
  }
  add_vms();
  if (world.integrity_glue) {
    world.integrity_glue->add_vms();
    world.integrity_glue->watch();
  }
  if (Network::wanted(setup)) {
    world.network = std::make_unique<Network>(world);
    world.manager->start_network();
  }
  world.events->begin();
  for (const sim::FaultRule& rule : setup.faults) world.bus.add_fault(rule);
  warn_of_chains(world, *setup.policies.front());
  start_vms();
}

void Datacenter::Impl::add_hosts() {
  const Policy& policy = *setup.policies.front();
  world.machines.reserve(setup.hosts.size());
  for (const HostSetup& row : setup.hosts) {
    Machine& machine = world.machines.emplace_back();
    machine.id = {static_cast<std::uint32_t>(world.machines.size() - 1)};
    machine.name = row.name;
    hosts.emplace(row.name, machine.id);
    machine.dom0_name = "dom0@" + row.name;
    const std::string label(row.label.empty() ? policy.label_name(Policy::kBootstrap)
                                              : std::string_view(row.label));
    machine.dom0 = world.domains.add(world.truth, machine.dom0_name, label, machine.id, row.memory);
    const BootLoad boot = load_boot_policy(row, policy);
    Monitor::Setup monitor;
    monitor.boot = boot.state;
    monitor.kind = row.kind;
    monitor.placement = setup.placement;
    monitor.components = setup.components;
    monitor.host = machine.id;
    monitor.host_label = vm_label(policy, label);
    monitor.modes = setup.controls;
    monitor.history = setup.history;
    monitor.deny_all = setup.deny_all;
    machine.hypervisor = std::make_unique<Hypervisor>(world, machine, setup.policies.front(), PolicyEpoch{0},
                                                      std::move(monitor), row);
    machine.drivers = std::make_unique<SplitDrivers>(world, machine);
    machine.devices = std::make_unique<NativeDevices>(world, machine, row.devices);
    machine.toolstack = std::make_unique<Toolstack>(world, machine);
    machine.domain_builder = std::make_unique<TvdHost>(world, machine);
    machine.joins = std::make_unique<HostJoin>(world, machine);
    machine.vtpms = std::make_unique<VtpmManager>(world, machine);
    machine.service =
        world.bus.add(machine.dom0_name, sim::MessageHandler::to<&Toolstack::on_message>(*machine.toolstack));
    world.bus.watch(machine.service, sim::ServiceWatch::to<&Toolstack::alive>(*machine.toolstack));
    if (boot.state != BootPolicy::good) world.incident("boot_policy", row.name, boot.sentence);
    machine.hypervisor->boot_control_domain();
  }
}

void Datacenter::Impl::add_vms() {
  for (const VmSetup& row : setup.vms) {
    const sim::HostId where = host(row.host);
    TVDSIM_ASSERT(where.exists(), "a VM is set up on a host that is not there");
    const sim::VmId vm = world.domains.add(world.truth, row.name, row.label, where, row.memory);
    world.domains.vif[vm.value] = row.vif || !row.vlans.empty();
    world.domains.vtpm[vm.value] = row.vtpm;
    world.domains.dirty_rate[vm.value] = row.dirty_rate;
    world.domains.working_set[vm.value] = row.working_set;
    for (const std::string& disk : row.disks) {
      const sim::DiskId id = world.disks.find(disk);
      TVDSIM_ASSERT(id.exists(), "a VM is set up with a disk that is not there");
      world.domains.disks[vm.value].push_back(id);
    }
  }
  world.tvds.resolve(world.domains, world.disks);
}

void Datacenter::Impl::start_vms() {
  for (const VmSetup& row : setup.vms) {
    if (!row.start || !world.tvds.exists(world.domains.find(row.name))) continue;
    Action action;
    action.kind = ActionKind::start_vm;
    action.vm = row.name;
    const std::uint64_t correlation = world.commands.add(action);
    world.engine.at(world.engine.now(), world.action_kind, 0, correlation);
  }
}

sim::HostId Datacenter::Impl::host(std::string_view name) const noexcept {
  const auto found = hosts.find(std::string(name));
  return found == hosts.end() ? sim::HostId::none() : found->second;
}

void Datacenter::Impl::on_action(const sim::Event& event) {
  const std::uint64_t correlation = event.data;
  const Action action = world.commands.action(correlation);
  world.commands.begin(correlation);
  if (const std::string absent = world.tvds.absent_part(action, world.domains, world.disks);
      !absent.empty()) {
    world.commands.close(correlation, Result::failed, absent);
    return look();
  }
  switch (way_of(action.kind)) {
    case Way::guest:
      guest_acts(world, correlation, action);
      break;
    case Way::fault:
      fault(world, correlation, action);
      break;
    case Way::identity:
    case Way::authority:
      if (identity_acts(world, correlation, action))
        send(correlation, world.bus.find("ca@" + setup.authority));
      break;
    case Way::verifier:
      send(correlation, world.bus.find("verifier@" + action.verifier));
      break;
    case Way::event_desk:
      send(correlation, world.events->service());
      break;
    case Way::manager:
      send(correlation, world.manager->service());
      break;
    case Way::toolstack: {
      const bool at_host = action.kind == ActionKind::start_vm || action.kind == ActionKind::resume_vm ||
                           action.kind == ActionKind::restart_backend ||
                           action.kind == ActionKind::map_vlan || action.kind == ActionKind::join_hosts ||
                           is_tpm_command(action.kind);
      const sim::HostId named = at_host && !action.host.empty() ? host(action.host) : sim::HostId::none();
      const sim::VmId vm = world.domains.find(action.vm);
      send(correlation, named.exists() ? world.machine(named).service : world.machine_of(vm).service);
      break;
    }
  }
  look();
}

void Datacenter::Impl::send(std::uint64_t correlation, sim::ServiceId to) {
  const Action& action = world.commands.action(correlation);
  world.commands.stamp(correlation, world.policies->directory());
  world.bus.send(world.admin, to, action_infos()[static_cast<std::size_t>(action.kind)].name,
                 world.commands.principal(correlation), correlation);
  patience[correlation] = world.engine.after(world.costs.wait(Wait::answer), patience_kind, 0, correlation);
}

void Datacenter::Impl::on_reply(const sim::Message& message) {
  const auto waiting = patience.find(message.correlation);
  if (waiting != patience.end()) {
    world.engine.cancel(waiting->second);
    patience.erase(waiting);
  }
  world.commands.close(message.correlation);
  look();
}

void Datacenter::Impl::on_patience(const sim::Event& event) {
  // A migration or an overwrite may honestly take longer than that: as long as somebody works on it, the wait goes on.
  patience.erase(event.data);
  bool working = world.manager->works_on(event.data);
  for (const Machine& machine : world.machines) {
    working |= machine.toolstack->operations().contains(event.data) && !world.bus.crashed(machine.service);
  }
  if (working) {
    patience[event.data] = world.engine.after(world.costs.wait(Wait::answer), patience_kind, 0, event.data);
    return;
  }
  world.commands.close(event.data, Result::failed, "no answer");
  look();
}

void Datacenter::Impl::on_step(const sim::Event& event) {
  std::uint32_t step = 0;
  while (world.kinds[step] != event.kind) ++step;
  world.machines.at(event.target).toolstack->on_step(step, event.data);
  look();
}

void Datacenter::Impl::check_names(const Action& action) const {
  sim::Findings findings;
  const auto need = [&](std::string_view field, std::string_view value, bool known) {
    if (!known) {
      findings.error("TVD-101",
                     fmt::format("action {}", action_infos()[static_cast<std::size_t>(action.kind)].name),
                     fmt::format("{} `{}` is not defined.", field, value));
    }
  };
  std::string_view fields = action_infos()[static_cast<std::size_t>(action.kind)].fields;
  while (!fields.empty()) {
    const auto space = fields.find(' ');
    std::string_view field = fields.substr(0, space);
    fields = space == std::string_view::npos ? std::string_view{} : fields.substr(space + 1);
    const bool optional = field.back() == '?';
    if (optional) field.remove_suffix(1);
    if (field == "vm" && !(optional && action.vm.empty()))
      need(field, action.vm, world.domains.find(action.vm).exists());
    if (field == "other" && !(optional && action.other.empty()))
      need(field, action.other, action.other == "dom0" || world.domains.find(action.other).exists());
    if (field == "disk") need(field, action.disk, world.disks.find(action.disk).exists());
    if (field == "host" && !(optional && action.host.empty()))
      need(field, action.host, host(action.host).exists());
    if (field == "verifier")
      need(field, action.verifier, world.bus.find("verifier@" + action.verifier).exists());
    if (field == "tvd") need(field, action.tvd, world.tvds.find(action.tvd) != TvdTable::kNone);
    if (field == "group" && !action.group.empty())
      need(field, action.group, world.policies->find_group(action.group) != PolicyStore::kNone);
    if (field == "peer") need(field, action.peer, host(action.peer).exists());
    if (field == "policy" && !(optional && action.policy.empty()))
      need(field, action.policy, action.policy_index < setup.policies.size());
    const bool backend =
        action.kind == ActionKind::kill_backend || action.kind == ActionKind::restart_backend;
    if (field == "device" && backend) need(field, action.device, device_kind(action.device).has_value());
  }
  findings.throw_if_any();
}

Datacenter::Datacenter(sim::Engine& engine, DatacenterSetup setup)
    : impl_(std::make_unique<Impl>(engine, std::move(setup))) {
  impl_->build();
}
Datacenter::~Datacenter() = default;

void Datacenter::schedule(const Action& action) {
  impl_->check_names(action);
  if (action.kind == ActionKind::lie && impl_->world.integrity)
    impl_->world.integrity->keep_quotes(impl_->world.domains.find(action.vm));
  const std::uint64_t correlation = impl_->world.commands.add(action);
  impl_->world.engine.at(action.at, impl_->world.action_kind, 0, correlation);
}

void Datacenter::finish() {
  if (impl_->finished) return;
  impl_->finished = true;
  impl_->world.migrations.close_open();
  impl_->world.commands.close_unanswered();
  if (impl_->world.rings) impl_->world.rings->finish();
  sim::Trace& trace = impl_->world.trace;
  for (const Machine& machine : impl_->world.machines) {
    const DecisionCache* cache = machine.hypervisor->cache();
    if (!cache) continue;
    for (const auto& [kind, name] :
         {std::pair(CacheKind::event_channel, "event_channel"), std::pair(CacheKind::grant, "grant")}) {
      const auto& counts = cache->counts(kind);
      trace.append(sim::rows::decision_caches{.host = trace.text(machine.name),
                                              .kind = trace.text(name),
                                              .evaluated = counts.evaluated,
                                              .denied = counts.denied,
                                              .hits = counts.hits});
    }
  }
  static constexpr sim::Cause kCauses[] = {
#define CAUSE(name, what) sim::Cause::name,
#include "sim/trace/causes.def"
#undef CAUSE
  };
  for (const sim::Cause cause : kCauses) {
    const auto& charged = trace.charged(cause);
    if (charged.count == 0) continue;
    trace.append(sim::rows::charges{
        .cause = trace.text(to_text(cause)), .count = charged.count, .total_ns = charged.total});
  }
}

const DatacenterSetup& Datacenter::setup() const noexcept { return impl_->setup; }
sim::VmId Datacenter::vm(std::string_view name) const noexcept { return impl_->world.domains.find(name); }
sim::HostId Datacenter::host(std::string_view name) const noexcept { return impl_->host(name); }
sim::DiskId Datacenter::disk(std::string_view name) const noexcept { return impl_->world.disks.find(name); }
VmState Datacenter::state(sim::VmId vm) const noexcept { return impl_->world.domains.state.at(vm.value); }
sim::HostId Datacenter::where(sim::VmId vm) const noexcept { return impl_->world.domains.where.at(vm.value); }
Hypervisor& Datacenter::hypervisor(sim::HostId host) noexcept {
  return *impl_->world.machine(host).hypervisor;
}
void Datacenter::on_frame(void (*call)(void*, sim::Time, std::string_view, std::span<const std::uint8_t>),
                          void* self) {
  if (impl_->world.network) impl_->world.network->on_frame(call, self);
}
void Datacenter::keep_decisions(DecisionKeeper& keeper) {
  TVDSIM_ASSERT(impl_->world.rings, "a keeper of decisions needs a setup that logs them");
  impl_->world.rings->keep(keeper);
}
DecisionRings* Datacenter::decision_rings() noexcept { return impl_->world.rings.get(); }
const TruthReader& Datacenter::truth() const noexcept { return impl_->world.truth.reader(); }
std::string Datacenter::check_invariants() const { return find_broken_invariant(impl_->world); }
void Datacenter::watch_invariants() { impl_->watching = true; }
const std::string& Datacenter::broken_invariant() const noexcept { return impl_->broken; }
std::string Datacenter::state_hash() const { return hash_of_state(impl_->world); }
World& Datacenter::world() noexcept { return impl_->world; }
const World& Datacenter::world() const noexcept { return impl_->world; }

}  // namespace tvdsim::models
