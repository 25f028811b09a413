"""From measurements to verdicts, a table and JSON.

time          slower: p (Holm) < 0.01 and the ratio of medians above 1 + min_effect; faster: the mirror image;
              same: the whole interval within min_effect of 1; unclear: the rounds do not tell.
instructions  more, fewer: beyond min_instructions; same; or None when not counted. Deterministic, so one count per side is enough.

A benchmark has regressed when its time is slower, or it takes more instructions without being faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ab_measure import Times
from ab_stats import holm, mann_whitney, median_ratio, ratio_interval, smallest_p
from statistics import median

ALPHA = 0.01


@dataclass(frozen=True)
class Limits:
    """What is too small to matter, as fractions."""

    min_effect: float = 0.03
    min_instructions: float = 0.02


@dataclass(frozen=True)
class Row:
    """One benchmark on both sides."""

    key: str
    time_a_s: float
    time_b_s: float
    ratio: float
    low: float
    high: float
    p: float
    time: str
    instructions_a: float | None
    instructions_b: float | None
    instructions: str | None

    @property
    def regressed(self) -> bool:
        return self.time == "slower" or (self.instructions == "more" and self.time != "faster")

    @property
    def change(self) -> float | None:
        """Relative change of the instruction count."""
        if self.instructions_a is None or self.instructions_b is None:
            return None
        return self.instructions_b / self.instructions_a - 1


@dataclass
class Report:
    """Everything a comparison says."""

    a: str
    b: str
    rounds: int
    context: dict[str, str]
    rows: list[Row] = field(default_factory=list)
    only_a: list[str] = field(default_factory=list)
    only_b: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def regressions(self) -> list[Row]:
        return [row for row in self.rows if row.regressed]


def _time_verdict(p: float, ratio: float, low: float, high: float, min_effect: float) -> str:
    if p < ALPHA and ratio > 1 + min_effect:
        return "slower"
    if p < ALPHA and ratio < 1 / (1 + min_effect):
        return "faster"
    return "same" if low > 1 / (1 + min_effect) and high < 1 + min_effect else "unclear"


def _count_verdict(a: float, b: float, limit: float) -> str | None:
    if a <= 0 or b <= 0:
        return None
    change = b / a - 1
    return "more" if change > limit else "fewer" if change < -limit else "same"


def judge(times: Mapping[str, Times], counts: Mapping[str, tuple[float, float]], limits: Limits) -> list[Row]:
    """One row per benchmark, in the order given."""
    adjusted = holm([mann_whitney(t.a, t.b) for t in times.values()])
    rows = []
    for (key, t), p in zip(times.items(), adjusted):
        ratio = median_ratio(t.a, t.b)
        low, high = ratio_interval(t.a, t.b)
        a, b = counts.get(key, (None, None))
        counted = None if a is None or b is None else _count_verdict(a, b, limits.min_instructions)
        time = _time_verdict(p, ratio, low, high, limits.min_effect)
        rows.append(Row(key, median(t.a), median(t.b), ratio, low, high, p, time, a, b, counted))
    return rows


def rounds_needed(benchmarks: int) -> int:
    """The fewest rounds after which a clear difference can reach ALPHA at all."""
    rounds = 2
    while smallest_p(rounds, rounds) * benchmarks >= ALPHA:
        rounds += 1
    return rounds


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _cells(row: Row) -> list[str]:
    a, b, change = row.instructions_a, row.instructions_b, row.change
    counted = ["-", "-", "-"] if a is None or b is None or change is None else [f"{a:,.0f}", f"{b:,.0f}", f"{change:+.2%}"]
    says = [] if row.time == "unclear" and row.regressed else [row.time]
    if row.instructions in ("more", "fewer"):
        says.append(f"{row.instructions} instructions")
    verdict = ("REGRESSION: " if row.regressed else "") + ", ".join(says)
    return [row.key, _seconds(row.time_a_s), _seconds(row.time_b_s), f"{row.ratio:.3f}", f"{row.low:.3f}-{row.high:.3f}",
            f"{row.p:.2g}", *counted, verdict]  # fmt: skip


def text(report: Report) -> str:
    """The table and everything around it, for standard output."""
    head = ["benchmark", "time A", "time B", "B/A", "95 %", "p (Holm)", "instr A", "instr B", "change", "verdict"]
    lines = [f"A  {report.a}", f"B  {report.b}"]
    lines += [f"{name}: {value}" for name, value in sorted(report.context.items())]
    if report.rows:
        table = [head, *(_cells(row) for row in report.rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(head))]
        lines.append("")
        for line in table:
            middle = [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1])]
            lines.append("  ".join([line[0].ljust(widths[0]), *middle, line[-1]]).rstrip())
        lines += ["", f"Time is per iteration, the median of {report.rounds} rounds; instructions are those of the timed loop, per iteration."]
    for name, keys in (("A", report.only_a), ("B", report.only_b)):
        if keys:
            lines.append(f"only in {name}, not compared: {', '.join(keys)}")
    lines += [f"note: {note}" for note in report.notes]
    lines.append(summary(report))
    return "\n".join(lines)


def summary(report: Report) -> str:
    """The last line."""
    if not report.rows:
        return "nothing to compare"
    bad = report.regressions
    unclear = sum(row.time == "unclear" for row in report.rows)
    doubt = f"; the time of {unclear} is unclear: more --rounds, or a quieter machine" if unclear else ""
    if bad:
        return f"{len(bad)} of {len(report.rows)} benchmarks regressed: {', '.join(row.key for row in bad)}{doubt}"
    return f"no regression in {len(report.rows)} benchmarks{doubt}"


def as_json(report: Report, limits: Limits) -> dict[str, Any]:
    """The same, for programs; quantities carry their unit in the name."""
    return {
        "a": report.a,
        "b": report.b,
        "rounds": report.rounds,
        "min_effect": limits.min_effect,
        "min_instructions": limits.min_instructions,
        "context": report.context,
        "benchmarks": [
            {
                "name": row.key, "time_a_s": row.time_a_s, "time_b_s": row.time_b_s, "ratio": row.ratio,
                "ratio_95": [row.low, row.high], "p_holm": row.p, "time": row.time,
                "instructions_a": row.instructions_a, "instructions_b": row.instructions_b,
                "instructions": row.instructions, "regressed": row.regressed,
            }
            for row in report.rows
        ],
        "only_a": report.only_a,
        "only_b": report.only_b,
        "notes": report.notes,
        "regressions": [row.key for row in report.regressions],
    }  # fmt: skip


def common(a: Sequence[str], b: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """In both, only in a, only in b; each in its side's order."""
    return [k for k in a if k in b], [k for k in a if k not in b], [k for k in b if k not in a]
