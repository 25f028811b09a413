"""Runs a scenario: a script, or a Spec (.json).

A script says itself what it prints; a Spec's run prints its report. --out and --seed take precedence over the script's own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from .. import _context, _core
from ..errors import Finding, InputError
from ..run import Run, RunInterrupted, run_spec
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SCRIPT|SPEC.json")
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="for the script")
    parser.add_argument("--out", metavar="DIR", help="where the run goes (default: runs/NAME)")
    parser.add_argument("--seed", type=int, help="instead of the scenario's own")
    parser.add_argument("--store-events", action="store_true", help="keep every engine event as columns (Specs)")


def perform(args: argparse.Namespace) -> int:
    return _spec(args) if args.source.endswith(".json") else _script(args)


def _summary(run: Run) -> Dict[str, Any]:
    keys = ("status", "fingerprint", "name", "seed", "events", "decisions", "denied", "warned")
    return {"directory": str(run.directory), **{k: run.manifest[k] for k in keys}}


def _script(args: argparse.Namespace) -> int:
    if args.seed is not None and args.seed < 0:
        raise InputError(Finding("TVD-110", "--seed", f"{args.seed} is below zero.", "a whole number of zero or more"))
    extra = {}
    if args.out is not None:
        extra["TVDSIM_OUT"] = args.out
    if args.seed is not None:
        extra["TVDSIM_SEED"] = str(args.seed)
    if not args.json:
        return _io.script(args.source, args.arguments, extra)
    with tempfile.TemporaryDirectory(prefix="tvdsim-") as scratch:
        made = Path(scratch) / "made"
        status = _io.script(args.source, args.arguments, {**extra, "TVDSIM_MADE": str(made)}, stdout=2)
        directories: List[str] = made.read_text(encoding="utf-8").splitlines() if made.exists() else []
    _io.emit(args, {"status": status, "runs": [_summary(Run(d)) for d in directories]}, "")
    return status


def _spec(args: argparse.Namespace) -> int:
    text = _io.read_text(args.source)
    if args.seed is not None:
        spec = json.loads(_core.write_spec(text, args.source))
        spec["seed"] = args.seed
        text = json.dumps(spec)
    name = str(json.loads(_core.write_spec(text, args.source))["name"])
    directory = Path(args.out) if args.out else _context.run_directory(name, None)
    run = run_spec(text, directory, where=args.source, store_events=args.store_events)
    _io.emit(args, _summary(run), f"{run}\n\nrun directory {run.directory}")
    if run.status == "interrupted":
        raise RunInterrupted(run)
    return _io.FINE
