"""What can be made to happen: one frozen dataclass per row of models/host/actions.def.

Actions are values: print them, compare them, keep them in lists, hand them to ``Scenario.at`` and ``every``.
A field takes a thing of the scenario or its name. ``principal`` says in whose name it happens; empty means the
table's own (``admin``, ``guest`` or ``fault``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import ClassVar, Dict, List, Optional, Type, Union


class Named:
    """Something of a scenario that has a name; ``str()`` gives it."""

    name: str

    def __str__(self) -> str:
        return self.name


Ref = Union[Named, str]  # a thing, or its name


@dataclass(frozen=True)
class Action:
    """One thing that is made to happen at one instant."""

    kind: ClassVar[str] = ""
    principal: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Named):
                object.__setattr__(self, f.name, value.name)

    def to_spec(self) -> Dict[str, object]:
        """The action as the Spec writes it, without its instant."""
        out: Dict[str, object] = {"action": self.kind}
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None or (f.name == "principal" and not value):
                continue
            out[f.name] = value
        return out

    def __str__(self) -> str:
        parts = [f"{k}={v}" for k, v in self.to_spec().items() if k != "action"]
        return " ".join([self.kind, *parts])


@dataclass(frozen=True)
class StartVm(Action):
    """Builds the VM on its host (or on ``host``) and starts it."""

    kind = "start_vm"
    vm: Ref
    host: Optional[Ref] = None


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
    """Gives the disk another label."""

    kind = "relabel_disk"
    disk: Ref
    label: Ref


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
    """Replaces the running policy everywhere; ``mode`` is ``refuse`` (default) or ``revoke``."""

    kind = "update_policy"
    policy: Ref
    mode: Optional[str] = None


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


def from_spec(row: Dict[str, object]) -> Action:
    """The action that a Spec row describes (its instant aside)."""
    cls = BY_KIND[str(row["action"])]
    known = {f.name for f in fields(cls)}
    return cls(**{k: v for k, v in row.items() if k in known})  # type: ignore[arg-type]


def class_name(kind: str) -> str:
    """``start_vm`` -> ``StartVm``: one name in both languages."""
    return re.sub(r"(?:^|_)([a-z])", lambda m: m.group(1).upper(), kind)
