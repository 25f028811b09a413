"""What differs between two policies, Specs or runs; exit 1 if anything does.

    tvdsim diff old.xml new.xml                                what flips for each label
    tvdsim diff two_tenants.py --before old.xml --after new.xml    what flips for the VMs, disks and hosts of a scenario
"""

from __future__ import annotations

import argparse
from typing import List

from ..diff import Diff, diff
from ..errors import Finding, InputError
from ..scenario import Scenario
from . import _io, check


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sides", metavar="OLD NEW", nargs="+", help="policies (.xml), Specs (.json) or run directories")
    parser.add_argument("--inventory", metavar="SCENARIO", help="what is there, when policies are compared: a script or a Spec")
    parser.add_argument("--before", metavar="POLICY")
    parser.add_argument("--after", metavar="POLICY")


def perform(args: argparse.Namespace) -> int:
    found = _answer(args)
    _io.emit(args, found.to_dict(), str(found))
    return _io.NO if found else _io.FINE


def _answer(args: argparse.Namespace) -> Diff:
    sides: List[str] = args.sides
    inventory = args.inventory
    if args.before and args.after and len(sides) == 1:
        inventory, sides = sides[0], [args.before, args.after]
    if len(sides) != 2 or bool(args.before) != bool(args.after):
        raise InputError(Finding("TVD-104", "diff", "two things are compared: an old one and a new one.",
                                 "tvdsim diff OLD NEW, or tvdsim diff SCENARIO --before OLD --after NEW"))
    return diff(sides[0], sides[1], None if inventory is None else _scenario(inventory))


def _scenario(source: str) -> Scenario:
    if source.endswith(".json"):
        return Scenario.from_spec(_io.read_text(source))
    report = check.reports(source, [])[0]
    if report["spec"] is None:
        raise InputError(Finding(**f) for f in report["findings"])
    return Scenario.from_spec(report["spec"])
