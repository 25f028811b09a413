"""The rules of sharing, authorization and the Chinese Wall, as plainly as Python's sets allow.

Nothing here comes from the C++ core: a disagreement is a mistake of one of the two. The rules are those of the paper
(``strict``) and of Xen 3.3 (``xen33``); the modes differ only in whether a label may carry two types of one conflict set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Tuple

Types = FrozenSet[str]


@dataclass
class Policy:
    mode: str
    vms: Dict[str, Tuple[Types, Types]]        # label -> (STE types, wall types)
    resources: Dict[str, Types]
    sets: List[Tuple[str, Types]]

    def refused(self) -> bool:
        """In strict, a label must not carry two types of one conflict set."""
        return self.mode == "strict" and any(len(wall & types) > 1 for _, wall in self.vms.values() for _, types in self.sets)

    def wall_types(self) -> List[str]:
        walls = [wall for _, wall in self.vms.values()] + [types for _, types in self.sets]
        return sorted(frozenset().union(*walls))

    def ste(self, label: str) -> Types:
        kind, name = label.split(":", 1)
        return self.vms[name][0] if kind == "vm" else self.resources[name]

    def may_share(self, a: str, b: str) -> bool:
        return bool(self.ste(a) & self.ste(b))

    def authorizes(self, host: str, vm: str) -> bool:
        types = self.vms[vm][0]
        return bool(types) and types <= self.vms[host][0]


@dataclass
class Host:
    """One host: who runs there. Everything else is worked out anew each time it is asked for."""

    policy: Policy
    label: str
    running: Dict[int, str] = field(default_factory=dict)

    def excluded(self, wall_type: str) -> int:
        """Pairs of a running VM and a set it meets that names the type, the VM's own types apart."""
        pairs = 0
        for label in self.running.values():
            own = self.policy.vms[label][1]
            pairs += sum(1 for _, types in self.policy.sets if own & types and wall_type in types and wall_type not in own)
        return pairs

    def start(self, vm: int, label: str) -> str:
        ste, wall = self.policy.vms[label]
        if not self.policy.authorizes(self.label, label):
            return "host_lacks_type" if ste else "host_no_types"
        if any(self.excluded(wall_type) > 0 for wall_type in wall):
            return "wall_conflict"
        self.running[vm] = label
        return "permit"

    def stop(self, vm: int) -> None:
        self.running.pop(vm, None)

    def counts(self) -> Tuple[List[int], List[int]]:
        types = self.policy.wall_types()
        carried = [self.policy.vms[label][1] for label in self.running.values()]
        return [sum(t in own for own in carried) for t in types], [self.excluded(t) for t in types]
