"""A study is a function, a sweep is a table: one run per cell of a grid, each in a worker of its own.

    def study(seed: int, wall: str) -> tvd.Scenario: …
    table = tvd.sweep(study, until="5 min", out="runs/s1", workers=4, seed=range(30), wall=["off", "on"])

A cell's run directory is named by its parameters. ``resume=True`` keeps cells that are complete and runs the others. A cell
that fails is a row with its error, and the rest goes on.
"""

from __future__ import annotations

import itertools
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Tuple, Union

from . import _frames
from .errors import Finding, InputError, TvdsimError
from .run import Run, run_spec
from .scenario import Scenario

Study = Callable[..., Scenario]


class Sweep:
    """The table of cells: parameters, ``state`` (``run``, ``reused`` or ``failed``), ``fingerprint``, counts, ``error``."""

    def __init__(self, rows: List[Dict[str, Any]]) -> None:
        self.rows = rows

    def count(self, state: str) -> int:
        return sum(row["state"] == state for row in self.rows)

    def to_df(self) -> Any:
        columns = list(self.rows[0]) if self.rows else []
        return _frames.frame(columns, [[row[c] for c in columns] for row in self.rows])

    def runs(self) -> List[Run]:
        """The runs of all cells that have one, in the order of the table."""
        return [Run(row["directory"]) for row in self.rows if row["state"] != "failed"]

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return f"{self.count('reused')} reused, {self.count('run')} run, {self.count('failed')} failed"


def _directory(out: Path, cell: Dict[str, Any]) -> Path:
    name = ",".join(f"{k}={v}" for k, v in cell.items())
    return out / "".join(c if c.isalnum() or c in "=,.-_" else "_" for c in name)


def _reusable(directory: Path, spec: str) -> bool:
    """Is there a complete run of exactly this Spec?"""
    from . import _core

    try:
        run = Run(directory)
    except InputError:
        return False
    return run.status == "complete" and run.manifest.get("spec_hash") == _core.spec_hash(spec, "study")


def _perform(study: Study, cell: Dict[str, Any], until: str, directory: Path, resume: bool) -> Dict[str, Any]:
    row: Dict[str, Any] = {**cell, "state": "run", "fingerprint": "", "decisions": 0, "denied": 0, "warned": 0,
                           "directory": str(directory), "error": ""}
    try:
        scenario = study(**cell)
        errors = [f for f in scenario.check(until) if f.severity == "error"]
        if errors:
            raise InputError(errors)
        spec = scenario.to_spec(until)
        if resume and _reusable(directory, spec):
            row["state"], run = "reused", Run(directory)
        else:
            run = run_spec(spec, directory, where=f"cell {directory.name}", progress_wanted=False)
        row.update({k: run.manifest[k] for k in ("fingerprint", "decisions", "denied", "warned")})
    except TvdsimError as problem:
        row.update(state="failed", error=str(problem))
    return row


def sweep(study: Study, *, until: str, out: Union[str, "os.PathLike[str]"], workers: int = 1, resume: bool = False,
          **grid: Iterable[Any]) -> Sweep:
    """Runs ``study`` for every combination of the grid's values. Raises only when every single cell failed."""
    base = Path(out)
    names = list(grid)
    cells = [dict(zip(names, values)) for values in itertools.product(*(list(grid[n]) for n in names))]
    jobs: List[Tuple[Dict[str, Any], Path]] = [(cell, _directory(base, cell)) for cell in cells]
    twice = [str(d) for i, (_, d) in enumerate(jobs) if d in [e for _, e in jobs[:i]]]
    if twice or not jobs:
        raise InputError(Finding("TVD-102", str(base), f"two cells would share the directory `{twice[0]}`." if twice
                                 else "the grid has no cell.", "give each value a spelling of its own"))
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        rows = list(pool.map(lambda job: _perform(study, job[0], until, job[1], resume), jobs))
    table = Sweep(rows)
    if table.count("failed") == len(rows):
        raise InputError(Finding("TVD-131", str(base), f"every cell of the sweep failed; the first one: {rows[0]['error']}"))
    base.mkdir(parents=True, exist_ok=True)
    (base / "sweep.json").write_text(json.dumps(rows, indent=1, default=str) + "\n", encoding="utf-8")
    return table
