"""What every verb shares: results out, errors told, exit statuses, scripts run."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

from ..errors import Finding, InputError, InternalError, TvdsimError
from ..run import RunInterrupted

FINE, NO, INPUT, BUG = 0, 1, 2, 3
INTERRUPTED = NO  # what is there is kept, and is not the whole answer
RAW_VERBS = ("bench", "test", "python")  # hand their words on as they are
SCRIPT_VERBS = ("run", "check")  # what they do not know themselves is for the script


class Outcome:
    status = FINE


def emit(args: argparse.Namespace, data: Any, text: str) -> None:
    """The result: JSON when asked for, else text."""
    print(json.dumps(data, indent=1, ensure_ascii=False) if args.json else text)


def printable(text: str) -> str:
    """Words of a stranger, fit for a terminal."""
    shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else "?" for c in shown)


def _tell(as_json: bool, kind: str, text: str, findings: Sequence[Finding] = ()) -> None:
    sys.stdout.flush()
    print(text, file=sys.stderr)
    if as_json:
        error: Dict[str, Any] = {"kind": kind, "message": text}
        if findings:
            error["findings"] = [f.to_json() for f in findings]
        print(json.dumps({"error": error}, ensure_ascii=False))


@contextlib.contextmanager
def reported(as_json: bool = False) -> Iterator[Outcome]:
    """Turns bad news into a message and a status; no stack trace for what is not our bug."""
    outcome = Outcome()
    try:
        yield outcome
    except InputError as problem:
        outcome.status = INPUT
        _tell(as_json, "input", str(problem), problem.findings)
    except InternalError as problem:
        outcome.status = BUG
        _tell(as_json, "bug", str(problem))
    except TvdsimError as problem:
        outcome.status = INPUT
        _tell(as_json, "world", str(problem))
    except RunInterrupted as stop:
        outcome.status = INTERRUPTED
        _tell(as_json, "interrupted", f"interrupted: what is done is kept in {stop.run.directory}")
    except KeyboardInterrupt:
        outcome.status = INTERRUPTED
        _tell(as_json, "interrupted", "interrupted")
    except BrokenPipeError:  # `tvdsim … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def package_path() -> str:
    """What makes the package importable in another process."""
    root = str(Path(__file__).absolute().parents[2])
    return os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])


def python(words: Sequence[str], extra: Optional[Dict[str, str]] = None, stdout: Any = None) -> int:
    """Another Python with the package importable. Ctrl-C goes to it; its answer is waited for."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen([sys.executable, *words], env={**os.environ, "PYTHONPATH": package_path(), **(extra or {})},
                                 stdout=stdout, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        status = child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return status if status >= 0 else 128 - status


def script(path: str, words: Sequence[str], extra: Dict[str, str], stdout: Any = None) -> int:
    """Runs a scenario script as a program of its own."""
    if not Path(path).is_file():
        raise InputError(Finding("TVD-130", path, "there is no such script.", _nearby(path)))
    sys.stdout.flush()
    return python(["-P", "-m", "tvdsim._script", path, *words], extra, stdout)


def _nearby(path: str) -> str:
    from .. import _core

    folder = Path(path).parent
    names: List[str] = sorted(p.name for p in folder.glob("*")) if folder.is_dir() else []
    return _core.suggest(Path(path).name, names) if names else ""


def read_text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise InputError(Finding("TVD-130", path, f"cannot read it: {why}.")) from None


def checkout() -> Path:
    """The source tree that this package was built from, if it is in one."""
    for base in [*Path(__file__).absolute().parents, Path.cwd(), *Path.cwd().parents]:
        if (base / "CMakePresets.json").is_file() and (base / "scenarios").is_dir():
            return base
    raise InputError(Finding("TVD-130", str(Path.cwd()), "this needs a checkout of tvdsim, and there is none around here.",
                             "call ./tvdsim in a checkout"))
