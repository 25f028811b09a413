"""A run as a Paje trace: hosts and VMs are containers, their lives states, migrations links, refusals events.

Paje trace file format 1.2.5 (Schnorr); read by pajeng and ViTE. A VM is a container of the datacenter, not of a host, because
containers do not move: its second state says where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

from .export import slices

if TYPE_CHECKING:
    from .run import Run

_DEFINITIONS: List[Tuple[str, List[Tuple[str, str]]]] = [
    ("PajeDefineContainerType", [("Alias", "string"), ("Type", "string"), ("Name", "string")]),
    ("PajeDefineStateType", [("Alias", "string"), ("Type", "string"), ("Name", "string")]),
    ("PajeDefineEventType", [("Alias", "string"), ("Type", "string"), ("Name", "string")]),
    ("PajeDefineLinkType", [("Alias", "string"), ("Type", "string"), ("StartContainerType", "string"),
                            ("EndContainerType", "string"), ("Name", "string")]),
    ("PajeDefineEntityValue", [("Alias", "string"), ("Type", "string"), ("Name", "string"), ("Color", "color")]),
    ("PajeCreateContainer", [("Time", "date"), ("Alias", "string"), ("Type", "string"), ("Container", "string"),
                             ("Name", "string")]),
    ("PajeDestroyContainer", [("Time", "date"), ("Type", "string"), ("Name", "string")]),
    ("PajeSetState", [("Time", "date"), ("Type", "string"), ("Container", "string"), ("Value", "string")]),
    ("PajeNewEvent", [("Time", "date"), ("Type", "string"), ("Container", "string"), ("Value", "string")]),
    ("PajeStartLink", [("Time", "date"), ("Type", "string"), ("Container", "string"), ("Value", "string"),
                       ("StartContainer", "string"), ("Key", "string")]),
    ("PajeEndLink", [("Time", "date"), ("Type", "string"), ("Container", "string"), ("Value", "string"),
                     ("EndContainer", "string"), ("Key", "string")]),
]
_NUMBER = {name: i for i, (name, _) in enumerate(_DEFINITIONS)}
_COLOURS = {"building": "0.79 0.84 0.89", "running": "0.44 0.62 0.78", "suspended": "0.72 0.69 0.78", "migrating": "0.56 0.76 0.66",
            "stopped": "0.93 0.93 0.93", "crashed": "0.33 0.33 0.33", "refused": "0.95 0.82 0.83", "deny": "0.70 0.13 0.17",
            "warn": "0.85 0.56 0.00"}


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'").replace("\n", " ") + '"'


class _Trace:
    def __init__(self) -> None:
        self.lines: List[str] = []
        self.events: List[Tuple[int, int, str]] = []  # time, order, line
        self._values: Dict[Tuple[str, str], str] = {}
        for number, (name, fields) in enumerate(_DEFINITIONS):
            self.lines += [f"%EventDef {name} {number}", *(f"%  {field} {kind}" for field, kind in fields), "%EndEventDef"]

    def define(self, name: str, *fields: str) -> None:
        self.lines.append(" ".join([str(_NUMBER[name]), *map(_quoted, fields)]))

    def value(self, kind: str, name: str) -> str:
        """The alias of a value of a type, defined once."""
        if (kind, name) not in self._values:
            self._values[kind, name] = f"v{len(self._values)}"
            self.lines.append(" ".join([str(_NUMBER["PajeDefineEntityValue"]), self._values[kind, name], kind, _quoted(name),
                                        _quoted(_COLOURS.get(name, "0.55 0.55 0.55"))]))
        return self._values[kind, name]

    def at(self, ns: int, order: int, name: str, *fields: str) -> None:
        """``order`` settles ties: containers come first and go last."""
        stamp = f"{ns // 10**9}.{ns % 10**9:09d}"
        self.events.append((ns, order, " ".join([str(_NUMBER[name]), stamp, *map(_quoted, fields)])))

    def text(self) -> str:
        ordered = [line for _, _, line in sorted(self.events, key=lambda e: (e[0], e[1]))]
        return "\n".join([*self.lines, *ordered]) + "\n"


def _nanoseconds(seconds: Any) -> int:
    return round(float(seconds) * 1e9)


def render(run: "Run") -> str:
    """The whole trace as text."""
    trace, states = _Trace(), slices(run)
    trace.define("PajeDefineContainerType", "Datacenter", "0", "datacenter")
    trace.define("PajeDefineContainerType", "Host", "Datacenter", "host")
    trace.define("PajeDefineContainerType", "Vm", "Datacenter", "VM")
    trace.define("PajeDefineStateType", "Life", "Vm", "state")
    trace.define("PajeDefineStateType", "Place", "Vm", "host")
    trace.define("PajeDefineEventType", "Refusal", "Vm", "refusal or warning")
    trace.define("PajeDefineLinkType", "Migration", "Datacenter", "Host", "Host", "migration")
    end = int(run.manifest["reached_ns"])
    hosts = list(dict.fromkeys([*(h["name"] for h in run._hosts()), *(s["host"] for s in states if s["host"])]))
    vms = list(dict.fromkeys(s["vm"] for s in states))
    containers = [("root", "Datacenter", "0", run.name), *((f"host {h}", "Host", "root", h) for h in hosts),
                  *((f"vm {v}", "Vm", "root", v) for v in vms)]
    for i, (alias, kind, parent, name) in enumerate(containers):
        trace.at(0, i - len(containers), "PajeCreateContainer", alias, kind, parent, name)
    for s in states:
        trace.at(s["from"], 1, "PajeSetState", "Life", f"vm {s['vm']}", trace.value("Life", s["state"]))
        if s["host"]:
            trace.at(s["from"], 1, "PajeSetState", "Place", f"vm {s['vm']}", trace.value("Place", s["host"]))
    for d in run.rows("decisions"):
        if d["verdict"] != "permit" and d["subject"] in vms:
            trace.at(_nanoseconds(d["time_s"]), 2, "PajeNewEvent", "Refusal", f"vm {d['subject']}",
                     trace.value("Refusal", f"{d['verdict']} {d['hook']} {d['object']}"))
    for i, m in enumerate(run.rows("migrations")):
        if m["source"] in hosts and m["target"] in hosts:
            value = trace.value("Migration", f"{m['vm']} {m['result']}")
            trace.at(_nanoseconds(m["begin_s"]), 3, "PajeStartLink", "Migration", "root", value, f"host {m['source']}", f"m{i}")
            trace.at(_nanoseconds(m["time_s"]), 4, "PajeEndLink", "Migration", "root", value, f"host {m['target']}", f"m{i}")
    last = max([end, *(e[0] for e in trace.events)])
    for i, (alias, kind, _, _) in enumerate(reversed(containers)):
        trace.at(last, 10 + i, "PajeDestroyContainer", kind, alias)
    return trace.text()
