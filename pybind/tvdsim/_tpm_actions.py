"""What is asked of TPMs, and what befalls them, their keys and their certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ._action import Action, Ref


@dataclass(frozen=True)
class MeasureHost(Action):
    """A service of the control domain measures text into a PCR of its host's TPM."""

    kind = "measure_host"
    host: Ref
    text: str
    pcr: Optional[int] = None


@dataclass(frozen=True)
class SealSecret(Action):
    """Seals text (at most 128 bytes) at the host's TPM to what its PCRs 0 to 11 hold."""

    kind = "seal_secret"
    host: Ref
    text: str


@dataclass(frozen=True)
class UnsealSecret(Action):
    """Has the host's TPM open what was sealed there last."""

    kind = "unseal_secret"
    host: Ref


@dataclass(frozen=True)
class LateLaunch(Action):
    """Launches the host's hypervisor anew, measured by the processor, without a reboot."""

    kind = "late_launch"
    host: Ref


@dataclass(frozen=True)
class InspectHost(Action):
    """Somebody goes to the host and looks: was its case opened?"""

    kind = "inspect_host"
    host: Ref


@dataclass(frozen=True)
class ResetTpm(Action):
    """Pulses the reset line of a host's TPM while the platform runs, and replays the measurements of an unchanged boot."""

    kind = "reset_tpm"
    host: Ref


@dataclass(frozen=True)
class ProbeBus(Action):
    """Somebody sits at the bus of a host's TPM. ``mode``: ``listen``, ``drop`` or ``off``."""

    kind = "probe_bus"
    host: Ref
    mode: str


@dataclass(frozen=True)
class CommandTpm(Action):
    """A guest sends its host's TPM a command of its own that would extend a PCR with text."""

    kind = "command_tpm"
    vm: Ref
    text: str
    pcr: Optional[int] = None


@dataclass(frozen=True)
class Enrol(Action):
    """Has the authority certify an attestation key of the TPM of ``vm`` or ``host``, another one each time.

    ``mode``: ``named`` (default) or ``anonymous``: under two anonymous keys a TPM is not known again.
    """

    kind = "enrol"
    vm: Optional[Ref] = None
    host: Optional[Ref] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class ForgeCertificate(Action):
    """The VM's vTPM shows another endorsement certificate; ``mode``: ``stranger``, ``unmarked`` or ``genuine``."""

    kind = "forge_certificate"
    vm: Ref
    mode: str


@dataclass(frozen=True)
class RevokeKey(Action):
    """Withdraws an endorsement certificate; ``mode``: ``key`` (default) or a host's ``vtpm_authority``, over all its vTPMs."""

    kind = "revoke_key"
    vm: Optional[Ref] = None
    host: Optional[Ref] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class PublishRogue(Action):
    """Puts the attestation key of ``vm`` or ``host`` on the list of stolen ones."""

    kind = "publish_rogue"
    vm: Optional[Ref] = None
    host: Optional[Ref] = None


@dataclass(frozen=True)
class CopyVtpm(Action):
    """``other`` runs on with a copy of the VM's vTPM, keys and certificates included."""

    kind = "copy_vtpm"
    vm: Ref
    other: Ref


@dataclass(frozen=True)
class RelayChallenge(Action):
    """The host's agent has ``peer`` answer what is asked about the host, and what speaks for its VMs."""

    kind = "relay_challenge"
    host: Ref
    peer: Ref
