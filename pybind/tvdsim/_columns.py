"""Bulk tables as they lie in a run directory: ``columns/TABLE/COLUMN.npy`` and ``columns/texts.json``."""

from __future__ import annotations

import array
import json
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from .errors import Finding, InputError, WorldError

_NONE = 2**32 - 1  # a text column's "none"
_CODES = {"<u4": "I", "<u8": "Q", "<i8": "q"}


def numpy() -> Any:
    try:
        import numpy
    except ImportError:
        raise WorldError("columns as arrays need numpy", "ImportError", "apt install python3-numpy") from None
    return numpy


def folder(directory: Path, table: str) -> Path:
    """Where a bulk table lies; TVD-130 when the run did not keep it."""
    path = directory / "columns" / table
    if not path.is_dir():
        raise InputError(Finding("TVD-130", str(directory), f"the run did not keep its `{table}`.",
                                 "run it with store_events=True" if table == "events" else
                                 'run it with capture="frames", and VMs on VLANs' if table == "frames" else ""))
    return path


def texts(directory: Path) -> List[str]:
    """What the numbers of text columns stand for."""
    path = directory / "columns" / "texts.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def arrays(directory: Path, table: str, columns: Sequence[str]) -> Dict[str, Any]:
    """The columns as numpy arrays mapped from disk, as stored: times in ns, texts as numbers."""
    where = folder(directory, table)
    return {name: numpy().load(where / f"{name}.npy", mmap_mode="r") for name in columns}


def _plain(path: Path) -> "array.array[int]":
    """A one-dimensional .npy file without numpy."""
    data = path.read_bytes()
    length = int.from_bytes(data[8:10], "little")
    found = re.search(r"'descr': '(<[ui][48])'", data[10 : 10 + length].decode("ascii"))
    if data[:6] != b"\x93NUMPY" or found is None:
        raise InputError(Finding("TVD-130", str(path), "this is no column of a run."))
    values = array.array(_CODES[found.group(1)])
    values.frombytes(data[10 + length :])
    if sys.byteorder == "big":
        values.byteswap()
    return values


def rows(directory: Path, table: str, columns: Sequence[Tuple[str, str]]) -> List[Tuple[Any, ...]]:
    """The table's rows, texts spelled out; ``columns``: name and type. Needs no numpy."""
    where, words = folder(directory, table), texts(directory)
    cells: List[Sequence[Any]] = []
    for name, kind in columns:
        values = _plain(where / f"{name}.npy")
        cells.append(["" if v == _NONE else words[v] for v in values] if kind == "text" else values)
    return list(zip(*cells))


def frame(directory: Path, table: str, columns: Sequence[Tuple[str, str]]) -> Any:
    """The table as a DataFrame, without a Python object per number."""
    from ._frames import pandas

    np, pd = numpy(), pandas()
    loaded = arrays(directory, table, [name for name, _ in columns])
    words = np.array([*texts(directory), ""], dtype=object)
    made: Dict[str, Any] = {}
    for name, kind in columns:
        values = loaded[name]
        if kind == "text":
            made[name] = words[np.where(values == _NONE, len(words) - 1, values)]
        elif name.endswith("_ns"):
            made[name[:-3] + "_s"] = values / 1e9
        else:
            made[name] = np.array(values)
    return pd.DataFrame(made)
