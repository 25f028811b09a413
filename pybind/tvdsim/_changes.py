"""What stands against a change before it is made: every blocker with both labels, the rule and who stands in the way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from . import _core, actions
from .errors import Finding, InputError

if TYPE_CHECKING:
    from ._action import Action
    from .policy import Policy
    from .scenario import Scenario

_KINDS = {"update_policy": "policy_update", "activate_policy": "policy_update", "relabel_vm": "vm_relabel",
          "relabel_host": "host_relabel", "relabel_disk": "disk_relabel", "start_vm": "vm_start"}
_FIELDS = ("policy", "group", "vm", "host", "disk", "label")


@dataclass(frozen=True)
class Blocker:
    """One thing that would be forbidden: where, by which rule, who with which label and who or what stands in the way."""

    host: str
    hook: str
    rule: str
    subject: str
    subject_label: str
    other: str
    other_label: str
    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class ChangeCheck:
    """The answer of a dry run. ``bool()`` is true when nothing stands against the change."""

    blockers: Tuple[Blocker, ...]
    chain: str = ""  # why the new policy cannot follow the running one, or empty

    def __bool__(self) -> bool:
        return not self.blockers and not self.chain

    def to_json(self) -> Dict[str, Any]:
        return {"verdict": "permit" if self else "deny", "chain": self.chain, "blockers": [asdict(b) for b in self.blockers]}

    def __str__(self) -> str:
        if self:
            return "nothing stands against it; nothing was changed"
        lines = [f"not the next version: {self.chain}"] if self.chain else []
        if self.blockers:
            rows = [("where", "rule", "who", "against")] + [
                (b.host, b.rule, _who(b.subject, b.subject_label), _who(b.other, b.other_label)) for b in self.blockers]
            wide = [max(len(r[i]) for r in rows) for i in range(4)]
            lines += ["  ".join(cell.ljust(w) for cell, w in zip(row, wide)).rstrip() for row in rows]
            lines += ["", *(b.reason for b in self.blockers)]
        count = len(self.blockers)
        return "\n".join([*lines, f"{count} blocker{'' if count == 1 else 's'}; nothing was changed"])


def _who(name: str, label: str) -> str:
    return f"{name} ({label})" if label else name


def check(scenario: "Scenario", change: "Action", at: str) -> ChangeCheck:
    """Runs the scenario up to ``at`` in memory and asks what stands against the change then."""
    if change.kind not in _KINDS:
        known = ", ".join(sorted(actions.class_name(k) for k in _KINDS))
        raise InputError(Finding("TVD-103", "dry_run", f"`{change.kind}` is no change that can be asked about.", f"one of {known}"))
    row = change.to_spec()
    question = {"change": _KINDS[change.kind], **{f: str(row[f]) for f in _FIELDS if row.get(f)}}
    answer = json.loads(_core.dry_run(scenario.to_spec(at), scenario.name, question))
    return ChangeCheck(tuple(Blocker(**b) for b in answer["blockers"]), answer["chain"])


def state(policy: "Policy", running: Iterable[str], channels: Iterable[str], disks: Iterable[str], hosts: Iterable[str]) -> "Scenario":
    """What runs, in words: ``va=LABEL@h1``, ``va:vb``, ``va:RESOURCE_LABEL``, ``h1=LABEL``; as a scenario that stands still."""
    from .scenario import Scenario

    made = Scenario("state", policy=policy, mode=policy.mode)
    labels: Dict[str, str] = {}
    where: Dict[str, str] = {}
    of_host = dict(_pair(h, "=", "a host", "h1=LABEL") for h in hosts)
    for n, word in enumerate(running, 1):
        name, label = _pair(word, "=", "what runs", "va=LABEL@h1") if "=" in word else (f"vm{n}", word)
        label, _, host = label.partition("@")
        labels[name], where[name] = label, host or next(iter(of_host), "h1")
    of_vm: Dict[str, List[str]] = {name: [] for name in labels}
    for n, word in enumerate(disks, 1):
        vm, resource = _pair(word, ":", "a disk", "va:RESOURCE_LABEL")
        _known(vm, labels)
        of_vm[vm].append(made.disk(f"{vm}-disk{n}", label=resource, size="1 MiB").name)
    for host in dict.fromkeys([*of_host, *where.values()]) or ["h1"]:
        made.host(host, label=of_host.get(host) or None)
    for name, label in labels.items():
        made.vm(name, label=label, on=where[name], memory="64 MiB", disks=of_vm[name])
    for word in channels:
        a, b = _pair(word, ":", "a channel", "va:vb")
        for name in (a, b):
            _known(name, labels)
        shared = policy.may_share(labels[a], labels[b])
        if where[a] != where[b] or not shared:
            why = "they run on two hosts" if where[a] != where[b] else shared.reason
            raise InputError(Finding("TVD-302", f"channel {word}", f"`{a}` and `{b}` cannot have a channel: {why}."))
        made.at("5 min", actions.Connect(a, b))
    return made


def of_update(policy: "Policy", after: "Policy", made: "Scenario") -> ChangeCheck:
    name = made.add_policy(after, "next")
    return check(made, actions.UpdatePolicy(name), "10 min")


def _pair(word: str, mark: str, what: str, form: str) -> Tuple[str, str]:
    first, found, second = word.partition(mark)
    if not (first and found and second):
        raise InputError(Finding("TVD-103", word, f"`{word}` is not {what}.", form))
    return first, second


def _known(name: str, labels: Dict[str, str]) -> None:
    if name not in labels:
        raise InputError(Finding("TVD-101", name, f"VM `{name}` is not among what runs.", f"--running {name}=LABEL"))
