"""Writes the gallery's expected output and fingerprints anew: ./tvdsim python tests/golden/update.py; then look at the diff."""

from __future__ import annotations

import tempfile
from pathlib import Path

from gallery import EXPECTED, FINGERPRINTS, SCRIPTS, play, rows
from plots import heat_map, timeline


def main() -> None:
    table = ["script,run,fingerprint"]
    for script in SCRIPTS:
        with tempfile.TemporaryDirectory() as scratch:
            printed, runs = play(script, Path(scratch) / "out")
            if script.stem == "06_two_tenants":
                (EXPECTED / f"{script.stem}.plot.txt").write_text(timeline(Path(scratch) / "out"), encoding="utf-8")
        (EXPECTED / f"{script.stem}.txt").write_text(printed, encoding="utf-8")
        table += rows(script, runs)
        print(f"{script.stem}: {len(printed.splitlines())} lines, {len(runs)} runs")
    (EXPECTED / "08_ablation.plot.txt").write_text(heat_map(), encoding="utf-8")
    FINGERPRINTS.write_text("\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
