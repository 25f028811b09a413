#include "models/host/action_way.hpp"

namespace tvdsim::models {

bool is_tpm_command(ActionKind kind) noexcept {
  return kind == ActionKind::measure_host || kind == ActionKind::seal_secret ||
         kind == ActionKind::unseal_secret || kind == ActionKind::late_launch;
}

bool is_done_at_host(ActionKind kind) noexcept {
  return kind == ActionKind::forge_statement || kind == ActionKind::inspect_host ||
         kind == ActionKind::reset_tpm || kind == ActionKind::probe_bus;
}

Way way_of(ActionKind kind) noexcept {
  switch (kind) {
    case ActionKind::assign_disk:
    case ActionKind::relabel_disk:
    case ActionKind::sanitize_disk:
    case ActionKind::label_vm:
    case ActionKind::label_disk:
    case ActionKind::update_policy:
    case ActionKind::deploy_policy:
    case ActionKind::activate_policy:
    case ActionKind::get_policy:
    case ActionKind::relabel_vm:
    case ActionKind::create_tvd:
    case ActionKind::create_vlan:
    case ActionKind::set_port:
    case ActionKind::relabel_host:
      return Way::manager;
    case ActionKind::connect:
    case ActionKind::disconnect:
    case ActionKind::notify:
    case ActionKind::send:
    case ActionKind::relay:
    case ActionKind::write_disk:
    case ActionKind::read_disk:
    case ActionKind::create_domain:
    case ActionKind::hypercall:
    case ActionKind::tpm_extend:
    case ActionKind::tpm_read:
    case ActionKind::ping:
    case ActionKind::send_frames:
    case ActionKind::vlan_hop:
    case ActionKind::spoof_mac:
    case ActionKind::run_program:
    case ActionKind::tamper_file:
    case ActionKind::lie:
    case ActionKind::command_tpm:
      return Way::guest;
    case ActionKind::acknowledge_event:
      return Way::event_desk;
    case ActionKind::enrol:
    case ActionKind::revoke_key:
    case ActionKind::publish_rogue:
      return Way::authority;
    case ActionKind::forge_certificate:
    case ActionKind::copy_vtpm:
    case ActionKind::relay_challenge:
      return Way::identity;
    case ActionKind::attest_vm:
    case ActionKind::attest_host:
    case ActionKind::import_references:
    case ActionKind::retire_references:
    case ActionKind::publish_advisory:
    case ActionKind::attest_statement:
      return Way::verifier;
    case ActionKind::crash_vm:
    case ActionKind::kill_backend:
    case ActionKind::crash_toolstack:
    case ActionKind::restart_toolstack:
    case ActionKind::suppress_audit:
    case ActionKind::compromise_dom0:
    case ActionKind::flood_attestation:
    case ActionKind::forge_statement:
    case ActionKind::inspect_host:
    case ActionKind::reset_tpm:
    case ActionKind::probe_bus:
      return Way::fault;
    default:
      return Way::toolstack;
  }
}

}  // namespace tvdsim::models
