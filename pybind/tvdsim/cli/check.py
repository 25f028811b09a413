"""All problems of a scenario or policy at once; nothing runs.

SOURCE is a scenario script (run up to its first run), a Spec (.json) or a policy (.xml). Exit 2 when there is an error.

    tvdsim check --flows SOURCE                        who could learn what from whom, and whose honesty that rests on
    tvdsim check --flows --compromised VM SOURCE       what a compromise would open; exit 1 if it opens anything
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Union

from .. import _core
from ..analyse import Analysis, analyse
from ..errors import Finding, InputError
from ..policy import Policy
from ..scenario import Scenario
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flows", action="store_true", help="reachability of information instead of problems")
    parser.add_argument("--compromised", metavar="NAME", action="append", default=[],
                        help="with --flows: a VM, dom0@HOST or label that passes on everything; may be given again")
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="for the script")


def perform(args: argparse.Namespace) -> int:
    if args.flows:
        return _flows(args)
    findings = _findings(args.source, args.arguments)
    errors = sum(f.severity == "error" for f in findings)
    text = "\n".join(map(str, findings)) if findings else f"{args.source}: no problem found"
    _io.emit(args, {"source": args.source, "findings": [f.to_json() for f in findings]}, text)
    return _io.INPUT if errors else _io.FINE


def _flows(args: argparse.Namespace) -> int:
    found = {name: analyse(what, args.compromised) for name, what in _subjects(args.source, args.arguments).items()}
    heads = len(found) > 1
    text = "\n".join((f"{name}:\n" if heads else "") + str(analysis) for name, analysis in found.items())
    _io.emit(args, {name: analysis.to_dict() for name, analysis in found.items()}, text)
    return _io.NO if any(map(_opens, found.values())) else _io.FINE


def _opens(analysis: Analysis) -> bool:
    return any(flow["opened_by"] for flow in analysis.to_dict()["flows"])


def _subjects(source: str, words: List[str]) -> Dict[str, Union[Scenario, Policy]]:
    if source.endswith(".xml"):
        return {source: Policy.load(source)}
    if source.endswith(".json"):
        return {source: Scenario.from_spec(_io.read_text(source))}
    return {r["scenario"]: Scenario.from_spec(r["spec"]) for r in reports(source, words) if r["spec"]}


def _findings(source: str, words: List[str]) -> List[Finding]:
    if source.endswith(".json"):
        return [Finding(**f) for f in json.loads(_core.check_text(_io.read_text(source), source))]
    if source.endswith(".xml"):
        try:
            return Policy.load(source).lint()
        except InputError as problem:
            return list(problem.findings)
    return [Finding(**f) for report in reports(source, words) for f in report["findings"]]


def reports(source: str, words: List[str]) -> List[Dict[str, Any]]:
    """What a script's scenarios are like: name, findings and Spec each."""
    with tempfile.TemporaryDirectory(prefix="tvdsim-") as scratch:
        path = Path(scratch) / "check.json"
        status = _io.script(source, words, {"TVDSIM_CHECK": str(path)}, stdout=2)
        if path.exists() and status == _io.FINE:
            found: List[Dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
            if found:
                return found
            raise InputError(Finding("TVD-104", source, "the script made no scenario, so there is nothing to check."))
    raise InputError(Finding("TVD-106", source, "the script ended before its scenario could be checked (see above)."))
