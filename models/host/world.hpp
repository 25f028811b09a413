// What the parts of a datacenter share: the engine, ground truth, the tables of domains and disks, the logs, the bus.
//
// Private to models/host. A part of one host touches only its own Machine; what it wants of another it sends over the bus.
//
// Threads    the engine's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/host/command_log.hpp"
#include "models/host/costs.hpp"
#include "models/host/datacenter.hpp"
#include "models/host/decision_log.hpp"
#include "models/host/disk.hpp"
#include "models/host/domain_table.hpp"
#include "models/host/migration_log.hpp"
#include "models/host/tvd_table.hpp"
#include "models/host/vtpm_manager.hpp"
#include "models/truth/record.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/flow_engine.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

class Audit;
class DecisionRings;
class EventDesk;
class HostJoin;
class Hypervisor;
class Integrity;
class IntegrityGlue;
class Manager;
class NativeDevices;
class PolicyStore;
class Network;
class SplitDrivers;
class Toolstack;
class TvdHost;
class VmBackend;

struct Machine {
  std::string name, dom0_name;  // "h1", "dom0@h1": the control domain and its toolstack service
  sim::HostId id;
  sim::VmId dom0;
  sim::ServiceId service;
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<SplitDrivers> drivers;
  std::unique_ptr<NativeDevices> devices;
  std::unique_ptr<Toolstack> toolstack;
  std::unique_ptr<VtpmManager> vtpms;
  std::unique_ptr<TvdHost> domain_builder;
  std::unique_ptr<HostJoin> joins;

  Machine();
  Machine(Machine&&) noexcept;
  ~Machine();
};

// The kinds of events that the parts of a host wait for; target is the host, data the correlation id unless said otherwise.
enum class Step : std::uint8_t {
  start_checked,  // the time that deciding took has passed: decide now
  built,          // the domain's memory is ready
  stopped,        // taking down is done
  saved,          // saving is done
  switched,       // a migrating VM is quiet, its last pages are over, the target may take it
  resend,         // nothing was heard from the peer
  lease,          // an arriving VM did not come
  transferred,    // a round of its memory is over
  io_served,      // the back-end looks at a ring; data: front-end
  io_answered,    // the front-end looks at its ring; data: front-end
  attached,       // connecting a device is done
  domain_built,   // the VMs of a trusted virtual domain are ready
  count
};

struct World {
  World(sim::Engine& with, const DatacenterSetup& from);
  ~World();
  World(const World&) = delete;

  sim::Engine& engine;
  sim::Trace& trace;
  const DatacenterSetup& setup;
  Truth truth;
  Costs costs;
  DomainTable domains;
  DiskStore disks;
  TvdTable tvds;
  DecisionLog decisions;
  CommandLog commands;
  MigrationLog migrations;
  sim::MessageBus bus;
  VtpmVault vtpm_vault;
  // States of vTPMs that travel with the last pages of a migrating VM, by its correlation id.
  std::map<std::uint64_t, vtpm::TpmState> handovers;
  Integrity* integrity = nullptr;  // null without TPMs, vTPMs and verifiers
  std::unique_ptr<VmBackend> backend;
  std::vector<Machine> machines;
  std::unique_ptr<EventDesk> events;
  std::unique_ptr<PolicyStore> policies;
  std::unique_ptr<Manager> manager;
  std::unique_ptr<Network> network;      // null when there is neither a VLAN nor a switch
  std::unique_ptr<Audit> audit;          // null without an auditor
  std::unique_ptr<DecisionRings> rings;  // null unless decisions are logged
  sim::ServiceId admin;
  sim::ServiceId appraiser;  // whom migrations ask of their targets; none: verifier@<the first of the setup>
  sim::EventKind action_kind = 0;  // a command is given; data: its correlation id
  sim::EventKind kinds[static_cast<std::size_t>(Step::count)]{};

  std::uint64_t after(sim::Duration wait, Step step, sim::HostId host, std::uint64_t data);
  // The network between hosts; made when the first VM migrates.
  sim::FlowEngine& flows();
  // All TPMs, of hosts and of VMs; no library is touched before the first one.
  Chips& chips();
  ChipLatency chip_latency(const HostSetup& host) const;
  ChipLatency vtpm_latency() const;

  Machine& machine(sim::HostId host) { return machines.at(host.value); }
  sim::HostId host_named(std::string_view name) const noexcept;  // none(): no such host
  Machine& machine_of(sim::VmId vm) { return machines.at(domains.where.at(vm.value).value); }
  std::string_view vm_name(sim::VmId vm) const { return domains.name.at(vm.value); }

  // Rows of the trace.
  void incident(std::string_view kind, std::string_view entity, std::string_view cause);
  void step(std::string_view host, std::string_view actor, std::string_view what, std::string_view subject,
            std::string_view detail, std::uint64_t correlation);
  void policy_active(const Policy& policy, PolicyEpoch epoch, std::string_view id, std::string_view group);
  // Something that has a label gets another; `version` is the count of its changes, raised here.
  void label_changed(std::string_view kind, std::string_view entity, std::string_view before,
                     std::string_view after, std::uint32_t& version, std::string_view cause,
                     std::uint64_t correlation);
  void enter(sim::VmId vm, VmState state, std::string_view cause,
             std::uint64_t correlation);  // a row of `lifecycle`

  // A VM's (or a control domain's) label changes: its version counts up and a row of `labels` says so.
  void set_label(sim::VmId vm, std::string_view label, std::string_view cause, std::uint64_t correlation);

  // A service answers a command: the answer travels to the administrator.
  void reply(sim::ServiceId from, std::uint64_t correlation, Result result, std::string_view reason);

  // What anybody wants to have looked at after every event.
  void (*after_event)(void* self) = nullptr;
  void* after_event_self = nullptr;

 private:
  void transferred(std::uint64_t tag, sim::Time when);
  std::unique_ptr<sim::FlowEngine> flows_;
  std::unique_ptr<Chips> chips_;

 public:
  std::unique_ptr<IntegrityGlue> integrity_glue;
};

}  // namespace tvdsim::models
