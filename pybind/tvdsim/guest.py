"""A real guest beside simulated ones: a small x86 program under QEMU, its hypercalls decided by label, its TPM one of ours.

>>> guest = RealGuest(policy, label="acme", neighbours={"db": "acme", "spy": "globex"},
...                   calls=[("evtchn_alloc", "db"), ("evtchn_alloc", "spy")])
>>> run = guest.run()
>>> [(call.other, call.result) for call in run.calls]
[('db', 'done'), ('spy', 'refused')]
>>> run.pcrs == run.expected_pcrs
True

The simulation is the guest's time master: the guest runs by counted instructions, up to one quantum ahead, and its calls are
answered at their own instants; the same guest gives the same events at every quantum. ``RealGuest.missing()`` says what this
machine lacks to run one. Not here: guests of your own, several vCPUs, disks, network cards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from . import _core, units
from .policy import Policy

_FILES = Path(__file__).absolute().parent / "guest"
# (hypercall, the VM that it is about[, handle[, page of the guest's memory]])
Call = Union[Tuple[str, str], Tuple[str, str, int], Tuple[str, str, int, int]]


@dataclass(frozen=True)
class GuestCall:
    """One hypercall of a guest and what came of it."""

    time_s: float  # simulated
    call: str      # a row of the table of hypercalls; "" for a number that is none
    other: str     # the VM that it was about; "" when that is nobody here
    result: str    # "done", "refused" or "failed"
    reason: str    # of a refusal: rule and both labels; of a failure: what was impossible


@dataclass(frozen=True)
class GuestEvent:
    """What a guest did: ``call`` (a: its number), ``page`` (a: virtual, b: physical address), ``ended`` (a: status)."""

    time_s: float
    kind: str
    instructions: int  # executed before it
    a: int
    b: int


class GuestRun:
    """What came of one guest. PCRs are of the SHA-256 bank: number -> hex."""

    def __init__(self, told: Dict[str, Any]) -> None:
        self.pcrs: Dict[int, str] = dict(told["read"])               # as the guest read them
        self.expected_pcrs: Dict[int, str] = dict(told["expected"])  # as its image and command line say
        self.tpm_pcrs: Dict[int, str] = dict(told["held"])           # as its TPM answered when the guest had ended
        self.parts: List[Tuple[int, str, str]] = [(n, name, digest) for n, name, digest in told["parts"]]  # measured: PCR, name, SHA-256
        self.calls = [GuestCall(at / 1e9, *rest) for at, *rest in told["calls"]]
        self.events = [GuestEvent(at / 1e9, *rest) for at, *rest in told["events"]]
        self.said: List[str] = told["said"]                          # lines on its console
        self.command_line: str = told["command_line"]
        self.fingerprint: str = told["fingerprint"]                  # SHA-256 over all events
        self.status: int = told["status"]                            # of the emulator: 33 when all went well; -1: pulled out
        self.tpm_failure: str = told["tpm_failure"]                  # "": none
        self.tpm_commands: int = told["tpm_commands"]
        self.started_s: float = told["started_ns"] / 1e9
        self.instructions: int = told["instructions"]
        self.overshoot: int = told["overshoot"]  # largest distance of a stop behind its grant: ns, instructions with gate="insn"
        self.stops: int = told["stops"]
        self.exact: bool = told["exact"]                  # stops are exact in virtual time
        self.deterministic: bool = told["deterministic"]  # its time depends on nothing of this machine

    def __bool__(self) -> bool:
        """Did it end by itself, well?"""
        return self.status == 33

    def __repr__(self) -> str:
        return f"<GuestRun {len(self.calls)} calls, {self.instructions} instructions, fingerprint {self.fingerprint[:12]}>"


class RealGuest:
    """A guest to be run; the same value runs any number of times."""

    def __init__(self, policy: Policy, label: str, neighbours: Optional[Mapping[str, str]] = None, calls: Sequence[Call] = (),
                 name: str = "guest", host_label: str = "", controls: Optional[Mapping[str, str]] = None, tpm: str = "crb",
                 words: str = "", quantum: str = "1 ms", until: str = "10 s", machine: str = "microvm", gate: str = "timer",
                 seed: int = 1) -> None:
        """``neighbours``: VM name -> label, on the same host. ``controls``: name -> "off", "monitor" or "on".

        ``tpm``: "crb", "tis" or "none"; ``machine``: "microvm" or "pc"; ``gate``: "timer" (exact) or "insn" (by instructions).
        ``words`` go on its command line: "work=N" hashes its code N times, "ticks=N" sleeps N ms.
        """
        self.policy = policy
        self._setup: Dict[str, Any] = {
            "name": name, "label": str(label), "host_label": host_label, "controls": dict(controls or {}), "words": words,
            "neighbours": [[vm, str(of)] for vm, of in (neighbours or {}).items()],
            "calls": [[*call, 0, 0][:4] for call in calls], "machine": machine, "gate": gate, "tpm": tpm, "seed": seed,
            "quantum_ns": units.duration(quantum, "RealGuest", "quantum"), "until_ns": units.duration(until, "RealGuest", "until"),
            "image": str(_FILES / "tvd_payload.elf"), "plugin": str(_FILES / "tvd_guest.so"),
        }

    @staticmethod
    def missing() -> List[str]:
        """What is not here and has to be, to run one: sentences; empty when all is well."""
        lacking = []
        if not _core.find_qemu():
            lacking.append("qemu-system-x86_64 is not installed (apt install qemu-system-x86)")
        if not (_FILES / "tvd_payload.elf").exists():
            lacking.append("the guest was not built: the C compiler makes no 32-bit x86 code")
        if not (_FILES / "tvd_guest.so").exists():
            lacking.append("the plugin was not built")
        return lacking

    def run(self) -> GuestRun:
        """Runs it to its end. ``WorldError`` by name: qemu_absent, guest_files, guest_hung, guest_killed and others."""
        return GuestRun(json.loads(_core.run_guest(self.policy._core, json.dumps(self._setup))))
