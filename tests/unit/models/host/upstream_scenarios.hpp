// Scenarios of Xen's administrators as tables of steps and whether they succeed: ten of labels, resources and policies.
#pragma once

#include <algorithm>

#include "models/acm/boot_policy.hpp"
#include "models/acm/xen33_host.hpp"
#include "models/acm_io/resource_labels.hpp"
#include "tests/unit/models/host/lab.hpp"

namespace tvdsim::tests {

using Table = std::vector<std::pair<std::string, bool>>;

struct Colour {
  std::string name, was{};  // what it was called before
  bool ste = true;          // its STE type is defined
};

// Red, green and blue workloads, each with a resource label; the pairs in `apart` exclude each other.
inline PolicyDef colours(std::vector<Colour> labels, std::vector<std::vector<std::string>> apart,
                         std::uint32_t minor = 0, std::string name = "xm-test") {
  PolicyDef def;
  def.name = std::move(name);
  def.version = {1, minor};
  if (minor > 0) def.from.emplace("xm-test", Version{1, minor - 1});
  def.has_ste = def.has_wall = true;
  def.bootstrap = "SystemManagement";
  def.ste_types = def.wall_types = {def.bootstrap};
  LabelDef system;
  system.name = def.bootstrap;
  system.ste = system.wall = {def.bootstrap};
  for (const Colour& colour : labels) {
    if (colour.ste) def.ste_types.push_back(colour.name);
    def.wall_types.push_back(colour.name);
    system.ste.push_back(colour.name);
  }
  def.vm_labels.push_back(system);
  for (const Colour& colour : labels) {
    LabelDef label;
    label.name = colour.name;
    label.renamed_from = colour.was;
    label.ste = {colour.name};
    def.resource_labels.push_back(label);
    label.wall = {colour.name};
    def.vm_labels.push_back(label);
  }
  for (std::size_t i = 0; i < apart.size(); ++i) {
    ConflictSetDef set;
    set.name = "RER" + std::to_string(i);
    set.types = apart[i];
    def.conflict_sets.push_back(set);
  }
  return def;
}
inline std::shared_ptr<const Policy> compiled(const PolicyDef& def, PolicyMode mode) {
  sim::Findings findings;
  return Policy::compile(def, mode, Digest{}, findings);
}
inline std::vector<Colour> rgb() { return {{"red"}, {"green"}, {"blue"}}; }
inline std::shared_ptr<const Policy> xm_test(PolicyMode mode) {
  return compiled(colours(rgb(), {{"blue", "red"}}), mode);
}

inline DatacenterSetup one_host(PolicyMode mode, std::vector<VmSetup> vms,
                                std::vector<DiskSetup> disks = {}) {
  auto setup = setup_of(xm_test(mode), {host("h1")}, std::move(vms), std::move(disks));
  // Xen did not know sanitization.
  if (mode == PolicyMode::xen33) setup.controls.set(Control::sanitization, ControlMode::off);
  return setup;
}
constexpr PolicyMode kXen = PolicyMode::xen33, kStrict = PolicyMode::strict;

// 01: labels are listed; set, shown and taken from a VM's configuration and a resource.
inline Table basics(PolicyMode mode) {
  Table table;
  const auto policy = xm_test(mode);
  table.emplace_back("the policy lists blue", policy->find_vm_label("blue").exists());
  Lab lab(one_host(mode, {vm("vm1", "", "h1")}));
  Action label = Lab::action(ActionKind::label_vm, "vm1");
  label.label = "blue";
  table.emplace_back("the VM is labelled", lab.act(label).done());
  table.emplace_back("its label is shown",
                     lab.dc.world().domains.label_name[lab.dc.vm("vm1").value] == "blue");
  Lab bare(one_host(mode, {vm("vm1", "", "h1")}));
  table.emplace_back("without its label it is not labelled",
                     bare.dc.world().domains.label_name[bare.dc.vm("vm1").value].empty());
  ResourceLabels labels;
  sim::Findings findings;
  const LabelName blue{.policy = "xm-test", .label = "blue"};
  table.emplace_back("the resource is labelled",
                     labels.change("phy:ram0", std::nullopt, blue, false, findings));
  const ResourceEntry* shown = labels.find("phy:ram0");
  table.emplace_back("its label is shown", shown && write_label_name(shown->label) == "ACM:xm-test:blue");
  table.emplace_back("it is among the resources",
                     labels.entries().size() == 1 && labels.entries()[0].resource == "phy:/dev/ram0");
  table.emplace_back("its label is taken away",
                     labels.change("phy:ram0", blue, std::nullopt, false, findings));
  table.emplace_back("it is labelled still", labels.find("phy:ram0") != nullptr);
  return table;
}

// 02 and 03: two VMs that may run together, and two that may not.
inline Table two_vms(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("red1", "red", "h1"), vm("green1", "green", "h1")}));
  Table table;
  table.emplace_back("red starts", lab.start("red1").done());
  table.emplace_back("green starts", lab.start("green1").done());
  table.emplace_back("they run together", lab.truth().ran_together("red1", "green1"));
  return table;
}
inline Table conflict(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("blue1", "blue", "h1"), vm("red1", "red", "h1")}));
  Table table;
  table.emplace_back("blue starts", lab.start("blue1").done());
  table.emplace_back("red starts beside it", lab.start("red1").done());
  table.emplace_back("they run together", lab.truth().ran_together("red1", "blue1"));
  lab.stop("blue1");
  table.emplace_back("red starts after it", lab.start("red1").done());
  return table;
}

// 04, 05 and 06: resources at the start and later.
inline Table resource(PolicyMode mode, const std::string& label) {
  Lab lab(one_host(mode, {vm("blue1", "blue", "h1", {"ram0"})}, {disk("ram0", label, "boot block")}));
  Table table;
  table.emplace_back("blue starts with a disk of " + label, lab.start("blue1").done());
  table.emplace_back("it reads the disk", lab.read("blue1", "ram0").done());
  return table;
}
inline Table block_attach(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("blue1", "blue", "h1")},
                   {disk("ram1", "blue", "own"), disk("ram0", "red", "foreign")}));
  Table table;
  table.emplace_back("blue starts", lab.start("blue1").done());
  table.emplace_back("a blue disk is attached", lab.attach("blue1", "ram1").done());
  table.emplace_back("it is there", lab.read("blue1", "ram1").done());
  table.emplace_back("a red disk is attached", lab.attach("blue1", "ram0").done());
  table.emplace_back("it is there", lab.read("blue1", "ram0").done());
  table.emplace_back("the blue disk is there still", lab.read("blue1", "ram1").done());
  return table;
}

// 07: labels of the control domain and of a guest that runs, is paused or suspended. The hypervisor's part, as Xen answered it.
inline Table relabels() {
  const auto policy = xm_test(kXen);
  Xen33Host xen(policy);
  Table table;
  const auto label = [&](std::string_view name) { return policy->find_vm_label(name); };
  const auto relabel = [&](std::string_view what, std::uint32_t domain, std::string_view name) {
    const Xen33Host::DomainLabel to[] = {{domain, label(name)}};
    table.emplace_back(what, xen.relabel(to).code == Xen33Host::kDone);
  };
  xen.create(0, Policy::kBootstrap);
  relabel("dom0 becomes what it is", 0, "SystemManagement");
  relabel("dom0 becomes black, which is no label", 0, "black");
  relabel("dom0 becomes red", 0, "red");
  relabel("dom0 becomes SystemManagement", 0, "SystemManagement");
  table.emplace_back("a blue guest starts", xen.create(1, label("blue")) == Xen33Host::kDone);
  relabel("the running guest becomes red", 1, "red");
  relabel("dom0 becomes red beside it", 0, "red");
  relabel("the guest becomes blue beside a red dom0", 1, "blue");
  table.emplace_back("the guest is red, dom0 too",
                     xen.label_of(1) == label("red") && xen.label_of(0) == label("red"));
  relabel("dom0 becomes SystemManagement", 0, "SystemManagement");
  relabel("the paused guest becomes blue", 1, "blue");
  xen.destroy(1);
  table.emplace_back("it is saved, becomes green and comes back",
                     xen.create(1, label("green")) == Xen33Host::kDone);
  return table;
}
// What strict says to the host's relabelling: the same, and besides that a host keeps the types of what runs on it.
inline Table host_relabels(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("blue1", "blue", "h1")}));
  Table table;
  const auto relabel = [&](std::string_view what, std::string_view label) {
    Action made = Lab::at_host(ActionKind::relabel_host, {}, "h1");
    made.label = label;
    table.emplace_back(what, lab.act(made).done());
  };
  relabel("the host becomes black, which is no label", "black");
  relabel("the host becomes red", "red");
  table.emplace_back("a blue guest starts there", lab.start("blue1").done());
  relabel("the host becomes SystemManagement", "SystemManagement");
  table.emplace_back("the blue guest starts", lab.start("blue1").done());
  relabel("the host becomes blue as the guest", "blue");
  relabel("the host becomes red beside it", "red");
  relabel("the host becomes SystemManagement again", "SystemManagement");
  return table;
}

// The same guests in a datacenter: while it runs, and while it lies suspended.
inline Table guest_relabels(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("one", "blue", "h1"), vm("two", "green", "h1", {"ram0"})},
                   {disk("ram0", "green", "green's")}));
  Table table;
  const auto relabel = [&](std::string_view what, std::string_view label) {
    table.emplace_back(what, lab.relabel_vm("one", label).done());
  };
  table.emplace_back("a blue guest starts", lab.start("one").done());
  table.emplace_back("a green guest starts beside it", lab.start("two").done());
  relabel("the running guest becomes black, which is no label", "black");
  relabel("the running guest becomes green as the other", "green");
  table.emplace_back("the two are connected", lab.connect("one", "two").done());
  table.emplace_back("the other becomes red, which its disk is not", lab.relabel_vm("two", "red").done());
  relabel("it becomes blue, which does not share with green", "blue");
  table.emplace_back("it is suspended", lab.suspend("one").done());
  relabel("the suspended guest becomes red", "red");
  table.emplace_back("it comes back as red", lab.resume("one").done());
  table.emplace_back("it is connected to green again", lab.connect("one", "two").done());
  return table;
}

// 08: a labelled VM with a disk that is first unlabelled, then its own, then another's.
inline Table labelled_disk(PolicyMode mode) {
  Lab lab(one_host(mode, {vm("red1", "red", "h1", {"ram0"})}, {disk("ram0", "")}));
  Table table;
  table.emplace_back("red starts with an unlabelled disk", lab.start("red1").done());
  Action label = Lab::with_disk(ActionKind::label_disk, {}, "ram0");
  label.label = "red";
  table.emplace_back("the disk is labelled red", lab.act(label).done());
  table.emplace_back("red starts", lab.start("red1").done());
  table.emplace_back("it writes to the disk", lab.write("red1", "ram0", "red's").done());
  table.emplace_back("the disk is relabelled while it is used", lab.relabel("ram0", "green").done());
  table.emplace_back("red is suspended", lab.suspend("red1").done());
  table.emplace_back("the disk becomes green", lab.relabel("ram0", "green").done());
  table.emplace_back("red resumes without its disk's label", lab.resume("red1").done());
  table.emplace_back("the disk becomes red", lab.relabel("ram0", "red").done());
  table.emplace_back("red runs in the end", lab.resume("red1").done() || lab.runs("red1"));
  return table;
}

// 09: updates that may not be, each for another reason, and those that may.
inline Table updates(PolicyMode mode) {
  const auto broken = [&](PolicyDef def) { return compiled(def, mode) == nullptr; };
  auto setup = one_host(mode, {vm("red1", "red", "h1"), vm("green1", "green", "h1")});
  setup.policies = {xm_test(mode),
                    compiled(colours(rgb(), {{"red", "green"}}, 1), mode),
                    compiled(colours({{"green"}, {"blue"}}, {{"blue", "green"}}, 1), mode),
                    compiled(colours({{"red"}, {"green"}}, {}, 1), mode),
                    compiled(colours({{"red"}, {"blue", "green"}}, {{"blue", "red"}}, 2), mode),
                    compiled(colours(rgb(), {{"blue", "red"}}, 2), mode)};
  Lab lab(setup);
  Table table;
  table.emplace_back("red starts", lab.start("red1").done());
  table.emplace_back("green starts", lab.start("green1").done());
  table.emplace_back("a policy that sets them apart", lab.update_policy(1).done());
  table.emplace_back("a policy that lacks a type of a label",
                     !broken(colours({{"red", "", false}, {"green"}}, {}, 1)));
  table.emplace_back("a policy that lacks red, which runs", lab.update_policy(2).done());
  table.emplace_back("a policy that lacks blue, which does not", lab.update_policy(3).done());
  table.emplace_back("a policy that renames green to red's rival", lab.update_policy(4).done());
  table.emplace_back("a policy with a colon in a label",
                     !broken(colours({{"red"}, {"green"}, {"blue:x"}}, {}, 1)));
  table.emplace_back("the first policy again", lab.update_policy(5).done());
  table.emplace_back("both run", lab.runs("red1") && lab.runs("green1"));
  return table;
}

// 10: a policy is updated with renamed labels and reset; VMs, host and resources follow.
struct LastScenario {
  explicit LastScenario(PolicyMode policy_mode) : mode(policy_mode), lab(setup()) {}
  DatacenterSetup setup() const {
    auto made = one_host(mode, {vm("bare1", "", "h1"), vm("blue1", "blue", "h1"), vm("green1", "green", "h1"),
                                vm("red1", "red", "h1")});
    made.policies = {xm_test(mode), next(), boot_policy(mode)};
    return made;
  }
  // Green is GREEN from now on and excludes red; blue is gone; what has no label is a workload.
  std::shared_ptr<const Policy> next() const {
    PolicyDef def = colours({{"GREEN", "green"}, {"red"}}, {{"GREEN", "red"}}, 1, "xm-test-update");
    const std::string none(Policy::kUnlabelledName);
    def.ste_types.push_back(none);
    def.wall_types.push_back(none);
    def.vm_labels[0].ste.push_back(none);
    LabelDef label;
    label.name = none;
    label.ste = {none};
    def.resource_labels.push_back(label);
    label.wall = {none};
    def.vm_labels.push_back(label);
    return compiled(def, mode);
  }
  void step(std::string_view what, bool outcome) { table.emplace_back(what, outcome); }
  void host(std::string_view what, std::string_view label) {
    Action made = Lab::at_host(ActionKind::relabel_host, {}, "h1");
    made.label = label;
    step(what, lab.act(made).done());
  }
  Table run() {
    step("a VM without a label starts", lab.start("bare1").done());
    step("blue starts", lab.start("blue1").done());
    host("the host becomes blue", "blue");
    host("the host becomes red beside blue", "red");
    host("the host becomes SystemManagement", "SystemManagement");
    step("green starts", lab.start("green1").done());
    step("the update while blue runs", lab.update_policy(1).done());
    lab.stop("blue1");
    step("the update", lab.update_policy(1).done());
    step("green is GREEN", lab.dc.world().domains.label_name[lab.dc.vm("green1").value] == "GREEN");
    step("red starts beside GREEN", lab.start("red1").done());
    lab.stop("green1");
    step("red starts after it", lab.start("red1").done());
    lab.stop("red1");
    host("the host becomes GREEN", "GREEN");
    step("red starts on it", lab.start("red1").done());
    host("the host becomes SystemManagement", "SystemManagement");
    step("a VM without a label starts now", lab.start("bare1").done());
    step("the reset while it runs", lab.update_policy(2).done());
    lab.stop("bare1");
    step("the reset", lab.update_policy(2).done());
    return table;
  }
  PolicyMode mode;
  Lab lab;
  Table table;
};

inline Table changed(Table table, const std::vector<std::string>& differing) {
  for (const std::string& what : differing) {
    const auto row = std::ranges::find(table, what, &Table::value_type::first);
    EXPECT_NE(row, table.end()) << what;
    if (row != table.end()) row->second = !row->second;
  }
  return table;
}

}  // namespace tvdsim::tests
