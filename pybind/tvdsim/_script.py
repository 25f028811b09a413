"""Runs a scenario script: ``python -m tvdsim._script SCRIPT ARG …``.

Bad input is told without a stack trace; an exception of the script's own is told with the script's frames alone.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from typing import List

from . import _context
from .cli import _io
from .errors import TvdsimError


def _own_frames(error: BaseException, path: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    start = next((i for i, f in enumerate(frames) if os.path.abspath(f.filename) == os.path.abspath(path)), 0)
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames[start:]),
             *traceback.format_exception_only(type(error), error)]
    return "".join(lines).rstrip("\n")


def main(words: List[str]) -> int:
    path = words[0]
    sys.argv = words
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    with _io.reported() as outcome:
        try:
            runpy.run_path(path, run_name="__main__")
        except (TvdsimError, KeyboardInterrupt, BrokenPipeError, SystemExit):
            raise
        except SyntaxError as error:
            outcome.status = _io.INPUT
            print("".join(traceback.format_exception_only(type(error), error)).rstrip("\n"), file=sys.stderr)
        except Exception as error:
            outcome.status = _io.INPUT
            print(_own_frames(error, path), file=sys.stderr)
        _context.script_ended()
    sys.stdout.flush()
    return outcome.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
