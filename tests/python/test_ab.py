"""The regression guard guards: it sees what got slower, and does not cry wolf.

The programs compared are tests/bench/self_bench.cpp, built with 100, 105 and 120 % of the work.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(os.environ["TVDSIM_SOURCE_DIR"])
PROGRAMS = Path(os.environ["TVDSIM_BUILD_DIR"]) / "tests" / "bench"
sys.path.insert(0, str(SOURCE / "tests" / "bench"))

import ab_report  # noqa: E402
import ab_stats  # noqa: E402

# Of Mann and Whitney's test, two-sided: the largest U that is still significant (textbook tables).
CRITICAL_U = [
    (0.05, 5, 5, 2), (0.05, 5, 8, 6), (0.05, 8, 8, 13), (0.05, 10, 10, 23), (0.05, 12, 15, 49), (0.05, 20, 20, 127),
    (0.01, 5, 5, 0), (0.01, 8, 8, 7), (0.01, 10, 10, 16), (0.01, 20, 20, 105),
]  # fmt: skip


def samples_with_u(n: int, m: int, u: int) -> tuple[list[float], list[float]]:
    """n and m values without ties, `u` pairs of which have the first above the second."""
    b = [float(i) for i in range(m)]
    above = [min(m, max(0, u - m * i)) for i in range(n)]
    return [k - 0.5 + i * 1e-3 for i, k in enumerate(above)], b


def bench(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOURCE / "tests" / "bench" / "ab.py"), *map(str, arguments)]
    return subprocess.run(command, text=True, capture_output=True, env=env, timeout=300)


def compared(a: int, b: int, *arguments: object) -> tuple[int, dict]:
    """Exit status and JSON of a comparison of two self-benchmarks."""
    done = bench("--bench-binary", PROGRAMS / f"self_bench_{a}", PROGRAMS / f"self_bench_{b}", "--json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("alpha, n, m, critical", CRITICAL_U)
def test_the_rank_test_agrees_with_the_published_tables(alpha: float, n: int, m: int, critical: int) -> None:
    assert ab_stats.mann_whitney(*samples_with_u(n, m, critical)) <= alpha
    assert ab_stats.mann_whitney(*samples_with_u(n, m, critical + 1)) > alpha


def test_the_rank_test_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is optional; the published tables are checked without it")
    draw = random.Random(5)
    for _ in range(300):
        n, m = draw.randint(2, 14), draw.randint(2, 14)
        a, b = [draw.random() for _ in range(n)], [draw.random() + 0.3 for _ in range(m)]
        assert ab_stats.mann_whitney(a, b) == pytest.approx(stats.mannwhitneyu(a, b, method="exact").pvalue)
        tied_a, tied_b = [draw.randint(0, 4) for _ in range(n)] + [2], [draw.randint(0, 5) for _ in range(m)] + [2, 3]
        assert ab_stats.mann_whitney(tied_a, tied_b) == pytest.approx(stats.mannwhitneyu(tied_a, tied_b, method="asymptotic").pvalue)


def test_equal_values_are_no_evidence() -> None:
    assert ab_stats.mann_whitney([7.0] * 10, [7.0] * 10) == 1.0


def test_holm_corrects_step_by_step() -> None:
    assert ab_stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert ab_stats.holm([]) == []


def noisy_rounds(draw: random.Random, rounds: int, factor_b: float) -> tuple[list[float], list[float]]:
    """A machine that drifts, and now and then is busy for one side of a round."""
    a, b, mood = [], [], 1.0
    for _ in range(rounds):
        mood = max(0.8, mood + draw.gauss(0, 0.03))
        a.append(mood * (1 + abs(draw.gauss(0, 0.02))) * (1.4 if draw.random() < 0.1 else 1))
        b.append(factor_b * mood * (1 + abs(draw.gauss(0, 0.02))) * (1.4 if draw.random() < 0.1 else 1))
    return a, b


def false_alarms(factor_b: float, families: int, benchmarks: int) -> float:
    """Share of comparisons in which at least one benchmark is called slower."""
    draw, alarms = random.Random(11), 0
    for _ in range(families):
        rounds = [noisy_rounds(draw, 10, factor_b) for _ in range(benchmarks)]
        adjusted = ab_stats.holm([ab_stats.mann_whitney(a, b) for a, b in rounds])
        alarms += any(p < ab_report.ALPHA and ab_stats.median_ratio(a, b) > 1.03 for p, (a, b) in zip(adjusted, rounds))
    return alarms / families


def test_on_a_drifting_machine_false_alarms_stay_below_one_percent_however_many_benchmarks() -> None:
    assert false_alarms(1.0, 1000, 8) <= 0.01
    assert false_alarms(1.25, 200, 8) >= 0.9  # the same machine, a real difference


def test_the_interval_holds_the_true_ratio() -> None:
    draw, held = random.Random(2), 0
    for _ in range(100):
        a = [draw.gauss(10, 0.3) for _ in range(12)]
        b = [draw.gauss(11, 0.3) for _ in range(12)]
        low, high = ab_stats.ratio_interval(a, b, draws=300)
        held += low <= 1.1 <= high
    assert held >= 85


def test_the_same_program_twice_is_no_regression() -> None:
    alarms = 0
    for _ in range(5):
        status, report = compared(100, 100, "--rounds", 8, "--min-time", 0.003, "--no-instructions")
        alarms += any(row["time"] == "slower" for row in report["benchmarks"])
        assert status == (1 if report["regressions"] else 0)
    assert alarms <= 1  # two of five has a chance of one in a thousand at the promised one percent


def test_instruction_counts_of_the_same_program_are_equal() -> None:
    _, report = compared(100, 100, "--rounds", 1, "--min-time", 0.001)
    for row in report["benchmarks"]:
        assert row["instructions_a"] == row["instructions_b"] > 300, row
        assert row["instructions"] == "same"


def test_a_fifth_more_work_is_seen_by_the_clock_and_by_the_count() -> None:
    status, report = compared(100, 120, "--rounds", 12, "--min-time", 0.02)
    assert status == 1
    assert report["regressions"] == ["bench/mix_keys", "bench/search_keys"]
    for row in report["benchmarks"]:
        assert row["time"] == "slower", row
        assert row["instructions"] == "more", row
        assert row["instructions_b"] / row["instructions_a"] == pytest.approx(1.2, abs=0.01)
    status, report = compared(120, 100, "--rounds", 12, "--min-time", 0.02)
    assert status == 0  # the other way round it is an improvement
    assert {row["time"] for row in report["benchmarks"]} == {"faster"}


def test_five_percent_more_work_is_seen_by_the_count_alone() -> None:
    deaf_clock = ("--rounds", 1, "--min-time", 0.001, "--min-effect", "1000%")
    status, report = compared(100, 105, *deaf_clock)
    assert status == 1
    assert {row["time"] for row in report["benchmarks"]}.isdisjoint({"slower", "faster"})
    assert {row["instructions"] for row in report["benchmarks"]} == {"more"}
    status, report = compared(100, 105, *deaf_clock, "--min-instructions", "10%")
    assert status == 0  # without the count nothing is seen: it was the count that saw it


def test_a_benchmark_on_one_side_is_listed_and_not_compared() -> None:
    quick = ("--rounds", 1, "--min-time", 0.001, "--no-instructions", "--filter", "only_in|mix")
    _, report = compared(100, 105, *quick)
    assert report["only_b"] == ["bench/only_in_this_build"] and report["only_a"] == []
    assert [row["name"] for row in report["benchmarks"]] == ["bench/mix_keys"]
    _, report = compared(105, 100, *quick)
    assert report["only_a"] == ["bench/only_in_this_build"] and report["only_b"] == []


def test_too_few_rounds_to_prove_anything_are_called_so() -> None:
    _, report = compared(100, 100, "--rounds", 3, "--min-time", 0.001, "--no-instructions")
    assert any("--rounds 6 can" in note for note in report["notes"]), report["notes"]
    assert ab_stats.smallest_p(6, 6) * 2 < ab_report.ALPHA <= ab_stats.smallest_p(5, 5) * 2


def test_without_valgrind_the_clock_decides_and_says_so(tmp_path: Path) -> None:
    binary = PROGRAMS / "self_bench_100"
    done = bench("--bench-binary", binary, binary, "--rounds", 1, "--min-time", 0.001, env={"PATH": str(tmp_path)})
    assert "note: valgrind is not installed" in done.stdout
    assert "verdict rests on time alone" in done.stdout
    assert done.returncode == 0


def test_result_and_talk_are_apart() -> None:
    binary = PROGRAMS / "self_bench_100"
    done = bench("--bench-binary", binary, binary, "--rounds", 1, "--min-time", 0.001, "--no-instructions")
    assert "round 1 of 1" in done.stderr and "round 1 of 1" not in done.stdout
    for expected in ("machine: ", "compiler: ", "input mix of self: ", "time A", " ns", "95 %"):
        assert expected in done.stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--against", "no-such-revision"], "error: `no-such-revision` is no revision"),
        (["--against", "--exec=sh"], "expected one argument"),
        (["--bench-binary", "/nonexistent", "/nonexistent"], "error: `/nonexistent` is no benchmark program"),
        (["--against", "HEAD", "--min-effect", "3"], "help: `3%`"),
        (["--against", "HEAD", "--rounds", "0"], "not a whole number above 0"),
        (["--against", "HEAD", "--filter", "("], "no regular expression"),
    ],
)
def test_bad_input_is_one_clear_message_and_status_2(arguments: list[str], message: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=guard", "-c", "user.email=guard@localhost", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(repository), *identity, *arguments], text=True, capture_output=True, check=True)
    return done.stdout


TOY_CMAKE = """\
cmake_minimum_required(VERSION 3.25)
project(toy LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/tests/bench/CMakeLists.txt)
  add_subdirectory(tests/bench)
endif()
"""
TOY_BENCH_CMAKE = """\
find_package(benchmark REQUIRED)
add_executable(toy_bench frame.cpp commit.cpp toy_bench.cpp)
target_include_directories(toy_bench PRIVATE ${PROJECT_SOURCE_DIR})
target_compile_definitions(toy_bench PRIVATE TVDSIM_BENCH_COMPILER="toy")
target_link_libraries(toy_bench PRIVATE benchmark::benchmark)
foreach(symbol _ZN9benchmark5State16StartKeepRunningEv _ZN9benchmark5State17FinishKeepRunningEv _ZN9benchmark5State11PauseTimingEv
               _ZN9benchmark5State12ResumeTimingEv _ZN9benchmark8internal9Benchmark7MinTimeEd _ZN9benchmark8internal25RegisterBenchmarkInternalEPNS0_9BenchmarkE)
  target_link_options(toy_bench PRIVATE LINKER:--wrap=${symbol})
endforeach()
add_custom_target(benchmarks DEPENDS toy_bench)
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/benchmarks.txt CONTENT "$<TARGET_FILE:toy_bench>\\n")
"""
TOY_BENCH = """\
#include <benchmark/benchmark.h>
void steps(benchmark::State& state) {
  unsigned long x = 1;
  for (auto _ : state)
    for (int i = 0; i < WORK; ++i) benchmark::DoNotOptimize(x = x * 5 + 1);
}
BENCHMARK(steps);
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A repository of three revisions: `bare` without benchmarks, `fast`, and a slower working copy; and a worktree of its owner's."""
    root = tmp_path / "toy"
    folder = root / "tests" / "bench"
    folder.mkdir(parents=True)
    (root / "CMakeLists.txt").write_text(TOY_CMAKE)
    (root / ".gitignore").write_text("build/\n__pycache__/\n")
    git(root, "init", "--quiet")
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "bare")
    git(root, "tag", "bare")
    for file in [*(SOURCE / "tests" / "bench").glob("ab*.py"), *(SOURCE / "tests" / "bench" / n for n in ("frame.cpp", "context.hpp"))]:
        shutil.copy(file, folder)
    (folder / "commit.cpp").write_text('namespace tvdsim::tests { extern const char* const kBuiltCommit; const char* const kBuiltCommit = "toy"; }\n')
    (folder / "CMakeLists.txt").write_text(TOY_BENCH_CMAKE)
    (folder / "toy_bench.cpp").write_text(TOY_BENCH.replace("WORK", "1000"))
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", "fast")
    git(root, "tag", "fast")
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "owners"), "fast")
    (folder / "toy_bench.cpp").write_text(TOY_BENCH.replace("WORK", "1300"))
    return root


def toy_bench(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(root / "tests" / "bench" / "ab.py"), *arguments]


def assert_nothing_left(root: Path) -> None:
    assert sorted(p.name for p in (root / "build" / "ab").iterdir()) == ["lock", "work"]
    assert len(git(root, "worktree", "list").splitlines()) == 2, "the tree itself and its owner's worktree"
    assert (root.parent / "owners" / "CMakeLists.txt").is_file()


def test_a_working_copy_that_got_slower_than_a_revision_is_a_regression(toy: Path) -> None:
    quick = ("--rounds", "2", "--min-time", "0.001", "--json")
    done = subprocess.run(toy_bench(toy, "--against", "fast", *quick), text=True, capture_output=True)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["regressions"] == ["toy_bench/steps"]
    assert report["benchmarks"][0]["instructions_b"] / report["benchmarks"][0]["instructions_a"] == pytest.approx(1.3, abs=0.02)
    assert "and changes" in report["b"]
    assert_nothing_left(toy)

    git(toy, "checkout", "--quiet", "tests")
    done = subprocess.run(toy_bench(toy, "--against", "fast", *quick), text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["benchmarks"][0]["instructions"] == "same"


def test_a_revision_without_benchmarks_is_no_error(toy: Path) -> None:
    done = subprocess.run(toy_bench(toy, "--against", "bare"), text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert "note: bare (" in done.stdout and "has no benchmarks" in done.stdout
    assert "only in B, not compared: toy_bench/steps" in done.stdout
    assert_nothing_left(toy)


def test_a_working_copy_that_does_not_build_is_the_callers_to_mend(toy: Path) -> None:
    (toy / "tests" / "bench" / "toy_bench.cpp").write_text("int broken(\n")
    done = subprocess.run(toy_bench(toy, "--against", "fast"), text=True, capture_output=True)
    assert done.returncode == 2
    assert "error: working copy" in done.stderr and "does not build" in done.stderr and "toy_bench.cpp" in done.stderr
    assert_nothing_left(toy)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_comparison_keeps_the_finished_rounds_and_cleans_up(toy: Path, number: signal.Signals) -> None:
    command = toy_bench(toy, "--against", "fast", "--rounds", "1000", "--min-time", "0.01")
    running = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert running.stderr is not None
    for line in running.stderr:
        if "round 2 of" in line:
            break
    second = subprocess.run(toy_bench(toy, "--against", "fast"), text=True, capture_output=True)
    assert second.returncode == 2 and "another comparison is running" in second.stderr
    time.sleep(0.05)
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # as a terminal does
    else:
        running.send_signal(number)
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "note: interrupted after" in out and "toy_bench/steps" in out
    assert_nothing_left(toy)
