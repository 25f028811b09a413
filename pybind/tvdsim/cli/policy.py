"""An sHype policy: what it says, what is odd about it, who may share with whom.

    tvdsim policy show FILE            labels with their types, conflict sets (`tvdsim policy FILE` is the same)
    tvdsim policy lint FILE            what is odd; exit 1 if anything is
    tvdsim policy table FILE           who may share with whom
    tvdsim policy decide FILE A B      may A and B share? exit 1 if not; resource:NAME is a resource
    tvdsim policy decide FILE --host SYS VM   may a host labelled SYS run VM?
"""

from __future__ import annotations

import argparse
from typing import Any, Dict, List

from ..errors import Finding, InputError
from ..policy import Policy
from . import _io

_WAYS = ("show", "lint", "table", "decide")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", metavar="[show|lint|table|decide] FILE [LABEL …]", nargs="+")
    parser.add_argument("--host", metavar="LABEL", help="decide: authorization on a host of this label")
    parser.add_argument("--mode", choices=("strict", "xen33"), default="strict")


def perform(args: argparse.Namespace) -> int:
    words: List[str] = list(args.words)
    way = words.pop(0) if words[0] in _WAYS and len(words) > 1 else "show"
    policy = Policy.load(words[0], args.mode)
    labels = words[1:]
    wanted = 0 if way != "decide" else 1 if args.host else 2
    if len(labels) != wanted:
        raise InputError(Finding("TVD-104", f"policy {way}", f"{len(labels)} labels are given; {wanted} are needed."))
    if way == "decide":
        return _decide(args, policy, labels)
    if way == "lint":
        return _lint(args, policy)
    if way == "table":
        _io.emit(args, _table(policy), table_text(policy))
    else:
        _io.emit(args, {**policy._facts, "mode": policy.mode}, str(policy))
    return _io.FINE


def _decide(args: argparse.Namespace, policy: Policy, labels: List[str]) -> int:
    answer = policy.authorizes(args.host, labels[0]) if args.host else policy.may_share(*labels)
    data = {"verdict": str(answer.verdict), "rule": answer.rule, "reason": answer.reason}
    _io.emit(args, data, str(answer))
    return _io.FINE if answer else _io.NO


def _lint(args: argparse.Namespace, policy: Policy) -> int:
    found = policy.lint()
    _io.emit(args, [f.to_json() for f in found], "\n".join(map(str, found)) if found else "nothing odd")
    return _io.NO if found else _io.FINE


def _columns(policy: Policy) -> List[str]:
    return policy.vm_labels + [f"resource:{r}" for r in policy.resource_labels]


def _table(policy: Policy) -> Dict[str, Any]:
    return {a: {b: str(policy.may_share(a, b).verdict) for b in _columns(policy)} for a in policy.vm_labels}


def table_text(policy: Policy) -> str:
    """Who may share with whom, as a matrix of characters with a numbered head."""
    columns = _columns(policy)
    width = max((len(c) for c in columns), default=0)
    number = len(str(len(columns)))
    lines = [f"{i:>{number}}  {name}" for i, name in enumerate(columns, 1)]
    head = " " * (width + 2) + " ".join(f"{i:>{number}}" for i in range(1, len(columns) + 1))
    rows = [f"{a:<{width}}  " + " ".join(f"{'●' if policy.may_share(a, b) else '·':>{number}}" for b in columns)
            for a in policy.vm_labels]
    return "\n".join(["● may share, · may not", *lines, head, *rows])
