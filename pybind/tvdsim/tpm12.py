"""Real TPM 1.2s: what the hosts of the first papers on attestation had.

>>> fleet = Tpm12Fleet(count=2, seed=7)
>>> tpm = fleet[0]
>>> tpm.extend(10, "ab" * 20)
>>> quote = tpm.quote(b"twenty bytes of nonce"[:20], [10])
>>> quote.verify(tpm.quote_key_pem, b"twenty bytes of nonce"[:20], {"sha1": {10: tpm.pcr(10)}}).reason
'ok'

A quote key needs an owner: the first quote takes ownership with the well-known secret and makes an RSA key. Private copies of
libtpms alone hold TPM 1.2s: elsewhere ``WorldError`` stock_library.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence

from . import _core
from .errors import Finding, InputError
from .evidence import Quote, _bytes
from .tpm import TpmState, _number, _pcr, _text

_MOST = 100_000  # TPMs of a fleet: 15 kB and 2 ms each
_NONCE = 20


class Tpm12:
    """One TPM 1.2 of a fleet. It keeps its fleet alive."""

    def __init__(self, fleet: "_core.Tpm12Fleet", index: int, name: str) -> None:
        self._fleet, self._index = fleet, index
        self.name = name

    def execute(self, command: bytes) -> bytes:
        """Sends one command, gives the response, whatever its return code."""
        return self._fleet.execute(self._index, _bytes(command, "execute"))

    def extend(self, pcr: int, hex: str) -> None:
        """PCR := SHA-1(PCR || digest); ``hex`` is a SHA-1 digest."""
        self._fleet.extend(self._index, _pcr(pcr, "extend"), _text(hex, "extend", "a digest in hex"))

    def pcr(self, n: int) -> str:
        """The value of one PCR, in hex."""
        return self._fleet.pcr(self._index, _pcr(n, "pcr"))

    def quote(self, nonce: bytes, pcrs: Sequence[int]) -> Quote:
        """TPM_Quote: RSA-2048 with SHA-1 over these PCRs and a nonce of 20 bytes."""
        asked = _bytes(nonce, "quote")
        if len(asked) != _NONCE:
            raise InputError(Finding("TVD-103", "quote", f"{len(asked)} bytes: a TPM 1.2 takes a nonce of {_NONCE}."))
        mask = 0
        for pcr in pcrs:
            mask |= 1 << _pcr(pcr, "quote")
        return Quote.parse_tpm12(*self._fleet.quote(self._index, asked, mask))

    @property
    def quote_key_pem(self) -> str:
        """The public half of the key that its quotes are signed with, PEM."""
        return self._fleet.quote_key_pem(self._index)

    def save(self) -> TpmState:
        """All there is of it; it goes on."""
        return TpmState(*self._fleet.save(self._index))

    def __repr__(self) -> str:
        return f"<Tpm12 {self.name!r}>"


class Tpm12Fleet:
    """``count`` TPM 1.2s, manufactured and started; ``names`` are theirs, else tpm0, tpm1, …"""

    def __init__(self, count: Optional[int] = None, seed: int = 1, names: Optional[Sequence[str]] = None) -> None:
        if names is None:
            names = [f"tpm{i}" for i in range(_number(count, 0, _MOST, "Tpm12Fleet", "count"))]
        elif count is not None and count != len(names):
            raise InputError(Finding("TVD-103", "Tpm12Fleet", f"count={count}, and {len(names)} names are given.", "leave out count"))
        self._core = _core.Tpm12Fleet([_text(n, "Tpm12Fleet", "a name") for n in names], _number(seed, 0, 2**64 - 1, "Tpm12Fleet", "seed"))
        self._names: List[str] = list(names)

    def load(self, name: str, state: TpmState) -> Tpm12:
        """Another TPM, in this state. ``WorldError`` state_digest when it was changed, or the library's own code."""
        if not isinstance(state, TpmState):
            raise InputError(Finding("TVD-103", "load", f"a TpmState is needed, not {state!r}.", "tpm.save()"))
        self._core.load(_text(name, "load", "a name"), _bytes(state.permanent, "load"), _bytes(state.running, "load"),
                        _text(state.digest, "load", "a digest"))
        self._names.append(name)
        return self[len(self._names) - 1]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Tpm12:
        return Tpm12(self._core, range(len(self))[index], self._names[index])

    def __iter__(self) -> Iterator[Tpm12]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<Tpm12Fleet: {len(self)} TPMs>"
