"""One thing of a run, retold: a decision, an attestation, a migration, a probe, the way of a frame."""

from __future__ import annotations

import html
import json
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Tuple, Union

from . import _columns, _core
from .errors import Finding, InputError

if TYPE_CHECKING:
    from .run import Run

_VERDICT_COLUMN = 70


class Explanation:
    """What led to an answer. ``print()`` it, or read its fields: of a decision those of its row and ``components``."""

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, Any] = json.loads(data)
        self._text = text.rstrip("\n")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_data"][name]
        except KeyError:
            raise AttributeError(f"an explanation has no `{name}`; it has {sorted(self.__dict__['_data'])}") from None

    @property
    def components(self) -> List[Dict[str, Any]]:
        """Of a decision, a row per control: control, outcome, rule, reason, decides."""
        return list(self._data.get("components", []))

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"


def explain(run: "Run", what: Union[int, str]) -> Explanation:
    """See ``Run.explain``."""
    text = str(what)
    if text.isdecimal():
        return Explanation(*_core.explain(str(run.directory), int(text)))
    found = re.fullmatch(r"(\w+):(\d+)", text)
    if found is None or found.group(1) not in _KINDS:
        raise InputError(Finding("TVD-101", str(run.directory), f"`{text}` names nothing that can be explained.",
                                 "a decision's id, or " + ", ".join(f"`{kind}:0`" for kind in _KINDS)))
    data, lines = _KINDS[found.group(1)](run, int(found.group(2)))
    return Explanation(json.dumps(data), "\n".join(lines))


def _none(run: "Run", kind: str, number: int, count: int) -> InputError:
    known = f"known: 0 to {count - 1}" if count else "it has none at all"
    return InputError(Finding("TVD-101", str(run.directory), f"the run has no {kind} {number}.", known))


def _row(run: "Run", table: str, kind: str, number: int) -> Dict[str, Any]:
    """By its id where the table has ids, else by its place."""
    rows = run.rows(table)
    found = [row for place, row in enumerate(rows) if row.get("id", place) == number]
    if not found:
        raise _none(run, kind, number, len(rows))
    return found[0]


def _head(text: str, answer: str) -> str:
    return f"{text:<{_VERDICT_COLUMN}} {answer}"


def _told(pairs: Iterable[Tuple[str, str]]) -> List[str]:
    """Lines of a name and a text; those without a text are left out."""
    kept = [(name, text) for name, text in pairs if text]
    widest = max((len(name) for name, _ in kept), default=0)
    return [f"  {name:<{widest}}  {text}" for name, text in kept]


def _commanded(run: "Run", correlation: int) -> List[Dict[str, Any]]:
    """The access decisions that were made on the way."""
    return [d for d in run.rows("decisions") if correlation and d["correlation"] == correlation]


def _decided(decisions: List[Dict[str, Any]]) -> List[str]:
    lines = []
    for d in decisions:
        mark = "   ← decides" if d["verdict"] == "deny" else ""
        lines.append(_head(f"  decision {d['id']}  {d['hook']}  {d['subject']} → {d['object']}", d["verdict"] + mark))
        if d["verdict"] != "permit":
            lines.append(f"    {d['reason']}")
    return lines


def _attestation(run: "Run", number: int) -> Tuple[Dict[str, Any], List[str]]:
    row = _row(run, "attestations", "attestation", number)
    same = [r for r in run.rows("attestations") if r["subject"] == row["subject"] and r["time_s"] < row["time_s"]]
    last = [r for r in same if r["verdict"] == "trusted"][-1:]
    measured = []
    if row["entity"] and (run.directory / "columns" / "measurements").is_dir():
        measured = [m for m in run.rows("measurements") if m["name"] == row["entity"]
                    and m["entity"] in (row["subject"], row["host"]) and m["time_s"] <= row["time_s"]]
    failed = row["verdict"] != "trusted"
    lines = [_head(f"{row['time_s']:.3f} s  attest {row['kind']} {row['subject']} on {row['host'] or 'no host'}", row["verdict"])]
    lines += _told([
        ("asked", f"by {row['verifier']} at {row['asked_s']:.3f} s; {(row['time_s'] - row['asked_s']) * 1e3:.3f} ms later the "
         "verdict was there"),
        ("check", f"{row['reason']}{'   ← decides' if failed else ''}"), ("because", row["detail"]),
        ("about", row["entity"]), ("expected", row["expected"]), ("got", row["got"]),
        ("log", f"{row['entries']} entries were checked" if row["entries"] else ""),
        ("did not apply", row["skipped"])])
    lines += [f"  measured  at {m['time_s']:.3f} s into PCR {m['pcr']} of {m['entity']}: {m['digest']}" for m in measured[-4:]]
    if failed:
        lines.append(f"  last trusted at {last[0]['time_s']:.3f} s (attestation {last[0]['id']})" if last
                     else "  it was never trusted in this run")
    return {"table": "attestations", **row, "measured": measured}, lines


def _migration(run: "Run", number: int) -> Tuple[Dict[str, Any], List[str]]:
    row = _row(run, "migrations", "migration", number)
    decisions = _commanded(run, row["correlation"])
    lines = [_head(f"{row['begin_s']:.3f} s  migrate {row['vm']}: {row['source']} → {row['target']}", row["result"])]
    lines += _told([
        ("ended", f"{row['time_s']:.3f} s"), ("because", row["reason"]), ("target's evidence", row["target_evidence"]),
        ("pre-copy", f"{row['rounds']} rounds, {row['sent_bytes']} bytes; the VM was quiet for {row['downtime_s']:.6f} s"
         if row["rounds"] else ""), ("vTPM", row["vtpm"])])
    return {"table": "migrations", **row, "decisions": decisions}, lines + _decided(decisions)


def _hops(run: "Run", number: int) -> List[Dict[str, Any]]:
    """Every place that handled a frame."""
    columns = run.columns("frames")
    words = run.texts()
    types = dict((c["name"], c["type"]) for c in run._info("frames")["columns"])
    at = _columns.numpy().flatnonzero(columns["frame"] == number)
    made = []
    for i in at:
        cells = {name: int(values[i]) for name, values in columns.items()}
        hop: Dict[str, Any] = {n: (words[v] if v < len(words) else "") if types[n] == "text" else v for n, v in cells.items()}
        hop["time_s"] = hop.pop("time_ns") / 1e9
        made.append(hop)
    return made


def _way(hops: List[Dict[str, Any]]) -> List[str]:
    places = max((len(h["place"]) for h in hops), default=0)
    return [f"  {(h['time_s'] - hops[0]['time_s']) * 1e6:>10.3f} us  {h['place']:<{places}}  {h['event']:<9}  "
            + (f"VLAN {h['vid']}" if h["vid"] else "untagged") + (f": {h['reason']}" if h["reason"] else "")
            + ("   ← ends here" if h["event"] == "dropped" else "") for h in hops]


def _frame(run: "Run", number: int) -> Tuple[Dict[str, Any], List[str]]:
    hops = _hops(run, number)
    if not hops:
        frames = run.columns("frames")["frame"]
        raise _none(run, "frame", number, int(frames.max()) + 1 if len(frames) else 0)
    ends = [h["event"] for h in hops if h["event"] in ("delivered", "dropped")]
    first = hops[0]
    head = _head(f"{first['time_s']:.6f} s  frame {number}  {first['source']} → {first['destination']}, {first['size_bytes']} bytes",
                 "delivered" if "delivered" in ends else "dropped" if ends else "on its way")
    return {"table": "frames", "frame": number, "hops": hops}, [head, *_way(hops)]


def _probe(run: "Run", number: int) -> Tuple[Dict[str, Any], List[str]]:
    row = _row(run, "probes", "probe", number)
    lines = [_head(f"{row['time_s']:.6f} s  ping {row['source']} → {row['target']} on VLAN {row['vid']}", row["result"])]
    lines += _told([("because", row["reason"]),
                    ("answer", f"after {row['round_trip_s'] * 1e6:.3f} us" if row["round_trip_s"] else "")])
    hops: List[Dict[str, Any]] = []
    if (run.directory / "columns" / "frames").is_dir():
        columns, words = run.columns("frames"), run.texts()
        np = _columns.numpy()
        if row["source"] in words and "sent" in words:
            mine = np.flatnonzero((columns["place"] == words.index(row["source"])) & (columns["event"] == words.index("sent"))
                                  & (columns["time_ns"] == round(row["time_s"] * 1e9)))
            if len(mine):
                hops = _hops(run, int(columns["frame"][mine[-1]]))
                lines += [f"  frame {hops[0]['frame']} went this way", *_way(hops)]
    return {"table": "probes", **row, "hops": hops}, lines


_KINDS: Dict[str, Callable[["Run", int], Tuple[Dict[str, Any], List[str]]]] = {
    "attestation": _attestation, "migration": _migration, "probe": _probe, "frame": _frame,
}
