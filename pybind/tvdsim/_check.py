"""All problems of a scenario at once: Python's own and the core's, each with the script's line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Dict, List, Optional, Sequence

from . import _core, _spec_dict
from .errors import Finding

if TYPE_CHECKING:
    from .scenario import Scenario

_PATH = re.compile(r"\b(hosts|disks|vms|switches|vlans|images|traffic|tvds|faults|actions)\[(\d+)\]")


def unknown_name(name: str, known: Sequence[str], where: str) -> Finding:
    """TVD-101 with the nearest known name."""
    return Finding("TVD-101", where, f"`{name}` is not defined.", _core.suggest(name, list(known)))


def check(scenario: "Scenario", until: Optional[str] = None) -> List[Finding]:
    """Python's findings, then the core's about the Spec; nothing runs."""
    own = list(scenario._findings)
    end = until
    if end is None:
        last = max((first for first, _, _ in scenario.story), default=0)
        end = _core.duration_text(last + 1_000_000_000)
    try:
        spec = scenario.to_dict(end)
    except Exception as problem:  # a wrong `until`
        findings = getattr(problem, "findings", None)
        if findings is None:
            raise
        return own + list(findings)
    rows = _spec_dict.rows(scenario, _core.parse_duration(end, ""))[1]
    found = json.loads(_core.check_text(json.dumps(spec), ""))
    names_used_twice = any(f.code == "TVD-102" for f in own)
    told = [_placed(Finding(**f), scenario._origins, rows) for f in found]
    return own + [f for f in told if not (names_used_twice and f.code == "TVD-102")]


def _placed(finding: Finding, origins: Dict[str, str], rows: List[int]) -> Finding:
    """The finding with the script's line before the Spec's path."""
    path = _PATH.search(finding.where)
    if not path:
        return finding
    key = path.group(0)
    if path.group(1) == "actions" and int(path.group(2)) < len(rows):
        key = f"story[{rows[int(path.group(2))]}]"
    line = origins.get(key, "")
    where = f"{line} ({finding.where})" if line else finding.where
    return Finding(finding.code, where, finding.message, finding.help, finding.severity)
