"""Real TPM 2.0s: libtpms itself, as many as memory holds, without a scenario.

>>> fleet = TpmFleet(count=1000, seed=7, workers=2)      # manufactured and started
>>> tpm = fleet[3]
>>> tpm.extend(10, "ab" * 32)
>>> quote = tpm.quote(b"a question", {"sha256": [0, 10]})
>>> quote.verify(tpm.ak_public_pem, b"a question", tpm.pcrs(quote.selection)).reason
'ok'

Names and seed make the keys: the same TPMs come out at any number of workers, and again tomorrow (``fleet.deterministic``).
A TPM that refuses is a ``WorldError`` whose ``name`` is the specification's name of the response code; ``execute`` alone gives
the response as it is. Not here: RSA keys, certificates, authorization values; TPM 1.2s are ``Tpm12Fleet``. Clocks of these TPMs stand still.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import _core
from .errors import Finding, InputError
from .evidence import Pcrs, Quote, _bytes, _hex_pcrs

Selection = Mapping[str, Sequence[int]]

_MOST = 1_000_000  # TPMs of a fleet: 1 to 2 kB each
_PCRS = 24


@dataclass(frozen=True)
class ResponseCode:
    """What a TPM's answer means; ``handle``, ``session`` or ``parameter`` is which one of the command's, 0: none in particular."""

    code: int
    name: str  # "TPM_RC_RETRY"; "TPM_RC_UNKNOWN" for a number that the specification does not have
    meaning: str
    help: str  # what to look at first; may be empty
    handle: int = 0
    session: int = 0
    parameter: int = 0

    @classmethod
    def of(cls, code: int) -> "ResponseCode":
        """The meaning of a TPM 2.0 response code: 32 bits."""
        return cls(code, *_core.describe_rc(_number(code, 0, 0xFFFFFFFF, "ResponseCode.of", "a response code")))

    def __str__(self) -> str:
        points = [(n, getattr(self, n)) for n in ("handle", "session", "parameter")]
        at = "".join(f" ({n} {v})" for n, v in points if v)
        text = f"{self.name} ({self.code:#05x}){': ' if self.meaning else ''}{self.meaning}{at}"
        return text + (f"\n  help: {self.help}" if self.help else "")


@dataclass(frozen=True)
class TpmState:
    """All there is of a TPM: what survives power-off, and what runs (PCRs, loaded keys, sessions; empty: powered off). ``digest``
    is SHA-256 over both; ``Tpm.load`` compares it."""

    permanent: bytes
    running: bytes
    digest: str


class Tpm:
    """One TPM of a fleet. It keeps its fleet alive."""

    def __init__(self, fleet: "_core.TpmFleet", index: int, name: str) -> None:
        self._fleet, self._index = fleet, index
        self.name = name

    def execute(self, command: bytes, locality: int = 0) -> bytes:
        """Sends one command, gives the response, whatever its response code. Other Python threads run meanwhile."""
        return self._fleet.execute(self._index, _bytes(command, "execute"), _number(locality, 0, 4, "execute", "a locality"))

    def power_cycle(self) -> None:
        """Off, on, and TPM2_Startup(CLEAR): PCRs and sessions are gone, keys come again from the same seeds."""
        self._fleet.power_cycle(self._index)

    def save(self) -> TpmState:
        """A snapshot; the TPM goes on. Old ones load, as with every software TPM: rollback is for others to detect."""
        return TpmState(*self._fleet.save(self._index))

    def load(self, state: TpmState) -> None:
        """Makes this TPM the saved one, also after a ``worker_crash``. ``WorldError`` state_digest when it was changed, or the
        library's own code; then nothing has happened."""
        if not isinstance(state, TpmState):
            raise InputError(Finding("TVD-103", "load", f"a TpmState is needed, not {state!r}.", "tpm.save()"))
        self._fleet.load(self._index, _bytes(state.permanent, "load"), _bytes(state.running, "load"), _text(state.digest, "load", "a digest"))

    def fail(self, fault: str, command: bytes = b"") -> None:
        """Lets this happen: ``failure_mode`` (it answers TPM_RC_FAILURE until ``power_cycle``), ``power_cut`` (it executes the
        command, writes its NV and loses power before the response leaves: it wants TPM2_Startup), ``worker_crash`` (lost in the
        middle of the command: ``WorldError`` tpm_lost until ``load``). No other TPM changes."""
        self._fleet.fail(self._index, _text(fault, "fail", "a fault"), _bytes(command, "fail"))

    def state_digest(self) -> str:
        """SHA-256 over all that this TPM is, in hex."""
        return self._fleet.state_digest_of(self._index)

    def extend(self, pcr: int, hex: str, bank: str = "sha256") -> None:
        """PCR := H(PCR || digest), in one bank. ``hex`` is a digest of the bank's size."""
        self._fleet.extend(self._index, _pcr(pcr, "extend"), _text(hex, "extend", "a digest in hex"), _text(bank, "extend", "a bank"))

    def pcr(self, n: int, bank: str = "sha256") -> str:
        """The value of one PCR, in hex. ``WorldError`` pcr_not_in_bank when the TPM has no such bank."""
        return self._fleet.pcr(self._index, _pcr(n, "pcr"), _text(bank, "pcr", "a bank"))

    def pcrs(self, selection: Selection) -> Dict[str, Dict[int, str]]:
        """The values of these PCRs by bank and number, in hex: as ``Quote.verify`` takes them."""
        return {bank: {n: self.pcr(n, bank) for n in numbers} for bank, numbers in _selection(selection, "pcrs")}

    def quote(self, nonce: bytes, selection: Selection) -> Quote:
        """The TPM's signature, ECDSA P-256 by its attestation key, over the nonce (at most 64 bytes) and these PCRs by bank:
        ``{"sha256": [0, 10]}``. ``.attest`` and ``.signature`` are the bytes for ``tpm2_checkquote -m`` and ``-s``."""
        made = self._fleet.quote(self._index, _bytes(nonce, "quote"), _selection(selection, "quote"))
        return Quote.parse(*made)

    @property
    def ak_public_pem(self) -> str:
        """The public half of the attestation key, PEM. The TPM makes the key anew from its seed whenever it is asked."""
        return self._fleet.ak_public_pem(self._index)

    def __repr__(self) -> str:
        return f"<Tpm {self.name!r}>"


class TpmFleet:
    """Started TPMs, spread over ``workers`` threads with a private copy of libtpms each.

    count: how many. seed: with a TPM's name it decides its keys and random numbers. workers: threads that ``execute_all``,
    ``quote_all`` and the making of the fleet use; no result depends on it. names: one per TPM, ``tpm0``, ``tpm1``, … without
    them; TPMs of one name are twins with the same keys. parking: how TPMs wait that nobody speaks to, ``"segments"`` (1 to 2 kB,
    8 us to come back) or ``"blobs"`` (the library's own format, 10 kB, 40 us); no answer depends on it, and ``.parking`` says
    what is done. Any Python thread may use the fleet; calls take turns.
    """

    def __init__(self, count: Optional[int] = None, seed: int = 1, workers: int = 1, *, names: Optional[Sequence[str]] = None,
                 parking: str = "segments") -> None:
        if count is None and names is None:
            raise InputError(Finding("TVD-104", "TpmFleet", "how many TPMs?", "TpmFleet(count=10)"))
        if names is None:
            names = [f"tpm{i}" for i in range(_number(count, 0, _MOST, "TpmFleet", "count"))]
        elif isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
            raise InputError(Finding("TVD-103", "TpmFleet", "names are texts, one per TPM, and not empty.", 'names=["h1", "h2"]'))
        elif count is not None and count != len(names):
            raise InputError(Finding("TVD-103", "TpmFleet", f"count={count}, and {len(names)} names are given.", "leave out count"))
        threads = _number(workers, 1, 256, "TpmFleet", "workers")
        if parking not in ("segments", "blobs"):
            raise InputError(Finding("TVD-103", "TpmFleet", f"TPMs are not parked as {parking!r}.", '"segments" or "blobs"'))
        self._core = _core.TpmFleet(list(names), _number(seed, 0, 2**64 - 1, "TpmFleet", "seed"), threads, parking == "blobs")
        self._tpms = [Tpm(self._core, i, name) for i, name in enumerate(names)]

    def __len__(self) -> int:
        return len(self._tpms)

    def __getitem__(self, index: int) -> Tpm:
        return self._tpms[index]

    def __iter__(self) -> Iterator[Tpm]:
        return iter(self._tpms)

    def clone(self, tpm: Tpm, name: str, identity: str = "fresh") -> Tpm:
        """Another TPM of this fleet in the state of this one. ``"shared"``: its twin, as a copied virtual machine has it, with the
        same seeds, keys and random generator. ``"fresh"``: the same PCRs, but seeds of its own (TPM2_ChangeEPS, ChangePPS, Clear),
        which take its owner's keys and NV along; ``WorldError`` by the TPM's code when it refuses."""
        if not isinstance(tpm, Tpm) or tpm._fleet is not self._core:
            raise InputError(Finding("TVD-103", "clone", f"{tpm!r} is no TPM of this fleet.", "fleet[0]"))
        if identity not in ("fresh", "shared"):
            raise InputError(Finding("TVD-103", "clone", f"identity {identity!r} is unknown.", '"fresh" or "shared"'))
        if not _text(name, "clone", "a name"):
            raise InputError(Finding("TVD-103", "clone", "a clone's name is not empty."))
        self._tpms.append(Tpm(self._core, self._core.clone(tpm._index, name, identity == "fresh"), name))
        return self._tpms[-1]

    def execute_all(self, commands: Sequence[Sequence[bytes]]) -> List[List[bytes]]:
        """One list of commands per TPM, in order; the responses alike. Every worker serves its own TPMs, all at once."""
        self._one_each(commands, "execute_all", "lists of commands")
        return self._core.execute_all([[_bytes(c, f"execute_all, TPM {i}") for c in own] for i, own in enumerate(commands)])

    def quote_all(self, nonces: Sequence[bytes], selection: Selection) -> List[Quote]:
        """A quote by every TPM, each over its own nonce; all workers at once."""
        self._one_each(nonces, "quote_all", "nonces")
        made = self._core.quote_all([_bytes(n, f"quote_all, TPM {i}") for i, n in enumerate(nonces)], _selection(selection, "quote_all"))
        return [Quote.parse(*pair) for pair in made]

    def _one_each(self, given: Sequence[Any], where: str, what: str) -> None:
        if len(given) != len(self):
            raise InputError(Finding("TVD-103", where, f"{len(given)} {what} for {len(self)} TPMs.", "one per TPM, in the fleet's order"))

    def state_digest(self) -> str:
        """SHA-256 over all that the TPMs are, in hex: permanent state, clocks, PCRs, loaded objects."""
        return self._core.state_digest()

    @property
    def path(self) -> str:
        """``"private"``: a copy of libtpms per worker; ``"stock"``: the library as it is installed, one worker."""
        return self._core.path()

    @property
    def parking(self) -> str:
        """``"segments"`` or ``"blobs"``: the latter also on the stock library, and where a self-test found that segments differ."""
        return self._core.parking()

    @property
    def deterministic(self) -> bool:
        """Do keys and signatures follow from the seed? Of the stock library only PCRs and response codes do."""
        return self._core.deterministic()

    @property
    def workers(self) -> int:
        """Threads that really serve this fleet: 1 on the stock library."""
        return self._core.workers()

    @property
    def commands_per_worker(self) -> List[int]:
        """How many commands each worker's copy has executed."""
        return self._core.commands_per_worker()

    def __repr__(self) -> str:
        return f"<TpmFleet: {len(self)} TPMs, {self.workers} workers, {self.path} libtpms>"


def extend_command(pcr: int, hex: str, bank: str = "sha256") -> bytes:
    """TPM2_PCR_Extend with the empty password, as bytes: for ``execute`` and ``execute_all``."""
    return _core.extend_command(_pcr(pcr, "extend_command"), _text(hex, "extend_command", "a digest in hex"), _text(bank, "extend_command", "a bank"))


def read_command(pcr: int, bank: str = "sha256") -> bytes:
    """TPM2_PCR_Read of one PCR, as bytes; the value is the end of the response."""
    return _core.read_command(_pcr(pcr, "read_command"), _text(bank, "read_command", "a bank"))


def pcr_file(pcrs: Pcrs) -> bytes:
    """These PCRs, by bank and number in hex, as the file of ``tpm2_quote -o`` that ``tpm2_checkquote -f`` reads.

    Banks keep their order, which must be the quote's.
    """
    return _core.write_pcr_dump(list(_hex_pcrs(pcrs).items()))


def _number(value: object, low: int, high: int, where: str, what: str) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise InputError(Finding("TVD-103", where, f"{what} is a whole number from {low} to {high}, not {value!r}."))
    return number


def _pcr(value: object, where: str) -> int:
    return _number(value, 0, _PCRS - 1, where, "a PCR")


def _text(value: object, where: str, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(Finding("TVD-103", where, f"{what} is needed as text, not {value!r}."))
    return value


def _selection(selection: object, where: str) -> List[Tuple[str, List[int]]]:
    if not isinstance(selection, Mapping) or not selection:
        raise InputError(Finding("TVD-103", where, "PCRs are selected by bank.", '{"sha256": [0, 10]}'))
    return [(_text(bank, where, "a bank"), [_pcr(n, where) for n in numbers]) for bank, numbers in selection.items()]
