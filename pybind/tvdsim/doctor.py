"""What is here, what is missing, and what that disables."""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any, Dict, List

from . import _core

# module -> Debian package, what is lost without it, needed by the package's own promises
_MODULES = {
    "numpy": ("python3-numpy", "bulk columns as arrays"),
    "pandas": ("python3-pandas", "tables as DataFrames"),
    "matplotlib": ("python3-matplotlib", "plots"),
    "pytest": ("python3-pytest", "the tests"),
    "hypothesis": ("python3-hypothesis", "the tests"),
    "cloudpickle": ("python3-cloudpickle", "callbacks defined in a notebook"),
    "notebook": ("python3-notebook", "notebooks"),
}
_PROGRAMS = {
    "cmake": ("cmake", "building"),
    "ninja": ("ninja-build", "building"),
    "git": ("git", "`bench --against`"),
    "valgrind": ("valgrind", "instruction counts in `bench`"),
    "dot": ("graphviz", "drawing DOT files"),
    "swtpm": ("swtpm", "comparing TPMs with swtpm's, and moving them there and back"),
    "tpm2_createprimary": ("tpm2-tools", "driving served TPMs by hand, and the tests that do"),
    "qemu-system-x86_64": ("qemu-system-x86", "real guests"),
}


def _row(part: str, state: str, detail: str, disables: str = "", help: str = "") -> Dict[str, str]:
    return {"part": part, "state": state, "detail": detail, "disables": disables, "help": help}


def _modules() -> List[Dict[str, str]]:
    rows = []
    for name, (package, what) in _MODULES.items():
        try:
            version = str(getattr(importlib.import_module(name), "__version__", "?"))
            rows.append(_row(name, "ok", version))
        except ImportError:
            rows.append(_row(name, "missing", "", what, f"apt install {package}"))
    return rows


def _programs() -> List[Dict[str, str]]:
    rows = []
    for name, (package, what) in _PROGRAMS.items():
        path = shutil.which(name)
        rows.append(_row(name, "ok", path) if path else _row(name, "missing", "", what, f"apt install {package}"))
    return rows


def runner() -> str:
    """The native ``tvdsim-run`` that belongs to this package, or an empty text."""
    here = Path(__file__).absolute()
    for base in list(here.parents)[:8]:
        for place in ("scenarios/tvdsim-run", "bin/tvdsim-run", "tvdsim-run"):
            found = base / place
            if found.is_file() and os.access(found, os.X_OK):
                return str(found)
    return shutil.which("tvdsim-run") or ""


class Report:
    """Rows ``part, state, detail, disables, help``; ``bool()`` is true when nothing that runs need is missing."""

    def __init__(self, rows: List[Dict[str, str]]) -> None:
        self.rows = rows

    def __bool__(self) -> bool:
        return all(row["state"] != "broken" for row in self.rows)

    def to_dict(self) -> Dict[str, Any]:
        return {"ok": bool(self), "rows": self.rows}

    def __str__(self) -> str:
        lines = []
        for row in self.rows:
            note = f"  without it: {row['disables']}" if row["disables"] else ""
            lines.append(f"{row['state']:<8} {row['part']:<14} {row['detail']}{note}".rstrip())
            if row["help"]:
                lines.append(f"{'':<8} help: {row['help']}")
        return "\n".join(lines)


def doctor() -> Report:
    """Looks around; changes nothing. A worker is really started and asked to run a scenario of one host."""
    info = json.loads(_core.build_info())
    libraries = ", ".join(f"{k} {v}" for k, v in info["libraries"].items())
    rows = [
        _row("tvdsim", "ok", f"{info['version']} ({info['commit'][:12]}), {info['compiler']}"),
        _row("libraries", "ok", libraries),
        _row("python", "ok", f"{platform.python_version()} {sys.executable}"),
        _libtpms(),
        _worker(),
    ]
    found = runner()
    rows.append(_row("tvdsim-run", "ok", found) if found
                else _row("tvdsim-run", "missing", "", "running Specs without Python", "build the target `tvdsim-run`"))
    return Report(rows + _modules() + _programs())


def _libtpms() -> Dict[str, str]:
    if _core.libtpms_path() == "private":
        return _row("libtpms", "ok", "private: a copy per worker, keys and quotes follow from the seed")
    if os.environ.get("TVDSIM_LIBTPMS") == "stock":
        return _row("libtpms", "ok", "stock, as TVDSIM_LIBTPMS asks", "TPM keys and quotes that follow from the seed")
    return _row("libtpms", "missing", "stock: no private copies could be made", "TPM keys and quotes that follow from the seed",
                "apt install libtpms-dev, and build again")


def _worker() -> Dict[str, str]:
    import tempfile

    from .errors import TvdsimError
    from .scenario import Scenario

    trial = Scenario("doctor")
    trial.label("probe", ste={"probe"}, cw={"probe"})
    trial.switch("s", links=[trial.host("h", memory="1 GiB")])
    try:
        with tempfile.TemporaryDirectory() as scratch:
            fingerprint = trial.run(until="1 s", out=Path(scratch) / "run", progress=False).fingerprint
        return _row("worker", "ok", f"runs; fingerprint {fingerprint[:12]} of the trial")
    except TvdsimError as problem:
        return _row("worker", "broken", str(problem).splitlines()[0], "every run", "rebuild; if that does not help, report it")
