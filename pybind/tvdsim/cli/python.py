"""The right interpreter with the package importable: ``tvdsim python ARG …``."""

from __future__ import annotations

import argparse
from typing import List

from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="ARG")


def perform(args: argparse.Namespace) -> int:
    return raw(args.words)


def raw(words: List[str]) -> int:
    return _io.python(words)
