"""Reads what the sinks wrote, with the readers that users have, and compares: read_back.py FOLDER."""
import json
import pathlib
import sqlite3
import sys

import numpy

folder = pathlib.Path(sys.argv[1])
ROWS = 1000

# SQLite: typed columns, texts written out, none as NULL, everything described.
run = sqlite3.connect(f"file:{folder}/run.sqlite?mode=ro", uri=True)
assert run.execute("PRAGMA integrity_check").fetchone() == ("ok",)
decision = run.execute("SELECT id, time_ns, host, verdict, reason, other, typeof(time_ns), typeof(host) FROM decisions").fetchall()
assert decision == [(0, 1234567, "h1", "deny", 'it\'s "so"\nümlaut', None, "integer", "text")], decision
assert run.execute("SELECT count(*), min(target), max(target) FROM events").fetchone() == (ROWS, 0, ROWS - 1)
assert run.execute("SELECT count(*) FROM truth_flows").fetchone() == (1,)
meta = dict(run.execute("SELECT key, value FROM meta"))
assert meta["rows.events"] == str(ROWS) and meta["seed"] == "77", meta
described = run.execute("SELECT type, what FROM schema WHERE table_name = 'events' AND column_name = 'time_ns'").fetchone()
assert described == ("time", "when"), described

lean = sqlite3.connect(f"file:{folder}/lean.sqlite?mode=ro", uri=True)
tables = {name for (name,) in lean.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
assert "events" not in tables and {"decisions", "truth_flows", "meta"} <= tables, tables
assert dict(lean.execute("SELECT key, value FROM meta"))["rows.events"] == str(ROWS)  # counted, though not kept

# numpy maps the columns, at their own width.
time = numpy.load(folder / "columns/events/time_ns.npy", mmap_mode="r")
assert time.dtype == numpy.dtype("<i8") and isinstance(time, numpy.memmap)
assert (time == numpy.arange(ROWS) * 10 - 5).all()
data = numpy.load(folder / "columns/events/data.npy", mmap_mode="r")
assert data.dtype == numpy.dtype("<u8") and int(data[1]) == 2**64 - 1
assert numpy.load(folder / "columns/events/target.npy", mmap_mode="r").dtype == numpy.dtype("<u4")
assert not (folder / "columns/texts.json").exists()
texts = json.loads((folder / "rare/texts.json").read_text())
host = numpy.load(folder / "rare/decisions/host.npy")
assert [texts[i] for i in host] == ["h1"]
assert numpy.load(folder / "rare/decisions/other.npy")[0] == 2**32 - 1

# One JSON object per row.
lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
assert sum(line["table"] == "events" for line in lines) == ROWS
(said,) = [line for line in lines if line["table"] == "decisions"]
assert said["reason"] == 'it\'s "so"\nümlaut' and said["other"] is None
assert [line for line in lines if line["table"] == "events"][1]["data"] == 2**64 - 1

# Chrome's timeline: tracks by name, nested slices, decisions as instants.
events = json.loads((folder / "run.json").read_text())["traceEvents"]
track = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
slices = [(track[e["pid"], e["tid"]], e["name"], e["ts"], e["dur"]) for e in events if e["ph"] == "X"]
assert ("acme1", "building", 1.0, 1.0) in slices, slices
assert ("acme1", "running", 2.0, 7.0) in slices
assert ("acme1", "acme1", 1.0, 8.0) in slices
assert ("h1", "h1", 0.0, 1234.567) in slices
for a in slices:
    for b in slices:
        apart = a[2] + a[3] <= b[2] or b[2] + b[3] <= a[2]
        nested = (a[2] <= b[2] and b[2] + b[3] <= a[2] + a[3]) or (b[2] <= a[2] and a[2] + a[3] <= b[2] + b[3])
        assert a[0] != b[0] or apart or nested, (a, b)
(instant,) = [e for e in events if e["ph"] == "i"]
assert instant["name"] == "vm_start: deny" and instant["ts"] == 1234.567 and track[instant["pid"], instant["tid"]] == "h1"
