"""A policy as the core reads and decides it: sHype XML of Xen 3.x/4.x.

>>> p = Policy.load("tvdc.xml")
>>> bool(p.may_share("MA", "SU"))
False
"""

from __future__ import annotations

import enum
import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from . import _core, _policy_xml
from .errors import Finding, InputError
from .things import Label

if TYPE_CHECKING:
    from ._changes import ChangeCheck
    from ._policy_explain import PolicyExplanation
    from ._dry_run import Check
    from .resources import ResourceLabels

_Answer = Tuple[str, str, str, str, str]


class Verdict(str, enum.Enum):
    """The three answers."""

    permit = "permit"
    warn = "warn"
    deny = "deny"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class Decision:
    """One answer and its reason. ``bool()`` is true for permit and warn; ``==`` with a bool compares that."""

    verdict: Verdict
    rule: str
    reason: str
    control: str = "none"
    other: str = ""

    def __bool__(self) -> bool:
        return self.verdict is not Verdict.deny

    def _key(self) -> Tuple[str, ...]:
        return (self.verdict.value, self.rule, self.reason, self.control, self.other)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, bool):
            return bool(self) is other
        return self._key() == other._key() if isinstance(other, Decision) else NotImplemented

    def __hash__(self) -> int:
        return hash(bool(self))

    def __str__(self) -> str:
        return f"{self.verdict} ({self.rule}): {self.reason}"

    @classmethod
    def _of(cls, answer: _Answer) -> "Decision":
        verdict, rule, reason, control, other = answer
        return cls(Verdict(verdict), rule, reason, control, other)


class Wall:
    """The Chinese Wall of one host: who runs here, and what that excludes."""

    def __init__(self, core: "_core.Wall", wall_types: List[str]) -> None:
        self._core = core
        self._types = wall_types

    def start(self, label: str) -> Decision:
        """A VM with this label starts, unless a running one excludes it."""
        return Decision._of(self._core.start(label))

    def stop(self, label: str) -> Decision:
        """One running VM with this label stops."""
        return Decision._of(self._core.stop(label))

    @property
    def running(self) -> Dict[str, int]:
        """Wall type -> how many running VMs carry it; every type is there."""
        return dict(zip(self._types, self._core.running()))

    @property
    def excluded(self) -> Dict[str, int]:
        """Wall type -> (running VM, conflict set) pairs that exclude it, the VM's own types excepted."""
        return dict(zip(self._types, self._core.excluded()))

    def __repr__(self) -> str:
        return f"Wall(running={self.running}, excluded={self.excluded})"


def _file(path: Union[str, "os.PathLike[str]"]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise InputError(Finding("TVD-130", os.fspath(path), f"cannot read the policy: {problem.strerror}.")) from None


class Policy:
    """An immutable, compiled policy; build one with ``load`` or ``parse``."""

    def __init__(self, text: str, mode: str = "strict", where: str = "policy") -> None:
        self.mode = mode
        self.where = where
        self.xml = text
        self.binary: Optional[bytes] = None  # what hosts load in place of the XML, and its map file; see ``from_binary``
        self.names: Optional[str] = None
        self._core = _core.Policy(text, mode, where)
        self._facts: Dict[str, Any] = json.loads(self._core.describe())

    @classmethod
    def load(cls, path: Union[str, "os.PathLike[str]"], mode: str = "strict") -> "Policy":
        """Reads a file. Invalid input raises ``InputError`` with every finding."""
        try:
            text = Path(path).read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
            raise InputError(Finding("TVD-130", os.fspath(path), f"cannot read the policy: {why}.")) from None
        return cls(text, mode, os.fspath(path))

    @classmethod
    def parse(cls, text: str, mode: str = "strict") -> "Policy":
        """Reads XML text; ``mode="xen33"`` accepts what Xen's compiler accepted."""
        return cls(text, mode, "policy")

    @classmethod
    def from_binary(cls, data: Union[bytes, str, "os.PathLike[str]"], names: Union[str, "os.PathLike[str]", None] = None,
                    mode: str = "strict", where: str = "binary", names_where: str = "map",
                    xml: Union[str, "os.PathLike[str]", None] = None) -> "Policy":
        """Reads Xen's binary format 4, from bytes or a file. ``names`` is the text of its map file, or the file's ``Path``; without
        it, names are made up.

        ``xml`` is the text, or the ``Path``, of the XML beside it: the policy is then the XML's, and in a scenario hosts load the
        binary, unless it was not compiled from that XML (TVD-338, control ``policy_hash``).
        ``InputError`` TVD-330 to TVD-337: what is wrong, and at which offset."""
        if not isinstance(data, bytes):
            where = os.fspath(data)
            data = _file(data)
        names_text = names if names is None or isinstance(names, str) else _file(names).decode("utf-8", "replace")
        decompiled = _core.decompile(data, where, names_text, names_where, mode)
        if xml is None:
            return cls(decompiled, mode, where)
        made = cls(xml, mode, "policy") if isinstance(xml, str) else cls.load(xml, mode)
        made.binary, made.names = data, names_text
        return made

    @classmethod
    def default(cls, mode: str = "strict") -> "Policy":
        """DEFAULT, the policy of a host that was given none: the label ``SystemManagement``; in xen33 what has no label runs, too."""
        return cls(_core.default_policy(mode), mode, "DEFAULT")

    @classmethod
    def organisations(cls, name: str, departments: Mapping[str, Iterable[str]], exclude: Iterable[Iterable[str]] = (),
                      mode: str = "strict") -> "Policy":
        """A policy of organisations and their departments, as Xen's ezPolicy drew them.

        >>> banks = Policy.organisations("banks", {"A-Bank": ["Loans"], "B-Bank": []}, exclude=[("A-Bank", "B-Bank")])
        >>> banks.types_of("A-Bank.Loans")
        {'ste': ['A-Bank.Loans'], 'wall': ['A-Bank', 'A-Bank.Loans']}

        A department ``Org.Dept`` carries its organisation's wall type, so that who excludes the organisation excludes it, and an STE
        type of its own: nobody shares upwards. ``exclude`` names organisations or departments that may not run beside each other.
        """
        labels: List[Label] = []
        for organisation, parts in departments.items():
            labels.append(Label(organisation, (organisation,), (organisation,)))
            full = [f"{organisation}.{part}" for part in parts]
            labels += [Label(part, (part,), tuple(sorted((organisation, part)))) for part in full]
        sets = [(f"RER{i + 1}", tuple(types)) for i, types in enumerate(exclude)]
        return cls(_policy_xml.render(name, labels, sets), mode, name)

    def to_binary(self) -> bytes:
        """Xen's binary format 4, as Xen's own compiler wrote it. ``loads_in_xen`` says whether a hypervisor would take it."""
        return _core.policy_binary(self._core, self.xml)

    def to_map(self) -> str:
        """The map file beside the binary: its names. ``InputError`` TVD-336 for names that it cannot carry."""
        return _core.policy_map(self._core)

    @property
    def loads_in_xen(self) -> bool:
        """Would Xen's hypervisor take the binary? Not without wall types: it looks for its parts in the wrong places."""
        return _core.binary_loads(self._core)

    def __reduce__(self) -> Tuple[type, Tuple[str, str, str], Dict[str, Any]]:
        return (Policy, (self.xml, self.mode, self.where), {"binary": self.binary, "names": self.names})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and (self.digest, self.mode) == (other.digest, other.mode)

    def __hash__(self) -> int:
        return int(self.digest[:15], 16)

    @property
    def name(self) -> str:
        return str(self._facts["name"])

    @property
    def version(self) -> str:
        return str(self._facts["version"])

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, hex."""
        return str(self._facts["digest"])

    @property
    def bootstrap(self) -> str:
        """The label of dom0 and of every host that names none."""
        return str(self._facts["bootstrap"])

    @property
    def vm_labels(self) -> List[str]:
        return list(self._facts["vm_labels"])

    @property
    def resource_labels(self) -> List[str]:
        return list(self._facts["resource_labels"])

    @property
    def ste_types(self) -> List[str]:
        return list(self._facts["ste_types"])

    @property
    def wall_types(self) -> List[str]:
        return list(self._facts["wall_types"])

    @property
    def conflict_sets(self) -> List[Tuple[str, List[str]]]:
        """(name, types) in document order; names may repeat."""
        return [(name, list(types)) for name, types in self._facts["conflict_sets"]]

    def types_of(self, label: str) -> Dict[str, List[str]]:
        """``{"ste": […], "wall": […]}`` of a VM label, or of ``"resource:NAME"``; sorted."""
        ste, wall = self._core.types_of(label)
        return {"ste": ste, "wall": wall}

    def may_share(self, a: str, b: str) -> Decision:
        """Do the two have an STE type in common? A plain name is a VM label, ``"resource:NAME"`` a resource."""
        return Decision._of(self._core.may_share(a, b))

    def authorizes(self, system: str, vm: str) -> Decision:
        """May a host labelled ``system`` run the VM: types(vm) ⊆ types(system), and not empty?"""
        return Decision._of(self._core.authorizes(system, vm))

    def wall(self, mode: str = "strict", running: Iterable[str] = ()) -> Wall:
        """One host's Chinese Wall with these labels running, started in this order."""
        core = self._core if mode == self.mode else _core.Policy(self.xml, mode, self.where)
        wall = Wall(_core.Wall(core), self.wall_types)
        for label in running:
            started = wall.start(label)
            if not started:
                raise InputError(Finding("TVD-302", f"running={label}",
                                         f"label `{label}` cannot run beside those before it: {started.reason}."))
        return wall

    def lint(self) -> List[Finding]:
        """What is odd about it though it loads: rules that can never fire, labels that share with nobody."""
        return [Finding(**f) for f in json.loads(_core.lint(self.xml, self.mode, self.where))]

    def sharing(self) -> Any:
        """Who may share with whom, as a DataFrame of verdicts: VM labels by VM labels and resources."""
        from . import _frames

        columns = self.vm_labels + [f"resource:{r}" for r in self.resource_labels]
        rows = [[str(self.may_share(a, b).verdict) for b in columns] for a in self.vm_labels]
        return _frames.matrix(rows, index=self.vm_labels, columns=columns)

    def authorization(self) -> Any:
        """Which host may run which VM, as a DataFrame of verdicts: host labels by VM labels."""
        from . import _frames

        rows = [[str(self.authorizes(host, vm).verdict) for vm in self.vm_labels] for host in self.vm_labels]
        return _frames.matrix(rows, index=self.vm_labels, columns=self.vm_labels)

    def dry_run(self, vm: str, host: Optional[str] = None, running: Iterable[str] = (), resources: Iterable[str] = (),
                labels: Optional["ResourceLabels"] = None) -> List["Check"]:
        """What the start of a VM would be told, changing nothing: by the host (the bootstrap label unless given), by each VM that
        runs there (labels), and by each resource: a resource label, or ``file:…`` and the like, looked up in ``labels``."""
        from . import _dry_run

        return _dry_run.dry_run(self, vm, host, running, resources, labels)

    def explain(self, a: str, b: str) -> "PolicyExplanation":
        """Whether two labels may share, control by control: the types at stake, and what would have to change."""
        from . import _policy_explain

        return _policy_explain.pair(self, a, b)

    def explain_start(self, vm: str, host: Optional[str] = None, beside: Iterable[str] = ()) -> "PolicyExplanation":
        """Whether a VM may start on a host (the bootstrap label unless given) where VMs of these labels run, control by control."""
        from . import _policy_explain

        return _policy_explain.start(self, vm, host, beside)

    def update_check(self, after: "Policy", running: Iterable[str] = (), channels: Iterable[str] = (),
                     disks: Iterable[str] = (), hosts: Iterable[str] = ()) -> "ChangeCheck":
        """What a change to the policy ``after`` would break: ``running=["va=LABEL@h1"]``, ``channels=["va:vb"]``,
        ``disks=["va:RESOURCE_LABEL"]``, ``hosts=["h1=LABEL"]`` (the bootstrap label unless told). Nothing is changed."""
        from . import _changes

        return _changes.of_update(self, after, _changes.state(self, running, channels, disks, hosts))

    def relabel_check(self, vm: str, label: str, running: Iterable[str] = (), channels: Iterable[str] = (),
                      disks: Iterable[str] = (), hosts: Iterable[str] = ()) -> "ChangeCheck":
        """What stands against another label of one of the VMs that run; what runs is said as for ``update_check``."""
        from . import _changes
        from .actions import RelabelVm

        return _changes.check(_changes.state(self, running, channels, disks, hosts), RelabelVm(vm, label), "10 min")

    @property
    def plot(self) -> Any:
        """``.sharing()`` and ``.conflicts()`` as figures."""
        from . import _policy_plot

        return _policy_plot.PolicyPlots(self)

    def __repr__(self) -> str:
        return f"<Policy {self.name} {self.version} {self.mode} {self.digest[:12]}>"

    def __str__(self) -> str:
        lines = [f"policy {self.name} {self.version} ({self.mode}), sha256 {self.digest[:16]}…"]
        for label in self.vm_labels:
            lines.append("  " + self._line("vm", label, self.types_of(label)))
        for label in self.resource_labels:
            lines.append("  " + self._line("resource", label, self.types_of(f"resource:{label}")))
        for name, types in self.conflict_sets:
            lines.append(f"  conflict {name}: {' | '.join(types)}")
        return "\n".join(lines)

    def _line(self, kind: str, label: str, types: Dict[str, List[str]]) -> str:
        boot = "  (bootstrap)" if kind == "vm" and label == self.bootstrap else ""
        wall = f"  wall {{{', '.join(types['wall'])}}}" if types["wall"] else ""
        return f"{kind:<8} {label:<20} ste {{{', '.join(types['ste'])}}}{wall}{boot}"

    def _repr_html_(self) -> str:
        rows = []
        for kind, labels, prefix in (("vm", self.vm_labels, ""), ("resource", self.resource_labels, "resource:")):
            for label in labels:
                types = self.types_of(prefix + label)
                cells = (kind, label, ", ".join(types["ste"]), ", ".join(types["wall"]))
                rows.append("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>")
        sets = "".join(f"<li>{html.escape(n)}: {html.escape(' | '.join(t))}</li>" for n, t in self.conflict_sets)
        return (f"<p><b>{html.escape(self.name)}</b> {self.version} ({self.mode}) <code>{self.digest[:16]}…</code></p>"
                "<table><tr><th>kind</th><th>label</th><th>STE types</th><th>wall types</th></tr>"
                f"{''.join(rows)}</table><ul>{sets}</ul>")
