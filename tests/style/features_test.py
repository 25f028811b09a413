"""The evidence page is well-formed and names tests that exist; its checker finds each way of being wrong."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from source_tree import ROOT, files, text

_spec = importlib.util.spec_from_file_location("check_features", ROOT / "docs/check_features.py")
assert _spec and _spec.loader
check = importlib.util.module_from_spec(_spec)
sys.modules["check_features"] = check
_spec.loader.exec_module(check)

CONTROLS = ["ste", "wall"]


def page() -> list:  # type: ignore[type-arg]
    return check.read_rows(text("docs/features.md"))


def good() -> list:  # type: ignore[type-arg]
    rows = [check.Row(f"F-{n:03}", "1", "something", "none", (), (), (), "") for n in range(1, check.ROWS + 1)]
    rows[13] = check.Row("F-014", "1", "wall", "real", ("Wall.Starts",), ("Wall.Refuses",), ("Wall.Harm",), "wall")
    return rows


def test_the_page_is_well_formed() -> None:
    assert check.form_problems(page(), check.controls()) == []


def test_every_test_that_the_page_names_is_in_the_tree() -> None:
    sources = [f for f in files(".cpp", ".hpp", ".py") if f[0].startswith("tests/")]
    assert check.missing_tests(page(), check.tests_in_sources(sources)) == []


def promises(page_text: str) -> list[tuple[str, list[str]]]:
    """Number and named tests of each promise of SPECIFICATION.md."""
    return [(row.split("|")[1].strip(), re.findall(r"`([A-Za-z_]\w*\.[A-Za-z_]\w*)`", row))
            for row in page_text.splitlines() if re.match(r"\| [A-Z]-\d+ \|", row)]


def test_every_promise_has_a_number_of_its_own_and_names_tests_that_exist() -> None:
    found = promises(text("SPECIFICATION.md"))
    numbers = [number for number, _ in found]
    assert len(numbers) >= 15 and len(set(numbers)) == len(numbers)
    names = check.tests_in_sources([f for f in files(".cpp", ".hpp", ".py") if f[0].startswith("tests/")])
    assert [(number, name) for number, tests in found for name in tests if name not in names] == []


def test_priorities_are_those_of_the_scoreboard() -> None:
    rows = page()
    assert [sum(row.priority == p for row in rows) for p in "123"] == [92, 86, 18]


def test_a_good_page_is_not_reported() -> None:
    assert check.form_problems(good(), CONTROLS) == []


@pytest.mark.parametrize("change", [
    {"id": "F-015"}, {"status": "done"}, {"priority": "4"}, {"title": ""}, {"positive": ()}, {"negative": ()}, {"ablation": ()},
    {"control": "magic"}, {"negative": ("Wall.Refuses@magic",)}, {"status": "none"}, {"positive": ("Wall",)},
])
def test_a_bad_row_is_found(change: dict[str, object]) -> None:
    rows = good()
    rows[13] = replace(rows[13], **change)
    assert len(check.form_problems(rows, CONTROLS)) == 1


def test_a_missing_row_is_found() -> None:
    assert len(check.form_problems(good()[:-1], CONTROLS)) == 1


def test_tests_are_found_in_sources_of_every_kind() -> None:
    names = check.tests_in_sources([
        ("a_test.cpp", "TEST(Wall, Starts) {}\nTEST_F(Host, Stops) {}\nRC_GTEST_PROP(Ste, Symmetric, (int a)) {}"),
        ("tests/python/run_test.py", "def test_it_runs(x):\n  pass\nclass A:\n  def test_inner(self): pass")])
    assert names == {"Wall.Starts", "Host.Stops", "Ste.Symmetric", "run_test.test_it_runs", "run_test.test_inner"}
    assert check.missing_tests(good(), names) == ["F-014: there is no test Wall.Refuses", "F-014: there is no test Wall.Harm"]


REPORT = """<testsuites><testsuite name="Wall">
<testcase name="Starts" classname="Wall" status="run"/>
<testcase name="Refuses/0" classname="All/Wall" status="run"/>
<testcase name="Refuses/1" classname="All/Wall" status="run"><failure message="x"/></testcase>
<testcase name="Harm" classname="Wall" status="notrun"/>
</testsuite></testsuites>"""


def test_what_did_not_run_and_pass_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "wall_test.xml").write_text(REPORT)
    results = check.read_results(tmp_path)
    assert results["Wall.Starts"] == check.Ran("wall_test", "passed")
    assert check.unproved(good(), results) == ["F-014: Wall.Refuses failed", "F-014: Wall.Harm skipped"]
    assert check.unproved(good(), {}) == [f"F-014: Wall.{case} did not run" for case in ("Starts", "Refuses", "Harm")]


PLAYED = """#!/bin/sh
report=${GTEST_OUTPUT#xml:}
case $TVDSIM_ABLATE in wall) failure='<failure/>' ;; *) failure= ;; esac
echo "<testsuite><testcase name=\\"Refuses\\" classname=\\"Wall\\" status=\\"run\\">$failure</testcase></testsuite>" >"$report"
"""


@pytest.mark.parametrize(("control", "survives"), [("wall", False), ("ste", True)])
def test_a_refusal_that_survives_the_loss_of_its_control_is_found(tmp_path: Path, control: str, survives: bool) -> None:
    program = tmp_path / "wall_test"
    program.write_text(PLAYED)
    program.chmod(0o755)
    ended = check.run_without(control, "wall_test", ["Wall.Refuses"], ([str(program)], {}, str(tmp_path)))
    assert (ended["Wall.Refuses"].outcome == "passed") == survives
