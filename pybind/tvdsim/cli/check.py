"""All problems of a scenario or policy at once; nothing runs.

SOURCE is a scenario script (run up to its first run), a Spec (.json) or a policy (.xml). Exit 2 when there is an error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Dict, List

from .. import _core
from ..errors import Finding, InputError
from ..policy import Policy
from . import _io


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("arguments", nargs="*", metavar="ARG", help="for the script")


def perform(args: argparse.Namespace) -> int:
    findings = _findings(args.source, args.arguments)
    errors = sum(f.severity == "error" for f in findings)
    text = "\n".join(map(str, findings)) if findings else f"{args.source}: no problem found"
    _io.emit(args, {"source": args.source, "findings": [f.to_json() for f in findings]}, text)
    return _io.INPUT if errors else _io.FINE


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
