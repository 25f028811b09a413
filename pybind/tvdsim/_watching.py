"""The part of a Scenario that says what is watched and what is done about events."""

from __future__ import annotations

from typing import Callable, Iterable, List, Union

from . import units
from ._action import Named, Ref
from .things import ActionPlan, Watch


class Watching:
    """What ``Scenario`` inherits; the three methods without a body are its own."""

    watches: List[Watch]
    plans: List[ActionPlan]

    def verifier(self, host: Ref) -> None:
        raise NotImplementedError

    def _quantity(self, parse: Callable[[object, str, str], int], value: object, field: str) -> int:
        raise NotImplementedError

    def _made_here(self, part: str) -> None:
        raise NotImplementedError

    def watch(self, subjects: Union[Ref, Iterable[Ref]], verifier: Ref, *, period: str = "5 min", mode: str = "scheduled",
              spread: bool = True, patience: int = 3, stops_on_error: bool = False) -> Watch:
        """The verifier on that host hears of these hosts and VMs every ``period``; a service is started there if none runs.

        ``mode``: ``"scheduled"`` (it asks), ``"agent"`` (their agents report) or ``"out_of_band"`` (it asks the control domain for a VM's
        measurements, unsigned). ``spread``: each machine's checks begin at an instant of the first period that is drawn. After ``patience``
        periods without evidence nothing is known of it. ``stops_on_error``: a fault, it asks whoever confused it no more.
        """
        self.verifier(verifier)
        names = (subjects,) if isinstance(subjects, (str, Named)) else tuple(subjects)
        self._made_here(f"watches[{len(self.watches)}]")
        self.watches.append(Watch(str(verifier), tuple(str(n) for n in names), mode, self._quantity(units.duration, period, "period"),
                                  spread, patience, stops_on_error))
        return self.watches[-1]

    def plan(self, action: str, *, criticality: str = "", event: str = "", to: str = "", delay: str = "0 s", limit: int = 3,
             per: str = "1 h") -> ActionPlan:
        """What is done when an event is opened about a VM of that criticality.

        ``action``: ``"notify"``, ``"mail"``, ``"quarantine"``, ``"shutdown"`` or ``"restart"``. The first plan that fits a VM and an event is
        followed, ``delay`` after the event; it stops or cuts off at most ``limit`` VMs within ``per``, and beyond that only says so.
        """
        self._made_here(f"plans[{len(self.plans)}]")
        self.plans.append(ActionPlan(criticality, event, action, to, self._quantity(units.duration, delay, "delay"), limit,
                                     self._quantity(units.duration, per, "per")))
        return self.plans[-1]
