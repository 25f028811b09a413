"""Bad input and a bad world: one clear message, the right status, and never a result that looks complete when it is not."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_scenarios import FIGURE3, cli, long_story, two_tenants

import tvdsim as tvd


def refused(made: "subprocess.CompletedProcess[str]", code: str) -> None:
    assert made.returncode == 2, made.stderr
    assert f"error[{code}]" in made.stderr and "Traceback" not in made.stderr, made.stderr


def no_result(directory: Path) -> None:
    """Whatever lies there, nobody takes it for a result."""
    manifest = directory / "manifest.json"
    if manifest.exists():
        assert json.loads(manifest.read_text())["status"] in ("running", "failed")
    assert not (directory / "report.txt").exists()
    with pytest.raises(tvd.InputError) as caught:
        tvd.Run(directory)
    assert caught.value.code in ("TVD-130", "TVD-132")


def spec_file(folder: Path, change: object = None) -> str:
    spec = two_tenants().to_dict("30 s")
    if callable(change):
        change(spec)
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return str(folder / "spec.json")


def test_malformed_xml(tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text(FIGURE3.read_text().replace("</PolicyName>", "", 1))
    made = cli("policy", str(bad))
    refused(made, "TVD-310")
    assert re.search(r"--> .*bad\.xml:\d+", made.stderr)


def test_an_unknown_label(tmp_path: Path) -> None:
    made = cli("run", spec_file(tmp_path, lambda s: s["vms"][0].update(label="acm")), "--out", str(tmp_path / "a"))
    refused(made, "TVD-101")
    assert "`acm`" in made.stderr and "`acme`" in made.stderr and not (tmp_path / "a").exists()


def test_duplicate_names_are_told_with_both_lines(tmp_path: Path) -> None:
    (tmp_path / "twice.py").write_text("import tvdsim as tvd\ns = tvd.Scenario('t')\ns.host('h')\ns.host('h')\ns.run(until='1 s')\n")
    made = cli("run", "twice.py", cwd=tmp_path)
    refused(made, "TVD-102")
    assert "twice.py:3" in made.stderr and "twice.py:4" in made.stderr and not (tmp_path / "runs").exists()


def test_a_missing_unit(tmp_path: Path) -> None:
    (tmp_path / "unit.py").write_text("import tvdsim as tvd\ns = tvd.Scenario('t')\ns.host('h', memory=4)\ns.run(until='1 s')\n")
    made = cli("run", "unit.py", cwd=tmp_path)
    refused(made, "TVD-110")
    assert "memory=4" in made.stderr and '"4 GiB"' in made.stderr and "unit.py:3" in made.stderr


def test_a_truncated_spec(tmp_path: Path) -> None:
    path = Path(spec_file(tmp_path))
    path.write_text(path.read_text()[:-40])
    refused(cli("run", str(path), "--out", str(tmp_path / "a")), "TVD-120")
    assert not (tmp_path / "a").exists()


def test_a_newer_spec(tmp_path: Path) -> None:
    refused(cli("run", spec_file(tmp_path, lambda s: s.update(tvdsim_spec=99)), "--out", str(tmp_path / "a")), "TVD-121")


def test_all_problems_of_a_spec_come_at_once(tmp_path: Path) -> None:
    def spoil(spec: dict) -> None:  # type: ignore[type-arg]
        spec["hosts"][0]["memory"] = "8"
        spec["vms"][0]["colour"] = "red"
        spec["actions"][0]["action"] = "conect"

    made = cli("check", spec_file(tmp_path, spoil))
    assert made.returncode == 2 and {"TVD-110", "TVD-105", "TVD-101"} <= set(re.findall(r"TVD-\d+", made.stdout))


def test_an_unwritable_run_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    refused(cli("run", spec_file(tmp_path), "--out", str(tmp_path / "file" / "a")), "TVD-131")


def test_a_run_directory_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.txt").write_text("mine")
    refused(cli("run", spec_file(tmp_path), "--out", str(tmp_path / "a")), "TVD-131")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["thesis.txt"]


def _started(folder: Path, until: str = "1000 min") -> "subprocess.Popen[str]":
    """A long run under way, its directory begun."""
    code = f"from small_scenarios import long_story; long_story().run(until={until!r}, out='a')"
    (folder / "long.py").write_text(code)
    child = subprocess.Popen([sys.executable, "-P", "-m", "tvdsim._script", "long.py"], cwd=folder, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(600):
        if (folder / "a" / "manifest.json").exists():
            time.sleep(0.1)
            return child
        if child.poll() is not None:
            break
        time.sleep(0.1)
    child.kill()
    raise AssertionError(f"the run did not begin: {child.communicate()}")


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_descendants(child)]
    return found


@pytest.mark.parametrize("which", [0, -1], ids=["the worker", "the run it forked"])
def test_kill_9_of_the_worker(tmp_path: Path, which: int) -> None:
    child = _started(tmp_path, "1 min")
    os.kill(_descendants(child.pid)[which], signal.SIGKILL)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 2 and "worker was killed" in told and "a is incomplete" in told and "Traceback" not in told
    no_result(tmp_path / "a")


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    child = _started(tmp_path, "1 min")
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=120)
    assert child.returncode == 1 and "interrupted" in told and "Traceback" not in told
    run = tvd.Run(tmp_path / "a")
    assert run.status == "interrupted" and run.manifest["reached_ns"] < run.manifest["until_ns"]
    assert "interrupted" in str(run)


def test_no_orphan_goes_on_when_the_caller_dies(tmp_path: Path) -> None:
    child = _started(tmp_path, "1 min")
    family = _descendants(child.pid)
    child.kill()
    child.wait()
    for _ in range(300):
        if not [p for p in family if Path(f"/proc/{p}/exe").exists()]:
            return
        time.sleep(0.1)
    raise AssertionError("a worker outlived its caller")


def test_a_full_disk(tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    made = cli("run", spec_file(tmp_path), "--out", str(tmp_path / "a"), preexec_fn=small)
    assert made.returncode == 2 and made.stderr.startswith("error") and "Traceback" not in made.stderr, made.stderr
    no_result(tmp_path / "a")


def test_an_unfinished_run_is_told_apart_by_every_reader(tmp_path: Path) -> None:
    run = two_tenants().run(until="30 s", out=tmp_path / "a")
    manifest = run.directory / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete"', '"running"'))
    for words in (["explain"], ["replay"]):
        refused(cli(*words, str(run.directory)), "TVD-132")


def test_a_run_of_a_newer_form(tmp_path: Path) -> None:
    run = two_tenants().run(until="30 s", out=tmp_path / "a")
    manifest = run.directory / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "tvdsim_run": 99}))
    refused(cli("explain", str(run.directory)), "TVD-602")


def test_errors_travel_between_processes_whole() -> None:
    import pickle

    with pytest.raises(tvd.InputError) as caught:
        tvd.Policy.parse("<a>")
    assert pickle.loads(pickle.dumps(caught.value)).findings == caught.value.findings
    assert long_story().name == "long"
