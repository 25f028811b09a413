"""What a machine measured, and what its TPM signed: real logs and quotes, read, replayed and verified.

>>> log = EventLog.parse(open("binary_bios_measurements", "rb").read())
>>> ima = ImaLog.parse(open("ascii_runtime_measurements", "rb").read())
>>> quote = Quote.parse(attest, signature)
>>> upto = ima.prefix_for("sha256", reported["sha256"][10])     # a quote may be older than its log
>>> quote.verify(ak_pem, nonce, reported).reason
'ok'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from . import _core, _frames
from .errors import Finding, InputError

Pcrs = Mapping[str, Mapping[int, str]]


def _bytes(data: object, where: str) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise InputError(Finding("TVD-103", where, f"bytes are needed, and this is a {type(data).__name__}.",
                             'open(FILE, "rb").read()'))


@dataclass(frozen=True)
class Event:
    """One event of a boot log. What it says of itself (``type``, ``name``, ``data``) is its writer's claim; the digests are
    believed once the replay equals signed PCRs."""

    pcr: int
    type: int
    type_name: str
    name: str
    digests: Mapping[str, str]  # by bank, hex
    data: bytes
    offset: int  # bytes from the start of the log


class EventLog:
    """The firmware's measurement log, in the format of TPM 1.2 (SHA-1) or of TPM 2.0 (crypto-agile)."""

    def __init__(self, core: "_core.EventLog") -> None:
        self._core = core
        self._events: Optional[Tuple[Event, ...]] = None

    @classmethod
    def parse(cls, data: bytes) -> "EventLog":
        """The log in these bytes (``binary_bios_measurements``). ``InputError`` TVD-501 to 506 when they are none."""
        return cls(_core.EventLog(_bytes(data, "EventLog.parse")))

    @property
    def events(self) -> Tuple[Event, ...]:
        """In the order of the log, the header event of a TPM 2.0 log included."""
        if self._events is None:
            self._events = tuple(Event(*row) for row in self._core.events())
        return self._events

    @property
    def format(self) -> str:
        """``"sha1"`` (TPM 1.2) or ``"crypto_agile"`` (TPM 2.0)."""
        return "crypto_agile" if self._core.crypto_agile() else "sha1"

    @property
    def algorithms(self) -> List[str]:
        """The banks that the log's header lists; one that is not known here by its number, and not replayed."""
        return self._core.algorithms()

    @property
    def startup_locality(self) -> int:
        """The locality that the TPM was started from: 0, 3 or 4."""
        return self._core.startup_locality()

    def replay(self) -> Dict[str, Dict[int, str]]:
        """The PCRs that the events lead to, by bank and number, in hex: those that an event names."""
        return self._core.replay()

    def frame(self) -> Any:
        """A DataFrame with a row per event: pcr, type, name, a column per bank, size_bytes, offset_bytes."""
        banks = self.algorithms
        rows = [[e.pcr, e.type_name, e.name, *[e.digests.get(b) for b in banks], len(e.data), e.offset]
                for e in self.events]
        return _frames.frame(["pcr", "type", "name", *banks, "size_bytes", "offset_bytes"], rows)

    def __repr__(self) -> str:
        return f"<EventLog: {len(self.events)} events, {'+'.join(self.algorithms)}>"


@dataclass(frozen=True)
class ImaEntry:
    """One file that was opened, executed or mapped. Believed up to the entry where the replay equals a signed PCR 10."""

    pcr: int
    template_hash: str  # SHA-1, hex; zeros for a violation
    template: str  # "ima-ng"
    algorithm: str  # of the digest: "sha256"
    digest: str  # of the file, hex
    path: str  # as the measured system gave it
    violation: bool  # open for writing meanwhile: nothing is known of it
    sound: bool  # the template hash is that of the entry's data
    signature: str  # the file's, hex; "" where it has none


class ImaLog:
    """Linux's measurement list, binary or ASCII; templates ima, ima-ng, ima-sig, ima-buf, ima-modsig and their v2 forms."""

    def __init__(self, core: "_core.ImaLog") -> None:
        self._core = core
        self._entries: Optional[Tuple[ImaEntry, ...]] = None

    @classmethod
    def parse(cls, data: bytes) -> "ImaLog":
        """The log in these bytes. ``InputError`` TVD-502, 505, 511 to 514 when they are none."""
        return cls(_core.ImaLog(_bytes(data, "ImaLog.parse")))

    @property
    def entries(self) -> Tuple[ImaEntry, ...]:
        if self._entries is None:
            self._entries = tuple(ImaEntry(*row) for row in self._core.entries())
        return self._entries

    @property
    def ascii(self) -> bool:
        """Was it read from ``ascii_runtime_measurements``?"""
        return self._core.ascii()

    def replay(self, bank: str = "sha256", upto: Optional[int] = None, padded: bool = False) -> str:
        """PCR 10 of this bank after the first ``upto`` entries (None: all), in hex.

        ``padded``: as kernels before 5.8, and those without the bank's algorithm, fill it: SHA-1 and zeros.
        """
        if upto is not None and upto < 0:
            raise InputError(Finding("TVD-110", "ImaLog.replay", f"upto={upto}: a number of entries is not negative."))
        return self._core.replay(bank, upto, padded)

    def prefix_for(self, bank: str, value: str, padded: bool = False) -> Optional[int]:
        """How many entries lead to this value (hex) of PCR 10; None when no number of them does."""
        return self._core.prefix_for(bank, value, padded)

    @property
    def first_bad(self) -> Optional[int]:
        """The index of the first entry whose template hash does not match its data, or None."""
        return self._core.first_bad()

    @property
    def boot_aggregate(self) -> Optional[str]:
        """The digest of the first entry, over the boot's PCRs, in hex; None when the log does not begin with it."""
        return self._core.boot_aggregate()

    def frame(self) -> Any:
        """A DataFrame with a row per entry: the fields of ``ImaEntry``."""
        columns = list(ImaEntry.__dataclass_fields__)
        return _frames.frame(columns, [[getattr(e, c) for c in columns] for e in self.entries])

    def __repr__(self) -> str:
        return f"<ImaLog: {len(self.entries)} entries>"


@dataclass(frozen=True)
class QuoteVerdict:
    """``bool()`` says whether the quote holds; ``reason`` names what is wrong: ``ok``, ``key``, ``signature``, ``nonce``,
    ``pcr_selection``, ``pcr_digest``."""

    reason: str
    bank: Optional[str] = None  # where it can be said
    pcr: Optional[int] = None  # where it can be said
    expected: str = ""  # hex
    got: str = ""  # hex
    detail: str = ""  # one sentence

    def __bool__(self) -> bool:
        return self.reason == "ok"

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Quote:
    """PCRs and a nonce, signed by a TPM. What it says counts once ``verify`` holds."""

    def __init__(self, core: "_core.Quote", quoted: bytes, signature: bytes) -> None:
        self._core = core
        self._said = core.statement()
        self.quoted = quoted  # TPMS_ATTEST; of TPM 1.2: TPM_QUOTE_INFO or TPM_PCR_COMPOSITE
        self.signature = signature  # TPMT_SIGNATURE; of TPM 1.2: the bare RSA signature

    @classmethod
    def parse(cls, attest: bytes, signature: bytes) -> "Quote":
        """TPMS_ATTEST and TPMT_SIGNATURE: the files of ``tpm2_quote -m`` and ``-s``. ``InputError`` TVD-521 to 524."""
        attest, signature = _bytes(attest, "Quote.parse"), _bytes(signature, "Quote.parse")
        return cls(_core.Quote(attest, signature, False), attest, signature)

    @classmethod
    def parse_tpm12(cls, pcr_composite: bytes, signature: bytes) -> "Quote":
        """TPM 1.2: TPM_PCR_COMPOSITE or TPM_QUOTE_INFO, and the bare signature. ``InputError`` TVD-521 to 524."""
        quoted, signature = _bytes(pcr_composite, "Quote.parse_tpm12"), _bytes(signature, "Quote.parse_tpm12")
        return cls(_core.Quote(quoted, signature, True), quoted, signature)

    def verify(self, public_key: Union[str, bytes], nonce: Union[bytes, str], pcrs: Pcrs) -> QuoteVerdict:
        """Did this key sign this nonce and these PCRs, no fewer and no more?

        public_key: PEM, TPM2B_PUBLIC, TPMT_PUBLIC or TPM 1.2's TPM_PUBKEY. nonce: bytes, or hex. pcrs: by bank and number,
        in hex. A refusal is the answer; ``InputError`` (TVD-526, 527, 101, 103) is for a key or PCRs that are none.
        """
        key = public_key.encode() if isinstance(public_key, str) else _bytes(public_key, "public_key")
        return QuoteVerdict(*self._core.verify(key, _nonce(nonce), _hex_pcrs(pcrs)))

    @property
    def attest(self) -> bytes:
        """The bytes under the signature, TPMS_ATTEST; of TPM 1.2 what ``quoted`` holds."""
        return self.quoted

    @property
    def tpm12(self) -> bool:
        return bool(self._said["tpm12"])

    @property
    def nonce(self) -> bytes:
        """What the asker gave (TPM 1.2: 20 bytes, the SHA-1 of a nonce of another length; empty with a composite)."""
        return bytes(self._said["nonce"])

    @property
    def pcr_digest(self) -> str:
        """The hash over the covered PCRs, in hex."""
        return str(self._said["pcr_digest"])

    @property
    def selection(self) -> Dict[str, List[int]]:
        """The PCRs that it covers, by bank; empty for a TPM_QUOTE_INFO, which does not say."""
        return dict(self._said["selection"])

    @property
    def facts(self) -> Dict[str, Any]:
        """Everything it says: nonce, pcr_digest, selection, scheme, hash, clock_ms, reset_count, restart_count, …"""
        return {**self._said, "nonce": self.nonce.hex()}

    def __repr__(self) -> str:
        covered = ", ".join(f"{bank}: {pcrs}" for bank, pcrs in self.selection.items())
        return f"<Quote of TPM {'1.2' if self.tpm12 else '2.0'} {covered}>"


def _nonce(nonce: object) -> bytes:
    if not isinstance(nonce, str):
        return _bytes(nonce, "nonce")
    try:
        return bytes.fromhex(nonce)
    except ValueError:
        raise InputError(Finding("TVD-103", "nonce", f"`{nonce}` is not hex.", "a nonce is bytes, or text in hex")) from None


def _hex_pcrs(pcrs: object) -> Dict[str, Dict[int, str]]:
    """What was given for PCRs, with numbers for keys and hex for values."""
    if not isinstance(pcrs, Mapping) or not all(isinstance(values, Mapping) for values in pcrs.values()):
        raise InputError(Finding("TVD-103", "pcrs", "PCRs are given by bank and number.", '{"sha256": {0: "…", 1: "…"}}'))
    out: Dict[str, Dict[int, str]] = {}
    for bank, values in pcrs.items():
        for pcr, value in values.items():
            if isinstance(pcr, str) and pcr.isdigit():  # as JSON has it
                pcr = int(pcr)
            if isinstance(value, (bytes, bytearray)):
                value = bytes(value).hex()
            if not isinstance(pcr, int) or not 0 <= pcr < 24 or not isinstance(value, str):
                raise InputError(Finding("TVD-103", f"pcrs[{bank!r}]", f"`{pcr!r}: {value!r}` is no PCR and its value in hex.",
                                         "a number from 0 to 23, and hex"))
            out.setdefault(str(bank), {})[pcr] = value
    return out
