"""Who could ever learn what from whom: reachability of information under a policy, and what a compromise would add.

>>> import tvdsim as tvd
>>> found = tvd.analyse(scenario, compromised=["gateway"])        # doctest: +SKIP
>>> found.opened[["source", "target", "path"]]                    # doctest: +SKIP
"""

from __future__ import annotations

import html
import json
from typing import Any, Dict, List, Sequence, Union

from . import _core, _frames
from .policy import Policy
from .scenario import Scenario

_SEPARATOR = " — "


class Analysis:
    """What can flow where. Tables are DataFrames, made when asked for; ``to_dict()`` needs no pandas.

    A *group* is all parties of one kind and label, or one compromised party; it goes by its label, or by the party's name
    when it is alone. Flows are symmetric and listed once.
    """

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, List[Dict[str, Any]]] = json.loads(data)
        self._text = text.rstrip("\n")

    @property
    def trusted(self) -> Any:
        """Every VM and control domain with several types: isolation rests on its honesty. Columns: kind, name, label, types."""
        return self._frame(["kind", "name", "label", "types"], self._data["trusted"])

    @property
    def bases(self) -> Any:
        """Whom the decisions of each host rest on. Columns: host, kind (of hypervisor), tcb_kloc (its size), core, service.

        ``core`` lists the hooks that the hypervisor decides, ``service`` those for which dom0 must be alive and honest.
        """
        return self._frame(["host", "kind", "tcb_kloc", "core", "service"], self._data["bases"])

    @property
    def conduits(self) -> Any:
        """Every disk and VLAN with several types: it joins them. Columns as of ``trusted``."""
        return self._frame(["kind", "name", "label", "types"], self._data["conduits"])

    @property
    def flows(self) -> Any:
        """Pairs of groups between which information can pass.

        Columns: source, target, source_label, target_label, shared (types of both labels), crosses (True: there are none),
        path (the shortest way), opened_by (compromised parties on it; empty: the flow is there without them).
        """
        return self._frame(["source", "target", "source_label", "target_label", "shared", "crosses", "path", "opened_by"],
                           self._data["flows"])

    @property
    def opened(self) -> Any:
        """The flows that are there only because of the compromise: the what-if report. Columns as of ``flows``."""
        flows = self.flows
        return flows[flows.opened_by != ""]

    @property
    def crossings(self) -> Any:
        """Pairs of types of which one's information can become the other's. Columns: from_type, to_type, path, opened_by."""
        return self._frame(["from_type", "to_type", "path", "opened_by"], self._data["crossings"])

    @property
    def paths(self) -> Any:
        """The flows step by step: one row per group on a path. Columns: flow (row of ``flows``), step (from 0), group, kind."""
        kinds = {g["name"]: g["kind"] for g in self._data["groups"]}
        rows = [[number, step, name, kinds[name]] for number, flow in enumerate(self._data["flows"])
                for step, name in enumerate(flow["path"])]
        return _frames.frame(["flow", "step", "group", "kind"], rows)

    def reachable(self, a: str, b: str) -> bool:
        """Can information pass between the two parties or labels? False for a name that is nobody's."""
        groups = {g["name"]: g for g in self._data["groups"]}

        def stands_for(group: str, who: str) -> bool:
            return who == groups[group]["label"] or who in groups[group]["names"]

        return any((stands_for(f["source"], x) and stands_for(f["target"], y))
                   for f in self._data["flows"] for x, y in ((a, b), (b, a)))

    def to_dict(self) -> Dict[str, List[Dict[str, Any]]]:
        return {name: list(rows) for name, rows in self._data.items()}

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        opened = sum(bool(f["opened_by"]) for f in self._data["flows"])
        return f"<Analysis: {len(self._data['trusted'])} trusted, {len(self._data['flows'])} flows, {opened} opened>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"

    @staticmethod
    def _frame(columns: List[str], rows: Sequence[Dict[str, Any]]) -> Any:
        def cell(name: str, value: Any) -> Any:
            if not isinstance(value, list):
                return value
            return (_SEPARATOR if name == "path" else ", ").join(value)

        return _frames.frame(columns, [[cell(c, row[c]) for c in columns] for row in rows])


def analyse(what: Union[Scenario, Policy], compromised: Sequence[str] = ()) -> Analysis:
    """Reachability of information in a scenario (its VMs, control domains, disks and VLANs) or a policy (one of each label).

    ``compromised`` names VMs, control domains (``dom0@h1``) or labels that pass on everything they learn. Raises InputError
    for a name that is nobody's.
    """
    names = list(compromised)
    if isinstance(what, Policy):
        return Analysis(*_core.analyse_policy(what._core, names))
    return Analysis(*_core.analyse_spec(what.to_spec("1 s"), what.name, names))
