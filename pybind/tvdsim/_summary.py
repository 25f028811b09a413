"""A scenario in words: one line, one screen, HTML."""

from __future__ import annotations

import html as _html
from typing import TYPE_CHECKING, List, Sequence, Tuple

from . import units
from .things import Disk, Host, Switch, Traffic, Vm

if TYPE_CHECKING:
    from .scenario import Scenario

_SHOWN = 12


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def one_line(s: "Scenario") -> str:
    return (f"<Scenario {s.name}: {counted(len(s.of(Host)), 'host')}, {counted(len(s.of(Vm)), 'VM')}, "
            f"{counted(len(s.of(Disk)), 'disk')}, {counted(len(s.story), 'action')}, seed {s.seed}>")


def _story(s: "Scenario") -> List[Tuple[str, str]]:
    rows = []
    for first, period, action in sorted(s.story, key=lambda row: row[0]):
        when = f"every {units.duration_text(period)}" if period else units.duration_text(first)
        rows.append((when, str(action)))
    return rows


def _flow(flow: Traffic) -> Tuple[str, ...]:
    return (f"{flow.rate_milli_s / 1000:g} /s", "Poisson" if flow.poisson else "regular", units.size_text(flow.size),
            "among " + " ".join(flow.among))


def _sections(s: "Scenario") -> List[Tuple[str, Sequence[Tuple[str, ...]]]]:
    policy = [(name, mode) for name, _, mode in s.policies] or [
        (l.name, "ste {%s}" % ", ".join(l.ste) + (" wall {%s}" % ", ".join(l.cw) if l.cw else ""))
        for l in s._labels.values()]
    return [
        ("policy", policy + [(f"conflict {n}", " | ".join(t)) for n, t in s.conflicts]),
        ("controls", sorted(s.controls.items())),
        ("hosts", [(h.name, h.label or "bootstrap label", f"{h.cores} cores", units.size_text(h.memory))
                   for h in s.of(Host)]),
        ("switches", [(w.name, ", ".join(w.hosts), units.bit_rate_text(w.rate)) for w in s.of(Switch)]),
        ("VLANs", [(str(v.vid), v.label) for v in s.vlans]),
        ("images", [(i.name, counted(len(i.software), "component")) for i in s.images]),
        ("domains", [(d.name, d.label, " ".join([*map(str, d.vlans), *d.vms, *d.disks])) for d in s.tvds]),
        ("disks", [(d.name, d.label, units.size_text(d.size)) for d in s.of(Disk)]),
        ("VMs", [(v.name, v.label, f"on {v.host}", units.size_text(v.memory),
                  " ".join([*v.disks, *(f"VLAN {vid}" for vid in v.vlans), *(["vTPM"] if v.vtpm else [])]))
                 for v in s.of(Vm)]),
        ("traffic", [_flow(flow) for flow in s.flows]),
        ("verifiers", [(name,) for name in s.verifiers]),
        ("auditor", [(s.auditor,)] if s.auditor else []),
        ("decision logs", [("hash-chained, one per host",)] if s.decision_log else []),
        ("story", _story(s)),
    ]


def text(s: "Scenario") -> str:
    lines = [one_line(s)[1:-1]]
    for title, rows in _sections(s):
        if not rows:
            continue
        lines.append(f"  {title}")
        widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
        for row in rows[:_SHOWN]:
            lines.append("    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())
        if len(rows) > _SHOWN:
            lines.append(f"    … and {len(rows) - _SHOWN} more")
    return "\n".join(lines)


def html(s: "Scenario") -> str:
    parts = [f"<p><b>{_html.escape(s.name)}</b>, seed {s.seed}</p>"]
    for title, rows in _sections(s):
        if rows:
            body = "".join("<tr>" + "".join(f"<td>{_html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
            parts.append(f"<details open><summary>{title} ({len(rows)})</summary><table>{body}</table></details>")
    return "".join(parts)
