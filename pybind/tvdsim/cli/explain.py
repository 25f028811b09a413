"""Why one decision of a run was made, rule by rule; without an ID: the decisions that were refused or warned of."""

from __future__ import annotations

import argparse

from ..run import Run
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("id", metavar="ID", type=int, nargs="?")


def perform(args: argparse.Namespace) -> int:
    run = Run(args.run)
    if args.id is not None:
        told = run.explain(args.id)
        _io.emit(args, told.to_dict(), str(told))
        return _io.FINE
    rows = [r for r in run.rows("decisions") if r["verdict"] != "permit"]
    lines = [f"{r['id']:>6}  {r['time_s']:>12.6f} s  {r['verdict']:<5} {r['hook']:<14} {r['subject']} → {r['object']}: {r['reason']}"
             for r in rows]
    _io.emit(args, rows, "\n".join(lines) if lines else "every decision was a permit")
    return _io.FINE
