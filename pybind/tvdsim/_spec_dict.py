"""A scenario as the Python data of its Spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from . import things, units
from .things import Disk, Host, Switch, Vm

if TYPE_CHECKING:
    from .scenario import Scenario

SPEC_VERSION = 1


def rows(scenario: "Scenario", end: int) -> Tuple[List[Dict[str, Any]], List[int]]:
    """The story's rows in the order of time until ``end`` (ns), and which entry of ``story`` each comes from."""
    told: List[Tuple[int, int, Dict[str, Any]]] = []
    for entry, (first, period, action) in enumerate(scenario.story):
        instants = range(first, end + 1, period) if period and end else (first,)
        what = action.to_spec()
        told += [(when, entry, {"at": units.duration_text(when), **what}) for when in instants]
    told.sort(key=lambda row: row[:2])
    return [row[2] for row in told], [row[1] for row in told]


def of_scenario(scenario: "Scenario", end: int) -> Dict[str, Any]:
    """Every field of the Spec; ``end`` (ns, 0: none) bounds the recurring actions."""
    sources = scenario.policies
    if not sources and (scenario._labels or scenario.conflicts):
        sources = [(scenario.name, scenario._own_policy(), scenario.mode)]

    def each(made: Any) -> List[Dict[str, Any]]:
        return [things.to_spec(thing) for thing in made]

    return {
        "tvdsim_spec": SPEC_VERSION, "name": scenario.name, "seed": scenario.seed, "until": units.duration_text(end),
        "policies": [{"name": n, "xml": x, "mode": m, **scenario._binary(n)} for n, x, m in sources],
        "controls": dict(sorted(scenario.controls.items())), "history": scenario.history, "deny_all": scenario.deny_all,
        "legacy_net": scenario.legacy_net,
        "lattices": each(scenario.lattices),
        "placement": [{"hook": hook, "point": point} for hook, point in scenario.placement.items()],
        "hosts": each(scenario.of(Host)), "groups": each(scenario.groups), "policy_rights": each(scenario.policy_rights),
        "disks": each(scenario.of(Disk)), "vms": each(scenario.of(Vm)), "switches": each(scenario.of(Switch)),
        "vlans": each(scenario.vlans), "images": each(scenario.images), "traffic": each(scenario.flows), "tvds": each(scenario.tvds),
        "verifiers": list(scenario.verifiers), "references": scenario.references, "watches": each(scenario.watches), "plans": each(scenario.plans), "authority": scenario.authority, "vtpm_binding": scenario.vtpm_binding, "auditor": scenario.auditor, "decision_log": scenario.decision_log,
        "max_evidence_age": units.duration_text(scenario._max_evidence_age),
        "reference_signers": list(scenario.reference_signers), "reference_approvals": scenario.reference_approvals,
        "reference_grace": units.duration_text(scenario._reference_grace),
        "migration_rate": units.bit_rate_text(scenario._migration_rate),
        "migration_max_rate": units.bit_rate_text(scenario._migration_max_rate),
        "capture": scenario.capture, "tpm_workers": scenario.tpm_workers,
        "faults": each(scenario.faults),
        "message_latency": units.duration_text(scenario._message_latency), "actions": rows(scenario, end)[0],
    }
