"""A run in other formats: packets, Chrome's timeline, Paje, JSON lines, CSV. Times stay exact: nanoseconds as stored."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Sequence

from . import _core, _frames
from .errors import Finding, InputError

if TYPE_CHECKING:
    from .run import Run


def _stored(run: "Run") -> List[str]:
    return [t["name"] for t in json.loads(_core.catalogue())["tables"] if t["kind"] != "bulk"]


def _jsonl(run: "Run") -> List[Path]:
    path = run.directory / "trace.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for table in _stored(run):
            columns, data = _frames.rows(run.database, table)
            for row in data:
                out.write(json.dumps({"table": table, **dict(zip(columns, row))}, ensure_ascii=False) + "\n")
    return [path]


def _csv(run: "Run") -> List[Path]:
    made = []
    for table in _stored(run):
        columns, data = _frames.rows(run.database, table)
        path = run.directory / f"{table}.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(data)
        made.append(path)
    return made


def slices(run: "Run") -> List[Dict[str, Any]]:
    """Per VM the states it was in, as (vm, host, state, from, to) in nanoseconds."""
    columns, data = _frames.rows(run.database, "lifecycle")
    rows = [dict(zip(columns, row)) for row in data]
    end = int(run.manifest["reached_ns"])
    last: Dict[str, Dict[str, Any]] = {}
    made: List[Dict[str, Any]] = []
    for row in rows:
        open_one = last.pop(row["vm"], None)
        if open_one is not None:
            made.append({**open_one, "to": row["time_ns"]})
        last[row["vm"]] = {"vm": row["vm"], "host": row["host"], "state": row["to_state"], "from": row["time_ns"]}
    made += [{**open_one, "to": max(end, open_one["from"])} for open_one in last.values()]
    return sorted(made, key=lambda s: (s["vm"], s["from"], s["to"]))


def _instants(run: "Run", tracks: Dict[str, int]) -> List[Dict[str, Any]]:
    """What verifiers said and what was noticed, on the tracks of those whom it is about; a new track for each other name."""
    told = [(r["subject"], r["time_s"], f"{r['verdict']}: {r['reason']}", r["detail"]) for r in run.rows("attestations")]
    told += [(r["entity"], r["time_s"], f"incident {r['kind']}", r["cause"]) for r in run.rows("incidents")]
    told += [(r["vm"], r["time_s"], f"migration to {r['target']} {r['result']}", r["reason"]) for r in run.rows("migrations")]
    made: List[Dict[str, Any]] = []
    for name, time_s, what, why in told:
        if name not in tracks:
            tracks[name] = len(tracks) + 1
            made.append({"ph": "M", "name": "thread_name", "pid": 1, "tid": tracks[name], "args": {"name": name}})
        made.append({"ph": "i", "s": "t", "name": what, "pid": 1, "tid": tracks[name], "ts": time_s * 1e6, "args": {"why": why}})
    return made


def _pcap(run: "Run") -> List[Path]:
    path = run.directory / "frames.pcap"
    if not path.is_file():
        raise InputError(Finding("TVD-130", str(run.directory), "the run kept no frames.",
                                 'run it with capture="frames", and VMs on VLANs'))
    return [path]


def _paje(run: "Run") -> List[Path]:
    from . import _paje as paje

    path = run.directory / "timeline.paje"
    path.write_text(paje.render(run), encoding="utf-8")
    return [path]


def _chrome(run: "Run") -> List[Path]:
    """One track per VM, so that slices nest; refusals and warnings are instants on the subject's track."""
    states = slices(run)
    columns, data = _frames.rows(run.database, "decisions")
    decisions = [dict(zip(columns, row)) for row in data]
    tracks = {name: i + 1 for i, name in enumerate(sorted({s["vm"] for s in states} | {d["subject"] for d in decisions}))}
    events: List[Dict[str, Any]] = [
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": tid, "args": {"name": name}} for name, tid in tracks.items()]
    events += [{"ph": "X", "name": f"{s['state']} on {s['host']}", "pid": 1, "tid": tracks[s["vm"]], "ts": s["from"] / 1e3,
                "dur": (s["to"] - s["from"]) / 1e3} for s in states if s["to"] > s["from"]]
    events += [{"ph": "i", "s": "t", "name": f"{d['verdict']} {d['hook']} {d['object']}", "pid": 1,
                "tid": tracks[d["subject"]], "ts": d["time_ns"] / 1e3, "args": {"id": d["id"], "reason": d["reason"]}}
               for d in decisions if d["verdict"] != "permit"]
    events += _instants(run, tracks)
    path = run.directory / "timeline.chrome.json"
    path.write_text(json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}, ensure_ascii=False), encoding="utf-8")
    return [path]


_FORMATS: Dict[str, Callable[["Run"], List[Path]]] = {
    "pcap": _pcap, "chrome": _chrome, "paje": _paje, "jsonl": _jsonl, "csv": _csv}


def export(run: "Run", formats: Sequence[str]) -> List[Path]:
    """Writes each format; all names are checked before the first file is written."""
    wrong = [Finding("TVD-101", "export", f"there is no format `{f}`.", _core.suggest(f, sorted(_FORMATS)))
             for f in formats if f not in _FORMATS]
    if wrong:
        raise InputError(wrong)
    return [path for name in formats for path in _FORMATS[name](run)]
