"""The command line as a program: results, exit statuses, JSON, and no stack trace for a user's mistake."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from small_scenarios import FIGURE3, POLICIES, cli, two_tenants

SCRIPT = """
import tvdsim as tvd
from small_scenarios import two_tenants
run = two_tenants().run(until="30 s", out="runs/own")
print("denied", len(run.decisions.query("verdict == 'deny'")))
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script, a Spec and one run of it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "spec.json").write_text(two_tenants().to_spec("30 s"), encoding="utf-8")
    made = cli("run", "spec.json", "--out", "a", cwd=folder)
    assert made.returncode == 0, made.stderr
    assert "denied" in made.stdout
    return folder


def test_a_script_runs_and_its_output_is_the_result(here: Path) -> None:
    made = cli("run", "script.py", "--out", "b", "--seed", "9", cwd=here)
    assert (made.stdout, made.returncode) == ("denied 1\n", 0), made.stderr
    assert json.loads((here / "b" / "manifest.json").read_text())["seed"] == 9
    told = cli("run", "script.py", "--out", "c", "--json", cwd=here)
    assert [r["status"] for r in json.loads(told.stdout)["runs"]] == ["complete"]


def test_check_runs_nothing_and_exits_2_when_something_is_wrong(here: Path) -> None:
    assert cli("check", "script.py", cwd=here).returncode == 0
    assert not (here / "runs").exists()
    (here / "wrong.py").write_text(SCRIPT.replace("two_tenants()", "two_tenants(controls={'wal': 'on'})"))
    made = cli("check", "wrong.py", "--json", cwd=here)
    assert made.returncode == 2 and [f["code"] for f in json.loads(made.stdout)["findings"]] == ["TVD-105"]


def test_explain_tells_one_decision_or_lists_the_refusals(here: Path) -> None:
    rows = json.loads(cli("explain", "a", "--json", cwd=here).stdout)
    assert [(r["table"], r.get("verdict", r.get("result"))) for r in rows] == [("decisions", "deny"), ("migrations", "refused")]
    for row in rows:
        made = cli("explain", "a", str(row["id"]), cwd=here)
        assert made.returncode == 0 and "decides" in made.stdout
    assert cli("explain", "a", "999999", cwd=here).returncode == 2


def test_replay_says_the_same(here: Path) -> None:
    assert cli("replay", "a", cwd=here).returncode == 0
    assert cli("replay", "a/manifest.json", cwd=here).returncode == 0


def test_diff_exits_1_when_something_flips_and_0_when_nothing_does(here: Path) -> None:
    old, new = str(FIGURE3), str(POLICIES / "tvdc_figure3_walled.xml")
    assert cli("diff", old, new, cwd=here).returncode == 1
    assert cli("diff", old, old, cwd=here).returncode == 0
    assert cli("diff", "a", "a", cwd=here).returncode == 0
    flips = json.loads(cli("diff", "script.py", "--before", old, "--after", new, "--json", cwd=here).stdout)
    assert isinstance(flips["flips"], list)


def test_policy_shows_lints_tabulates_and_decides() -> None:
    assert "MA" in cli("policy", str(FIGURE3)).stdout
    assert cli("policy", "show", str(FIGURE3)).stdout == cli("policy", str(FIGURE3)).stdout
    assert json.loads(cli("policy", "table", str(FIGURE3), "--json").stdout)["sharing"]["MA"]["SU"] == "deny"
    assert cli("policy", "lint", str(POLICIES / "banks.xml")).returncode == 0
    assert cli("policy", "decide", str(FIGURE3), "MA", "SU").returncode == 1
    assert cli("policy", "decide", str(FIGURE3), "Management", "SU").returncode == 0
    assert cli("policy", "decide", str(FIGURE3), "SU", "--host", "Management").returncode == 0


def test_attack_prints_a_matrix_and_single_runs() -> None:
    made = cli("attack", "A-01", "--json")
    row = json.loads(made.stdout)["rows"][0]
    assert (made.returncode, row["off"]["outcome"], row["on"]["outcome"]) == (0, "harm", "stopped")
    assert "harm" in cli("attack", "A-03", "--control", "off").stdout
    assert cli("attack", "A-3").returncode == 2


def test_clean_removes_what_a_run_made_and_nothing_else(here: Path) -> None:
    cli("run", "spec.json", "--out", "d", cwd=here)
    (here / "d" / "notes.txt").write_text("mine")
    (here / "other").mkdir()
    (here / "other" / "notes.txt").write_text("mine")
    assert cli("clean", "d", "other", cwd=here).returncode == 2
    assert (here / "d" / "run.sqlite").exists()
    assert cli("clean", "d", cwd=here).returncode == 0
    assert sorted(p.name for p in (here / "d").iterdir()) == ["notes.txt"] and (here / "other" / "notes.txt").exists()


def test_doctor_starts_a_worker() -> None:
    made = cli("doctor", "--json")
    rows = {row["part"]: row["state"] for row in json.loads(made.stdout)["rows"]}
    assert rows["worker"] == "ok" and made.returncode == 0


def test_sweep_runs_and_resumes(here: Path) -> None:
    (here / "study.py").write_text("from small_scenarios import two_tenants\ndef study(seed):\n    return two_tenants(seed)\n")
    words = ("sweep", "study.py", "--until", "30 s", "--seeds", "1-3", "--out", "sw", "-j", "2", "--resume")
    assert cli(*words, cwd=here).stdout.startswith("0 reused, 3 run, 0 failed")
    assert cli(*words, cwd=here).stdout.startswith("3 reused, 0 run, 0 failed")


def test_python_is_the_interpreter_with_the_package() -> None:
    assert cli("python", "-c", "import tvdsim; print(tvdsim.__name__)").stdout == "tvdsim\n"


@pytest.mark.parametrize("words", [["flyy"], [], ["run"], ["explain", "nowhere"], ["policy", "missing.xml"], ["run", "missing.py"],
                                   ["diff", "one.xml"], ["replay", "nowhere"], ["doctor", "--loud"]])
def test_a_wrong_word_is_told_in_one_message_with_status_2(words: list[str], tmp_path: Path) -> None:
    made = cli(*words, cwd=tmp_path)
    assert made.returncode == 2 and made.stderr.startswith("error[TVD-") and "Traceback" not in made.stderr
    assert made.stdout == ""


def test_an_exception_of_the_script_is_told_with_its_own_frames(tmp_path: Path) -> None:
    (tmp_path / "oops.py").write_text("def f():\n    return 1 / 0\nf()\n")
    made = cli("run", "oops.py", cwd=tmp_path)
    assert made.returncode == 2 and "oops.py" in made.stderr and "runpy" not in made.stderr and "ZeroDivisionError" in made.stderr


def test_a_closed_pipe_is_no_error() -> None:
    made = os.system(f"{os.sys.executable} -P -m tvdsim policy show {FIGURE3} | head -n 1 > /dev/null")  # type: ignore[attr-defined]
    assert made == 0
