"""Why one decision of a run was made, rule by rule; without an ID: what was refused, warned of, distrusted or lost.

ID is the number of a decision, or attestation:N, migration:N, probe:N, frame:N.
"""

from __future__ import annotations

import argparse
from typing import Any, Dict

from ..run import Run
from . import _io


_TABLES = (("attestation", "attestations", "trusted"), ("migration", "migrations", "done"), ("probe", "probes", "answered"))
_ANSWER = {"attestations": "verdict", "migrations": "result", "probes": "result"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("id", metavar="ID", nargs="?")


def perform(args: argparse.Namespace) -> int:
    run = Run(args.run)
    if args.id is not None:
        told = run.explain(args.id)
        _io.emit(args, told.to_dict(), str(told))
        return _io.FINE
    rows = [r for r in run.rows("decisions") if r["verdict"] != "permit"]
    lines = [f"{r['id']:>14}  {r['time_s']:>12.6f} s  {r['verdict']:<9} {r['hook']:<14} {r['subject']} → {r['object']}: {r['reason']}"
             for r in rows]
    others = [(kind, table, int(r.get("id", i)), r) for kind, table, good in _TABLES for i, r in enumerate(run.rows(table))
              if r[_ANSWER[table]] != good]
    lines += [f"{kind + ':' + str(i):>14}  {r['time_s']:>12.6f} s  {r[_ANSWER[table]]:<9} {_about(table, r)}: {r['reason']}"
              for kind, table, i, r in others]
    data = [{"id": r["id"], "table": "decisions", **r} for r in rows] + [{"id": f"{kind}:{i}", "table": table, **{k: v for k, v in r.items() if k != "id"}}
                                                  for kind, table, i, r in others]
    _io.emit(args, data, "\n".join(lines) if lines else "every decision was a permit, every verdict good, every probe answered")
    return _io.FINE


def _about(table: str, row: Dict[str, Any]) -> str:
    if table == "migrations":
        return f"migrate {row['vm']}: {row['source']} → {row['target']}"
    return f"attest {row['subject']}" if table == "attestations" else f"ping {row['source']} → {row['target']}"
