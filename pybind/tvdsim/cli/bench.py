"""Benchmarks; --against REV builds both, interleaves them and compares. The words go to tests/bench/ab.py as they are."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import List

from ..errors import Finding, InputError
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="ARG")


def perform(args: argparse.Namespace) -> int:
    return raw(args.words)


def raw(words: List[str]) -> int:
    root = _io.checkout()
    tool = root / "tests" / "bench" / "ab.py"
    if not tool.is_file():
        raise InputError(Finding("TVD-130", str(tool), "the benchmark tool is not in this checkout."))
    return subprocess.run([sys.executable, str(tool), *words], cwd=root).returncode
