// The fields of a Spec, once: reader, writer and diff all walk this list, so none can forget a field that another has.
//
// fields(visitor, part) calls one method of the visitor per field, in canonical order. A visitor has:
//   required(name, text)   a text that must be there           text(name, text)      one that may be absent
//   flag(name, bool)       true or false                       count(name, number, required = false)   a whole number
//   share(name, double)    0 … 1                               texts(name, list)     a list of texts
//   counts(name, list)     a list of whole numbers
//   bytes(name, Bytes)     "name": "4 GiB" or "name_bytes"     rate(name, BitRate)   "10 Gbit/s" or name_bit_s
//   span(name, Duration)   "20 us" or name_ns                  instant(name, Time)   the same; must be there
//   choice(name, value, words)   one of the words, by index    parts(name, list)     a list of objects, each with fields()
//   modes(name, map)       control name -> off | monitor | on  actions(name, list)   objects whose fields follow actions.def
//
// Threads    pure.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "scenarios/spec.hpp"

namespace tvdsim::scenarios {

inline constexpr std::array<std::string_view, 2> kPolicyModes{"strict", "xen33"};
inline constexpr std::array<std::string_view, 7> kFaultKinds{
    "loss", "delay", "duplicate", "crash", "crash_after", "crash_sender", "crash_sender_after"};
inline constexpr std::array<std::string_view, 3> kControlModes{"off", "monitor", "on"};
inline constexpr std::array<std::string_view, 2> kCacheModes{"none", "xen33"};
inline constexpr std::array<std::string_view, 2> kCaptures{"frames", "none"};
inline constexpr std::array<std::string_view, 3> kVtpmBindings{"nonce", "certificate", "pcr"};
inline constexpr std::array<std::string_view, 2> kLattices{"bell_lapadula", "biba"};
inline constexpr std::array<std::string_view, 2> kDecisionPoints{"core", "service"};
inline constexpr std::array<std::string_view, 3> kWatchModes{"scheduled", "agent", "out_of_band"};
inline constexpr std::array<std::string_view, 3> kBootPolicies{"good", "missing", "corrupt"};
inline constexpr std::array<std::string_view, 2> kGranularities{"fine", "whole"};
inline constexpr std::array<std::string_view, 3> kReferences{"both", "fine", "whole"};
inline constexpr std::array kHypervisors{
#define HYPERVISOR(name, title, kloc, kloc_source, call, decide, timing_source) std::string_view(#name),
#define CAPABILITY(hook, xen, rhype, phyp, l4, vmware, note)
#include "models/acm/hypervisors.def"
#undef CAPABILITY
#undef HYPERVISOR
};

// `Part` may be const: the writer's is.
template <class Part, class Plain>
concept PartOf = std::same_as<std::remove_const_t<Part>, Plain>;

template <class Visitor, PartOf<PolicySource> Part>
void fields(Visitor& v, Part& policy) {
  v.required("name", policy.name);
  v.choice("mode", policy.mode, kPolicyModes);
  v.required("xml", policy.xml);
  v.text("binary", policy.binary);
  v.text("names", policy.names);
}

template <class Visitor, PartOf<models::HostSetup> Part>
void fields(Visitor& v, Part& host) {
  v.required("name", host.name);
  v.choice("kind", host.kind, kHypervisors);
  v.text("label", host.label);
  v.count("cores", host.cores);
  v.bytes("memory", host.memory);
  v.rate("nic_rate", host.nic_rate);
  v.span("nic_latency", host.nic_latency);
  v.texts("devices", host.devices);
  v.flag("tpm", host.tpm);
  v.text("tpm_profile", host.tpm_profile);
  v.flag("late_launch", host.late_launch);
  v.texts("roots_off", host.roots_off);
  v.text("image", host.image);
  v.texts("tampered", host.tampered);
  v.texts("uninstrumented", host.uninstrumented);
  v.texts("read_twice", host.read_twice);
  v.texts("unmeasured", host.unmeasured);
  v.choice("granularity", host.granularity, kGranularities);
  v.flag("static_crtm", host.static_crtm);
  v.flag("ima", host.ima);
  v.flag("secure_boot", host.secure_boot);
  v.choice("decision_cache", host.decision_cache, kCacheModes);
  v.count("domain_ids", host.domain_ids);
  v.choice("boot_policy", host.boot_policy, kBootPolicies);
  v.parts("vlan_map", host.vlan_map);
}

template <class Visitor, PartOf<LatticeSource> Part>
void fields(Visitor& v, Part& lattice) {
  v.choice("kind", lattice.kind, kLattices);
  v.texts("levels", lattice.levels);
  v.parts("labels", lattice.labels);
}

template <class Visitor, PartOf<models::Clearance> Part>
void fields(Visitor& v, Part& clearance) {
  v.required("label", clearance.label);
  v.required("level", clearance.level);
  v.texts("categories", clearance.categories);
  v.flag("trusted", clearance.trusted);
}

template <class Visitor, PartOf<HookPlace> Part>
void fields(Visitor& v, Part& place) {
  v.required("hook", place.hook);
  v.choice("point", place.point, kDecisionPoints);
}

template <class Visitor, PartOf<models::HostGroupSetup> Part>
void fields(Visitor& v, Part& group) {
  v.required("name", group.name);
  v.texts("hosts", group.hosts);
}

template <class Visitor, PartOf<models::PolicyRightSetup> Part>
void fields(Visitor& v, Part& row) {
  v.required("principal", row.principal);
  v.text("policy", row.policy);
  v.text("right", row.right);
}

template <class Visitor, PartOf<models::VlanMapSetup> Part>
void fields(Visitor& v, Part& map) {
  v.count("vlan", map.vlan, true);
  v.count("to_vlan", map.to_vlan, true);
}

template <class Visitor, PartOf<models::VlanSetup> Part>
void fields(Visitor& v, Part& vlan) {
  v.count("vid", vlan.vid, true);
  v.required("label", vlan.label);
  v.flag("exists", vlan.exists);
}

template <class Visitor, PartOf<models::ImageSetup> Part>
void fields(Visitor& v, Part& image) {
  v.required("name", image.name);
  v.parts("software", image.software);
  v.flag("vouched", image.vouched);
}

template <class Visitor, PartOf<models::SoftwareSetup> Part>
void fields(Visitor& v, Part& software) {
  v.required("name", software.name);
  v.required("kind", software.kind);
  v.text("content", software.content);
}

template <class Visitor, PartOf<models::TrafficSetup> Part>
void fields(Visitor& v, Part& traffic) {
  v.texts("among", traffic.among);
  v.count("rate_milli_s", traffic.rate_milli_s, true);
  v.bytes("size", traffic.size);
  v.flag("poisson", traffic.poisson);
}

template <class Visitor, PartOf<models::TvdSetup> Part>
void fields(Visitor& v, Part& tvd) {
  v.required("name", tvd.name);
  v.required("label", tvd.label);
  v.counts("vlans", tvd.vlans);
  v.texts("vms", tvd.vms);
  v.texts("disks", tvd.disks);
}

template <class Visitor, PartOf<models::DiskSetup> Part>
void fields(Visitor& v, Part& disk) {
  v.required("name", disk.name);
  v.text("label", disk.label);
  v.bytes("size", disk.size);
  v.text("content", disk.content);
}

template <class Visitor, PartOf<models::VmSetup> Part>
void fields(Visitor& v, Part& vm) {
  v.required("name", vm.name);
  v.text("label", vm.label);
  v.required("host", vm.host);
  v.bytes("memory", vm.memory);
  v.texts("disks", vm.disks);
  v.flag("vif", vm.vif);
  v.flag("vtpm", vm.vtpm);
  v.flag("start", vm.start);
  v.counts("vlans", vm.vlans);
  v.text("vif_label", vm.vif_label);
  v.text("image", vm.image);
  v.texts("tampered", vm.tampered);
  v.texts("uninstrumented", vm.uninstrumented);
  v.texts("read_twice", vm.read_twice);
  v.texts("unmeasured", vm.unmeasured);
  v.flag("signed_files", vm.signed_files);
  v.rate("dirty_rate", vm.dirty_rate);
  v.bytes("working_set", vm.working_set);
  v.text("criticality", vm.criticality);
}

template <class Visitor, PartOf<models::WatchSetup> Part>
void fields(Visitor& v, Part& watch) {
  v.required("verifier", watch.verifier);
  v.texts("subjects", watch.subjects);
  v.choice("mode", watch.mode, kWatchModes);
  v.span("period", watch.period);
  v.flag("spread", watch.spread);
  v.count("patience", watch.patience);
  v.flag("stops_on_error", watch.stops_on_error);
}

template <class Visitor, PartOf<models::PlanSetup> Part>
void fields(Visitor& v, Part& plan) {
  v.text("criticality", plan.criticality);
  v.text("event", plan.event);
  v.required("action", plan.action);
  v.text("to", plan.to);
  v.span("delay", plan.delay);
  v.count("limit", plan.limit);
  v.span("per", plan.per);
}

template <class Visitor, PartOf<models::SwitchSetup> Part>
void fields(Visitor& v, Part& one) {
  v.required("name", one.name);
  v.texts("hosts", one.hosts);
  v.rate("rate", one.rate);
  v.span("latency", one.latency);
}

template <class Visitor, PartOf<sim::FaultRule> Part>
void fields(Visitor& v, Part& fault) {
  v.choice("kind", fault.kind, kFaultKinds);
  v.text("method", fault.method);
  v.text("receiver", fault.receiver);
  v.count("first", fault.first);
  v.count("count", fault.count);
  v.share("probability", fault.probability);
  v.span("delay", fault.delay);
}

template <class Visitor, PartOf<Spec> Part>
void fields(Visitor& v, Part& spec) {
  v.required("name", spec.name);
  v.count("seed", spec.seed);
  v.instant("until", spec.until);
  v.modes("controls", spec.controls);
  v.flag("history", spec.history);
  v.flag("deny_all", spec.deny_all);
  v.flag("legacy_net", spec.legacy_net);
  v.span("message_latency", spec.message_latency);
  v.rate("migration_rate", spec.migration_rate);
  v.rate("migration_max_rate", spec.migration_max_rate);
  v.parts("policies", spec.policies);
  v.parts("lattices", spec.lattices);
  v.parts("placement", spec.placement);
  v.parts("hosts", spec.hosts);
  v.parts("groups", spec.groups);
  v.parts("policy_rights", spec.policy_rights);
  v.parts("disks", spec.disks);
  v.parts("vms", spec.vms);
  v.parts("switches", spec.switches);
  v.parts("vlans", spec.vlans);
  v.parts("images", spec.images);
  v.parts("traffic", spec.traffic);
  v.parts("tvds", spec.tvds);
  v.texts("verifiers", spec.verifiers);
  v.choice("references", spec.references, kReferences);
  v.parts("watches", spec.watches);
  v.parts("plans", spec.plans);
  v.text("authority", spec.authority);
  v.choice("vtpm_binding", spec.vtpm_binding, kVtpmBindings);
  v.text("auditor", spec.auditor);
  v.flag("decision_log", spec.decision_log);
  v.span("max_evidence_age", spec.max_evidence_age);
  v.texts("reference_signers", spec.reference_signers);
  v.count("reference_approvals", spec.reference_approvals);
  v.span("reference_grace", spec.reference_grace);
  v.choice("capture", spec.capture, kCaptures);
  v.count("tpm_workers", spec.tpm_workers);
  v.parts("faults", spec.faults);
  v.actions("actions", spec.actions);
}

// One action: what its kind's row in actions.def lists, plus `at` and `principal`.
template <class Visitor, PartOf<models::Action> Part>
void action_field(Visitor& v, Part& action, std::string_view name, bool required) {
  const auto text = [&](auto& field) { required ? v.required(name, field) : v.text(name, field); };
  if (name == "vm") return text(action.vm);
  if (name == "other") return text(action.other);
  if (name == "disk") return text(action.disk);
  if (name == "host") return text(action.host);
  if (name == "label") return text(action.label);
  if (name == "text") return text(action.text);
  if (name == "device") return text(action.device);
  if (name == "policy") return text(action.policy);
  if (name == "mode") return text(action.mode);
  if (name == "principal") return text(action.principal);
  if (name == "path") return text(action.path);
  if (name == "verifier") return text(action.verifier);
  if (name == "image") return text(action.image);
  if (name == "signer") return text(action.signer);
  if (name == "tvd") return text(action.tvd);
  if (name == "peer") return text(action.peer);
  if (name == "group") return text(action.group);
  if (name == "vlan") return v.count(name, action.vlan, required);
  if (name == "to_vlan") return v.count(name, action.to_vlan, required);
  if (name == "size") return v.count(name, action.size, required);
  if (name == "count") return v.count(name, action.count, required);
  if (name == "block") return v.count(name, action.block, required);
  if (name == "pcr") return v.count(name, action.pcr, required);
  if (name == "scratch") return v.count(name, action.scratch, required);
  TVDSIM_ASSERT(false, "actions.def names a field that an action does not have");
}

}  // namespace tvdsim::scenarios
