"""How the policy verbs print: matrices, rows of a dry run."""

from __future__ import annotations

import csv
import io
from typing import Any, Callable, Dict, List, Sequence

from .._dry_run import Check
from ..policy import Decision, Policy

_Ask = Callable[[str, str], Decision]


def printable(text: str) -> str:
    """A name as one line of a terminal can show it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def columns(policy: Policy) -> List[str]:
    """Everything that a VM may share with."""
    return policy.vm_labels + [f"resource:{r}" for r in policy.resource_labels]


def tables(policy: Policy) -> Dict[str, Any]:
    """Sharing: VM -> VM or resource -> verdict; authorization: host -> VM -> verdict."""
    vms = policy.vm_labels
    return {"sharing": {a: {b: str(policy.may_share(a, b).verdict) for b in columns(policy)} for a in vms},
            "authorization": {h: {v: str(policy.authorizes(h, v).verdict) for v in vms} for h in vms}}


def tables_csv(policy: Policy) -> str:
    """One row per pair, with the rule."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["table", "subject", "object", "verdict", "rule"])
    for table, ask, others in (("sharing", policy.may_share, columns(policy)), ("authorization", policy.authorizes, policy.vm_labels)):
        for a in policy.vm_labels:
            for b in others:
                answer = ask(a, b)
                rows.writerow([table, a, b, str(answer.verdict), answer.rule])
    return out.getvalue().rstrip("\n")


def tables_text(policy: Policy) -> str:
    """Both matrices, as characters with numbered heads."""
    return "\n".join(["● may share, · may not", *_matrix(policy.vm_labels, columns(policy), policy.may_share), "",
                      "● a host of the row's label may run a VM of the column's label, · may not",
                      *_matrix(policy.vm_labels, policy.vm_labels, policy.authorizes)])


def _matrix(rows: Sequence[str], heads: Sequence[str], ask: _Ask) -> List[str]:
    width = max((len(r) for r in rows), default=0)
    number = len(str(len(heads)))
    lines = [f"{i:>{number}}  {name}" for i, name in enumerate(heads, 1)]
    lines.append(" " * (width + 2) + " ".join(f"{i:>{number}}" for i in range(1, len(heads) + 1)))
    return lines + [f"{a:<{width}}  " + " ".join(f"{'●' if ask(a, b) else '·':>{number}}" for b in heads) for a in rows]


def checks_text(checks: Sequence[Check]) -> str:
    """A dry run: one line per question, then the whole answer."""
    objects = [printable(c.object if c.object == c.object_label else f"{c.object} ({c.object_label})") for c in checks]
    wide = max(map(len, objects))
    lines = [f"{'PERMITTED' if c else 'DENIED':<9}  {c.what:<8}  {printable(c.vm_label)} → {o:<{wide}}  {c.decision.rule}: {c.decision.reason}"
             for c, o in zip(checks, objects)]
    denied = sum(not c for c in checks)
    whole = f"DENIED by {denied} of {len(checks)}" if denied else f"PERMITTED by all {len(checks)}"
    return "\n".join([*lines, f"{whole}; nothing was changed"])
