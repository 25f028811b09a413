"""usage: ./tvdsim bench [--against REV] [options]

Without --against: builds the benchmarks in release and prints one measurement of the working copy.
With it: builds REV and the working copy, runs both in turn, and compares time (rank test) and instruction counts (callgrind).

  ./tvdsim bench --against main
  ./tvdsim bench --against v0.1 --filter acm_bench --rounds 20

Progress goes to standard error, the table to standard output.
Exit status: 0 no regression, 1 a regression, 2 your input (no such revision, it does not build), 130 interrupted.
docs/benchmarks.md tells how to read the table.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import ab_build
from ab_measure import (
    AbError, Side, Times, count_instructions, exactly, list_benchmarks, names_in, pinned, time_rounds, why_not_counted,
)  # fmt: skip
from ab_report import Limits, Report, as_json, common, judge, rounds_needed, summary, text

ROOT = Path(__file__).resolve().parents[2]


def talk(line: str) -> None:
    print(f"bench: {line}", file=sys.stderr, flush=True)


def percent(value: str) -> float:
    """`3%` -> 0.03; a bare number does not say whether it is a percentage."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value)
    if found is None:
        raise argparse.ArgumentTypeError(f"`{value}`: a percentage needs its sign. help: `3%`")
    return float(found[1]) / 100


def positive(value: str) -> int:
    if not value.isdecimal() or int(value) == 0:
        raise argparse.ArgumentTypeError(f"`{value}` is not a whole number above 0")
    return int(value)


def pattern(value: str) -> re.Pattern[str]:
    try:
        return re.compile(value)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"`{value}` is no regular expression: {error}") from None


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    about, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="./tvdsim bench", usage=about.removeprefix("usage: "), description=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sides = parser.add_mutually_exclusive_group()
    sides.add_argument("--against", metavar="REV", help="a commit, branch or tag")
    sides.add_argument("--bench-binary", nargs=2, type=Path, metavar=("A", "B"), help="compare two built benchmark programs")
    parser.add_argument("--filter", type=pattern, default=re.compile(""), metavar="REGEX", help="only benchmarks PROGRAM/NAME that it finds")
    parser.add_argument("--rounds", type=positive, default=10, metavar="N", help="rounds of A B B A (default 10)")
    parser.add_argument("--min-effect", type=percent, default=0.03, metavar="P%", help="smaller differences in time do not matter (default 3%%)")
    parser.add_argument("--min-instructions", type=percent, default=0.02, metavar="P%", help="the same for instructions (default 2%%)")
    parser.add_argument("--min-time", type=float, default=0.05, metavar="S", help="seconds per benchmark, side and turn (default 0.05)")
    parser.add_argument("--count-up-to", type=float, default=0.5, metavar="S", help="count instructions of benchmarks up to S seconds per iteration")
    parser.add_argument("--no-instructions", action="store_true", help="compare time only")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    return parser.parse_args(argv)


def measure(a: Side, b: Side, keys: Sequence[str], options: argparse.Namespace, report: Report) -> bool:
    """Fills the report's rows; False if interrupted, when the finished rounds count."""
    times: dict[str, Times] = {}
    counts: dict[str, tuple[float, float]] = {}
    whole = True
    try:
        with pinned() as core:
            report.context["pinned to core"] = str(core) if core is not None else "none: this system does not allow it"
            for times in time_rounds(a, b, keys, options.rounds, options.min_time, talk):
                report.rounds = len(next(iter(times.values())).a)
        reason = "left out on request: the verdict rests on time alone" if options.no_instructions else why_not_counted(a, b)
        if reason is not None:
            report.notes.append(reason)
        else:
            fastest = {key: min(min(t.a), min(t.b)) for key, t in times.items()}
            counts, slow = count_instructions(a, b, fastest, options.count_up_to, talk)
            if slow:
                report.notes.append(f"instructions not counted above {options.count_up_to:g} s per iteration: {', '.join(slow)}")
    except KeyboardInterrupt:
        if report.rounds == 0:
            raise
        report.notes.append(f"interrupted after {report.rounds} of {options.rounds} rounds: what follows rests on those")
        times = {key: Times(t.a[: report.rounds], t.b[: report.rounds]) for key, t in times.items()}
        whole = False
    report.rows = judge(times, counts, Limits(options.min_effect, options.min_instructions))
    report.context.update({k: v for k, v in b.context.items() if k in ("machine", "compiler") or k.startswith("input mix")})
    return whole


def compare(a: Side, b: Side, options: argparse.Namespace) -> int:
    """Measures what both sides have, prints, and returns the exit status."""
    for side in (a, b):
        list_benchmarks(side, options.filter)
    keys, only_a, only_b = common(list(a.benchmarks), list(b.benchmarks))
    report = Report(a.label, b.label, 0, {}, only_a=only_a, only_b=only_b)
    if not a.programs:
        report.notes.append(f"{a.label} has no benchmarks")
    elif not keys and options.filter.pattern:
        report.notes.append(f"`{options.filter.pattern}` finds no benchmark that both sides have")
    whole = True
    if keys:
        if options.rounds < rounds_needed(len(keys)):
            report.notes.append(
                f"{options.rounds} rounds cannot prove any difference in time between {len(keys)} benchmarks; "
                f"--rounds {rounds_needed(len(keys))} can"
            )
        whole = measure(a, b, keys, options, report)
    if options.json:
        print(json.dumps(as_json(report, Limits(options.min_effect, options.min_instructions)), indent=1))
        talk(summary(report))
    else:
        print(text(report))
    if not whole:
        return 130
    return 1 if report.regressions else 0


def show(side: Side, options: argparse.Namespace) -> int:
    """One measurement of one side, as Google Benchmark prints it."""
    list_benchmarks(side, options.filter)
    if not side.programs:
        raise AbError("this tree has no benchmarks: tests/bench/CMakeLists.txt names none")
    if not side.benchmarks:
        raise AbError(f"`{options.filter.pattern}` finds no benchmark")
    documents: dict[str, object] = {}
    for program in sorted(set(side.benchmarks.values())):
        names = [name for key, name in names_in(side, program).items() if key in side.benchmarks]
        command = [str(side.programs[program]), f"--benchmark_filter={exactly(names)}"]
        if options.json:
            done = subprocess.run([*command, "--benchmark_format=json"], text=True, stdout=subprocess.PIPE)
            documents[program] = json.loads(done.stdout)
        else:
            done = subprocess.run(command, text=True)
        if done.returncode != 0:
            raise AbError(f"{program} failed with status {done.returncode}")
    if options.json:
        print(json.dumps(documents, indent=1))
    return 0


def run(options: argparse.Namespace) -> int:
    if options.bench_binary is not None:
        for path in options.bench_binary:
            if not path.is_file():
                raise AbError(f"`{path}` is no benchmark program: there is no such file")
        first, second = options.bench_binary
        # One name on both sides, or nothing would match.
        return compare(Side(f"{first}", {"bench": first}), Side(f"{second}", {"bench": second}), options)
    with ab_build.exclusive(ROOT):
        if options.against is None:
            return show(ab_build.build(ROOT, ROOT / "build" / "ab" / "work", "working copy", talk), options)
        commit = ab_build.resolve(ROOT, options.against)
        with ab_build.worktree(ROOT, commit) as folder:
            label = options.against if commit.startswith(options.against) else f"{options.against} ({commit[:12]})"
            b = ab_build.build(ROOT, ROOT / "build" / "ab" / "work", ab_build.describe_working_copy(ROOT), talk)
            a = ab_build.build(folder / "src", folder / "build", label, talk)
            return compare(a, b, options)


def _terminated(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return run(options)
    except AbError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted before the first round was done", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
