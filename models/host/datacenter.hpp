// The whole of it: hosts with hypervisor and dom0, VMs, disks, services, all under one engine, one policy and one set of controls.
//
// Build it from a setup, schedule actions, run the engine. Commands travel as messages: an administrator's start_vm goes to
// the toolstack service of the VM's host (dom0@h1), which asks its own hypervisor; no model calls another host's object.
//
//   Datacenter dc(engine, setup);          // dom0 of every host is built first, in order
//   dc.schedule(action);                   // any number, any order
//   engine.run_until(until);
//   dc.finish();                           // writes the ledger and closes the books
// The control domain of host h1 is a domain named dom0@h1; where an action names another domain, `dom0` is the one of the VM's host.
// VmIds: the control domains first, in the order of the hosts, then the VMs in the order of the setup.
//
// Invariant  after every event: running VMs per host == the monitor's; every live channel and grant was permitted; one runnable
//            copy per VM. check_invariants() says so.
// Cost       per action a handful of events; per VM about 300 bytes without memory pages.
// Threads    the engine's.
// Leaves out see models/CAVEATS.md#host.
// Source     seed 001 Fig. 1 and 6 (structure), seed 002 Figs 2 and 3 (hooks).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/acm/monitor.hpp"
#include "models/attestation/granularity.hpp"
#include "models/attestation/vtpm_binding.hpp"
#include "models/attestation/watch_mode.hpp"
#include "models/host/action.hpp"
#include "sim/base/units.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/messages.hpp"

namespace tvdsim::models {

class DecisionKeeper;
class DecisionRings;
class Hypervisor;
class TruthReader;
struct World;

// none: every decision is made anew. xen33: permits are remembered per domain id, as Xen did.
enum class CacheMode : std::uint8_t { none, xen33 };

struct VlanMapSetup {
  std::uint32_t vlan = 0, to_vlan = 0;
};
struct HostSetup {
  std::string name;
  HypervisorKind kind = HypervisorKind::xen;
  std::string label;  // VM label of dom0 and of the host; empty: the bootstrap label
  std::uint32_t cores = 1;
  sim::Bytes memory;
  sim::BitRate nic_rate{10'000'000'000};
  sim::Duration nic_latency{20'000};
  std::vector<std::string> devices;  // native devices, each driven by one domain at most
  bool tpm = false;
  std::string tpm_profile;  // a row of vtpm/device/profiles.def; empty: its first
  bool late_launch =
      false;  // its processor can launch the hypervisor late, and does when the host has booted
  std::vector<std::string> roots_off;       // roots of trust that its TPM service does not offer
  std::string image;                        // what it boots; empty: the built-in host image
  std::vector<std::string> tampered;        // components that differ by one byte from what their image says
  std::vector<std::string> uninstrumented;  // boot stages that start the next one without measuring it
  std::vector<std::string> read_twice;      // read to be measured, then read again, changed, to be run
  std::vector<std::string> unmeasured;      // classes of software that its own measurements pass over
  BootGranularity granularity = BootGranularity::fine;  // how its boot loader measures what it starts
  bool static_crtm = true;   // its firmware begins with code that measures itself and what it starts
  bool ima = true;           // its control domain's kernel measures the files it uses (fine alone)
  bool secure_boot = false;  // each boot stage must be signed by its publisher, or the boot ends before it
  CacheMode decision_cache = CacheMode::none;
  std::uint32_t domain_ids = 0;  // how many there are, the control domain's included; 0: Xen's 32,752
  BootPolicy boot_policy = BootPolicy::good;  // what the boot services find where the policy should be
  std::vector<VlanMapSetup> vlan_map;  // software VLANs joined to another 802.1Q interface than their own
};
struct DiskSetup {
  std::string name, label;  // label: a resource label
  sim::Bytes size;
  std::string content;  // what block 0 holds at the start, written by `owner`'s workload
};
struct VmSetup {
  std::string name, label, host;
  sim::Bytes memory;
  std::vector<std::string> disks;    // assigned before the run; attached at start
  bool vif = false, vtpm = false;    // further split devices
  bool start = true;                 // start at t = 0, in order
  std::vector<std::uint32_t> vlans;  // its virtual interface joins them: the first untagged, others tagged
  std::string vif_label;  // VM label of the interface; empty: the VM's, which must have one STE type
  std::string image;      // what it boots and may run; empty: the built-in guest image
  std::vector<std::string> tampered, uninstrumented, read_twice;  // as a host's
  std::vector<std::string> unmeasured;  // classes of software that its owner's measurements pass over
  bool signed_files = false;   // its files carry their publisher's signatures, and its log shows them
  sim::BitRate dirty_rate{0};  // how fast it changes its memory while it runs
  sim::Bytes working_set{0};   // the part of its memory that it writes again and again; 0: all of it
  std::string criticality;     // which action plans are for it; a word of the setup's own
};
// Machines that a verifier asks again and again, or whose agents report to it.
struct WatchSetup {
  std::string verifier;               // a host of `verifiers`
  std::vector<std::string> subjects;  // hosts and VMs
  WatchMode mode = WatchMode::scheduled;
  sim::Duration period{300'000'000'000};
  bool spread = true;  // the first check at an instant of the first period that is drawn; else at its end
  std::uint32_t patience = 3;   // so many periods without evidence, and nothing is known of the machine
  bool stops_on_error = false;  // a verifier with a fault: who answers what it cannot read is asked no more
};
// What management does by itself when an event is opened about a VM.
struct PlanSetup {
  std::string criticality;  // of VMs; empty: of all
  std::string event;        // a kind of event (models/host/event_kinds.def); empty: every kind
  std::string action;       // notify, mail, quarantine, shutdown or restart
  std::string to;           // who gets the message of notify and mail; empty: the operator
  sim::Duration delay{};    // between the event and the action
  std::uint32_t limit = 3;  // VMs that it stops or cuts off within `per`, at most
  sim::Duration per{3'600'000'000'000};
};
// A file, a boot stage or a piece of configuration: what a measurement is of.
struct SoftwareSetup {
  std::string name, kind;  // kind: a row of models/attestation/measured_classes.def
  std::string content;     // its bytes; empty: bytes made from image and name
};
struct ImageSetup {
  std::string name;
  std::vector<SoftwareSetup> software;  // boot stages in order of execution, then files
  bool vouched = true;                  // its digests are reference values from the start
};
// A switch with a port for each of its hosts; the ports carry what the hosts' labels allow.
struct SwitchSetup {
  std::string name;
  std::vector<std::string> hosts;
  sim::BitRate rate{10'000'000'000};
  sim::Duration latency{20'000};
};
struct VlanSetup {
  std::uint32_t vid = 0;
  std::string label;  // VM label
  bool exists =
      true;  // else the action create_vlan makes it; one that a TvdSetup names is made with that domain
};
// Frames between members of `among`, drawn pair by pair.
struct TrafficSetup {
  std::vector<std::string> among;
  std::uint64_t rate_milli_s = 1000;  // frames per 1000 s
  sim::Bytes size{64};                // a message of more than one frame's payload is cut into frames
  bool poisson = true;                // else evenly spaced
};
// A trusted virtual domain to be made by the action create_tvd: until then its VMs, disks and VLANs do not exist.
struct TvdSetup {
  std::string name, label;
  std::vector<std::uint32_t> vlans;
  std::vector<std::string> vms, disks;
};
// Hosts that decide by one policy. A host in no group belongs to the group `all`.
struct HostGroupSetup {
  std::string name;
  std::vector<std::string> hosts;
};
// A policy as a stored document: what actions call it, and whether whoever loaded it has linted it.
struct PolicyDocumentSetup {
  std::string id;
  bool linted = true;
  std::uint32_t findings = 0;
};
// Who may read or change stored policies, besides `admin`, who may do both.
struct PolicyRightSetup {
  std::string principal, policy;  // policy: a document's id; empty: every one
  std::string right = "read";     // or `change`, which includes it
};
struct DatacenterSetup {
  std::vector<std::shared_ptr<const Policy>>
      policies;                                // [0] is active at t = 0; actions name others by index
  std::vector<PolicyDocumentSetup> documents;  // beside `policies`; may be shorter
  std::vector<HostGroupSetup> groups;
  std::vector<PolicyRightSetup> policy_rights;
  ControlModes controls;
  bool history = false, deny_all = false;
  sim::Placement placement;                                        // where each hook is decided on every host
  std::vector<std::shared_ptr<const PolicyComponent>> components;  // asked besides types and walls
  std::vector<HostSetup> hosts;
  std::vector<DiskSetup> disks;
  std::vector<VmSetup> vms;
  std::vector<SwitchSetup> switches;  // none: every host reaches every other, and no frames flow
  std::vector<VlanSetup> vlans;
  std::vector<ImageSetup> images;
  std::vector<TrafficSetup> traffic;
  std::vector<TvdSetup> tvds;
  bool decision_log = false;           // every host's decisions go into a log: Datacenter::keep_decisions()
  std::uint32_t decision_ring = 1024;  // decisions that can wait for their way into it, per host
  std::string auditor;  // an audit system on a machine of its own, outside the hosts; empty: none
  std::vector<std::string>
      verifiers;  // hosts on which a service verifier@<host> runs; migrations ask the first
  std::vector<WatchSetup> watches;
  std::vector<PlanSetup> plans;
  std::string
      authority;  // host on which a service ca@<host> certifies attestation keys; empty: verifiers know them out of band
  VtpmBinding vtpm_binding = VtpmBinding::nonce;  // how a host's quote speaks for a vTPM
  sim::Duration max_evidence_age{60'000'000'000};
  // Whose manifests of reference values count (empty: vendor and cert), how many of them one takes, and how long what they
  // retire stays good.
  std::vector<std::string> reference_signers;
  std::uint32_t reference_approvals = 1;
  sim::Duration reference_grace{0};
  std::vector<std::string> unmeasured;       // classes of software that guests' IMA passes over
  References references = References::both;  // of host images: what verifiers know of
  bool capture = true;                       // keep every frame's every hop
  std::uint32_t tpm_workers = 0;
  std::vector<sim::FaultRule> faults;
  sim::Duration message_latency{50'000};
  // Of a migration's rounds: the first one's, and the highest that later ones may be given; 0: no throttle, no adaptation.
  sim::BitRate migration_rate{0}, migration_max_rate{0};
  bool timeless = false;  // no operation and no message takes time: every order of steps is a tie
};

enum class VmState : std::uint8_t {
  defined,
  building,
  running,
  suspended,
  migrating,
  stopped,
  crashed,
  refused,
  paused
};
std::string_view to_text(VmState) noexcept;

// One thing that stands against a change: what would be refused, where, and who with which labels.
struct ChangeBlocker {
  std::string host, hook, rule;
  std::string subject, subject_label;
  std::string other, other_label;  // a VM, a resource, or the host
  std::string reason;              // one sentence with both labels
};

class Datacenter {
 public:
  Datacenter(sim::Engine& engine, DatacenterSetup setup);
  ~Datacenter();
  Datacenter(const Datacenter&) = delete;

  void schedule(const Action& action);
  void finish();

  const DatacenterSetup& setup() const noexcept;
  sim::VmId vm(std::string_view name) const noexcept;
  sim::HostId host(std::string_view name) const noexcept;
  sim::DiskId disk(std::string_view name) const noexcept;
  VmState state(sim::VmId) const noexcept;
  sim::HostId where(sim::VmId) const noexcept;
  Hypervisor& hypervisor(sim::HostId) noexcept;
  // Every frame from now on, as a VM or a host puts it on the wire: for frames.pcap. Never called without a network.
  void on_frame(void (*call)(void* self, sim::Time when, std::string_view place,
                             std::span<const std::uint8_t>),
                void* self);
  // Who keeps the decisions from now on, with a setup that logs them.
  void keep_decisions(DecisionKeeper& keeper);
  DecisionRings* decision_rings() noexcept;  // null unless the setup logs decisions
  // Bridges and 802.1Q interfaces of the host's control domain as they are now, as a shell script; "" without a network.
  std::string plumbing(sim::HostId) const;
  // Roots, authorities, revocation lists, every machine's certificates: file names and PEM texts. Empty without an authority.
  std::vector<std::pair<std::string, std::string>> certificates();
  const TruthReader& truth() const noexcept;  // for tests, attacks and reports only

  World& world() noexcept;  // the parts by themselves, for tests
  const World& world() const noexcept;

  // Dry runs, as things stand now: everything that stands against a change, and nothing is changed. A name that is not defined is
  // InputError. update: the group's policy becomes that one of the setup.
  std::vector<ChangeBlocker> plan_update(std::uint32_t policy_index, std::string_view group = {}) const;
  std::vector<ChangeBlocker> plan_relabel_vm(std::string_view vm, std::string_view label) const;
  std::vector<ChangeBlocker> plan_relabel_host(std::string_view host, std::string_view label) const;
  std::vector<ChangeBlocker> plan_relabel_disk(std::string_view disk, std::string_view label) const;
  std::vector<ChangeBlocker> plan_start(std::string_view vm, std::string_view host = {}) const;

  // The first broken invariant as a sentence, or "".
  std::string check_invariants() const;
  // From now on checks after every event of the models; the first broken invariant stays.
  void watch_invariants();
  const std::string& broken_invariant() const noexcept;
  // Domains that guests built have no place in the setup; they are found by name: "<guest>.child".
  // SHA-256 over everything that a refused operation must leave alone (running sets, counts, channels, grants, disks, labels).
  std::string state_hash() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tvdsim::models
