"""A scenario as a value: what exists, what happens, under which policy and controls.

Building one never raises for wrong values: every problem is kept, with the line that caused it, and ``check()``
or ``run()`` reports them all at once.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from . import _check, _context, _policy_xml, _spec_dict, _summary, things, units
from ._names import names_of, place, vids_of
from ._watching import Watching
from .actions import Action, Attest, Happening, Ref, Vid
from .errors import Finding, InputError
from .policy import Policy
from .things import (
    ActionPlan, Clearance, Disk, Fault, Host, HostBoot, HostGroup, Image, Label, Lattice, Poisson,
    PolicyRight, Regular, Software, Switch, Traffic, Tvd, Vlan, VlanMap, Vm, VmBoot, Watch,
)

if TYPE_CHECKING:
    from ._changes import ChangeCheck
    from .run import Run

PolicyLike = Union[Policy, str, "os.PathLike[str]"]
_Thing = Union[Host, Disk, Vm, Switch]
_T = TypeVar("_T", Host, Disk, Vm, Switch)
_P = TypeVar("_P", HostGroup, PolicyRight, Vlan, Image, Traffic, Tvd, Lattice)


class Scenario(Watching):
    """``Scenario("two-tenants", seed=7)``; the policy is written with ``label`` and ``conflict`` or comes from a file.

    ``placement={"vm_start": "service"}`` moves where hosts decide a hook: ``"core"`` (the hypervisor) or ``"service"`` (dom0, which is slower
    and must be alive and honest). It changes how long a decision takes and whom it trusts, never its outcome.
    """

    def __init__(self, name: str, seed: int = 1, *, policy: Optional[PolicyLike] = None, mode: str = "strict",
                 controls: Optional[Dict[str, str]] = None, history: bool = False, deny_all: bool = False, legacy_net: bool = False,
                 message_latency: str = "50 us", max_evidence_age: str = "60 s", reference_signers: Iterable[str] = (),
                 reference_approvals: int = 1, reference_grace: str = "0 s", capture: str = "frames",
                 tpm_workers: int = 0, auditor: str = "", authority: str = "", vtpm_binding: str = "nonce", decision_log: bool = False, migration_rate: str = "0 bit/s", migration_max_rate: str = "0 bit/s",
                 placement: Optional[Mapping[str, str]] = None) -> None:
        self.name, self.seed, self.mode = name, seed, mode
        self.history, self.deny_all, self.legacy_net, self.authority, self.vtpm_binding = history, deny_all, legacy_net, str(authority), vtpm_binding
        self.capture, self.tpm_workers, self.auditor, self.decision_log = capture, tpm_workers, auditor, decision_log
        self.controls: Dict[str, str] = dict(controls or {})
        self.conflicts: List[Tuple[str, Tuple[str, ...]]] = []
        self.faults: List[Fault] = []
        self.vlans: List[Vlan] = []
        self.images: List[Image] = []
        self.tvds: List[Tvd] = []
        self.lattices: List[Lattice] = []
        self.placement: Dict[str, str] = dict(placement or {})
        self.groups: List[HostGroup] = []
        self.policy_rights: List[PolicyRight] = []
        self.flows: List[Traffic] = []
        self.references = "both"  # of host images, verifiers know ``"fine"`` (each part), ``"whole"`` (the boot image as one) or both
        self.verifiers: List[str] = []  # hosts with a verifier service, in the order in which they are first named
        self.watches: List[Watch] = []
        self.plans: List[ActionPlan] = []
        self.policies: List[Tuple[str, str, str]] = []  # name, XML text, mode; the first is active at t = 0
        self._binaries: Dict[str, Tuple[str, str]] = {}  # policy name -> what hosts load in its place: hexadecimal digits, map file
        self.story: List[Tuple[int, int, Action]] = []  # first instant, period (0: once), what
        self._things: Dict[str, _Thing] = {}
        self._labels: Dict[str, Label] = {}
        self._findings: List[Finding] = []
        self._origins: Dict[str, str] = {}  # "vms[3]" -> "two_tenants.py:21"
        self._counts: Dict[str, int] = {}  # group -> the place of its last thing
        self._message_latency = self._quantity(units.duration, message_latency, "message_latency")
        self.reference_signers: Tuple[str, ...] = tuple(reference_signers)  # whose manifests count; none: ``vendor`` and ``cert``
        self.reference_approvals = reference_approvals  # so many of them must bring a manifest
        self._reference_grace = self._quantity(units.duration, reference_grace, "reference_grace")
        self._max_evidence_age = self._quantity(units.duration, max_evidence_age, "max_evidence_age")
        self._migration_rate = self._quantity(units.bit_rate, migration_rate, "migration_rate")
        self._migration_max_rate = self._quantity(units.bit_rate, migration_max_rate, "migration_max_rate")
        if policy is not None:
            self.add_policy(policy)
        _context.scenario_made(self)

    # --- the policy ---------------------------------------------------------------------------------------------

    def label(self, name: str, ste: Iterable[str] = (), cw: Iterable[str] = ()) -> Label:
        """A VM label; ``ste`` types to share, ``cw`` wall types. With one STE type it also labels resources."""
        if self.policies:
            self._find("TVD-105", f"label `{name}`: this scenario's policy comes from a file; labels are defined there.")
        made = Label(name, tuple(sorted(names_of(ste))), tuple(sorted(names_of(cw))))
        if name in self._labels:
            self._find("TVD-102", f"label name `{name}` is used twice.")
        self._labels[name] = made
        return made

    def conflict(self, name: str, *types: str) -> None:
        """A conflict set: of these wall types one may run on a host at a time."""
        self.conflicts.append((name, tuple(str(t) for t in types)))

    def lattice(self, kind: str, *, levels: Sequence[str], labels: Mapping[Any, Union[str, Tuple[str, Iterable[str]]]],
                trusted: Iterable[Ref] = ()) -> Lattice:
        """A policy of levels besides types and walls: ``kind`` is ``"bell_lapadula"`` or ``"biba"``.

        ``levels`` lowest first; ``labels={acme: ("secret", {"crypto"}), beta: "public"}``; a label in ``trusted`` may exchange with
        whatever it dominates (a host's label, since dom0 serves VMs of several levels). A label without a level is refused everything.
        """
        sure = set(names_of(trusted))
        rows = []
        for label, what in labels.items():
            level, categories = (what, ()) if isinstance(what, str) else (what[0], tuple(sorted(what[1])))
            rows.append(Clearance(str(label), level, categories, str(label) in sure))
        for name in sorted(sure - {row.label for row in rows}):
            self._find("TVD-101", f"lattice {kind}: `{name}` is trusted but has no level.")
        return self._keep("lattices", self.lattices, Lattice(kind, tuple(levels), tuple(rows)))

    def add_policy(self, policy: PolicyLike, name: str = "") -> str:
        """A policy from a file, from XML text or a ``Policy``; the first one added is active at t = 0.

        Returns the name by which ``UpdatePolicy`` refers to it: ``name``, or the file's stem, or the policy's own.
        """
        try:
            if isinstance(policy, Policy):
                read, stem = policy, policy.name
            elif isinstance(policy, str) and policy.lstrip().startswith("<"):
                read = Policy.parse(policy, self.mode)
                stem = read.name
            else:
                read, stem = Policy.load(policy, self.mode), Path(policy).stem
        except InputError as problem:
            self._findings += problem.findings
            return name
        if not self.policies and (self._labels or self.conflicts):
            self.policies.append((self.name, self._own_policy(), self.mode))
        self.policies.append((name or stem, read.xml, read.mode))
        if read.binary is not None:
            self._binaries[name or stem] = (read.binary.hex(), read.names or "")
        return name or stem

    def policy(self) -> Policy:
        """The policy that is active at t = 0, compiled."""
        xml, mode = (self.policies[0][1:]) if self.policies else (self._own_policy(), self.mode)
        return Policy(xml, mode, f"policy of {self.name}")

    def _own_policy(self) -> str:
        return _policy_xml.render(self.name, list(self._labels.values()), self.conflicts)

    def _binary(self, name: str) -> Dict[str, str]:
        return dict(zip(("binary", "names"), self._binaries[name])) if name in self._binaries else {}

    def group(self, name: str, hosts: Iterable[Ref]) -> HostGroup:
        """Hosts that decide by one policy: ``DeployPolicy`` and its kin name the group. Hosts in none are the group ``all``."""
        return self._keep("groups", self.groups, HostGroup(name, names_of(hosts)))

    def policy_right(self, principal: str, policy: Ref = "", right: str = "read") -> PolicyRight:
        """Lets a principal ``read`` or ``change`` a stored policy, or every one; ``admin`` may do both anyway."""
        return self._keep("policy_rights", self.policy_rights, PolicyRight(principal, str(policy), right))

    def control(self, name: str, mode: str) -> None:
        """Sets a control to ``"off"``, ``"monitor"`` or ``"on"`` (the default of all)."""
        self.controls[name] = mode

    # --- what exists --------------------------------------------------------------------------------------------

    def hosts(self, pattern: str, *, label: Optional[Ref] = None, cores: int = 1, memory: str = "16 GiB",
              nic_rate: str = "10 Gbit/s", nic_latency: str = "20 us", devices: Iterable[str] = (),
              tpm: Union[bool, str] = False, tpm_profile: str = "", late_launch: bool = False,
              roots_off: Iterable[str] = (), image: Ref = "", tampered: Iterable[str] = (),
              vlan_map: Optional[Mapping[Any, Vid]] = None, decision_cache: str = "none",
              domain_ids: int = 0, kind: str = "xen", boot_policy: str = "good", boot: HostBoot = HostBoot()) -> List[Host]:
        """``hosts("h[1-4]", cores=32, memory="128 GiB", tpm="2.0")``: four hosts, dom0 of each is built first, in order.

        ``image`` is what it boots, ``tampered`` names components that differ from it by one byte; ``vlan_map={10: 20}``
        joins its bridge of VLAN 10 to the 802.1Q interface of VLAN 20. ``decision_cache="xen33"`` remembers permits per
        domain id as Xen did; ``domain_ids`` is how many ids there are before they come again, 0 for Xen's 32,752. ``kind``: its hypervisor, a row
        of models/acm/hypervisors.def; ``boot_policy``: what its boot services find, ``"good"``, ``"missing"`` or ``"corrupt"`` (it starts
        nothing); ``boot``: how it measures.
        """
        model = Host("", label="" if label is None else str(label), cores=cores, devices=names_of(devices), tpm=bool(tpm),
                     tpm_profile=tpm_profile, late_launch=late_launch, roots_off=names_of(roots_off), image=str(image), tampered=names_of(tampered), kind=kind, boot_policy=boot_policy,
                     vlan_map=tuple(VlanMap(int(k), int(v)) for k, v in (vlan_map or {}).items()),
                     decision_cache=decision_cache, domain_ids=domain_ids, **vars(boot),
                     memory=self._quantity(units.size, memory, "memory"),
                     nic_rate=self._quantity(units.bit_rate, nic_rate, "nic_rate"),
                     nic_latency=self._quantity(units.duration, nic_latency, "nic_latency"))
        if tpm not in (True, False, "2.0"):
            self._find("TVD-103", f'tpm={tpm!r}: hosts have a TPM "2.0" or none.', 'tpm="2.0"')
        return [self._add(replace(model, name=n)) for n in things.expand(pattern)]

    def host(self, name: str, **settings: Any) -> Host:
        """One host; settings as for ``hosts``."""
        return self.hosts(name, **settings)[0]

    def disk(self, name: str, *, label: Ref = "", size: str = "1 GiB", content: str = "") -> Disk:
        """A virtual disk with a resource label; ``content`` is what its first block holds at the start."""
        return self._add(Disk(name, str(label), self._quantity(units.size, size, "size"), content))

    def vms(self, pattern: str, *, label: Ref = "", on: Union[Ref, Sequence[Ref]] = "", memory: str = "1 GiB",
            disks: Union[Ref, Iterable[Ref]] = (), vif: bool = False, vtpm: bool = False, start: bool = True,
            vlan: Union[Vid, Iterable[Vid], None] = None, vif_label: Ref = "", image: Ref = "", tampered: Iterable[str] = (),
            dirty_rate: str = "0 bit/s", working_set: str = "0 B", criticality: str = "", boot: VmBoot = VmBoot()) -> List[Vm]:
        """``vms("acme[1-4]", label=acme, on=hosts[:2], vlan=10)``: four VMs, placed on the hosts in turn.

        ``vlan``: one, or several (the first untagged); ``vif_label`` is the interface's own label, required of a VM with several
        STE types; ``image`` is what it boots and may run, ``tampered`` names what
        differs from it by one byte; ``dirty_rate`` is how fast it changes its memory while it runs, within ``working_set`` (none: all of it);
        ``criticality`` is a word that action plans name.
        """
        model = Vm("", label=str(label), disks=names_of(disks), vif=vif, vtpm=vtpm, start=start, vlans=vids_of(vlan),
                   vif_label=str(vif_label), image=str(image), tampered=names_of(tampered), memory=self._quantity(units.size, memory, "memory"),
                   **vars(boot), dirty_rate=self._quantity(units.bit_rate, dirty_rate, "dirty_rate"),
                   working_set=self._quantity(units.size, working_set, "working_set"), criticality=criticality)
        places = names_of(on) or ("",)
        return [self._add(replace(model, name=n, host=places[i % len(places)]))
                for i, n in enumerate(things.expand(pattern))]

    def vm(self, name: str, **settings: Any) -> Vm:
        """One VM; settings as for ``vms``."""
        return self.vms(name, **settings)[0]

    def switch(self, name: str, links: Iterable[Ref], *, rate: str = "10 Gbit/s", latency: str = "20 us") -> Switch:
        """A switch with a port for each of these hosts."""
        return self._add(Switch(name, names_of(links), self._quantity(units.bit_rate, rate, "rate"),
                                self._quantity(units.duration, latency, "latency")))

    def vlan(self, vid: int, *, label: Ref, exists: bool = True) -> Vlan:
        """A VLAN and its label: VMs that share no STE type with it may not join. Unless it ``exists``, ``CreateVlan`` makes it."""
        return self._keep("vlans", self.vlans, Vlan(vid, str(label), exists))

    def image(self, name: str, *software: Software) -> Image:
        """What hosts or VMs boot, in order, then the files that they may run: ``image("web", Software(…), …)``."""
        return self._keep("images", self.images, Image(name, software))

    def traffic(self, arrivals: Union[Poisson, Regular], *, size: str = "64 B", among: Iterable[Ref]) -> Traffic:
        """Messages of that size between members of ``among``, drawn pair by pair."""
        made = Traffic(names_of(among), self._quantity(units.frequency, arrivals.rate, "rate"),
                       self._quantity(units.size, size, "size"), isinstance(arrivals, Poisson))
        return self._keep("traffic", self.flows, made)

    def tvd(self, name: str, *, label: Ref, vms: Iterable[Ref] = (), disks: Iterable[Ref] = (),
            vlans: Union[Vid, Iterable[Vid]] = ()) -> Tvd:
        """A trusted virtual domain; its parts do not exist until ``CreateTvd`` makes them, all or none."""
        return self._keep("tvds", self.tvds, Tvd(name, str(label), vids_of(vlans), names_of(vms), names_of(disks)))

    def verifier(self, host: Ref) -> None:
        """Runs a verifier service on this host; a host that ``Attest`` names has one already."""
        if str(host) not in self.verifiers:
            self.verifiers.append(str(host))

    def _made_here(self, part: str) -> None:
        self._origins[part] = place()

    def _keep(self, group: str, things: List[_P], made: _P) -> _P:
        self._made_here(f"{group}[{len(things)}]")
        things.append(made)
        return made

    def fault(self, kind: str, *, method: str = "", receiver: Ref = "", first: int = 0, count: int = 2**64 - 1,
              probability: float = 1.0, delay: str = "0 s") -> Fault:
        """Messages that match fare badly.

        ``loss``, ``delay``, ``duplicate``; the receiver dies at the message (``crash``) or after handling it
        (``crash_after``), the sender dies at sending it (``crash_sender``) or right after (``crash_sender_after``).
        """
        made = Fault(kind, method, str(receiver), first, count, probability,
                     self._quantity(units.duration, delay, "delay"))
        self._origins[f"faults[{len(self.faults)}]"] = place()
        self.faults.append(made)
        return made

    # --- what happens -------------------------------------------------------------------------------------------

    def at(self, time: str, *actions: Happening) -> None:
        """These actions happen at this instant, in this order."""
        when = self._quantity(units.duration, time, "time")
        self._tell(when, 0, actions)

    def every(self, period: str, *actions: Happening, start: Optional[str] = None) -> None:
        """These actions happen again and again until the run ends, first after one period (or at ``start``)."""
        step = self._quantity(units.duration, period, "period")
        first = step if start is None else self._quantity(units.duration, start, "start")
        if step <= 0:
            self._find("TVD-110", f'every("{period}"): a period is longer than nothing.')
        self._tell(first, max(step, 1), actions)

    def _tell(self, first: int, period: int, happenings: Iterable[Happening]) -> None:
        for one in happenings:
            for action in one.actions(self._is_host) if isinstance(one, Attest) else [one]:
                self._origins[f"story[{len(self.story)}]"] = place()
                self.story.append((first, period, action))
                verifier = str(getattr(action, "verifier", ""))
                if self._is_host(verifier):
                    self.verifier(verifier)

    def _is_host(self, name: str) -> bool:
        return isinstance(self._things.get(name), Host)

    # --- as a collection ----------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        """The thing of that name."""
        if name in self._things:
            return self._things[name]
        if name in self._labels:
            return self._labels[name]
        raise InputError(_check.unknown_name(name, [*self._things, *self._labels], place()))

    def __contains__(self, name: object) -> bool:
        return name in self._things or name in self._labels

    def of(self, kind: type) -> List[Any]:
        """All things of a kind, in the order they were made: ``s.of(tvd.Vm)``."""
        return [t for t in self._things.values() if isinstance(t, kind)]

    def _add(self, thing: _T) -> _T:
        line, group = place(), {Host: "hosts", Disk: "disks", Vm: "vms", Switch: "switches"}[type(thing)]
        if thing.name in self._things:
            before = self._origins.get(f"name {thing.name}", "")
            kind = "VM" if isinstance(thing, Vm) else type(thing).__name__.lower()
            self._find("TVD-102", f"{kind} name `{thing.name}` is used twice ({before} and {line}).")
            return thing
        self._origins[f"name {thing.name}"] = line
        self._counts[group] = self._counts.get(group, -1) + 1
        self._origins[f"{group}[{self._counts[group]}]"] = line
        self._things[thing.name] = thing
        return thing

    def _find(self, code: str, message: str, help: str = "") -> None:
        self._findings.append(Finding(code, place(), message, help))

    def _quantity(self, parse: Callable[[object, str, str], int], value: object, field: str) -> int:
        try:
            return parse(value, place(), field)
        except InputError as problem:
            self._findings += problem.findings
            return 0

    # --- as a value ---------------------------------------------------------------------------------------------

    def to_dict(self, until: Optional[str] = None) -> Dict[str, Any]:
        """The Spec as Python data; ``until`` bounds the recurring actions."""
        return _spec_dict.of_scenario(self, 0 if until is None else units.duration(until, place(), "until"))

    def to_spec(self, until: Optional[str] = None) -> str:
        """The Spec as JSON text: what ``tvdsim-run`` executes."""
        return json.dumps(self.to_dict(until), indent=1, ensure_ascii=False)

    @classmethod
    def from_spec(cls, spec: Union[str, Dict[str, Any]]) -> "Scenario":
        """The scenario that a Spec (JSON text or data) describes."""
        from ._from_spec import build

        return build(cls, spec)

    @property
    def digest(self) -> str:
        """SHA-256 of the whole value, hex: equal for equal scenarios, in any process."""
        story = [[first, period, action.to_spec()] for first, period, action in self.story]
        return hashlib.sha256(json.dumps([self.to_dict(), story], sort_keys=True).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scenario) and self.digest == other.digest

    def __hash__(self) -> int:
        return int(self.digest[:15], 16)

    def check(self, until: Optional[str] = None) -> List[Finding]:
        """Every problem at once, warnings included; nothing runs. An empty list: it can run as it stands."""
        return _check.check(self, until)

    def dry_run(self, change: Action, at: str) -> "ChangeCheck":
        """What stands against a policy update, a relabelling or a start at that instant: every blocker; nothing is changed.

        ``change`` is an ``UpdatePolicy``, ``ActivatePolicy``, ``RelabelVm``, ``RelabelHost``, ``RelabelDisk`` or ``StartVm``.
        """
        from . import _changes

        return _changes.check(self, change, at)

    def run(self, until: str, out: Union[str, "os.PathLike[str]", None] = None, *, store_events: bool = False,
            progress: Optional[bool] = None) -> "Run":
        """Runs it in a worker process of its own and returns what came of it.

        ``out`` is the run directory (default: the first free of ``runs/NAME``, ``runs/NAME-2``, …).
        """
        from .run import execute

        return execute(self, until, out, store_events=store_events, progress_wanted=progress)

    def __repr__(self) -> str:
        return _summary.one_line(self)

    def __str__(self) -> str:
        return _summary.text(self)

    def _repr_html_(self) -> str:
        return _summary.html(self)
