"""The attack matrix as a picture: a row per attack, a column per state of its control, and the near miss."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from . import _figures

if TYPE_CHECKING:
    from .attacks import Ablation, Matrix

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


_SIGN = {"harm": "HARM", "detected": "seen", "stopped": "·", "works": "works", "broken": "?"}
_MEANING = {"stopped": "stopped: a decision refused it", "detected": "detected: it happened, and the evidence names it",
            "harm": "harm: it happened, and nothing says so", "works": "works: the legitimate look-alike went through",
            "broken": "neither harm nor refusal"}


def heat_map(ablation: "Ablation", stagings: Optional["Matrix"]) -> Any:
    """Attacks by controls; a thick frame marks the control that each attack is about."""
    rows, controls = ablation.rows, ablation.controls
    first: List[str] = [key for key, _ in _COLUMNS] if stagings is not None else []
    gap = 0.5 if first else 0.0
    at: Dict[str, float] = {c: len(first) + gap + i for i, c in enumerate(controls)}
    fig, ax = _figures.figure(3.6 + 0.56 * (len(first) + len(controls)), 2.9 + 0.5 * len(rows))
    seen = set()
    for y, row in enumerate(rows):
        cells: List[Tuple[float, str, bool]] = []
        if stagings is not None:
            whole = next(r for r in stagings.rows if r["attack"] == row["attack"])
            cells = [(i, whole[key]["outcome"], False) for i, key in enumerate(first)]
        cells += [(at[c["control"]], c["outcome"], c["control"] == row["control"]) for c in row["cells"]]
        for x, outcome, own in cells:
            seen.add(outcome)
            ax.add_patch(_box(x, y, _TINT.get(outcome, "#555555") if outcome != "stopped" or own or x < len(first) else "#dbe9e3"))
            ax.text(x, y, _SIGN.get(outcome, outcome), color="#2a7f62" if outcome == "stopped" and not own and x >= len(first)
                    else "white", ha="center", va="center", fontsize=7.5, fontweight="bold")
            if own:
                ax.add_patch(_frame(x, y))
    ax.set_xlim(-0.6, len(first) + gap + len(controls) - 0.4)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xticks([*range(len(first)), *at.values()], [*(name for _, name in _COLUMNS[: len(first)]), *(f"no {c}" for c in controls)],
                  rotation=60, ha="left", fontsize=8)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(rows)), [f"{row['attack']}  {_shortened(row['title'])}" for row in rows], fontsize=8)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    ax.set_title("Attacks by controls: what becomes of each attack when one control alone is missing", loc="left", fontsize=11)
    _key(ax, [o for o in _MEANING if o in seen])
    return fig


def _key(ax: Any, outcomes: List[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=_TINT[o], label=_MEANING[o]) for o in outcomes]
    handles.append(Patch(facecolor="white", edgecolor="black", linewidth=2.0, label="framed: the control that the attack is about"))
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0.0, -0.02), ncol=2, frameon=False, fontsize=8)


def _shortened(title: str) -> str:
    return title if len(title) <= 52 else title[:51].rstrip() + "…"


def _frame(x: float, y: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, fill=False, edgecolor="black", linewidth=2.0, zorder=4)


def _box(x: float, y: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, edgecolor="white")
