"""Runs benchmark programs: interleaved timing rounds, and instruction counts of the timed loop under callgrind.

A benchmark's key is PROGRAM/NAME. Timing pins this process (and so its children) to one core. Counting gives both sides the same
seed and the same number of iterations; the frame (frame.cpp) switches collection on inside the timed loop only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_UNIT_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_FIXED = re.compile(r"/iterations:[0-9]+")
_COUNTED = re.compile(r"^==\d+== Collected : (\d+)", re.MULTILINE)
_COUNT_BUDGET_S = 0.005  # of native time; callgrind takes some fifty times as long
_COUNT_TIMEOUT_S = 600

Talk = Callable[[str], None]


class AbError(Exception):
    """Something the caller can put right; printed as one message, exit status 2."""


@dataclass
class Side:
    """One of the two builds."""

    label: str
    programs: dict[str, Path]  # by name; names, not paths, are matched between the sides
    benchmarks: dict[str, str] = field(default_factory=dict)  # key -> program
    context: dict[str, str] = field(default_factory=dict)


@dataclass
class Times:
    """Seconds per iteration: one median per side and finished round."""

    a: list[float] = field(default_factory=list)
    b: list[float] = field(default_factory=list)


def _environment(**extra: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("TVDSIM_BENCH_")}
    return {**inherited, "LC_ALL": "C.UTF-8", **extra}


def _run(command: Sequence[str], env: Mapping[str, str], timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env=dict(env), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout
    )
    if done.returncode != 0:
        last = "\n".join(f"  | {line}" for line in (done.stdout + done.stderr).splitlines()[-8:])
        raise AbError(f"`{' '.join(command)}` failed with status {done.returncode}\n{last}")
    return done


def exactly(names: Sequence[str]) -> str:
    """A filter for these names alone; Google Benchmark's regular expressions know no needless backslashes."""
    return "^(" + "|".join(re.sub(r"([][(){}.*+?^$|\\])", r"\\\1", name) for name in names) + ")$"


def names_in(side: Side, program: str, iterations: int | None = None) -> dict[str, str]:
    """Key -> the name that the program itself uses, which tells of a fixed number of iterations."""
    env = _environment() if iterations is None else _environment(TVDSIM_BENCH_ITERATIONS=str(iterations))
    done = _run([str(side.programs[program]), "--benchmark_list_tests=true"], env)
    names = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return {f"{program}/{_FIXED.sub('', name)}": name for name in names}


def list_benchmarks(side: Side, wanted: re.Pattern[str]) -> None:
    """Fills side.benchmarks with what each program offers and `wanted` finds."""
    for program in side.programs:
        side.benchmarks.update({key: program for key in names_in(side, program) if wanted.search(key)})


@contextmanager
def pinned() -> Iterator[int | None]:
    """Keeps this process and its children on one core, the last allowed one; None where that cannot be done."""
    try:
        before = os.sched_getaffinity(0)
        core = max(before)
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        yield None
        return
    try:
        yield core
    finally:
        os.sched_setaffinity(0, before)


def _time_program(side: Side, program: str, keys: Sequence[str], seed: int, min_time_s: float) -> dict[str, float]:
    own = [name for key, name in names_in(side, program).items() if key in keys]
    done = _run(
        [str(side.programs[program]), f"--benchmark_filter={exactly(own)}", f"--benchmark_min_time={min_time_s}",
         "--benchmark_format=json"],
        _environment(TVDSIM_BENCH_SEED=str(seed)),
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout)
    side.context.update({k: v for k, v in report["context"].items() if isinstance(v, str)})
    values: dict[str, list[float]] = {}
    for row in report["benchmarks"]:
        if row.get("error_occurred"):
            raise AbError(f"{side.label}: benchmark `{program}/{row['name']}` reports: {row.get('error_message')}")
        if row.get("run_type", "iteration") == "iteration":
            clock = "real_time" if "/real_time" in row["name"] else "cpu_time"
            key = f"{program}/{_FIXED.sub('', row['name'])}"
            values.setdefault(key, []).append(row[clock] * _UNIT_S[row["time_unit"]])
    return {key: statistics.median(found) for key, found in values.items()}


def time_rounds(a: Side, b: Side, keys: Sequence[str], rounds: int, min_time_s: float, talk: Talk) -> Iterator[dict[str, Times]]:
    """After each round everything measured so far; rounds go A B B A and B A A B in turn, each with its own seed."""
    times = {key: Times() for key in keys}
    programs = sorted({a.benchmarks[key] for key in keys})
    for number in range(1, rounds + 1):
        got_a: dict[str, list[float]] = {key: [] for key in keys}
        got_b: dict[str, list[float]] = {key: [] for key in keys}
        for program in programs:
            mine = [key for key in keys if a.benchmarks[key] == program]
            for turn in "ABBA" if number % 2 else "BAAB":
                side, got = (a, got_a) if turn == "A" else (b, got_b)
                for key, value in _time_program(side, program, mine, number, min_time_s).items():
                    got[key].append(value)
        for key in keys:
            times[key].a.append(statistics.median(got_a[key]))
            times[key].b.append(statistics.median(got_b[key]))
        talk(f"round {number} of {rounds}")
        yield times


def why_not_counted(a: Side, b: Side) -> str | None:
    """Why instruction counts cannot be compared, or None."""
    if shutil.which("valgrind") is None:
        return "valgrind is not installed: instructions are not compared, the verdict rests on time alone. help: apt install valgrind"
    for side in (a, b):
        if side.context.get("counts_loop") != "yes":
            return f"{side.label} was built without callgrind's header: instructions are not compared, the verdict rests on time alone"
    return None


def _count(side: Side, key: str, iterations: int) -> float:
    """Instructions per iteration of the timed loop."""
    program = side.benchmarks[key]
    env = _environment(TVDSIM_BENCH_SEED="1", TVDSIM_BENCH_ITERATIONS=str(iterations))
    name = names_in(side, program, iterations)[key]
    valgrind = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--callgrind-out-file=/dev/null"]
    done = _run([*valgrind, str(side.programs[program]), f"--benchmark_filter={exactly([name])}"], env, timeout=_COUNT_TIMEOUT_S)
    found = _COUNTED.search(done.stderr)
    if found is None:
        raise AbError(f"{side.label}: callgrind printed no count for `{key}`")
    return int(found[1]) / iterations


def count_instructions(
    a: Side, b: Side, seconds: Mapping[str, float], slowest_s: float, talk: Talk
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Instructions per iteration on both sides, and the keys left out because one iteration takes longer than slowest_s."""
    counts: dict[str, tuple[float, float]] = {}
    left_out = [key for key, s in seconds.items() if s > slowest_s]
    keys = [key for key in seconds if key not in left_out]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for number, key in enumerate(keys, 1):
            iterations = max(1, min(10_000, round(_COUNT_BUDGET_S / max(seconds[key], 1e-9))))
            first, second = pool.submit(_count, a, key, iterations), pool.submit(_count, b, key, iterations)
            counts[key] = (first.result(), second.result())
            talk(f"instructions {number} of {len(keys)}")
    return counts, left_out
