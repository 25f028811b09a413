#!/usr/bin/python3
"""Checks docs/features.md against the tests that really ran.

usage: docs/check_features.py [--build DIR] [--ablate] [--summary]

Without options: every row well-formed, every named test in the tree, and in the results of the last test run of the build
(build/dev unless told) as passed. --ablate also runs every negative test again with its row's control off and requires it to
fail. Exit status: 0 all evidence stands, 1 some does not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROWS = 196
STATUSES = ("none", "model", "real", "emulated")
NAME = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")


@dataclass(frozen=True)
class Row:
    """One feature and what proves it."""

    id: str
    priority: str
    title: str
    status: str
    positive: tuple[str, ...]
    negative: tuple[str, ...]  # "Suite.Case", or "Suite.Case@control" when it hangs on another control than the row's
    ablation: tuple[str, ...]
    control: str

    def evidence(self) -> list[str]:
        """Every test that the row names, as Suite.Case."""
        return [name.split("@")[0] for name in self.positive + self.negative + self.ablation]

    def refusals(self) -> list[tuple[str, str]]:
        """Each negative test with the control that it hangs on."""
        return [(name.split("@")[0], (name.split("@") + [self.control])[1]) for name in self.negative]


def read_rows(table: str) -> list[Row]:
    """The rows of the page, in order."""
    rows = []
    for line in table.splitlines():
        if line.startswith("| F-"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            cells += [""] * (8 - len(cells))
            names = [tuple(filter(None, re.split(r",\s*|\s+", cell))) for cell in cells[4:7]]
            rows.append(Row(cells[0], cells[1], cells[2], cells[3], names[0], names[1], names[2], cells[7]))
    return rows


def controls() -> list[str]:
    """The names of sim/base/controls.def."""
    return re.findall(r"^CONTROL\((\w+),", (ROOT / "sim/base/controls.def").read_text(), re.M)


def form_problems(rows: list[Row], known_controls: list[str]) -> list[str]:
    """Rows that are missing, doubled, unknown in status, or without the evidence that their status needs."""
    problems = []
    wanted = [f"F-{n:03}" for n in range(1, ROWS + 1)]
    if [row.id for row in rows] != wanted:
        problems.append(f"the rows are not F-001 to F-{ROWS} in order, each once")
    for row in rows:
        evidence = row.evidence()
        if row.status not in STATUSES:
            problems.append(f"{row.id}: status `{row.status}` is none of {', '.join(STATUSES)}")
        if row.priority not in ("1", "2", "3") or not row.title:
            problems.append(f"{row.id}: needs a priority from 1 to 3 and a title")
        if row.status == "none" and (evidence or row.control):
            problems.append(f"{row.id}: names evidence but is `none`")
        if row.status in ("real", "emulated"):
            for kind, names in (("positive", row.positive), ("negative", row.negative), ("ablation", row.ablation)):
                if not names:
                    problems.append(f"{row.id}: is `{row.status}` without a {kind} test")
        for control in sorted({row.control, *(control for _, control in row.refusals())} - set(known_controls) if evidence else ()):
            problems.append(f"{row.id}: `{control}` is no control of sim/base/controls.def")
        problems += [f"{row.id}: `{name}` is not Suite.Case" for name in evidence if not NAME.fullmatch(name)]
    return problems


def tests_in_sources(sources: list[tuple[str, str]]) -> set[str]:
    """Suite.Case of every test that the sources define; a pytest module is a suite."""
    names: set[str] = set()
    for path, source in sources:
        if path.endswith(".py"):
            suite = Path(path).stem
            names |= {f"{suite}.{case}" for case in re.findall(r"^\s*(?:async )?def (test_\w+)\(", source, re.M)}
        else:
            found = re.findall(r"\b(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", source)
            found += re.findall(r"\bRC_GTEST(?:_FIXTURE|_TYPED_FIXTURE)?_PROP\(\s*(\w+),\s*(\w+),", source)
            names |= {f"{suite}.{case}" for suite, case in found}
    return names


def missing_tests(rows: list[Row], names: set[str]) -> list[str]:
    """Named tests that are not among `names`."""
    return [f"{row.id}: there is no test {name}" for row in rows for name in row.evidence() if name not in names]


@dataclass(frozen=True)
class Ran:
    """Where a test ran (the ctest name), and how it ended: passed, failed or skipped."""

    test: str
    outcome: str


def name_of(case: ElementTree.Element) -> str:
    """Suite.Case of a reported case: instances of a parameterised test are one test, a pytest module is a suite."""
    suite = [part for part in case.get("classname", "").split("/") if not part.isdigit()][-1].split(".")[-1]
    return f"{suite}.{re.split(r'[/[]', case.get('name', ''))[0]}"


def read_results(folder: Path) -> dict[str, Ran]:
    """Every case of every report in the folder; of several instances of one test, the worst outcome counts."""
    worst = {"passed": 0, "skipped": 1, "failed": 2}
    results: dict[str, Ran] = {}
    for report in sorted(folder.glob("*.xml")):
        try:
            root = ElementTree.parse(report).getroot()
        except ElementTree.ParseError:
            continue  # the program died while writing: its cases count as not run
        for case in root.iter("testcase"):
            outcome = "passed"
            if case.find("failure") is not None or case.find("error") is not None:
                outcome = "failed"
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                outcome = "skipped"
            name = name_of(case)
            if name not in results or worst[outcome] > worst[results[name].outcome]:
                results[name] = Ran(report.stem, outcome)
    return results


def unproved(rows: list[Row], results: dict[str, Ran]) -> list[str]:
    """Named tests that did not run and pass."""
    problems = []
    for row in rows:
        for name in row.evidence():
            ran = results.get(name)
            if ran is None:
                problems.append(f"{row.id}: {name} did not run")
            elif ran.outcome != "passed":
                problems.append(f"{row.id}: {name} {ran.outcome}")
    return problems


def commands(build: Path) -> dict[str, tuple[list[str], dict[str, str], str]]:
    """ctest name -> its command, environment and working directory."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True, check=True)
    found = {}
    for test in json.loads(listing.stdout)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        environment = dict(entry.split("=", 1) for entry in properties.get("ENVIRONMENT", []))
        found[test["name"]] = (test.get("command", []), environment, properties.get("WORKING_DIRECTORY", str(build)))
    return found


def run_without(control: str, test: str, names: list[str], how: tuple[list[str], dict[str, str], str]) -> dict[str, Ran]:
    """Runs the named cases of one ctest test with the control off; returns how each ended."""
    command, environment, cwd = how
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / f"{test}.xml"
        environment = {**os.environ, **environment, "TVDSIM_ABLATE": control, "GTEST_OUTPUT": f"xml:{report}"}
        if "pytest" in command:
            cases = " or ".join(sorted({name.split(".")[1] for name in names}))
            command = [re.sub(r"^--junitxml=.*", f"--junitxml={report}", word) for word in command] + ["-k", cases]
        else:
            patterns = [p for name in names for p in (name, f"{name}/*", f"*/{name}/*", name.replace(".", "/*."))]
            command = command + [f"--gtest_filter={':'.join(patterns)}"]
        subprocess.run(command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=900, check=False)
        return read_results(Path(folder))


def survivors(rows: list[Row], results: dict[str, Ran], build: Path) -> list[str]:
    """Negative tests that still pass, or do not run, with their control off."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        for name, control in row.refusals():
            if name in results:
                wanted.setdefault((control, results[name].test), set()).add(name)
    how = commands(build)
    problems = []
    groups = sorted(wanted.items())

    def run_group(group: tuple[tuple[str, str], set[str]]) -> dict[str, Ran]:
        (control, test), names = group
        return run_without(control, test, sorted(names), how[test])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        endings = list(pool.map(run_group, groups))
    for ((control, _), names), ended in zip(groups, endings):
        for name in sorted(names):
            outcome = ended[name].outcome if name in ended else "not run"
            print(f"  without {control:18} {name:90} {'failed, as it must' if outcome == 'failed' else outcome}")
            if outcome != "failed":
                problems.append(f"{name}: {outcome} with {control} off; it must fail")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks docs/features.md against the tests that ran.")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "dev")
    parser.add_argument("--ablate", action="store_true")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    rows = read_rows((ROOT / "docs/features.md").read_text())
    for status in STATUSES:
        print(f"{status:9} {sum(row.status == status for row in rows):4}")
    if options.summary:
        return 0
    sources = [(str(p), p.read_text(errors="replace")) for p in (ROOT / "tests").rglob("*") if p.suffix in (".cpp", ".py", ".hpp")]
    problems = form_problems(rows, controls()) + missing_tests(rows, tests_in_sources(sources))
    results = read_results(options.build / "results")
    problems += unproved(rows, results)
    if options.ablate and not problems:
        problems += survivors(rows, results, options.build)
    print("\n".join(problems) if problems else "all evidence stands")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
