"""Writes the gallery's expected output and fingerprints anew: ./tvdsim python tests/golden/update.py; then look at the diff."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gallery import EXPECTED, FINGERPRINTS, SCRIPTS, play, rows


def main() -> None:
    table = ["script,run,fingerprint"]
    for script in SCRIPTS:
        with tempfile.TemporaryDirectory() as scratch:
            printed, runs = play(script, Path(scratch) / "out")
        (EXPECTED / f"{script.stem}.txt").write_text(printed, encoding="utf-8")
        table += rows(script, runs)
        print(f"{script.stem}: {len(printed.splitlines())} lines, {len(runs)} runs")
    FINGERPRINTS.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
