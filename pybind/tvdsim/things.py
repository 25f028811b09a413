"""What exists in a scenario: labels, hosts, disks, VMs, switches, VLANs, software. Plain values; quantities are integers."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Dict, List, Tuple

from . import units
from ._action import Named


@dataclass(frozen=True)
class Label(Named):
    """A reference name for a set of types: STE types to share, wall types to keep apart."""

    name: str
    ste: Tuple[str, ...] = ()
    cw: Tuple[str, ...] = ()


@dataclass(frozen=True)
class VlanMap:
    """A host's bridge of ``vlan`` is joined to the 802.1Q interface of ``to_vlan``."""

    vlan: int
    to_vlan: int


@dataclass(frozen=True)
class HostBoot:
    """How a host measures what it boots: ``host("h1", tpm="2.0", boot=HostBoot(granularity="whole"))``.

    ``uninstrumented`` stages measure nothing of what they start; ``read_twice`` ones are read to be measured and again, changed, to be
    run; ``unmeasured`` are classes of software that are passed over; ``granularity``: ``"fine"`` measures each part, ``"whole"`` the
    boot image as one; ``static_crtm`` and ``ima`` are links of its chain of trust; ``secure_boot`` halts at what is not signed.
    """

    uninstrumented: Tuple[str, ...] = ()
    read_twice: Tuple[str, ...] = ()
    unmeasured: Tuple[str, ...] = ()
    granularity: str = "fine"
    static_crtm: bool = True
    ima: bool = True
    secure_boot: bool = False


@dataclass(frozen=True)
class VmBoot:
    """How a VM measures what it boots and runs, as for hosts; with ``signed_files`` its log shows its files' signatures."""

    uninstrumented: Tuple[str, ...] = ()
    read_twice: Tuple[str, ...] = ()
    unmeasured: Tuple[str, ...] = ()
    signed_files: bool = False


@dataclass(frozen=True)
class Host(Named):
    """A machine with a hypervisor and dom0; an empty label is the policy's bootstrap label."""

    name: str
    label: str = ""
    cores: int = 1
    memory: int = 0
    nic_rate: int = 10_000_000_000
    nic_latency: int = 20_000
    devices: Tuple[str, ...] = ()
    tpm: bool = False
    tpm_profile: str = ""
    late_launch: bool = False
    roots_off: Tuple[str, ...] = ()
    image: str = ""
    tampered: Tuple[str, ...] = ()
    uninstrumented: Tuple[str, ...] = ()
    read_twice: Tuple[str, ...] = ()
    unmeasured: Tuple[str, ...] = ()
    granularity: str = "fine"
    static_crtm: bool = True
    ima: bool = True
    secure_boot: bool = False
    decision_cache: str = "none"
    domain_ids: int = 0
    vlan_map: Tuple["VlanMap", ...] = ()
    kind: str = "xen"
    boot_policy: str = "good"


@dataclass(frozen=True)
class Clearance:
    """What a lattice policy knows of a label: its level, its categories, and whether it is trusted not to mix levels."""

    label: str
    level: str
    categories: Tuple[str, ...] = ()
    trusted: bool = False


@dataclass(frozen=True)
class Lattice:
    """A policy of levels that is asked besides types and walls; ``kind`` is ``bell_lapadula`` or ``biba``."""

    kind: str
    levels: Tuple[str, ...] = ()
    labels: Tuple[Clearance, ...] = ()


@dataclass(frozen=True)
class HostGroup(Named):
    """Hosts that decide by one policy."""

    name: str
    hosts: Tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyRight:
    """What a principal may do with a stored policy (or, with none named, with all): ``read`` or ``change``."""

    principal: str
    policy: str = ""
    right: str = "read"


@dataclass(frozen=True)
class Disk(Named):
    """A virtual disk that holds bytes; ``label`` is a resource label."""

    name: str
    label: str = ""
    size: int = 0
    content: str = ""


@dataclass(frozen=True)
class Vm(Named):
    """A virtual machine; ``start`` says whether it starts at t = 0, in order."""

    name: str
    label: str = ""
    host: str = ""
    memory: int = 0
    disks: Tuple[str, ...] = ()
    vif: bool = False
    vtpm: bool = False
    start: bool = True
    vlans: Tuple[int, ...] = ()
    vif_label: str = ""
    image: str = ""
    tampered: Tuple[str, ...] = ()
    uninstrumented: Tuple[str, ...] = ()
    read_twice: Tuple[str, ...] = ()
    unmeasured: Tuple[str, ...] = ()
    signed_files: bool = False
    dirty_rate: int = 0
    working_set: int = 0
    criticality: str = ""


@dataclass(frozen=True)
class Watch:
    """Machines of which a verifier hears again and again; ``mode`` is ``scheduled``, ``agent`` or ``out_of_band``."""

    verifier: str
    subjects: Tuple[str, ...] = ()
    mode: str = "scheduled"
    period: int = 300_000_000_000
    spread: bool = True
    patience: int = 3
    stops_on_error: bool = False


@dataclass(frozen=True)
class ActionPlan:
    """What management does by itself when an event is opened about a VM of this criticality."""

    criticality: str = ""
    event: str = ""
    action: str = "notify"
    to: str = ""
    delay: int = 0
    limit: int = 3
    per: int = 3_600_000_000_000


@dataclass(frozen=True)
class Switch(Named):
    """A switch with a port for each of its hosts; a port carries the VLANs that its host's label allows."""

    name: str
    hosts: Tuple[str, ...] = ()
    rate: int = 10_000_000_000
    latency: int = 20_000


@dataclass(frozen=True)
class Vlan:
    """An 802.1Q VLAN and its label; it stands for its number wherever one is wanted."""

    vid: int
    label: str = ""
    exists: bool = True

    def __index__(self) -> int:
        return self.vid

    def __str__(self) -> str:
        return str(self.vid)


@dataclass(frozen=True)
class Software:
    """A boot stage, file or setting that is measured; empty content: bytes made from the image's and its own name.

    ``kind`` is a row of models/attestation/measured_classes.def.
    """

    name: str
    kind: str
    content: str = ""


@dataclass(frozen=True)
class Image(Named):
    """What a host or VM boots, in order, and the files that it may run; ``vouched``: its digests are reference values from the start."""

    name: str
    software: Tuple[Software, ...] = ()
    vouched: bool = True


@dataclass(frozen=True)
class Poisson:
    """``Poisson("200 /s")``: independent messages, so many on average."""

    rate: str


@dataclass(frozen=True)
class Regular:
    """``Regular("10 /s")``: messages at even distances."""

    rate: str


@dataclass(frozen=True)
class Traffic:
    """Frames between members of ``among``, drawn pair by pair; ``rate_milli_s`` of them in 1000 s."""

    among: Tuple[str, ...] = ()
    rate_milli_s: int = 1000
    size: int = 64
    poisson: bool = True


@dataclass(frozen=True)
class Tvd(Named):
    """A trusted virtual domain: its VMs, disks and VLANs do not exist until ``CreateTvd`` makes them all."""

    name: str
    label: str = ""
    vlans: Tuple[int, ...] = ()
    vms: Tuple[str, ...] = ()
    disks: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """How messages fare badly: ``loss``, ``delay``, ``duplicate`` or ``crash`` of the receiver."""

    kind: str
    method: str = ""
    receiver: str = ""
    first: int = 0
    count: int = 2**64 - 1
    probability: float = 1.0
    delay: int = 0


_TEXT = {
    "memory": units.size_text,
    "working_set": units.size_text,
    "size": units.size_text,
    "nic_rate": units.bit_rate_text,
    "rate": units.bit_rate_text,
    "dirty_rate": units.bit_rate_text,
    "nic_latency": units.duration_text,
    "latency": units.duration_text,
    "delay": units.duration_text,
    "period": units.duration_text,
    "per": units.duration_text,
}


def to_spec(thing: Any) -> Dict[str, Any]:
    """The thing as the Spec writes it: quantities with units."""
    out: Dict[str, Any] = {}
    for f in fields(thing):
        value = getattr(thing, f.name)
        if f.name in _TEXT and isinstance(value, int):
            out[f.name] = _TEXT[f.name](value)
        elif isinstance(value, tuple):
            out[f.name] = [to_spec(part) if is_dataclass(part) else part for part in value]
        else:
            out[f.name] = value
    return out


_RANGE = re.compile(r"\[(\d+)-(\d+)\]")


def expand(pattern: str) -> List[str]:
    """``"h[1-4]"`` names four things; leading zeros are kept: ``"h[08-10]"``."""
    found = _RANGE.search(pattern)
    if not found:
        return [pattern]
    first, last = found.group(1), found.group(2)
    width = len(first) if first.startswith("0") else 0
    names = []
    for number in range(int(first), int(last) + 1):
        names += expand(pattern[: found.start()] + str(number).zfill(width) + pattern[found.end() :])
    return names
