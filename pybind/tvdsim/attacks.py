"""Attacks as values, with three runs each: ablated, controlled, near miss; and what attackers do, as actions of a story.

>>> from tvdsim import attacks
>>> attacks.A06.run("ablated", "off").outcome
'harm'
>>> scenario.at("150 s", attacks.VlanHop(vm, into=10))
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Optional, Union

from . import _core, _frames, worker
from . import actions as _actions
from .actions import Lie as Lie
from .actions import Ref, Vid
from .actions import SpoofMac as SpoofMac
from .actions import SuppressAudit as SuppressAudit
from .actions import TamperFile as TamperFile

STAGINGS = ("ablated", "controlled", "near_miss")


@dataclass(frozen=True)
class Cell:
    """One staged run of an attack and how it ended.

    ``outcome``: ``harm`` (it happened, unseen), ``detected``, ``stopped``, ``works`` (near miss), or ``broken``.
    """

    attack: str
    control: str
    staging: str
    mode: str
    outcome: str
    witness: str
    harm: bool
    refused: bool
    noticed: bool
    worked: bool
    fingerprint: str


@dataclass(frozen=True)
class Orders:
    """The same attack in every order that its simultaneous events allow."""

    attack: str
    mode: str
    visited: int
    harmed: int
    refused: int
    complete: bool


@dataclass(frozen=True)
class Attack:
    """An attack of the catalogue; each run stages it in a little datacenter of its own."""

    id: str

    def run(self, staging: str = "controlled", mode: str = "on", seed: int = 1) -> Cell:
        """Stages it: ``"ablated"``, ``"controlled"`` or ``"near_miss"``, with its control ``"off"``, ``"monitor"`` or ``"on"``."""
        args = {"id": self.id, "staging": staging, "mode": mode, "seed": seed}
        return _cell(json.loads(worker.call("attack", args, f"attack {self.id} has no outcome").result[0]))

    def orders(self, mode: str = "on", seed: int = 1, limit: int = 100_000) -> Orders:
        """Every interleaving of its simultaneous events."""
        args = {"id": self.id, "mode": mode, "seed": seed, "limit": limit}
        return Orders(**json.loads(worker.call("orders", args, f"attack {self.id} has no outcome").result))


A01, A03 = Attack("A-01"), Attack("A-03")
A06, A07, A08 = Attack("A-06"), Attack("A-07"), Attack("A-08")
A23, A29, A33 = Attack("A-23"), Attack("A-29"), Attack("A-33")
A55, A59, A60 = Attack("A-55"), Attack("A-59"), Attack("A-60")
A61, A62, A80 = Attack("A-61"), Attack("A-62"), Attack("A-80")
A34, A39, A40, A41 = Attack("A-34"), Attack("A-39"), Attack("A-40"), Attack("A-41")
A44, A52, A53 = Attack("A-44"), Attack("A-52"), Attack("A-53")
A48, A49, A51, A79 = Attack("A-48"), Attack("A-49"), Attack("A-51"), Attack("A-79")
A50, A65 = Attack("A-50"), Attack("A-65")
ALL = tuple(Attack(str(row["id"])) for row in json.loads(_core.catalogue())["attacks"])


def VlanHop(vm: Ref, into: Vid, other: Optional[Ref] = None) -> _actions.VlanHop:
    """``VlanHop(vm, into=10)``: a frame with a forged tag for that VLAN, to ``other`` or to everybody there."""
    return _actions.VlanHop(vm, into, other)


def _cell(row: Dict[str, Any]) -> Cell:
    return Cell(**{name: row[name] for name in Cell.__dataclass_fields__})


class Matrix:
    """Attacks by control off, monitor, on, and near miss."""

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, Any] = json.loads(data)
        self._text = text.rstrip("\n")

    @property
    def rows(self) -> List[Dict[str, Any]]:
        """A row per attack: ``attack``, ``title``, ``control``, and the cells ``off``, ``monitor``, ``on``, ``near_miss``."""
        return list(self._data["rows"])

    def cell(self, attack: str, column: str) -> Cell:
        """``cell("A-06", "off")``."""
        return _cell(next(r for r in self.rows if r["attack"] == attack)[column])

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def to_df(self) -> Any:
        """Outcomes as a DataFrame, attacks by columns."""
        columns = ["off", "monitor", "on", "near_miss"]
        data = [[row[c]["outcome"] for c in columns] for row in self.rows]
        return _frames.matrix(data, index=[row["attack"] for row in self.rows], columns=columns)

    def figure(self) -> Any:
        """The matrix as a matplotlib figure."""
        from . import _attack_plot

        return _attack_plot.figure(self)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Matrix of {len(self.rows)} attacks>"


def matrix(which: Union[Attack, Iterable[Attack]] = ALL, seed: int = 1) -> Matrix:
    """Runs attacks in all four stagings; see ``Matrix``."""
    chosen = [which] if isinstance(which, Attack) else list(which)
    args = {"ids": [a.id for a in chosen], "seed": seed}
    return Matrix(*worker.call("matrix", args, "the attack matrix has no outcome").result)


class Ablation:
    """Attacks by controls: what each attack comes to while one control alone is off and all others are on."""

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, Any] = json.loads(data)
        self._text = text.rstrip("\n")

    @property
    def rows(self) -> List[Dict[str, Any]]:
        """A row per attack: ``attack``, ``title``, ``control`` (the one it is about), ``cells`` (one per control)."""
        return list(self._data["rows"])

    @property
    def controls(self) -> List[str]:
        """The controls, in the order of the cells."""
        return [str(cell["control"]) for cell in self.rows[0]["cells"]] if self.rows else []

    def cell(self, attack: str, control: str) -> Cell:
        """``cell("A-06", "reservation")``: the run in which that control was off."""
        row = next(r for r in self.rows if r["attack"] == attack)
        return _cell(next(c for c in row["cells"] if c["control"] == control))

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def to_df(self) -> Any:
        """Outcomes as a DataFrame, attacks by controls."""
        data = [[cell["outcome"] for cell in row["cells"]] for row in self.rows]
        return _frames.matrix(data, index=[row["attack"] for row in self.rows], columns=self.controls)

    def figure(self, stagings: Optional[Matrix] = None) -> Any:
        """A heat map as a matplotlib figure; with a ``Matrix`` of the same attacks its four columns stand first."""
        from . import _attack_plot

        return _attack_plot.heat_map(self, stagings)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Ablation of {len(self.rows)} attacks by {len(self.controls)} controls>"


def ablation(which: Union[Attack, Iterable[Attack]] = ALL, seed: int = 1) -> Ablation:
    """Runs attacks with each control off in turn; see ``Ablation``."""
    chosen = [which] if isinstance(which, Attack) else list(which)
    args = {"ids": [a.id for a in chosen], "seed": seed}
    return Ablation(*worker.call("ablation", args, "the ablation has no outcome").result)
