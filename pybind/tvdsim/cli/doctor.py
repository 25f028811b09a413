"""What is here, what is missing, and what that disables."""

from __future__ import annotations

import argparse

from ..doctor import doctor
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def perform(args: argparse.Namespace) -> int:
    report = doctor()
    _io.emit(args, report.to_dict(), str(report))
    return _io.FINE if report else _io.NO
