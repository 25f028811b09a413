"""Removes what runs made, and only that: files that a run writes, in directories that carry our manifest.

Without RUN: the unfinished runs below ./runs. Other files stay, and so does the directory that holds them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import List

from .. import _core
from ..errors import InputError
from ..run import MANIFEST, read_manifest
from . import _io

_FILES = ("spec.json", "run.sqlite", "run.sqlite-journal", "report.txt", "run.lock", "trace.jsonl", "timeline.chrome.json")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="*")


def perform(args: argparse.Namespace) -> int:
    directories = [Path(r) for r in args.runs] or _unfinished(Path("runs"))
    for directory in directories:
        read_manifest(directory)  # all are runs, or nothing is removed
    removed = [{"run": str(d), "left": _remove(d)} for d in directories]
    lines = [f"removed {row['run']}" + (f"; not ours, so still there: {', '.join(row['left'])}" if row["left"] else "")
             for row in removed]
    _io.emit(args, removed, "\n".join(lines) if lines else "nothing to remove")
    return _io.FINE


def _unfinished(base: Path) -> List[Path]:
    found = []
    for manifest in sorted(base.rglob(MANIFEST)) if base.is_dir() else []:
        try:
            status = read_manifest(manifest.parent).get("status")
        except InputError:
            continue
        if status not in ("complete", "interrupted"):
            found.append(manifest.parent)
    return found


def _remove(directory: Path) -> List[str]:
    tables = [str(t["name"]) + ".csv" for t in json.loads(_core.catalogue())["tables"]]
    ours = [*_FILES, *tables]
    for name in [*ours, *(f"{n}.part" for n in (*ours, MANIFEST)), "run.sqlite.part-journal"]:
        (directory / name).unlink(missing_ok=True)
    for name in ("columns", "columns.part"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / MANIFEST).unlink()
    left = sorted(p.name for p in directory.iterdir())
    if not left:
        directory.rmdir()
    return left
