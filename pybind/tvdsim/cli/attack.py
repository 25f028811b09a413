"""Attacks: what happens with their control off, monitoring and on, and whether the legitimate look-alike works.

Exit 1 when a control that is on does not hold, or a near miss fails; with --each-control when an attack does no harm without
the control that it is about. With --control or --near-miss: one run.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import List

from .. import _core
from ..attacks import Attack, Cell, ablation, matrix
from ..errors import Finding, InputError
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", default="all", help="an attack of docs/attacks.md, or all")
    parser.add_argument("--control", choices=("off", "monitor", "on"), help="one run with the control like this")
    parser.add_argument("--each-control", action="store_true", help="with every control off in turn, all others on")
    parser.add_argument("--near-miss", action="store_true", help="one run of the legitimate look-alike")
    parser.add_argument("--seed", type=int, default=1)


def _chosen(word: str) -> List[Attack]:
    known = [str(row["id"]) for row in json.loads(_core.catalogue())["attacks"]]
    if word == "all":
        return [Attack(name) for name in known]
    if word not in known:
        raise InputError(Finding("TVD-101", "attack", f"attack `{word}` is not modelled.", _core.suggest(word, known)))
    return [Attack(word)]


def _holds(cell: Cell) -> bool:
    return cell.outcome in (("works",) if cell.staging == "near_miss" else ("stopped", "detected"))


def perform(args: argparse.Namespace) -> int:
    attacks = _chosen(args.id)
    if args.each_control:
        made_of = ablation(attacks, args.seed)
        _io.emit(args, made_of.to_dict(), str(made_of))
        own = [made_of.cell(row["attack"], row["control"]) for row in made_of.rows]
        return _io.FINE if all(cell.harm for cell in own) else _io.NO
    if args.control is None and not args.near_miss:
        table = matrix(attacks, args.seed)
        _io.emit(args, table.to_dict(), str(table))
        cells = [table.cell(row["attack"], column) for row in table.rows for column in ("on", "near_miss")]
        return _io.FINE if all(map(_holds, cells)) else _io.NO
    mode = args.control or "on"
    staging = "near_miss" if args.near_miss else "ablated" if mode == "off" else "controlled"
    made = [attack.run(staging, mode, args.seed) for attack in attacks]
    text = "\n".join(f"{c.attack}  {c.control} {c.mode}  {c.staging}: {c.outcome}. {c.witness}" for c in made)
    _io.emit(args, [asdict(c) for c in made], text)
    return _io.FINE if mode != "on" or all(map(_holds, made)) else _io.NO
