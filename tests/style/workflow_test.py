"""The test workflow counts what ran, never less; its stages are the commands that CONTRIBUTING names."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from source_tree import ROOT

_spec = importlib.util.spec_from_file_location("workflow", ROOT / "tests/workflow.py")
assert _spec and _spec.loader
workflow = importlib.util.module_from_spec(_spec)
sys.modules["workflow"] = workflow
_spec.loader.exec_module(workflow)

CTEST = """<testsuite>
<testcase name="wall_test" status="run"/>
<testcase name="crash_test" status="fail"><failure/></testcase>
<testcase name="absent_test" status="notrun"><skipped message="Not Run"/></testcase>
<testcase name="left_test" status="disabled"/>
<testcase name="script_test" status="run"/>
</testsuite>"""
WALL = """<testsuites><testsuite>
<testcase name="A" status="run"/><testcase name="B" status="run"/>
<testcase name="C" status="run"><skipped message="no vectors"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture()
def build(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "ctest.xml").write_text(CTEST)
    (tmp_path / "results/wall_test.xml").write_text(WALL)
    (tmp_path / "results/crash_test.xml").write_text("<testsuites><testsuite><testcase name='A' status='run'/>")
    return tmp_path


def test_cases_are_summed_and_what_crashed_or_was_not_built_has_failed(build: Path) -> None:
    counts = workflow.count(build, time.time() - 60)
    assert (counts.passed, counts.failed, counts.skipped) == (2 + 1, 1 + 1, 1 + 1)
    assert str(counts) == "3 passed, 2 failed, 2 skipped"


def test_results_of_an_earlier_run_do_not_count(build: Path) -> None:
    old = time.time() - 3600
    os.utime(build / "results/wall_test.xml", (old, old))
    assert workflow.count(build, time.time() - 60).passed == 2
    os.utime(build / "ctest.xml", (old, old))
    counts = workflow.count(build, time.time() - 60)
    assert (counts.passed, counts.failed) == (0, 1)


def test_a_failing_stage_counts_as_failed_even_without_results(tmp_path: Path) -> None:
    stage = workflow.Stage("x", ["false"], tmp_path)
    workflow.run(stage)
    assert stage.counts.failed == 1
    stage = workflow.Stage("y", ["true"])
    workflow.run(stage)
    assert (stage.counts.passed, stage.counts.failed) == (1, 0)


def test_contributing_names_every_stage_with_its_command() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    for stage in workflow.STAGES.values():
        assert f"`{' '.join(stage.command).removeprefix('/usr/bin/python3 ')}`" in page


def test_ci_calls_the_front_door_and_nothing_else() -> None:
    script = (ROOT / ".ci/run").read_text()
    assert [line for line in script.splitlines() if "tvdsim test" in line and line.startswith("exec ./tvdsim test")]
    assert not any(word in script for word in ("ctest", "cmake", "ninja", "pytest", "apt-get"))
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=False).returncode == 0
