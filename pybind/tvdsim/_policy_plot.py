"""Pictures of a policy: who may share with whom, and whom the conflict sets keep apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, List

from . import _figures

if TYPE_CHECKING:
    from .policy import Policy

_WORDS_UP_TO = 12  # columns; beyond, a cell is colour alone


class PolicyPlots:
    """``policy.plot``."""

    def __init__(self, policy: "Policy") -> None:
        self._policy = policy

    def sharing(self) -> Any:
        """VM labels by VM labels and resources; a cell names the types in common."""
        p = self._policy
        columns = p.vm_labels + [f"resource:{r}" for r in p.resource_labels]
        types = {c: set(p.types_of(c)["ste"]) for c in columns}
        size = 0.22 if len(columns) > 40 else 0.42 if len(columns) > _WORDS_UP_TO else 1.0
        fig, ax = _figures.figure(3.0 + size * len(columns), 2.2 + 0.55 * size * len(p.vm_labels) + 0.8)
        grid: List[List[float]] = [[1.0 if p.may_share(a, b) else 0.0 for b in columns] for a in p.vm_labels]
        ax.imshow(grid, cmap=_two_colours(), vmin=0, vmax=1, aspect="auto")
        if len(columns) <= _WORDS_UP_TO:
            for y, a in enumerate(p.vm_labels):
                for x, b in enumerate(columns):
                    common = sorted(types[a] & types[b])
                    words = ", ".join(common[:3]) + (" …" if len(common) > 3 else "")
                    ax.text(x, y, words.replace(", ", ",\n") if len(words) > 12 else words or "∅", ha="center", va="center",
                            fontsize=7, color="white" if common else "#999999")
        font = 8 if size > 0.3 else 4
        ax.set_xticks(range(len(columns)), columns, rotation=40, ha="left", fontsize=font)
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(p.vm_labels)), p.vm_labels, fontsize=font)
        _grid(ax, len(columns), len(p.vm_labels))
        if len(p.resource_labels):
            ax.axvline(len(p.vm_labels) - 0.5, color=_figures.INK, linewidth=1.5)
        ax.set_title(f"{p.name} {p.version}: who may share with whom (green: a common type; right of the line: resources)",
                     loc="left", fontsize=10)
        return fig

    def conflicts(self) -> Any:
        """A row per conflict set; labels in different colours of a row may not run on one host at the same time."""
        p = self._policy
        labels = [l for l in p.vm_labels if p.types_of(l)["wall"]]
        wall = {l: set(p.types_of(l)["wall"]) for l in labels}
        fig, ax = _figures.figure(3.2 + 0.62 * max(len(labels), 3), 1.9 + 0.42 * max(len(p.conflict_sets), 1) + 0.8)
        for y, (_, types) in enumerate(p.conflict_sets):
            tint = _figures.colours(types)
            ax.scatter(range(len(labels)), [y] * len(labels), s=40, color=_figures.FAINT, zorder=2)
            for x, label in enumerate(labels):
                for type_ in sorted(wall[label] & set(types)):
                    ax.scatter([x], [y], s=150, color=tint[type_], zorder=3)
            for i, type_ in enumerate(types):
                ax.text(len(labels) - 0.2, y + 0.24 * (i - (len(types) - 1) / 2), f"● {type_}", color=tint[type_], fontsize=7.5, va="center")
        ax.set_xticks(range(len(labels)), labels, rotation=40, ha="left", fontsize=8)
        ax.xaxis.tick_top()
        ax.set_yticks(range(len(p.conflict_sets)), [n for n, _ in p.conflict_sets], fontsize=8)
        ax.set_ylim(max(len(p.conflict_sets), 1) - 0.4, -0.6)
        ax.set_xlim(-0.6, max(len(labels), 1) + 1.4)
        ax.tick_params(length=0)
        for side in ax.spines.values():
            side.set_visible(False)
        note = "two colours of a row never run on one host together" if p.conflict_sets else "this policy has no conflict set"
        ax.set_title(f"{p.name} {p.version}: conflict sets ({note})", loc="left", fontsize=10)
        return fig


def _two_colours() -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(["#f4f4f4", _figures.VERDICTS["permit"]])


def _grid(ax: Any, columns: int, rows: int) -> None:
    ax.set_xticks([x - 0.5 for x in range(1, columns)], minor=True)
    ax.set_yticks([y - 0.5 for y in range(1, rows)], minor=True)
    ax.grid(which="minor", color="white", linewidth=1)
    ax.tick_params(which="both", length=0)
