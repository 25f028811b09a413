"""Builds and runs every test, as CI does. The words go to tests/workflow.py as they are."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import List

from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="ARG")


def perform(args: argparse.Namespace) -> int:
    return raw(args.words)


def raw(words: List[str]) -> int:
    root = _io.checkout()
    return subprocess.run([sys.executable, str(root / "tests" / "workflow.py"), *words], cwd=root).returncode
