"""The same run again, from what it left behind: the same fingerprint, or the first row that differs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Union

from . import worker
from .run import MANIFEST, Run


class Replay:
    """The answer; ``bool()`` is true when the fingerprint is the stored one."""

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, Any] = json.loads(data)
        self._text = text.rstrip("\n")

    def __bool__(self) -> bool:
        return bool(self._data["same"])

    @property
    def message(self) -> str:
        return str(self._data["message"])

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Replay same={bool(self)}>"


def replay(run: Union[Run, str, "os.PathLike[str]"]) -> Replay:
    """Runs it again into a directory that is removed afterwards; the stored run is only read."""
    directory = run.directory if isinstance(run, Run) else Path(run)
    if directory.name == MANIFEST:
        directory = directory.parent
    args = {"run": str(directory.absolute()), "scratch": ""}
    return Replay(*worker.call("replay", args, f"nothing is known about the replay of {directory}").result)
