#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "models/host/disk.hpp"
#include "models/host/hypercall.hpp"
#include "models/host/memory.hpp"
#include "models/host/policy_store.hpp"
#include "scenarios/check.hpp"

namespace tvdsim::scenarios {
namespace {

using models::Action;
using models::ActionKind;

constexpr std::uint32_t kLastPcr = 23;  // TCG PC Client: PCRs 0 … 23
constexpr std::string_view kDomZero = "dom0@";

class Actions {
 public:
  explicit Actions(CheckContext& context) : context_(context) {
    for (const auto& one : context.spec.switches) connected_.insert(one.hosts.begin(), one.hosts.end());
  }

  void look_at(std::size_t index) {
    action_ = &context_.spec.actions[index];
    stem_ = fmt::format("actions[{}]", index);
    const auto& info = models::action_infos()[static_cast<std::size_t>(action_->kind)];
    if (action_->at.ns < 0) bad("TVD-110", "at", "the action lies before the start.");
    if (action_->at > context_.spec.until) {
      context_.findings.warning(
          "TVD-107", at("at"),
          fmt::format("`{}` at {} comes after the end of the run at {}: it never happens.", info.name,
                      sim::to_text(action_->at - sim::Time{}),
                      sim::to_text(context_.spec.until - sim::Time{})));
    }
    for (const auto& field : action_fields(info)) names(field);
    meaning();
  }

 private:
  std::string at(std::string_view field) const { return context_.at(fmt::format("{}.{}", stem_, field)); }
  void bad(std::string_view code, std::string_view field, std::string message, std::string help = {}) {
    context_.findings.error(code, at(field), std::move(message), std::move(help));
  }
  const std::size_t* refer(const NameTable& table, std::string_view kind, std::string_view name,
                           std::string_view field) {
    return context_.refer(table, kind, name, fmt::format("{}.{}", stem_, field));
  }

  void names(const ActionField& field) {
    if (field.name == "vm" && (field.required || !action_->vm.empty())) domain(action_->vm, "vm");
    if (field.name == "other" && (field.required || !action_->other.empty())) domain(action_->other, "other");
    if (field.name == "disk") refer(context_.disks, "disk", action_->disk, "disk");
    if (field.name == "host" && (field.required || !action_->host.empty()))
      refer(context_.hosts, "host", action_->host, "host");
    if (field.name == "peer") refer(context_.hosts, "host", action_->peer, "peer");
    if (field.name == "policy" && (field.required || !action_->policy.empty()))
      refer(context_.policy_names, "policy", action_->policy, "policy");
    if (field.name == "label" && (field.required || !action_->label.empty()))
      label(action_->kind == ActionKind::label_disk || action_->kind == ActionKind::relabel_disk);
    if (field.name == "group") group();
  }

  // Several groups of hosts: which one is meant has to be said.
  void group() {
    const auto& groups = context_.spec.groups;
    std::vector<std::string> known;
    std::size_t hosts = 0;
    for (const auto& each : groups) known.push_back(each.name), hosts += each.hosts.size();
    if (hosts < context_.spec.hosts.size()) known.emplace_back(models::PolicyStore::kEveryHost);
    if (action_->group.empty()) {
      if (known.size() > 1) bad("TVD-104", "group", "there are several groups of hosts; which one is meant?");
      return;
    }
    if (std::find(known.begin(), known.end(), action_->group) == known.end())
      bad("TVD-101", "group", fmt::format("group `{}` is not defined.", action_->group),
          sim::suggest(action_->group, known));
  }

  void mode(std::initializer_list<std::string_view> known, std::string_view what) {
    if (action_->mode.empty()) return;
    std::string list;
    for (const std::string_view each : known) {
      if (each == action_->mode) return;
      list += fmt::format("{}`{}`", list.empty() ? "known: " : ", ", each);
    }
    bad("TVD-101", "mode", fmt::format("`{}` is not a way to {}.", action_->mode, what), list);
  }

  // A VM, or the control domain of a host.
  void domain(std::string_view name, std::string_view field) {
    if (name.starts_with(kDomZero) && context_.hosts.find(name.substr(kDomZero.size()))) return;
    refer(context_.vms, "VM", name, field);
  }

  // Any policy of the Spec may be active by then.
  void label(bool of_resource) {
    std::set<std::string> known;
    for (const auto& policy : context_.policies) {
      if (!policy) return;  // unreadable: what it defines is not known
      const auto first = of_resource ? policy->vm_labels() : 0;
      const auto last = of_resource ? policy->labels() : policy->vm_labels();
      for (auto i = first; i < last; ++i) known.emplace(policy->label_name(models::LabelId{i}));
    }
    if (known.contains(action_->label)) return;
    const std::vector<std::string> names(known.begin(), known.end());
    bad("TVD-101", "label",
        fmt::format("{} label `{}` is not defined.", of_resource ? "resource" : "VM", action_->label),
        sim::suggest(action_->label, names));
  }

  void meaning() {
    switch (action_->kind) {
      case ActionKind::connect:
      case ActionKind::disconnect:
      case ActionKind::notify:
      case ActionKind::send:
      case ActionKind::relay:
        if (action_->vm == action_->other)
          bad("TVD-106", "other", fmt::format("`{}` would talk to itself.", action_->vm));
        if (action_->kind == ActionKind::notify && action_->count == 0)
          bad("TVD-110", "count", "0 signals are none.");
        if (action_->text.size() > models::kPageSize) {
          bad("TVD-110", "text",
              fmt::format("{} bytes do not fit into a page of {}.", action_->text.size(), models::kPageSize));
        }
        break;
      case ActionKind::migrate_vm:
        migration();
        break;
      case ActionKind::take_device:
        device();
        break;
      case ActionKind::kill_backend:
      case ActionKind::restart_backend:
        backend();
        break;
      case ActionKind::tpm_extend:
      case ActionKind::tpm_read:
        tpm();
        break;
      case ActionKind::write_disk:
      case ActionKind::read_disk:
        block();
        break;
      case ActionKind::update_policy:
      case ActionKind::activate_policy:
        mode({"refuse", "revoke", "dry_run"}, "update a policy");
        break;
      case ActionKind::deploy_policy:
        mode({"whole", "quarantine"}, "deploy a policy");
        break;
      case ActionKind::tamper_file:
        mode({"write"}, "change a file");
        break;
      case ActionKind::relabel_vm:
        mode({"refuse", "revoke", "dry_run"}, "relabel a VM");
        break;
      case ActionKind::relabel_host:
      case ActionKind::relabel_disk:
        mode({"refuse", "dry_run"}, "relabel it");
        break;
      case ActionKind::start_vm:
        mode({"dry_run"}, "start a VM");
        break;
      case ActionKind::hypercall:
        hypercall();
        break;
      default:
        break;
    }
    check_network_action(context_, *action_, stem_);
    check_trust_action(context_, *action_, stem_);
    if (is_dom_zero_only())
      bad("TVD-106", "vm", fmt::format("`{}` is a control domain; `{}` is for VMs.", action_->vm, name()));
  }

  std::string_view name() const {
    return models::action_infos()[static_cast<std::size_t>(action_->kind)].name;
  }

  // The control domain is there from the start and stays: it has no life-cycle, disks or vTPM that a scenario could command.
  bool is_dom_zero_only() const {
    if (!std::string_view(action_->vm).starts_with(kDomZero)) return false;
    switch (action_->kind) {
      case ActionKind::connect:
      case ActionKind::disconnect:
      case ActionKind::notify:
      case ActionKind::send:
      case ActionKind::take_device:
      case ActionKind::create_domain:
      case ActionKind::hypercall:
        return false;
      default:
        return true;
    }
  }

  void hypercall() {
    std::vector<std::string> known;
    for (const auto& info : models::hypercall_infos()) known.emplace_back(info.name);
    if (std::find(known.begin(), known.end(), action_->mode) == known.end()) {
      bad("TVD-101", "mode", fmt::format("`{}` is not a hypercall.", action_->mode),
          sim::suggest(action_->mode, known));
    }
    if (action_->text.size() > models::kPageSize) {
      bad("TVD-110", "text",
          fmt::format("{} bytes do not fit into a page of {}.", action_->text.size(), models::kPageSize));
    }
  }

  void migration() {
    if (action_->host.empty() || context_.spec.switches.empty() || !context_.hosts.find(action_->host))
      return;
    const auto unconnected = [&](std::string_view host, std::string_view role) {
      if (connected_.contains(host)) return;
      bad("TVD-203", "host",
          fmt::format("host `{}` is on no switch, yet `{}` {} it.", host, action_->vm, role),
          fmt::format("name `{}` among a switch's hosts", host));
    };
    unconnected(action_->host, "migrates to");
    const auto* vm = context_.vms.find(action_->vm);
    if (vm && context_.spec.vms[*vm].host != action_->host)
      unconnected(context_.spec.vms[*vm].host, "migrates from");
  }

  void device() {
    const auto* vm = context_.vms.find(action_->vm);
    const auto name = std::string_view(action_->vm);
    const auto* host = vm                           ? context_.hosts.find(context_.spec.vms[*vm].host)
                       : name.starts_with(kDomZero) ? context_.hosts.find(name.substr(kDomZero.size()))
                                                    : nullptr;
    if (!host) return;
    const auto& known = context_.spec.hosts[*host].devices;
    if (std::find(known.begin(), known.end(), action_->device) != known.end()) return;
    bad("TVD-101", "device",
        fmt::format("host `{}` has no device `{}`.", context_.spec.hosts[*host].name, action_->device),
        known.empty() ? "list it among the host's devices" : sim::suggest(action_->device, known));
  }

  void backend() {
    static const std::vector<std::string> kinds{"vbd", "vif", "vtpm"};
    if (std::find(kinds.begin(), kinds.end(), action_->device) != kinds.end()) return;
    bad("TVD-101", "device", fmt::format("there is no back-end of kind `{}`.", action_->device),
        sim::suggest(action_->device, kinds));
  }

  void tpm() {
    if (action_->pcr > kLastPcr)
      bad("TVD-110", "pcr", fmt::format("pcr={}: a TPM has PCRs 0 to {}.", action_->pcr, kLastPcr));
    const auto* vm = context_.vms.find(action_->vm);
    if (vm && !context_.spec.vms[*vm].vtpm) {
      bad("TVD-106", "vm", fmt::format("`{}` has no vTPM.", action_->vm), "give the VM `vtpm`");
    }
  }

  void block() {
    const auto* disk = context_.disks.find(action_->disk);
    if (action_->kind == ActionKind::write_disk && action_->text.size() > models::kBlockSize) {
      bad("TVD-110", "text",
          fmt::format("{} bytes do not fit into a block of {}.", action_->text.size(), models::kBlockSize));
    }
    if (!disk) return;
    const auto blocks = context_.spec.disks[*disk].size.count / models::kBlockSize;
    if (action_->block >= blocks) {
      bad("TVD-110", "block",
          fmt::format("block={}: disk `{}` has {} blocks of {} bytes.", action_->block, action_->disk, blocks,
                      models::kBlockSize));
    }
  }

  CheckContext& context_;
  const Action* action_ = nullptr;
  std::string stem_;
  std::set<std::string, std::less<>> connected_;
};

}  // namespace

void check_actions(CheckContext& context) {
  Actions actions(context);
  for (std::size_t i = 0; i < context.spec.actions.size(); ++i) actions.look_at(i);
}

}  // namespace tvdsim::scenarios
