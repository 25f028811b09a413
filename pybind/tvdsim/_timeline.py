"""The story of a run as a picture: a band per host, a lane per VM that was there, and on it whatever befell the VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from . import _figures
from .export import slices

if TYPE_CHECKING:
    from .run import Run

STATES = {"building": "#c9d6e2", "running": "#9dbfdb", "suspended": "#b8b0c8", "migrating": "#8fc1a9", "stopped": "#eeeeee",
          "crashed": "#555555", "refused": "#f3d0d3", "defined": "#ffffff"}
_DECISIONS = {"permit": ("|", 40), "warn": ("^", 60), "deny": ("X", 80)}
_VERDICTS = {"trusted": ("o", 16, "#2a7f62"), "not_current": ("o", 40, "#c9b458"), "vulnerable": ("o", 50, "#d9662c"),
             "incomplete": ("o", 40, "#d99000"), "unknown": ("o", 40, "#777777"), "untrusted": ("o", 60, "#b3202c"),
             "chain_broken": ("X", 60, "#b3202c"), "revoked": ("s", 50, "#7d1d4f"), "malicious": ("s", 60, "#5c0a10")}
_ATTACK = "#7a1fa2"
_INCIDENT = "#d99000"
_MOST_PERMITS = 60  # more of them say nothing and hide the rest
_GAP = 0.7          # between bands, in lanes

Lane = Tuple[str, str]  # host, name


class Timeline:
    """Draws one figure."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.states = slices(run)
        self.decisions: List[Dict[str, Any]] = run.rows("decisions")
        self.attestations: List[Dict[str, Any]] = run.rows("attestations")
        self.migrations: List[Dict[str, Any]] = run.rows("migrations")
        self.attacks = [c for c in run.rows("commands") if c["principal"] == "attacker"]
        # A verdict is drawn as one; the incident that repeats it says nothing more.
        self.incidents = [i for i in run.rows("incidents") if i["kind"] != "attestation"]
        self.end = max(float(run.manifest["reached_ns"]) / 1e9, 1e-9)
        self.lanes = self._lanes()
        self.y = self._places()
        self._texts: Dict[Lane, List[Tuple[float, float]]] = {}
        self.said: Dict[str, int] = {}  # label of the legend -> how often

    # --- where everything goes ----------------------------------------------------------------------------------

    def _lanes(self) -> Dict[str, List[str]]:
        """Host -> the names that have a lane in its band, in order."""
        lanes: Dict[str, List[str]] = {str(h["name"]): [] for h in self.run._hosts()}
        for s in sorted(self.states, key=lambda s: (s["from"], s["vm"])):
            if s["host"] and not s["vm"].startswith("dom0@"):
                lanes.setdefault(s["host"], [])
                if s["vm"] not in lanes[s["host"]]:
                    lanes[s["host"]].append(s["vm"])
        for host, names in lanes.items():
            names.sort()
            own = [d for d in self.decisions if d["subject"] == f"dom0@{host}"
                   and (d["verdict"] != "permit" or self._few_permits())]
            told = [a for a in self.attestations if a["subject"] == host]
            hit = [i for i in [*self.incidents, *self.attacks] if i.get("entity", i.get("subject")) in (host, f"dom0@{host}")]
            if own or told or hit:
                names.insert(0, host)
        return {host: names for host, names in lanes.items() if names}

    def _places(self) -> Dict[Lane, float]:
        y, made = 0.0, {}
        for host, names in self.lanes.items():
            for name in names:
                made[host, name] = y
                y += 1.0
            y += _GAP
        return made

    def lane(self, name: str, time_s: float) -> Any:
        """The lane on which something about that name at that time is drawn; None when it has none."""
        plain = name[len("dom0@"):] if name.startswith("dom0@") else name
        if (plain, plain) in self.y:
            return plain, plain
        here = [s for s in self.states if s["vm"] == name and s["from"] / 1e9 <= time_s + 1e-9 and s["host"]]
        late = [s for s in self.states if s["vm"] == name and s["host"]]
        chosen = here[-1:] or late[:1]
        return (chosen[0]["host"], name) if chosen else None

    # --- what is drawn ------------------------------------------------------------------------------------------

    def figure(self) -> Any:
        rows = sum(map(len, self.lanes.values())) + _GAP * len(self.lanes)
        fig, ax = _figures.figure(12, 1.9 + 0.40 * max(rows, 2))
        self._bands(ax)
        self._lives(ax)
        self._moves(ax)
        self._marks(ax)
        self._axes(ax)
        return fig

    def _bands(self, ax: Any) -> None:
        for i, (host, names) in enumerate(self.lanes.items()):
            top, bottom = self.y[host, names[0]] - 0.5, self.y[host, names[-1]] + 0.5
            ax.axhspan(top, bottom, color="#f6f6f3" if i % 2 else "#eef1f4", zorder=0, linewidth=0)
            ax.text(-0.115, (top + bottom) / 2, f"host\n{host}", transform=ax.get_yaxis_transform(), ha="center", va="center",
                    fontsize=9, fontweight="bold", color=_figures.INK)

    def _lives(self, ax: Any) -> None:
        for s in self.states:
            if (s["host"], s["vm"]) not in self.y or s["state"] == "defined":
                continue
            ax.barh(self.y[s["host"], s["vm"]], (s["to"] - s["from"]) / 1e9, left=s["from"] / 1e9, height=0.5,
                    color=STATES.get(s["state"], "#ffffff"), edgecolor="white", linewidth=0.6, zorder=1)

    def _moves(self, ax: Any) -> None:
        for m in self.migrations:
            begin = self.y.get((m["source"], m["vm"]))
            if begin is None or m["target"] not in self.lanes:
                continue
            done = m["result"] == "done"
            names = self.lanes[m["target"]]
            aim = self.y.get((m["target"], m["vm"]) if done else (m["target"], names[0] if begin < self.y[m["target"], names[0]]
                                                                   else names[-1]))
            if aim is None:
                continue
            shift = 0.0 if done else (-0.5 if begin < aim else 0.5)
            colour = _figures.VERDICTS["permit" if done else "deny"]
            ax.annotate("", xy=(m["time_s"], aim + shift), xytext=(m["begin_s"], begin), zorder=4,
                        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0,
                                    "linestyle": "-" if done else (0, (3, 2))})
            self._count("migration done" if done else "migration refused or failed")
            denied = [d["reason"] for d in self.decisions if d["verdict"] == "deny" and d["correlation"] == m["correlation"]]
            why = _short((denied or [m["reason"]])[0], 64)
            text = f"{m['vm']} → {m['target']}" + ("" if done else f" {m['result']}: {why}")
            self._say(ax, (m["source"], m["vm"]), m["begin_s"], text, colour)

    def _marks(self, ax: Any) -> None:
        told = [d for d in self.decisions if d["verdict"] != "permit" or self._few_permits()]
        for d in told:
            mark, size = _DECISIONS[d["verdict"]]
            self._point(ax, d["subject"], d["time_s"], mark, size, _figures.VERDICTS[d["verdict"]], f"decision: {d['verdict']}")
            moving = any(abs(m["begin_s"] - d["time_s"]) < 1.0 and m["vm"] == d["subject"] for m in self.migrations)
            if d["verdict"] == "deny" and not moving:
                self._say(ax, self.lane(d["subject"], d["time_s"]), d["time_s"], f"{d['hook']} denied: {_short(d['reason'], 56)}",
                          _figures.VERDICTS["deny"])
        for c in self.attacks:
            self._point(ax, c["subject"], c["time_s"], "*", 150, _ATTACK, "attack")
            self._say(ax, self.lane(c["subject"], c["time_s"]), c["time_s"], str(c["action"]), _ATTACK)
        known: Dict[str, str] = {}
        for a in self.attestations:
            mark, size, colour = _VERDICTS.get(a["verdict"], _VERDICTS["unknown"])
            self._point(ax, a["subject"], a["time_s"], mark, size, colour, f"attested: {a['verdict']}", 0.34)
            if a["verdict"] != "trusted" and known.get(a["subject"]) != a["verdict"]:
                why = f"{a['verdict']}: {_short(' '.join(filter(None, [a['reason'], a['entity']])), 44)}"
                self._say(ax, self.lane(a["subject"], a["time_s"]), a["time_s"], why, colour)
            known[a["subject"]] = a["verdict"]
        for i in self.incidents:
            self._point(ax, i["entity"], i["time_s"], "D", 34, _INCIDENT, "incident", -0.3)
            self._say(ax, self.lane(i["entity"], i["time_s"]), i["time_s"], _short(f"{i['kind']}: {i['cause']}", 66), _INCIDENT)

    def _few_permits(self) -> bool:
        return len([d for d in self.decisions if d["verdict"] == "permit"]) <= _MOST_PERMITS

    def _count(self, label: str) -> None:
        self.said[label] = self.said.get(label, 0) + 1

    def _point(self, ax: Any, name: str, time_s: float, mark: str, size: float, colour: str, label: str, down: float = 0.0) -> None:
        lane = self.lane(name, time_s)
        if lane is None or lane not in self.y:
            return
        ax.scatter([time_s], [self.y[lane] + down], marker=mark, s=size, color=colour, zorder=5, linewidths=0.8,
                   edgecolors=None if mark == "|" else "white")
        self._count(label)

    def _say(self, ax: Any, lane: Any, time_s: float, text: str, colour: str) -> None:
        """A few words beside a mark, unless words stand there already."""
        if lane is None or lane not in self.y:
            return
        width, gap = self.end * 0.0063 * len(text), self.end * 0.009
        right = time_s + gap + width <= self.end * 1.05
        begin = time_s + gap if right else time_s - gap - width
        taken = self._texts.setdefault(lane, [])
        for there, until in sorted(taken):
            if begin < until and there < begin + width and right:
                begin = until + gap
        if begin + width > self.end * 1.12 or any(begin < until and there < begin + width for there, until in taken):
            return
        taken.append((begin, begin + width))
        ax.text(begin, self.y[lane], text, ha="left", va="center", fontsize=7.2, color=colour, zorder=6,
                bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})

    def _axes(self, ax: Any) -> None:
        ax.set_yticks(list(self.y.values()), [name if host != name else f"dom0@{host}" for host, name in self.y], fontsize=8)
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(max(self.y.values(), default=1.0) + 0.8, -0.8)
        ax.set_xlim(0, self.end)
        ax.set_xlabel("simulated time (s)")
        ax.set_title(f"{self.run.name}: where each VM lived, and what befell it", loc="left", fontsize=11)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        self._legend(ax)

    def _legend(self, ax: Any) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        seen = {s["state"] for s in self.states}
        handles: List[Any] = [Patch(facecolor=c, edgecolor="#999999", label=f"VM {s}") for s, c in STATES.items() if s in seen
                              and s != "defined"]
        shapes: Dict[str, Tuple[str, str, float]] = {
            **{f"decision: {v}": (m, _figures.VERDICTS[v], 8) for v, (m, _) in _DECISIONS.items()},
            **{f"attested: {v}": (m, c, 4 + n / 15) for v, (m, n, c) in _VERDICTS.items()},
            "attack": ("*", _ATTACK, 12), "incident": ("D", _INCIDENT, 6)}
        for label, (mark, colour, size) in shapes.items():
            if label in self.said:
                handles.append(Line2D([], [], linestyle="", marker=mark, markersize=size, color=colour, markeredgecolor=
                                      colour if mark == "|" else "white", label=f"{label} ({self.said[label]})"))
        for label, colour, style in (("migration done", _figures.VERDICTS["permit"], "-"),
                                     ("migration refused or failed", _figures.VERDICTS["deny"], "--")):
            if label in self.said:
                handles.append(Line2D([], [], color=colour, linestyle=style, marker=">", markersize=6,
                                      label=f"{label} ({self.said[label]})"))
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
