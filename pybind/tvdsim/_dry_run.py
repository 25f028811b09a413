"""What would be said to a VM that starts: host, neighbours, resources, each with both labels and the rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional

from .errors import Finding, InputError

if TYPE_CHECKING:
    from .policy import Decision, Policy
    from .resources import ResourceLabels

_KINDS = ("phy:", "file:", "tap:", "vlan:")
_CLOSED = {
    "stale": "the policy that gave the resource its label is gone",
    "foreign": "the resource's label belongs to another policy",
    "unknown": "the policy defines no such resource label",
    "nobody": "the resource's label is __INACCESSIBLE__: nobody may use it",
}


@dataclass(frozen=True)
class Check:
    """One question of a dry run and its answer. ``bool()`` is true when it is permitted."""

    what: str  # "host", "beside" or "resource"
    vm_label: str
    object: str
    object_label: str
    decision: "Decision"

    def __bool__(self) -> bool:
        return bool(self.decision)

    def to_json(self) -> Dict[str, Any]:
        return {"what": self.what, "vm_label": self.vm_label, "object": self.object, "object_label": self.object_label,
                "verdict": str(self.decision.verdict), "rule": self.decision.rule, "reason": self.decision.reason}


def dry_run(policy: "Policy", vm: str, host: Optional[str], running: Iterable[str], resources: Iterable[str],
            labels: Optional["ResourceLabels"]) -> List[Check]:
    system = policy.bootstrap if host is None else host
    neighbours = list(running)
    policy.wall(policy.mode, running=[system, *neighbours])  # those that run may run together, or the question makes no sense
    checks = [Check("host", vm, "host", system, policy.authorizes(system, vm))]
    for name, label in [("control domain", system), *(("running VM", label) for label in neighbours)]:
        checks.append(Check("beside", vm, name, label, policy.wall(policy.mode, running=[label]).start(vm)))
    return checks + [_resource(policy, vm, resource, labels) for resource in resources]


def _resource(policy: "Policy", vm: str, resource: str, labels: Optional["ResourceLabels"]) -> Check:
    from .policy import Decision, Verdict

    if not resource.startswith(_KINDS):
        return Check("resource", vm, resource, resource, policy.may_share(vm, f"resource:{resource}"))
    if labels is None:
        raise InputError(Finding("TVD-104", f"resource {resource}", "its label is looked up in a label file, and none is given.",
                                 "name the file, or the resource's label instead"))
    standing, label = labels.standing(resource, policy)
    written = labels.get(resource) or "no label"
    if label:
        return Check("resource", vm, resource, written, policy.may_share(vm, label))
    return Check("resource", vm, resource, written, Decision(Verdict.deny, "no_rule_applies", _CLOSED[standing], "resource_check"))
