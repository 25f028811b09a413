"""usage: ./tvdsim test [--quick] [--stage NAME ...] [--list]

Builds and runs every test, stage by stage, as CI does; each stage is one command that CONTRIBUTING.md names.

  dev       cmake --workflow --preset dev      all tests, from g++ -O2
  evidence  docs/check_features.py --ablate    each negative test again with its control taken away: it must fail
  tsan      cmake --workflow --preset tsan     the threaded tests under ThreadSanitizer
  clang     cmake --workflow --preset clang    the quick tests under ASan and UBSan, and fuzz targets in short form, from clang

--quick runs the dev tests labelled `quick` alone. --stage runs the named stages. Conformance vectors are read from the folder
named by TVDSIM_CONFORMANCE; without it those tests are counted as skipped. The last line counts test cases over all stages.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Counts:
    """Test cases: how many passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Stage:
    """One command of the workflow, where its results lie, and what came of it."""

    name: str
    command: list[str]
    results: Path | None = None
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0


def preset_stage(name: str) -> Stage:
    return Stage(name, ["cmake", "--workflow", "--preset", name], ROOT / "build" / name)


STAGES = {
    "dev": preset_stage("dev"),
    "evidence": Stage("evidence", ["/usr/bin/python3", "docs/check_features.py", "--ablate"]),
    "tsan": preset_stage("tsan"),
    "clang": preset_stage("clang"),
}
QUICK = Stage("quick", ["ctest", "--preset", "quick"], ROOT / "build" / "dev")


def cases_in(report: Path) -> Counts:
    """Counts the cases of one GoogleTest or pytest report."""
    counts = Counts()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def count(results: Path, begin: float) -> Counts:
    """Sums the tests of one ctest run; a program that left its own report since `begin` counts by its cases."""
    summary = results / "ctest.xml"
    if not summary.exists() or summary.stat().st_mtime < begin:
        return Counts(failed=1)  # it never came to the tests: the build failed
    total = Counts()
    for test in ElementTree.parse(summary).getroot().iter("testcase"):
        status = test.get("status", "")
        whole = Counts(passed=int(status == "run"), failed=int(status == "fail"),
                       skipped=int(status in ("notrun", "disabled")))
        if status == "notrun" and test.find("skipped") is not None and "Not Run" in str(test.find("skipped").get("message")):
            whole = Counts(failed=1)  # the program is not there
        report = results / "results" / f"{test.get('name')}.xml"
        if report.exists() and report.stat().st_mtime >= begin and report.stat().st_size:
            try:
                cases = cases_in(report)
            except ElementTree.ParseError:
                cases = Counts()
            if cases.failed == 0 and whole.failed:
                cases.failed = 1  # it crashed, timed out or failed outside its cases
            if cases.passed + cases.failed + cases.skipped:
                whole = cases
        total += whole
    return total


def with_steady_addresses(stage: Stage) -> list[str]:
    """The stage's command, at the same addresses in every run where that helps and the kernel allows it.

    g++ 12's ThreadSanitizer cannot map its shadow where the kernel scatters addresses widely; libFuzzer's choices depend on
    addresses, so that without it each run of the same fuzz test tries other inputs.
    """
    if stage.name not in ("tsan", "clang"):
        return stage.command
    steady = ["setarch", platform.machine(), "-R"]
    if stage.name == "tsan":
        scatter = Path("/proc/sys/vm/mmap_rnd_bits")
        needed = scatter.exists() and int(scatter.read_text()) > 28
        return [*steady, *stage.command] if needed else stage.command
    allowed = subprocess.run([*steady, "true"], capture_output=True, check=False).returncode == 0
    return [*steady, *stage.command] if allowed else stage.command


def run(stage: Stage) -> None:
    print(f"\n=== {stage.name}: {' '.join(stage.command)}", flush=True)
    begin = time.time()
    status = subprocess.run(with_steady_addresses(stage), cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    stage.seconds = time.time() - begin
    if stage.results:
        stage.counts = count(stage.results, begin)
        if status != 0 and stage.counts.failed == 0:
            stage.counts.failed = 1
    else:
        stage.counts = Counts(passed=int(status == 0), failed=int(status != 0))
    print(f"=== {stage.name}: {stage.counts} in {stage.seconds:.0f} s", flush=True)


def one_at_a_time() -> None:
    """Two test runs in one checkout would overwrite each other's results."""
    import fcntl

    (ROOT / "build").mkdir(exist_ok=True)
    lock = os.open(ROOT / "build" / ".test.lock", os.O_RDWR | os.O_CREAT, 0o644)
    os.set_inheritable(lock, False)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("tvdsim: another test run is under way in this checkout")


def main() -> int:
    parser = argparse.ArgumentParser(usage="./tvdsim test [--quick] [--stage NAME ...] [--list]", add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--stage", nargs="+", choices=list(STAGES), default=list(STAGES))
    options = parser.parse_args()
    stages = [QUICK] if options.quick else [STAGES[name] for name in options.stage]
    if options.list:
        print("\n".join(f"{stage.name:9} {' '.join(stage.command)}" for stage in stages))
        return 0
    one_at_a_time()
    print(f"{platform.platform()}, {os.cpu_count()} cores, TVDSIM_CONFORMANCE={os.environ.get('TVDSIM_CONFORMANCE', 'unset')}")
    for stage in stages:
        run(stage)
    print("\nstage      seconds  cases")
    for stage in stages:
        print(f"{stage.name:9} {stage.seconds:8.0f}  {stage.counts}")
    total = sum((stage.counts for stage in stages), Counts())
    print(f"{'all':9} {sum(stage.seconds for stage in stages):8.0f}\n")
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
