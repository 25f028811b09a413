"""Runs a study for many seeds: STUDY.py defines ``study(seed) -> tvd.Scenario``; a failed cell is a row."""

from __future__ import annotations

import argparse
import runpy
from typing import List

from ..errors import Finding, InputError
from ..sweep import sweep
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", metavar="STUDY.py")
    parser.add_argument("--until", metavar="TIME", required=True, help='"5 min"')
    parser.add_argument("--seeds", metavar="A-B", default="1-10")
    parser.add_argument("--out", metavar="DIR", required=True)
    parser.add_argument("-j", "--workers", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="keep cells that are complete")


def _seeds(text: str) -> List[int]:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()):
        raise InputError(Finding("TVD-110", "--seeds", f"`{text}` is no range of seeds.", "--seeds 1-30"))
    return list(range(int(first), int(last or first) + 1))


def perform(args: argparse.Namespace) -> int:
    _io.read_text(args.study)
    study = runpy.run_path(args.study).get("study")
    if not callable(study):
        raise InputError(Finding("TVD-104", args.study, "the script defines no function `study(seed)`."))
    table = sweep(study, until=args.until, out=args.out, workers=args.workers, resume=args.resume, seed=_seeds(args.seeds))
    failed = "".join(f"\n  {row['seed']}: {row['error']}" for row in table.rows if row["state"] == "failed")
    _io.emit(args, table.rows, f"{table}{failed}")
    return _io.NO if table.count("failed") else _io.FINE
