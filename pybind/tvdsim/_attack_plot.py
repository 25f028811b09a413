"""The attack matrix as a picture: a row per attack, a column per state of its control, and the near miss."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from . import _figures

if TYPE_CHECKING:
    from .attacks import Matrix

_COLUMNS = (("off", "control off"), ("monitor", "control monitors"), ("on", "control on"), ("near_miss", "legitimate look-alike"))
_TINT = {"harm": "#b3202c", "detected": "#d99000", "stopped": "#2a7f62", "works": "#4477aa", "broken": "#555555"}


def figure(matrix: "Matrix") -> Any:
    """Outcome and witness in every cell."""
    rows = matrix.rows
    fig, ax = _figures.figure(13.5, 1.4 + 1.5 * len(rows))
    for y, row in enumerate(rows):
        for x, (key, _) in enumerate(_COLUMNS):
            cell = row[key]
            ax.add_patch(_box(x, y, _TINT.get(cell["outcome"], "#555555")))
            ax.text(x, y - 0.27, cell["outcome"], color="white", ha="center", va="center", fontsize=12, fontweight="bold")
            ax.text(x, y + 0.13, "\n".join(textwrap.wrap(cell["witness"], 46)[:5]), color="white", ha="center",
                    va="center", fontsize=7.5)
    ax.set_xlim(-0.5, len(_COLUMNS) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(_COLUMNS)), [name for _, name in _COLUMNS], fontsize=10)
    ax.xaxis.tick_top()
    names = [f"{row['attack']}\n{textwrap.fill(row['title'], 22)}\ncontrol: {row['control']}" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=9)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title("What each control is worth: the harm without it, the refusal with it, and that honest work still goes on",
                 loc="left", fontsize=11)
    return fig


def _box(x: float, y: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, edgecolor="white")
