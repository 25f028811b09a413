"""pandas, when it is there: everything else works without it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, List, Sequence, Tuple
from urllib.parse import quote

from .errors import Finding, InputError, WorldError


def pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise WorldError("tables as DataFrames need pandas", "ImportError", "apt install python3-pandas") from None
    return pd


def rows(database: Path, table: str) -> Tuple[List[str], List[Tuple[Any, ...]]]:
    """Column names and rows of a table of run.sqlite, as stored; needs no pandas."""
    connection = sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            raise InputError(Finding("TVD-602", str(database), f"this run was made before there was a table `{table}`.",
                                     "run its spec.json again"))
        cursor = connection.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
        return [c[0] for c in cursor.description], cursor.fetchall()
    finally:
        connection.close()


def in_seconds(columns: Sequence[str], data: List[Tuple[Any, ...]]) -> Tuple[List[str], List[Tuple[Any, ...]]]:
    """Nanosecond columns become seconds, and say so: ``time_ns`` -> ``time_s``."""
    marks = [c.endswith("_ns") for c in columns]
    named = [c[:-3] + "_s" if m else c for c, m in zip(columns, marks)]
    if not any(marks):
        return named, data
    return named, [tuple(v / 1e9 if m and v is not None else v for v, m in zip(row, marks)) for row in data]


def frame(columns: Sequence[str], data: Sequence[Sequence[Any]], index: str = "") -> Any:
    made = pandas().DataFrame.from_records(list(data), columns=list(columns))
    return made.set_index(index) if index else made


def matrix(data: Sequence[Sequence[Any]], index: Sequence[str], columns: Sequence[str]) -> Any:
    return pandas().DataFrame(list(data), index=list(index), columns=list(columns))
