"""mypy --strict holds for the package and for every gallery script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import tvdsim
from small_scenarios import BUILD, SOURCE

CONFIG = SOURCE / "tests" / "python" / "mypy.ini"


def mypy(*words: str) -> str:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(CONFIG), "--cache-dir", str(BUILD / "mypy"), *words]
    made = subprocess.run(command, capture_output=True, text=True, cwd=Path(tvdsim.__file__).parents[1], timeout=600)
    return "" if made.returncode == 0 else made.stdout + made.stderr


def test_the_package_is_typed() -> None:
    assert mypy("-p", "tvdsim") == ""


def test_every_gallery_script_is_typed() -> None:
    scripts = sorted((SOURCE / "scenarios" / "gallery").glob("[0-9]*.py"))
    assert len(scripts) >= 4
    assert "".join(mypy(str(script)) for script in scripts) == ""


def test_a_wrong_call_is_found(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("import tvdsim as tvd\ntvd.Scenario(7).at(1, tvd.StopVm())\n")
    assert mypy(str(tmp_path / "wrong.py")).count("error:") >= 3
