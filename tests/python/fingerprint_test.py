"""Same Spec and seed, same fingerprint: whoever runs it, beside whatever else, under any hash seed."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_scenarios import RUNNER, python, two_tenants

SCRIPT = """
import sys
from small_scenarios import two_tenants
print(two_tenants().run(until="30 s", out=sys.argv[1]).fingerprint)
"""


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return two_tenants().run(until="30 s", out=tmp_path_factory.mktemp("f") / "a").fingerprint


def test_two_runs_in_one_process_agree(fingerprint: str, tmp_path: Path) -> None:
    assert two_tenants().run(until="30 s", out=tmp_path / "a").fingerprint == fingerprint


def test_another_seed_or_story_gives_another_fingerprint(fingerprint: str, tmp_path: Path) -> None:
    assert two_tenants(controls={"wall": "off"}).run(until="30 s", out=tmp_path / "a").fingerprint != fingerprint


def test_four_runs_at_once_agree(fingerprint: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda i: two_tenants().run(until="30 s", out=tmp_path / str(i)).fingerprint, range(4)))
    assert made == [fingerprint] * 4


@pytest.mark.parametrize("seed", ["0", "4242"])
def test_the_hash_seed_of_python_does_not_matter(fingerprint: str, tmp_path: Path, seed: str) -> None:
    made = python(["-c", SCRIPT, str(tmp_path / "a")], env={**os.environ, "PYTHONHASHSEED": seed})
    assert (made.stdout.strip(), made.returncode) == (fingerprint, 0), made.stderr


@pytest.mark.skipif(not RUNNER.exists(), reason="tvdsim-run is not built here")
def test_the_native_runner_agrees(fingerprint: str, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(two_tenants().to_spec("30 s"), encoding="utf-8")
    made = subprocess.run([RUNNER, tmp_path / "spec.json", "--out", tmp_path / "a", "--json", "--quiet"],
                          capture_output=True, text=True, timeout=120)
    assert json.loads(made.stdout)["fingerprint"] == fingerprint, made.stderr


def test_a_worker_is_single_threaded_and_imports_the_core_alone() -> None:
    code = ("import json, os, sys, tvdsim._worker as w;"
            "print(json.dumps([len(os.listdir('/proc/self/task')), [m for m in ('pandas', 'numpy', 'matplotlib') if m in sys.modules]]))")
    assert json.loads(python(["-c", code]).stdout) == [1, []]
