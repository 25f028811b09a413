"""The tree as the style tests see it: the tracked files and their text."""

from __future__ import annotations

import os
import re
import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NOT_SOURCE = ("build", "runs", "dist", "_skbuild", "__pycache__")


@lru_cache(maxsize=None)
def tracked() -> tuple[str, ...]:
    """Paths of the tracked files that exist, sorted; in a tree without git, every file that is not a build product."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    try:
        listing = subprocess.run(git, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listing = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in _NOT_SOURCE and (not f.startswith(".") or f == ".ci")]
            listing += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
    return tuple(sorted(p for p in listing if p and (ROOT / p).is_file()))


def paths(*endings: str) -> list[str]:
    """The tracked files whose names end in one of the endings."""
    return [p for p in tracked() if p.endswith(endings)]


@lru_cache(maxsize=None)
def text(path: str) -> str:
    """The text of a tracked file; undecodable bytes are replaced."""
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def files(*endings: str) -> list[tuple[str, str]]:
    """(path, text) of the tracked files whose names end in one of the endings."""
    return [(p, text(p)) for p in paths(*endings)]


def without_comments(source: str) -> str:
    """C++ with comments and string literals blanked, line numbers kept."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match: re.Match[str]) -> str:
        found = match.group(0)
        if found.startswith("'") and match.start() and source[match.start() - 1].isalnum():
            return found  # a digit separator
        return re.sub(r"[^\n]", " ", found)

    return token.sub(blank, source)


def line_of(source: str, offset: int) -> int:
    """The number of the line that holds the offset, from 1."""
    return source.count("\n", 0, offset) + 1
