"""What can be made to happen: one frozen dataclass per row of models/host/actions.def.

Actions are values: print them, compare them, keep them in lists, hand them to ``Scenario.at`` and ``every``.
A field takes a thing of the scenario or its name. ``principal`` says in whose name it happens; empty means the
table's own (``admin``, ``guest``, ``verifier``, ``attacker`` or ``fault``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Dict, List, Optional, Type

from ._action import Action as Action
from ._action import Named as Named
from ._action import Ref as Ref
from ._action import Vid as Vid
from ._network_actions import (
    CreateVlan as CreateVlan, MapVlan as MapVlan, Ping as Ping, SendFrames as SendFrames, SetPort as SetPort,
    SpoofMac as SpoofMac, VlanHop as VlanHop,
)
from ._policy_actions import ActivatePolicy as ActivatePolicy
from ._policy_actions import DeployPolicy as DeployPolicy
from ._policy_actions import GetPolicy as GetPolicy
from ._policy_actions import RelabelVm as RelabelVm
from ._tpm_actions import (
    CommandTpm as CommandTpm, CopyVtpm as CopyVtpm, Enrol as Enrol, ForgeCertificate as ForgeCertificate,
    InspectHost as InspectHost, LateLaunch as LateLaunch, MeasureHost as MeasureHost, ProbeBus as ProbeBus,
    PublishRogue as PublishRogue, RelayChallenge as RelayChallenge, ResetTpm as ResetTpm, RevokeKey as RevokeKey,
    SealSecret as SealSecret, UnsealSecret as UnsealSecret,
)
from ._trust_actions import (
    AcknowledgeEvent as AcknowledgeEvent, Attest as Attest, AttestHost as AttestHost,
    AttestStatement as AttestStatement, AttestVm as AttestVm, CompromiseDom0 as CompromiseDom0, CreateTvd as CreateTvd,
    FloodAttestation as FloodAttestation, ForgeStatement as ForgeStatement, Happening as Happening,
    ImportReferences as ImportReferences, JoinHosts as JoinHosts, Lie as Lie, PublishAdvisory as PublishAdvisory,
    RelabelHost as RelabelHost, RetireReferences as RetireReferences, RunProgram as RunProgram,
    SuppressAudit as SuppressAudit, TamperFile as TamperFile,
)


@dataclass(frozen=True)
class StartVm(Action):
    """Builds the VM on its host (or on ``host``) and starts it; ``mode="dry_run"`` only asks."""

    kind = "start_vm"
    vm: Ref
    host: Optional[Ref] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class StopVm(Action):
    """Stops it in an orderly way."""

    kind = "stop_vm"
    vm: Ref


@dataclass(frozen=True)
class CrashVm(Action):
    """It dies at once."""

    kind = "crash_vm"
    vm: Ref


@dataclass(frozen=True)
class SuspendVm(Action):
    """Saves it to storage and frees its place."""

    kind = "suspend_vm"
    vm: Ref


@dataclass(frozen=True)
class ResumeVm(Action):
    """Runs a suspended VM again."""

    kind = "resume_vm"
    vm: Ref
    host: Optional[Ref] = None


@dataclass(frozen=True)
class MigrateVm(Action):
    """Moves a running VM to another host."""

    kind = "migrate_vm"
    vm: Ref
    host: Ref


@dataclass(frozen=True)
class Connect(Action):
    """Opens an event channel and shares a page between two VMs of one host."""

    kind = "connect"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class Disconnect(Action):
    """Closes what ``Connect`` opened."""

    kind = "disconnect"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class Notify(Action):
    """Sends so many signals through an open event channel."""

    kind = "notify"
    vm: Ref
    other: Ref
    count: int


@dataclass(frozen=True)
class Send(Action):
    """Writes text into the page shared with the other VM, which reads it."""

    kind = "send"
    vm: Ref
    other: Ref
    text: str


@dataclass(frozen=True)
class Relay(Action):
    """Passes what the VM was last sent on to another VM, through the page shared with it."""

    kind = "relay"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class AssignDisk(Action):
    """Puts a disk into a VM's configuration."""

    kind = "assign_disk"
    vm: Ref
    disk: Ref


@dataclass(frozen=True)
class AttachDisk(Action):
    """Connects a disk to a running VM."""

    kind = "attach_disk"
    vm: Ref
    disk: Ref


@dataclass(frozen=True)
class DetachDisk(Action):
    """Disconnects it and takes it out of the configuration."""

    kind = "detach_disk"
    vm: Ref
    disk: Ref


@dataclass(frozen=True)
class WriteDisk(Action):
    """Writes text to a block."""

    kind = "write_disk"
    vm: Ref
    disk: Ref
    text: str
    block: Optional[int] = None


@dataclass(frozen=True)
class ReadDisk(Action):
    """Reads a block."""

    kind = "read_disk"
    vm: Ref
    disk: Ref
    block: Optional[int] = None


@dataclass(frozen=True)
class RelabelDisk(Action):
    """Gives the disk another label; ``mode`` is ``refuse`` (default) or ``dry_run``."""

    kind = "relabel_disk"
    disk: Ref
    label: Ref
    mode: Optional[str] = None


@dataclass(frozen=True)
class SanitizeDisk(Action):
    """Overwrites every block."""

    kind = "sanitize_disk"
    disk: Ref


@dataclass(frozen=True)
class CreateDomain(Action):
    """A guest tries to build a domain of its own."""

    kind = "create_domain"
    vm: Ref


@dataclass(frozen=True)
class Hypercall(Action):
    """Makes one call at the hypervisor's door, whatever comes of it.

    ``mode`` names a row of models/host/hypercalls.def (``grant_copy``, ``foreign_map``, ``set_label`` …); ports and
    grants are the last ones that ``other`` offered to the caller. ``vm`` may be a control domain, ``dom0@<host>``.
    """

    kind = "hypercall"
    vm: Ref
    mode: str
    other: Optional[Ref] = None
    text: Optional[str] = None
    label: Optional[Ref] = None
    policy: Optional[Ref] = None


@dataclass(frozen=True)
class CloneVm(Action):
    """Builds a copy of a running VM beside it, memory and label included, and starts it: ``<vm>.clone``."""

    kind = "clone_vm"
    vm: Ref
    label: Optional[Ref] = None


@dataclass(frozen=True)
class TakeDevice(Action):
    """Gives a native device of the host to a domain."""

    kind = "take_device"
    vm: Ref
    device: str


@dataclass(frozen=True)
class KillBackend(Action):
    """The back-end driver of a kind (``vbd``, ``vif``, ``vtpm``) dies."""

    kind = "kill_backend"
    host: Ref
    device: str


@dataclass(frozen=True)
class TpmExtend(Action):
    """Measures text into a PCR of the VM's vTPM."""

    kind = "tpm_extend"
    vm: Ref
    text: str
    pcr: Optional[int] = None


@dataclass(frozen=True)
class TpmRead(Action):
    """Reads a PCR of the VM's vTPM."""

    kind = "tpm_read"
    vm: Ref
    pcr: Optional[int] = None


@dataclass(frozen=True)
class UpdatePolicy(Action):
    """Deploys a policy and makes it the running one, in one step; ``mode`` is ``refuse`` (default), ``revoke`` or ``dry_run``."""

    kind = "update_policy"
    policy: Ref
    mode: Optional[str] = None
    group: Optional[Ref] = None


@dataclass(frozen=True)
class LabelVm(Action):
    """Gives an unlabelled VM its label."""

    kind = "label_vm"
    vm: Ref
    label: Ref


@dataclass(frozen=True)
class LabelDisk(Action):
    """Gives an unlabelled disk its label."""

    kind = "label_disk"
    disk: Ref
    label: Ref


@dataclass(frozen=True)
class AttachVtpm(Action):
    """Connects a VM's vTPM front-end to the instance of ``other``."""

    kind = "attach_vtpm"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class RestartBackend(Action):
    """Starts a new back-end driver of a kind; lost front-ends connect again."""

    kind = "restart_backend"
    host: Ref
    device: str


@dataclass(frozen=True)
class CrashToolstack(Action):
    """The control domain's toolstack dies: it hears nothing more."""

    kind = "crash_toolstack"
    host: Ref


@dataclass(frozen=True)
class RestartToolstack(Action):
    """The control domain's toolstack hears messages again."""

    kind = "restart_toolstack"
    host: Ref


ALL: List[Type[Action]] = Action.__subclasses__()
BY_KIND: Dict[str, Type[Action]] = {c.kind: c for c in ALL}


def Migrate(vm: Ref, to: Ref, *, principal: str = "") -> MigrateVm:
    """``Migrate(vm, to=host)``: a ``MigrateVm``, said as one says it."""
    return MigrateVm(vm, to, principal=principal)


def from_spec(row: Dict[str, object]) -> Action:
    """The action that a Spec row describes (its instant aside)."""
    cls = BY_KIND[str(row["action"])]
    given = {f.name: row[f.name] for f in fields(cls) if f.name in row and not (row[f.name] == "" and f.default is None)}
    return cls(**given)  # type: ignore[arg-type]


def class_name(kind: str) -> str:
    """``start_vm`` -> ``StartVm``: one name in both languages."""
    return re.sub(r"(?:^|_)([a-z])", lambda m: m.group(1).upper(), kind)
