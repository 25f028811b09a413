"""What a change does: two policies, scenarios or runs; what flips, each with a witness."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from . import _core, _frames
from .errors import Finding, InputError
from .policy import Policy
from .run import Run
from .scenario import Scenario

Inventory = Union[Scenario, Iterable[Tuple[str, str, str]]]
Side = Union[Policy, Scenario, Run, str, "os.PathLike[str]"]


class Diff:
    """Rows of what differs; ``len()`` counts them, ``bool()`` says whether there are any."""

    def __init__(self, data: str, text: str, rows_in: str) -> None:
        whole = json.loads(data)
        self._data: Dict[str, Any] = whole if isinstance(whole, dict) else {rows_in: whole}
        self._text = text.rstrip("\n")
        self.rows: List[Dict[str, Any]] = list(self._data[rows_in])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Dict[str, Any]]:
        return iter(self.rows)

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def to_df(self) -> Any:
        """The rows as a DataFrame."""
        columns = list(self.rows[0]) if self.rows else []
        return _frames.frame(columns, [[row[c] for c in columns] for row in self.rows])

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Diff of {len(self)} rows>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"


def _items(inventory: Optional[Inventory]) -> str:
    if inventory is None:
        return ""
    if isinstance(inventory, Scenario):
        return _core.inventory(inventory.to_spec("1 s"), inventory.name)
    return json.dumps([{"kind": k, "name": n, "label": l} for k, n, l in inventory])


def _read(side: Side) -> Union[Policy, Scenario, Run]:
    if not isinstance(side, (str, os.PathLike)):
        return side
    path = Path(side)
    if path.is_dir() or path.name == "manifest.json":
        return Run(path)
    if path.suffix == ".json":
        try:
            return Scenario.from_spec(path.read_text(encoding="utf-8"))
        except OSError as problem:
            raise InputError(Finding("TVD-130", str(path), f"cannot read it: {problem.strerror}.")) from None
    return Policy.load(path)


def diff(before: Side, after: Side, inventory: Optional[Inventory] = None) -> Diff:
    """What flips from ``before`` to ``after``: two policies, two Scenarios, or two runs (or their paths).

    ``inventory`` says what is there when policies are compared: a Scenario, or rows ``(kind, name, label)`` with kind
    ``vm``, ``resource`` or ``host``; without one, every label stands for itself.
    """
    a, b = _read(before), _read(after)
    if isinstance(a, Policy) and isinstance(b, Policy):
        return Diff(*_core.diff_policies(a._core, b._core, _items(inventory)), "flips")
    if isinstance(a, Scenario) and isinstance(b, Scenario):
        return Diff(*_core.diff_specs(a.to_spec("1 s"), b.to_spec("1 s")), "changes")
    if isinstance(a, Run) and isinstance(b, Run):
        return Diff(*_core.diff_runs(str(a.directory), str(b.directory)), "tables")
    raise InputError(Finding("TVD-103", "diff", f"a {type(a).__name__} and a {type(b).__name__} cannot be compared.",
                             "give two policies, two scenarios or two runs"))
