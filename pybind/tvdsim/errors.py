"""Bad news, by kind: your input (``InputError``), the world (``WorldError``), a dead worker (``WorkerDied``).

A refusal is none of these: it is a ``Decision``, an answer. A bug of ours aborts the worker and names itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Tuple, Union


@dataclass(frozen=True)
class Finding:
    """One thing wrong with what was written: a sentence, the place, one way out."""

    code: str
    where: str
    message: str
    help: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}] {self.message}"]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)

    def to_json(self) -> Dict[str, str]:
        return {"code": self.code, "where": self.where, "message": self.message, "help": self.help,
                "severity": self.severity}


class TvdsimError(Exception):
    """What every error of this package is."""


class InputError(TvdsimError):
    """Your input: every finding at once, raised before anything runs.

    ``findings`` holds them all; ``code``, ``where``, ``message`` and ``help`` are those of the first error.
    ``exceptions`` has one ``InputError`` per finding, as an exception group has.
    """

    def __init__(self, findings: Union[Finding, Iterable[Finding]]) -> None:
        self.findings: Tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(str(f) for f in self.findings))

    def __reduce__(self) -> Tuple[type, Tuple[Tuple[Finding, ...]]]:
        return (type(self), (self.findings,))

    @property
    def _first(self) -> Finding:
        errors = [f for f in self.findings if f.severity == "error"]
        return (errors or list(self.findings))[0]

    @property
    def code(self) -> str:
        return self._first.code

    @property
    def where(self) -> str:
        return self._first.where

    @property
    def message(self) -> str:
        return self._first.message

    @property
    def help(self) -> str:
        return self._first.help

    @property
    def exceptions(self) -> Tuple["InputError", ...]:
        return tuple(InputError(f) for f in self.findings)


class WorldError(TvdsimError):
    """The world: a full disk, a library that returned a code; ``name`` is the code's own name (``ENOSPC``)."""

    def __init__(self, what: str, name: str = "", help: str = "") -> None:
        self.what, self.name, self.help = what, name, help
        text = f"error[{name}] {what}" if name and not what.endswith(f"({name})") else f"error: {what}"
        super().__init__(text + (f"\n  help: {help}" if help else ""))

    def __reduce__(self) -> Tuple[type, Tuple[str, str, str]]:
        return (type(self), (self.what, self.name, self.help))


class WorkerDied(WorldError):
    """The worker process ended without an answer; the run directory it wrote is incomplete."""


class InternalError(TvdsimError):
    """Our bug. Please report it, with the run directory."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"bug: {what}\n  help: this is a bug in tvdsim; please report it with this message")

    def __reduce__(self) -> Tuple[type, Tuple[str]]:
        return (type(self), (self.what,))
