"""Runs a run again and compares fingerprints; exit 1 when they differ."""

from __future__ import annotations

import argparse

from ..replay import replay
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="a run directory, or its manifest.json")


def perform(args: argparse.Namespace) -> int:
    answer = replay(args.run)
    _io.emit(args, answer.to_dict(), str(answer))
    return _io.FINE if answer else _io.NO
