"""The actions that concern evidence, networks and domains; ``tvdsim.actions`` has them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Iterable, List, Optional, Tuple, Union

from ._action import Action, Named, Ref


@dataclass(frozen=True)
class AttestVm(Action):
    """Challenges a VM with a nonce and judges its evidence together with its host's."""

    kind = "attest_vm"
    vm: Ref
    verifier: Ref


@dataclass(frozen=True)
class AttestHost(Action):
    """Challenges a host with a nonce and judges its evidence; mode launched judges what was launched late alone, whatever booted before."""

    kind = "attest_host"
    host: Ref
    verifier: Ref
    mode: Optional[str] = None


@dataclass(frozen=True)
class AttestStatement(Action):
    """Asks a host for its hypervisor's list of VMs and labels, attested through a scratch PCR (16 unless said otherwise)."""

    kind = "attest_statement"
    host: Ref
    verifier: Ref
    scratch: Optional[int] = None


@dataclass(frozen=True)
class ForgeStatement(Action):
    """A process in the host's control domain attests lists without the VM from now on."""

    kind = "forge_statement"
    host: Ref
    vm: Ref


@dataclass(frozen=True)
class ImportReferences(Action):
    """Brings a manifest that vouches for an image's software, or for one component of it (``path``), to the reference values.

    ``signer`` signs it; without one the first of the scenario's ``reference_signers``. ``mode``: ``signed`` (default), ``unsigned`` or
    ``altered`` (after it was signed).
    """

    kind = "import_references"
    verifier: Ref
    image: Ref
    path: Optional[str] = None
    signer: Optional[str] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class RetireReferences(Action):
    """Says of an image's software that it is replaced: good for the scenario's ``reference_grace``, outdated from then on."""

    kind = "retire_references"
    verifier: Ref
    image: Ref
    path: Optional[str] = None
    signer: Optional[str] = None


@dataclass(frozen=True)
class PublishAdvisory(Action):
    """A CERT's advisory about an image's software, or about one component of it.

    ``mode``: ``vulnerable``, ``malicious``, ``outdated`` or ``revoked``; ``good`` takes back what ``text`` names. ``text``: which weakness.
    """

    kind = "publish_advisory"
    verifier: Ref
    image: Ref
    path: Optional[str] = None
    mode: str = field(kw_only=True)
    text: str = field(kw_only=True)
    signer: Optional[str] = None


@dataclass(frozen=True)
class RunProgram(Action):
    """Executes a file of the VM's image; IMA measures it first."""

    kind = "run_program"
    vm: Ref
    path: str


@dataclass(frozen=True)
class TamperFile(Action):
    """Changes a file of a running VM and executes it; ``text`` is what is written into it; ``mode="write"`` changes it only."""

    kind = "tamper_file"
    vm: Ref
    path: str
    text: Optional[str] = None
    mode: Optional[str] = None


@dataclass(frozen=True)
class Lie(Action):
    """The VM's attestation agent lies from now on.

    ``mode``: ``replay_quote``, ``truncate_log``, ``reorder_log``, ``edit_log``, ``clean_log``, ``malformed``,
    ``forge_quote``, ``silent`` or ``honest``.
    """

    kind = "lie"
    vm: Ref
    mode: str


@dataclass(frozen=True)
class CompromiseDom0(Action):
    """A host's control domain lies to whoever asks it out of band; ``mode``: ``clean_list`` (default) or ``honest``."""

    kind = "compromise_dom0"
    host: Ref
    mode: Optional[str] = None


@dataclass(frozen=True)
class FloodAttestation(Action):
    """``count`` strangers ask a verifier about a host at once."""

    kind = "flood_attestation"
    host: Ref
    verifier: Ref
    count: int = field(kw_only=True)


@dataclass(frozen=True)
class JoinHosts(Action):
    """Two platforms join each other, after each has had the other attested."""

    kind = "join_hosts"
    host: Ref
    peer: Ref


@dataclass(frozen=True)
class AcknowledgeEvent(Action):
    """An administrator takes note of an open event: ``mode`` is its kind, ``vm`` or ``host`` whom it is about."""

    kind = "acknowledge_event"
    mode: str
    vm: Optional[Ref] = None
    host: Optional[Ref] = None


@dataclass(frozen=True)
class RelabelHost(Action):
    """Gives a host another label (``mode`` ``refuse``, the default, or ``dry_run``): VLANs that it loses leave its switch port."""

    kind = "relabel_host"
    host: Ref
    label: Ref
    mode: Optional[str] = None


@dataclass(frozen=True)
class CreateTvd(Action):
    """Makes a trusted virtual domain from its description, whole or not at all."""

    kind = "create_tvd"
    tvd: Ref


@dataclass(frozen=True)
class SuppressAudit(Action):
    """A host's audit log loses entries: ``mode`` is ``drop``, ``alter``, ``delay`` or ``none``."""

    kind = "suppress_audit"
    host: Ref
    mode: str
    count: Optional[int] = None


@dataclass(frozen=True)
class Attest:
    """Challenges each of these hosts and VMs: an ``AttestHost`` or ``AttestVm`` for each, in this order.

    ``verifier`` is the host on which the verifier service runs; a scenario that is told of it starts one there.
    """

    subjects: Tuple[str, ...]
    verifier: str
    principal: str

    def __init__(self, subjects: Union[Ref, Iterable[Ref]], verifier: Ref, *, principal: str = "") -> None:
        names = (subjects,) if isinstance(subjects, (str, Named)) else tuple(subjects)
        object.__setattr__(self, "subjects", tuple(str(n) for n in names))
        object.__setattr__(self, "verifier", str(verifier))
        object.__setattr__(self, "principal", principal)

    def actions(self, is_host: Callable[[str], bool]) -> List[Action]:
        """The single challenges; ``is_host`` says which names are hosts."""
        return [AttestHost(n, self.verifier, principal=self.principal) if is_host(n)
                else AttestVm(n, self.verifier, principal=self.principal) for n in self.subjects]

    def __str__(self) -> str:
        return f"attest {' '.join(self.subjects)} verifier={self.verifier}"


Happening = Union[Action, Attest]  # what ``Scenario.at`` and ``every`` take
