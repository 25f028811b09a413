"""A Scenario from a Spec: the way back of ``Scenario.to_spec``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Type, Union

from . import _core, actions, things, units

if TYPE_CHECKING:
    from .scenario import Scenario

_KINDS: Dict[str, Type[Any]] = {
    "hosts": things.Host, "disks": things.Disk, "vms": things.Vm, "switches": things.Switch, "faults": things.Fault,
    "vlans": things.Vlan, "images": things.Image, "traffic": things.Traffic, "tvds": things.Tvd,
    "watches": things.Watch, "plans": things.ActionPlan, "groups": things.HostGroup, "policy_rights": things.PolicyRight,
    "vlan_map": things.VlanMap, "software": things.Software, "lattices": things.Lattice, "labels": things.Clearance,
}
_SUFFIX = {"_bytes": "", "_ns": "", "_bit_s": ""}
_PARSE: Dict[str, Callable[[object], int]] = {
    "memory": units.size, "working_set": units.size, "size": units.size, "nic_rate": units.bit_rate, "rate": units.bit_rate,
    "dirty_rate": units.bit_rate,
    "nic_latency": units.duration, "latency": units.duration, "delay": units.duration,
    "period": units.duration, "per": units.duration,
}


def _plain(row: Dict[str, Any]) -> Dict[str, Any]:
    out: Dict[str, Any] = {}
    for key, value in row.items():
        for suffix in _SUFFIX:
            if key.endswith(suffix) and isinstance(value, int):
                key = key[: -len(suffix)]
        if isinstance(value, str) and key in _PARSE:
            value = _PARSE[key](value)
        if isinstance(value, list):
            value = tuple(_KINDS[key](**_plain(part)) if isinstance(part, dict) else part for part in value)
        out[key] = value
    return out


def build(cls: Type["Scenario"], spec: Union[str, Dict[str, Any]]) -> "Scenario":
    """Reads the canonical form, so that what the core refuses is refused here with the same findings."""
    text = spec if isinstance(spec, str) else json.dumps(spec)
    data: Dict[str, Any] = json.loads(_core.write_spec(text, "spec"))
    made = cls(data["name"], seed=data["seed"], history=data["history"], deny_all=data["deny_all"], legacy_net=data["legacy_net"],
               controls={k: v for k, v in data["controls"].items() if v != "on"},
               message_latency=units.duration_text(data["message_latency_ns"]),
               max_evidence_age=units.duration_text(data["max_evidence_age_ns"]), reference_signers=data["reference_signers"],
               reference_approvals=data["reference_approvals"], reference_grace=units.duration_text(data["reference_grace_ns"]),
               capture=data["capture"],
               tpm_workers=data["tpm_workers"], auditor=data["auditor"], authority=data["authority"], vtpm_binding=data["vtpm_binding"], decision_log=data["decision_log"], migration_rate=units.bit_rate_text(data["migration_rate_bit_s"]),
               migration_max_rate=units.bit_rate_text(data["migration_max_rate_bit_s"]),
               placement={row["hook"]: row["point"] for row in data["placement"]})
    made.policies = [(p["name"], p["xml"], p["mode"]) for p in data["policies"]]
    made._binaries = {p["name"]: (p["binary"], p["names"]) for p in data["policies"] if p["binary"]}
    if made.policies:
        made.mode = made.policies[0][2]
    for group in ("hosts", "disks", "vms", "switches"):
        for row in data[group]:
            made._add(_KINDS[group](**_plain(row)))
    kept: Dict[str, List[Any]] = {"vlans": made.vlans, "images": made.images, "traffic": made.flows, "tvds": made.tvds,
                                  "faults": made.faults, "lattices": made.lattices, "groups": made.groups,
                                  "policy_rights": made.policy_rights, "watches": made.watches, "plans": made.plans}
    for group, things_of_it in kept.items():
        things_of_it += [_KINDS[group](**_plain(row)) for row in data[group]]
    made.verifiers = list(data["verifiers"])
    made.references = data["references"]
    for row in data["actions"]:
        made.at(units.duration_text(row["at_ns"]), actions.from_spec(row))
    return made
