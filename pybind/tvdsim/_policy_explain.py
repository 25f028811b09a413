"""A decision of a policy taken apart: what each control says, the types at stake, who stands in the way, what would have to change."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from . import _core

if TYPE_CHECKING:
    from .policy import Policy


@dataclass(frozen=True)
class Row:
    """What one control says. ``outcome``: permit, deny, not_reached (another refused before; ``reason`` is what it would say)
    or not_applicable (then there is no rule)."""

    control: str
    outcome: str
    rule: str
    reason: str
    blocker: str  # the label of the VM that stands in the way; "" where none does
    decides: bool


@dataclass(frozen=True)
class PolicyExplanation:
    """Why: ``bool()`` is true when it is permitted."""

    question: str
    verdict: str
    hook: str
    rule: str
    reason: str
    blocker: str
    rows: Tuple[Row, ...]
    types: Tuple[Tuple[str, Tuple[str, ...], Tuple[str, ...]], ...]  # label, STE types, wall types
    changes: Tuple[str, ...]  # each by itself would settle one refusal; empty when nothing refuses

    def __bool__(self) -> bool:
        return self.verdict == "permit"

    def to_json(self) -> Dict[str, Any]:
        return {"question": self.question, "verdict": self.verdict, "hook": self.hook, "rule": self.rule, "reason": self.reason,
                "blocker": self.blocker or None, "components": [vars(r) for r in self.rows],
                "types": {label: {"ste": list(ste), "wall": list(wall)} for label, ste, wall in self.types}, "changes": list(self.changes)}

    def __str__(self) -> str:
        wide = max(len(label) for label, _, _ in self.types)
        lines = [f"{self.verdict}: {self.question}", f"  {self.reason}", "", "types"]
        lines += [f"  {label:<{wide}}  ste {_braces(ste)}  wall {_braces(wall)}" for label, ste, wall in self.types]
        lines += ["", "controls"]
        for row in self.rows:
            mark = "▸" if row.decides else " "
            lines.append(f"{mark} {row.control:<18}  {row.outcome:<14}  {row.reason}".rstrip())
        if self.changes:
            lines += ["", "what would have to change", *(f"  {change}" for change in self.changes)]
        return "\n".join(lines)


def _braces(types: Iterable[str]) -> str:
    return "{" + ", ".join(types) + "}" if types else "∅"


def pair(policy: "Policy", a: str, b: str) -> PolicyExplanation:
    told = json.loads(_core.explain_pair(policy._core, a, b))
    return _made(policy, told, f"may `{a}` and `{b}` share?", [a, b], lambda row: _share_changes(policy, a, b, row))


def start(policy: "Policy", vm: str, host: Optional[str], beside: Iterable[str]) -> PolicyExplanation:
    system, neighbours = policy.bootstrap if host is None else host, list(beside)
    told = json.loads(_core.explain_start(policy._core, vm, system, neighbours))
    question = f"may `{vm}` start on a host labelled `{system}`"
    question += f" beside {', '.join(f'`{n}`' for n in neighbours)}?" if neighbours else "?"
    return _made(policy, told, question, [vm, system, *neighbours], lambda row: _start_changes(policy, vm, system, row))


def _made(policy: "Policy", told: Dict[str, Any], question: str, labels: List[str], changes: Any) -> PolicyExplanation:
    rows = tuple(Row(**r) for r in told["components"])
    types = [(label, policy.types_of(label)) for label in dict.fromkeys(labels)]
    wanted = [change for row in rows if row.rule for change in changes(row)] if told["verdict"] != "permit" else []
    return PolicyExplanation(question, told["verdict"], told["hook"], told["rule"], told["reason"], told["blocker"], rows,
                             tuple((label, tuple(t["ste"]), tuple(t["wall"])) for label, t in types), tuple(dict.fromkeys(wanted)))


def _listed(labels: List[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels) if labels else "none"


def _share_changes(policy: "Policy", a: str, b: str, row: Row) -> List[str]:
    if row.rule not in ("no_common_type", "resource_no_common_type", "unlabelled"):
        return []
    ste = {label: policy.types_of(label)["ste"] for label in (a, b)}
    named = [label for label in (a, b) if not label.startswith("resource:")] or [a]
    changes = [f"a type of `{other}` {_braces(ste[other])} for `{label}`" for label, other in ((a, b), (b, a))
               if ste[other] and not (label.startswith("resource:") and ste[label])]  # a resource has one type
    changes += [f"an STE type for `{label}`, which has none" for label in (a, b) if not ste[label]]
    everybody = policy.vm_labels + [f"resource:{r}" for r in policy.resource_labels]
    for label in named:
        changes.append(f"another partner: `{label}` shares with {_listed([o for o in everybody if o != label and policy.may_share(label, o)])}")
    return changes


def _start_changes(policy: "Policy", vm: str, host: str, row: Row) -> List[str]:
    vm_types, host_types = policy.types_of(vm), policy.types_of(host)
    if row.rule in ("host_lacks_type", "host_no_types") or (row.rule == "unlabelled" and row.control == "host_authorization"):
        missing = [t for t in vm_types["ste"] if t not in host_types["ste"]]
        fitting = [label for label in policy.vm_labels if policy.authorizes(label, vm)]
        first = f"{_braces(missing)} for the host's label `{host}`" if missing else f"an STE type of the host {_braces(host_types['ste'])} for `{vm}`"
        return [first, f"another host: labels that may run it are {_listed(fitting)}"]
    if row.rule == "wall_conflict":
        return _apart(policy, vm, row.blocker or host)
    return []


def _apart(policy: "Policy", vm: str, rival: str) -> List[str]:
    ours, theirs = policy.types_of(vm)["wall"], policy.types_of(rival)["wall"]
    sets = [(name, types) for name, types in policy.conflict_sets if set(types) & set(ours) and set(types) & set(theirs)]
    changes = [f"the VM labelled `{rival}` stops, or `{vm}` starts on a host where none such runs"]
    changes += [f"conflict set `{name}` without {_braces(sorted(set(types) & set(ours)))} or without {_braces(sorted(set(types) & set(theirs)))}"
                for name, types in sets]
    return changes
