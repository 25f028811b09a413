"""Pictures of a run: when (timeline), where (topology), who with whom (matrix). Each returns a matplotlib Figure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from . import _figures

if TYPE_CHECKING:
    from .run import Run

_LINKS = ("evtchn_alloc", "evtchn_bind", "grant_setup", "grant_map", "disk_assign", "disk_attach", "vtpm_attach", "device_assign")


class Plots:
    """``run.plot``."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._decisions: List[Dict[str, Any]] = run.rows("decisions")

    # --- when ---------------------------------------------------------------------------------------------------

    def timeline(self) -> Any:
        """A band per host, a lane per VM: its states, the decisions and verdicts about it, migrations, attacks, incidents."""
        from ._timeline import Timeline

        return Timeline(self._run).figure()

    # --- where --------------------------------------------------------------------------------------------------

    def topology(self, marks: Optional[Dict[Tuple[str, str], str]] = None) -> Any:
        """Hosts as boxes with dom0 and their VMs, disks below; lines are what was asked: green granted, red refused.

        ``marks`` puts a word on the line between two names: ``{("ma", "su"): "(3)"}``.
        """
        spec = json.loads(self._run.spec())
        hosts = [h["name"] for h in spec["hosts"]] or ["?"]
        on_host = {h: [f"dom0@{h}"] for h in hosts}
        labels = {f"dom0@{h['name']}": h.get("label") or "dom0" for h in spec["hosts"]}
        for vm in spec["vms"]:
            on_host[vm["host"]].append(vm["name"])
            labels[vm["name"]] = vm["label"]
        labels.update({d["name"]: d["label"] for d in spec["disks"]})
        for d in reversed(self._decisions):  # the types are what decides; the first decision shows them as they began
            labels.update({d["subject"]: d["subject_types"].strip("{}"), d["object"]: d["object_types"].strip("{}")})
        tint = _figures.colours(labels.values())
        rows = max(len(v) for v in on_host.values())
        wide = 3.6
        at: Dict[str, Tuple[float, float]] = {}
        fig, ax = _figures.figure(max(7.0, 2.9 * len(hosts) + 2.0), 1.9 + 0.85 * rows + (0.9 if spec["disks"] else 0.0))
        for i, host in enumerate(hosts):
            self._host(ax, host, i * wide, on_host[host], labels, tint, at)
        for i, disk in enumerate(spec["disks"]):
            middle = (len(hosts) - 1) * wide / 2
            at[disk["name"]] = (middle + (i - (len(spec["disks"]) - 1) / 2) * 1.9, -rows - 0.9)
            self._node(ax, disk["name"], labels, tint, at, "round4,pad=0.5", "disk ")
        counts = self._links(ax, at, {tuple(sorted(pair)): word for pair, word in (marks or {}).items()})
        _figures.bare(ax)
        ax.set_xlim(-wide / 2, (len(hosts) - 0.5) * wide)
        ax.set_ylim(-rows - (1.7 if spec["disks"] else 0.6), 1.0)
        ax.set_title(f"{self._run.name}: who was connected with whom\ngreen: granted ({counts[0]} pairs) · red, dashed: refused "
                     f"({counts[1]} pairs) · {{…}}: STE types", loc="left", fontsize=10)
        return fig

    def _host(self, ax: Any, host: str, x: float, names: List[str], labels: Any, tint: Any, at: Any) -> None:
        from matplotlib.patches import FancyBboxPatch

        ax.add_patch(FancyBboxPatch((x - 1.35, -len(names) + 0.4), 2.7, len(names) - 0.05, boxstyle="round,pad=0.1",
                                    facecolor="#f6f6f3", edgecolor="#999999"))
        ax.text(x - 1.35, 0.52, f"host {host}", fontsize=9, color=_figures.INK, va="bottom")
        for i, name in enumerate(names):
            at[name] = (x - 0.45 if i % 2 else x + 0.45, -i)
            self._node(ax, name, labels, tint, at, "round,pad=0.35", "")

    def _node(self, ax: Any, name: str, labels: Any, tint: Any, at: Any, shape: str, kind: str) -> None:
        label = labels.get(name, "")
        ax.text(*at[name], f"{kind}{name}\n{{{_short(label)}}}", ha="center", va="center", fontsize=8, zorder=3, color=_figures.INK,
                bbox={"boxstyle": shape, "facecolor": "white", "edgecolor": tint.get(label, "#777777"), "linewidth": 2.0})

    def _links(self, ax: Any, at: Dict[str, Tuple[float, float]], marks: Any) -> Tuple[int, int]:
        pairs: Dict[Tuple[str, str], bool] = {}
        for d in self._decisions:
            a, b = str(d["subject"]), str(d["object"])
            if d["hook"] in _LINKS and a != b and a in at and b in at:
                key = (min(a, b), max(a, b))
                pairs[key] = pairs.get(key, True) and d["verdict"] != "deny"
        for (a, b), granted in pairs.items():
            arrow = {"arrowstyle": "-", "color": _figures.VERDICTS["permit" if granted else "deny"], "linewidth": 1.8,
                     "linestyle": "-" if granted else (0, (4, 3)), "connectionstyle": "arc3,rad=0.18"}
            ax.annotate("", xy=at[b], xytext=at[a], arrowprops=arrow, zorder=2)
            if (a, b) in marks:
                dx, dy = at[b][0] - at[a][0], at[b][1] - at[a][1]
                middle = ((at[a][0] + at[b][0]) / 2 + 0.09 * dy, (at[a][1] + at[b][1]) / 2 - 0.09 * dx)
                ax.text(*middle, marks[a, b], ha="center", va="center", fontsize=9, zorder=4, color=arrow["color"],
                        bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"})
        return sum(pairs.values()), len(pairs) - sum(pairs.values())

    # --- who with whom ------------------------------------------------------------------------------------------

    def matrix(self) -> Any:
        """Subjects by objects: every hook that was asked between the two, in the colour of its answer."""
        cells: Dict[Tuple[str, str], Dict[str, str]] = {}
        for d in self._decisions:
            hooks = cells.setdefault((d["subject"], d["object"]), {})
            worst = hooks.get(d["hook"])
            hooks[d["hook"]] = d["verdict"] if worst is None or worst == "permit" or d["verdict"] == "deny" else worst
        subjects = list(dict.fromkeys(s for s, _ in cells))
        objects = list(dict.fromkeys(o for _, o in cells))
        lines = {s: max((len(h) for (a, _), h in cells.items() if a == s), default=1) for s in subjects}
        top = {s: float(sum(lines[t] + 0.6 for t in subjects[:i])) for i, s in enumerate(subjects)}
        height = sum(lines.values()) + 0.6 * len(subjects)
        fig, ax = _figures.figure(2.5 + 1.45 * max(len(objects), 2), 1.6 + 0.24 * max(height, 3))
        for (subject, thing), hooks in cells.items():
            x = objects.index(thing)
            for i, (hook, verdict) in enumerate(hooks.items()):
                y = top[subject] + i
                ax.add_patch(_rectangle(x - 0.47, y, 0.94, 0.92, _figures.VERDICTS[verdict]))
                ax.text(x, y + 0.46, f"{hook} {'✕' if verdict == 'deny' else '!' if verdict == 'warn' else '✓'}", color="white",
                        ha="center", va="center", fontsize=7.5)
        ax.set_xlim(-0.6, len(objects) - 0.4)
        ax.set_ylim(height, -0.3)
        ax.set_xticks(range(len(objects)), objects, fontsize=8)
        ax.set_yticks([top[s] + lines[s] / 2 for s in subjects], subjects, fontsize=8)
        ax.xaxis.tick_top()
        ax.tick_params(length=0)
        ax.set_xlabel("object", loc="right", fontsize=8)
        ax.set_ylabel("subject", loc="top", fontsize=8)
        for side in ax.spines.values():
            side.set_visible(False)
        ax.set_title(f"{self._run.name}: what was asked\n✓ permit   ! warn   ✕ deny (any refusal shows)", loc="left", fontsize=10)
        return fig


def _short(types: str) -> str:
    """A list of types that fits into a box: ``A, B, +6``."""
    names = types.split(", ")
    shown = next((n for n in (3, 2) if len(", ".join(names[:n])) <= 20), 1)
    return types if len(names) <= shown else ", ".join([*names[:shown], f"+{len(names) - shown}"])


def _rectangle(x: float, y: float, width: float, height: float, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor=colour, edgecolor="white")
