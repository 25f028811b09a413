"""What a script means when it names things, and which of its lines did."""

from __future__ import annotations

import os
import sys
from typing import Any, Iterable, Tuple, Union

from ._action import Named, Ref, Vid


def place() -> str:
    """The script's line that is being executed: the first frame outside this package."""
    here = os.path.dirname(os.path.abspath(__file__))
    frame: Any = sys._getframe(1)
    while frame is not None and os.path.dirname(os.path.abspath(frame.f_code.co_filename)) == here:
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}" if frame is not None else ""


def names_of(values: Union[Ref, Iterable[Ref], None]) -> Tuple[str, ...]:
    if values is None:
        return ()
    if isinstance(values, (str, Named)):
        return (str(values),)
    return tuple(str(v) for v in values)


def vids_of(values: Union[Vid, Iterable[Vid], None]) -> Tuple[int, ...]:
    if values is None:
        return ()
    return tuple(int(v) for v in (values if isinstance(values, Iterable) else (values,)))
