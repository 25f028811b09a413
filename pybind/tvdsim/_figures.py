"""matplotlib, when it is there, without its global state: figures that nobody else shares."""

from __future__ import annotations

import os
from typing import Any, Tuple

from . import _context
from .errors import WorldError

VERDICTS = {"permit": "#2a7f62", "warn": "#d99000", "deny": "#b3202c"}
PALETTE = ("#4477aa", "#ee8866", "#228833", "#aa3377", "#66ccee", "#bbaa33", "#994455", "#777777")
INK, FAINT = "#222222", "#dddddd"


def figure(width: float, height: float) -> Tuple[Any, Any]:
    """A figure with one set of axes, in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Plain
    except ImportError:
        raise WorldError("plots need matplotlib", "ImportError", "apt install python3-matplotlib") from None

    class Figure(Plain):  # type: ignore[misc]
        """A figure whose pictures go where the run went: see ``_context.moved``."""

        def savefig(self, fname: Any, **settings: Any) -> None:
            place = _context.moved(fname) if isinstance(fname, (str, os.PathLike)) else fname
            super().savefig(place, **settings)

    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def bare(axes: Any) -> None:
    """No frame, no ticks: the drawing says it all."""
    axes.set_axis_off()


def colours(names: Any) -> Any:
    """Each name its colour, in the order of first appearance; the palette repeats."""
    chosen: Any = {}
    for name in names:
        chosen.setdefault(name, PALETTE[len(chosen) % len(PALETTE)])
    return chosen
