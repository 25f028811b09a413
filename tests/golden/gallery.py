"""Runs a gallery script as `tvdsim run` does, and gathers what it printed and which fingerprints its runs have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(os.environ.get("TVDSIM_SOURCE_DIR", Path(__file__).resolve().parents[2]))
EXPECTED = SOURCE / "tests" / "golden" / "expected"
FINGERPRINTS = SOURCE / "tests" / "golden" / "fingerprints.csv"
SCRIPTS = sorted((SOURCE / "scenarios" / "gallery").glob("[0-9]*.py"))


def play(script: Path, out: Path) -> tuple[str, dict[str, str]]:
    """Standard output, and run directory -> fingerprint."""
    made = subprocess.run([sys.executable, "-P", "-m", "tvdsim", "run", str(script), "--out", str(out)],
                          capture_output=True, text=True, timeout=300)
    if made.returncode != 0:
        raise AssertionError(f"{script.name} ended with {made.returncode}:\n{made.stderr}")
    runs = {str(m.parent.relative_to(out)): str(json.loads(m.read_text())["fingerprint"]) for m in sorted(out.rglob("manifest.json"))}
    return made.stdout, runs


def rows(script: Path, runs: dict[str, str]) -> list[str]:
    return [f"{script.stem},{name},{fingerprint}" for name, fingerprint in sorted(runs.items())]
