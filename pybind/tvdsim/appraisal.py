"""May this machine be trusted? Its quote, its logs and its key, against a question and against what is known to be good.

>>> known = KnownDigests.read(open("SHA256SUMS").read(), "SHA256SUMS")
>>> known.add_log(EventLog.parse(golden_boot))
>>> result = appraise(attest, signature, nonce, key=ak_pem, event_log=log, ima_log=ima, references=known)
>>> result.verdict, [c.name for c in result.checks if c.outcome == "failed"]
('trusted', [])
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _core, _frames
from .errors import Finding, InputError
from .evidence import EventLog, ImaLog, Pcrs, _bytes, _hex_pcrs, _nonce
from .references import ReferenceStore

_SUM = re.compile(r"\\?([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})(?:(?:  | \*|\t)(.+))?")
_HELP = "lines of sha256sum: a digest in hex, two spaces, the path; or a digest alone, which is good under any name"


class KnownDigests:
    """Digests that are known to be good, each under the names that it may have. A boot event is looked up by its digest alone: what
    it calls itself is nobody's word."""

    def __init__(self) -> None:
        self._names: Dict[str, List[str]] = {}

    def add(self, digest: str, name: str = "") -> None:
        """This digest (hex) is good: for a file of this path, or under any name when none is given."""
        known = self._names.setdefault(digest.lower(), [])
        if name and name not in known:
            known.append(name)

    def add_log(self, log: Union[EventLog, ImaLog]) -> None:
        """Everything that this log holds is good: a log of a machine that was in order."""
        if isinstance(log, EventLog):
            for event in log.events:
                for digest in event.digests.values():
                    self.add(digest, event.name)
            return
        for entry in log.entries:
            if not entry.violation:
                self.add(entry.digest, entry.path)

    @classmethod
    def read(cls, text: str, where: str) -> "KnownDigests":
        """A list as sha256sum, sha1sum and the like print it; ``#`` begins a comment. ``InputError`` TVD-103 names the line."""
        out = cls()
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = _SUM.fullmatch(line.rstrip())
            if not found:
                raise InputError(Finding("TVD-103", f"{where}, line {number}", "this is not a digest and a path.", _HELP))
            out.add(found[1], found[2] or "")
        return out

    def merge(self, other: "KnownDigests") -> None:
        for digest, names in other._names.items():
            self.add(digest)
            for name in names:
                self.add(digest, name)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Check:
    """One check of an appraisal and what became of it: passed, failed, missing, off, not_applicable or not_reached."""

    name: str
    holds: str  # what must hold
    outcome: str
    why: str  # of what did not pass: one clause


@dataclass(frozen=True)
class Appraisal:
    """``bool()`` says whether the machine is trusted. Every check is in ``checks``; ``reason`` is the first that did not hold."""

    verdict: str  # "trusted", "incomplete", "untrusted", "chain_broken", ...
    reason: Optional[str]
    detail: str  # one sentence
    bank: Optional[str]
    pcr: Optional[int]
    entity: str  # the event, file or PCR that it is about; as the machine calls it
    expected: str
    got: str
    checks: Tuple[Check, ...]
    counts: Mapping[str, int]  # events and entries: checked, believed, beyond what the quote covers

    def __bool__(self) -> bool:
        return self.verdict == "trusted"

    def frame(self) -> Any:
        """A DataFrame with a row per check: name, holds, outcome, why."""
        return _frames.frame(["name", "holds", "outcome", "why"], [[c.name, c.holds, c.outcome, c.why] for c in self.checks])

    def to_json(self) -> Dict[str, Any]:
        return {**{f: getattr(self, f) for f in ("verdict", "reason", "detail", "bank", "pcr", "entity", "expected", "got")},
                "checks": [dict(vars(c)) for c in self.checks], "counts": dict(self.counts)}


def checks() -> List[Tuple[str, str, str]]:
    """Every check in its order: name, what must hold, what is said when it does not."""
    return _core.appraisal_checks()


def appraise(attest: bytes, signature: bytes, nonce: Union[bytes, str], *, key: Union[str, bytes, None] = None,
             event_log: Optional[bytes] = None, ima_log: Optional[bytes] = None, pcrs: Optional[Pcrs] = None,
             references: Union[KnownDigests, ReferenceStore, None] = None, require: Optional[Mapping[str, Sequence[int]]] = None,
             chain: Sequence[str] = (), without: Sequence[str] = (), secure_boot: Optional[bool] = None,
             startup_locality: Optional[int] = None, exit_boot_services: str = "either", separators: bool = False,
             hashed_words: bool = False, padded: bool = False, tpm12: bool = False) -> Appraisal:
    """Every check of this evidence.

    key: the enrolled attestation key; nothing is trusted without one. references: a list of good digests, or a store, whose annotations
    and grace windows count too, and which looks boot events up by their names as well. require: PCRs by bank that the quote must cover. chain: names
    of boot stages that must have been measured, in this order. without: names of checks that are not made. exit_boot_services:
    "either", "logged" or "gap_allowed". Evidence that is bad is the answer; ``InputError`` is for a key, a nonce or options that
    are none.
    """
    if exit_boot_services not in ("either", "logged", "gap_allowed"):
        raise InputError(Finding("TVD-101", "exit_boot_services", f"`{exit_boot_services}` is not known.", "either, logged or gap_allowed"))
    if startup_locality not in (None, 0, 3, 4):
        raise InputError(Finding("TVD-110", "startup_locality", f"{startup_locality}: a TPM is started from 0, 3 or 4."))
    given = {"attest": attest, "signature": signature, "event_log": event_log, "ima_log": ima_log,
             "key": key.encode() if isinstance(key, str) else key}
    files = {name: _bytes(data, name) for name, data in given.items() if data is not None}
    options: Dict[str, Any] = {
        "require": {bank: list(numbers) for bank, numbers in (require or {}).items()}, "chain": list(chain), "without": list(without),
        "event_log": event_log is not None, "ima_log": ima_log is not None, "secure_boot": secure_boot,
        "startup_locality": startup_locality, "exit_boot_services": exit_boot_services, "separators": separators,
        "hashed_words": hashed_words, "padded": padded, "tpm12": tpm12}
    said = _core.appraise_evidence(files, _nonce(nonce), _hex_pcrs(pcrs or {}), references._names if isinstance(references, KnownDigests) else None,
                                   references._core if isinstance(references, ReferenceStore) else None, options)
    holds = {name: what for name, what, _ in checks()}
    rows = tuple(Check(name, holds[name], outcome, why or (said["detail"] if outcome == "failed" else "")) for name, outcome, why in said["checks"])
    counts = {name: said[name] for name in ("events_checked", "events_beyond", "entries_checked", "entries_believed", "entries_beyond")}
    return Appraisal(said["verdict"], said["reason"], said["detail"], said["bank"], said["pcr"], said["entity"], said["expected"],
                     said["got"], rows, counts)
