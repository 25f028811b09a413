"""usage: coverage.py --source ROOT --at-least PERCENT PROGRAM=FILE ...

Prints how many lines of each parser its fuzz target reached (PROGRAM.profraw, left by the last run), and fails below PERCENT.
Status 0 enough, 1 too few, 77 llvm-14 is not installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def covered_lines(program: Path, files: list[Path]) -> dict[str, tuple[int, int]]:
    """File -> (lines reached, lines there are)."""
    merged = program.with_suffix(".profdata")
    subprocess.run(["llvm-profdata-14", "merge", "-sparse", f"{program}.profraw", "-o", str(merged)], check=True)
    command = ["llvm-cov-14", "export", "-summary-only", f"-instr-profile={merged}", str(program), *map(str, files)]
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    found = {}
    for entry in json.loads(done.stdout)["data"][0]["files"]:
        lines = entry["summary"]["lines"]
        found[entry["filename"]] = (int(lines["covered"]), int(lines["count"]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(usage=(__doc__ or "").partition("\n")[0].removeprefix("usage: "))
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--at-least", type=float, required=True)
    parser.add_argument("pairs", nargs="+")
    options = parser.parse_args()
    if shutil.which("llvm-profdata-14") is None or shutil.which("llvm-cov-14") is None:
        print("skipped: line coverage needs the package llvm-14")
        return 77
    wanted: dict[Path, list[Path]] = defaultdict(list)
    for pair in options.pairs:
        program, _, file = pair.partition("=")
        wanted[Path(program)].append(options.source / file)
    enough = True
    for program, files in wanted.items():
        if not Path(f"{program}.profraw").is_file():
            print(f"{program.name} left no profile: its test did not run, or did not end by itself")
            enough = False
            continue
        found = covered_lines(program, files)
        reached, total = 0, 0
        for file in files:
            if str(file) not in found:
                print(f"{program.name}: {file} has no line in this program")
                return 1
            hit, count = found[str(file)]
            reached, total = reached + hit, total + count
            print(f"{program.name:24} {file.relative_to(options.source)!s:44} {hit:5} of {count:5} lines  {hit / count:6.1%}")
        share = 100 * reached / total
        enough = enough and share >= options.at_least
        verdict = "" if share >= options.at_least else f"  below the {options.at_least:g} % wanted"
        print(f"{program.name:24} {'all':44} {reached:5} of {total:5} lines  {share:5.1f}%{verdict}")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
