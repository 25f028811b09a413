"""The decision logs of a run: hash-chained, one per host, with anchors that were put out of their reach.

>>> run = scenario.run(until="1 min", out="runs/a")        # of a Scenario(..., decision_log=True)
>>> bool(run.decision_log.verify())
True
>>> run.decision_log["h1"].rows()[0]["verdict"]
'permit'
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from . import _core
from .errors import Finding, InputError

if TYPE_CHECKING:
    from .run import Run

Anchor = Tuple[int, str]  # after how many entries, the chain there in hex
FOLDER = "decisions"
_NONE = 0xFFFFFFFF
_FIELDS = ("entry", "sequence", "lost", "verdict", "hook", "rule", "point", "time_ns", "host", "subject", "object",
           "subject_label", "object_label", "epoch", "detail", "other")


@dataclass(frozen=True)
class LogVerdict:
    """What was found in one log. ``bool()``: it is as it was written, as far as the anchors reach."""

    file: str
    ok: bool
    trouble: str  # none, edited, truncated, gap, rewritten, rolled_back, other_pcr, …
    findings: Tuple[Finding, ...]
    blocks: int
    entries: int
    decisions: int
    lost: int  # decisions that found the ring full: counted, never silent
    anchored: int  # entries that an anchor vouches for
    deny: int
    warn: int
    permit: int
    chain: str  # after the last entry, hex
    pcr: str  # where the anchors lead PCR 12 of a TPM, SHA-256, hex

    def __bool__(self) -> bool:
        return self.ok

    def to_json(self) -> Dict[str, Any]:
        return {**vars(self), "findings": [f.to_json() for f in self.findings]}

    def __str__(self) -> str:
        if self.findings:
            return "\n".join(map(str, self.findings))
        lost = f", {self.lost} lost in a full ring" if self.lost else ""
        return (f"{self.file}: {self.decisions} decisions ({self.permit} permit, {self.warn} warn, {self.deny} deny){lost}, "
                f"{self.anchored} of {self.entries} entries anchored")


def verify_log(data: bytes, file: str = "decision log", anchors: Sequence[Anchor] = (), pcr: Optional[str] = None) -> LogVerdict:
    """Is this log as it was written? ``anchors`` from elsewhere; ``pcr``: PCR 12 as the host's TPM has it, in hex: ``anchors`` must
    then be all that were made, in order. What is wrong is the answer; ``InputError`` TVD-103 is for an anchor that is none."""
    told = json.loads(_core.check_decisions(data, file, list(anchors), pcr))
    told["findings"] = tuple(Finding(**f) for f in told["findings"])
    return LogVerdict(**told)


class HostLog:
    """One host's log on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def files(self) -> List[Path]:
        """In their order: the first, and those that followed when it was full."""
        numbered = [(int(found.group(1)), path) for path in self.path.parent.glob("*.audit")
                    if (found := re.fullmatch(re.escape(self.path.stem) + r"@(\d+)\.audit", path.name))]
        return [self.path, *(path for _, path in sorted(numbered))]

    def bytes(self) -> bytes:
        """All of it; TVD-130 when a file cannot be read."""
        return b"".join(_read(path) for path in self.files)

    def anchors(self) -> List[Anchor]:
        """Those that lie beside it; whoever has the log has these, too."""
        path = self.path.with_suffix(".anchors")
        return parse_anchors(_read(path).decode("ascii", "replace"), str(path)) if path.exists() else []

    def verify(self, anchors: Optional[Sequence[Anchor]] = None, pcr: Optional[str] = None) -> LogVerdict:
        """With the anchors beside it, or others; see ``verify_log``."""
        return verify_log(self.bytes(), str(self.path), self.anchors() if anchors is None else anchors, pcr)

    def rows(self) -> List[Dict[str, Any]]:
        """Every entry up to the first trouble. Hosts, VMs and labels are numbers here; a loss has ``verdict`` None and how many."""
        return [{**dict.fromkeys(_FIELDS), **{k: None if v == _NONE and k in ("host", "subject", "object", "other") else v
                                              for k, v in zip(_FIELDS, row)}} for row in _core.decision_rows(self.bytes())]


@dataclass(frozen=True)
class RunVerdict:
    """Every log of a run. ``bool()``: all of them hold."""

    logs: Tuple[LogVerdict, ...]

    def __bool__(self) -> bool:
        return all(self.logs)

    @property
    def findings(self) -> List[Finding]:
        return [f for log in self.logs for f in log.findings]

    def to_json(self) -> Dict[str, Any]:
        return {"ok": bool(self), "logs": [log.to_json() for log in self.logs]}

    def __str__(self) -> str:
        return "\n".join(map(str, self.logs)) or "no decisions were made"


class DecisionLogs(Mapping[str, HostLog]):
    """The logs of a run, by host; the manager's is ``"@manager"``. TVD-130 when the run kept none."""

    def __init__(self, run: "Run") -> None:
        self._facts: List[Dict[str, Any]] = list(run.manifest.get("decision_logs", []))
        self._folder = run.directory / FOLDER
        if not self._folder.is_dir():
            raise InputError(Finding("TVD-130", str(run.directory), "this run kept no decision logs.", "Scenario(…, decision_log=True)"))

    def __getitem__(self, host: str) -> HostLog:
        if host not in list(self):
            raise KeyError(host)
        return HostLog(self._folder / f"{host}.audit")

    def __iter__(self) -> Iterator[str]:
        return iter(str(f["host"]) for f in self._facts)

    def __len__(self) -> int:
        return len(self._facts)

    def verify(self, pcrs: Optional[Mapping[str, str]] = None) -> RunVerdict:
        """Every log against its anchors, the manifest's last one, and PCR 12 of the host's TPM: as the manifest has it, or as
        ``pcrs`` says it is (host -> SHA-256 bank, hex). A log that was put back to an older copy does not lead there."""
        found = []
        for facts in self._facts:
            host = str(facts["host"])
            log = self[host]
            anchors, last = log.anchors(), (int(facts["entries"]), str(facts["chain"]))
            pcr = (pcrs or {}).get(host, facts.get("pcr12_sha256"))
            if last[0] and last not in anchors:
                anchors.append(last)
            found.append(log.verify(anchors, pcr))
        return RunVerdict(tuple(found))

    def __repr__(self) -> str:
        return f"<DecisionLogs: {', '.join(self)}>"


def parse_anchors(text: str, where: str) -> List[Anchor]:
    """Lines of ``ENTRIES CHAIN``; TVD-103 names one that is none."""
    found: List[Anchor] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            found.append(parse_anchor(line, f"{where}:{number}"))
    return found


def parse_anchor(text: str, where: str = "anchor") -> Anchor:
    """``ENTRIES CHAIN`` or ``ENTRIES:CHAIN``."""
    whole = re.fullmatch(r"\s*(\d{1,19})[\s:]+([0-9a-fA-F]{64})\s*", text)
    if not whole:
        raise InputError(Finding("TVD-103", where, f"`{text.strip()[:80]}` is no anchor.", "ENTRIES:CHAIN, the chain as 64 hex digits"))
    return int(whole.group(1)), whole.group(2).lower()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise InputError(Finding("TVD-130", str(path), f"cannot read it: {problem.strerror}.")) from None
