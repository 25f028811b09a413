"""The list of differences between the modes: each row's test is there, and each recorded defect of Xen has a row."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
from source_tree import ROOT, files

VECTORS = "xen-acm/vectors/updates_relabels_quirks.json"


def _load(path: str, name: str):  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generate = _load("docs/generate.py", "docs_generate_modes")
features = _load("docs/check_features.py", "check_features_modes")


def rows() -> list[list[str]]:
    source = (ROOT / "models/acm/mode_differences.def").read_text()
    return [cells for name, cells in generate.entries(source) if name == "DIFFERENCE"]


def problems(listed: list[list[str]], tests: set[str]) -> list[str]:
    """Rows of the wrong length, ids used twice, tests that are not there."""
    found = [f"{cells[0]}: {len(cells)} cells" for cells in listed if len(cells) != 7]
    ids = [cells[0] for cells in listed]
    found += [f"{name}: twice" for name in sorted(set(ids)) if ids.count(name) > 1]
    return found + [f"{cells[0]}: there is no test {cells[-1]}" for cells in listed if cells[-1] not in tests]


def without_row(recorded: list[str], listed: list[list[str]]) -> list[str]:
    """Recorded defects that no row names."""
    known = {cells[5] for cells in listed}
    return [name for name in recorded if name.startswith("quirk_") and name not in known]


def test_every_row_has_its_test() -> None:
    assert problems(rows(), features.tests_in_sources(files(".cpp", ".py"))) == []


def test_every_recorded_defect_has_a_row() -> None:
    folder = os.environ.get("TVDSIM_CONFORMANCE")
    if not folder:
        pytest.skip("SKIP 1 case: TVDSIM_CONFORMANCE is not set")
    recorded = list(json.loads((Path(folder) / VECTORS).read_text()))
    assert sum(name.startswith("quirk_") for name in recorded) >= 6
    assert without_row(recorded, rows()) == []


def test_bad_rows_are_found() -> None:
    good = ["a", "what", "strict", "xen33", "ran", "quirk_a", "Suite.Case"]
    assert problems([good], {"Suite.Case"}) == []
    assert len(problems([good, good], {"Suite.Case"})) == 1
    assert len(problems([good], set())) == 1
    assert len(problems([good[:-1]], {"quirk_a"})) == 1
    assert without_row(["format", "quirk_a", "quirk_b"], [good]) == ["quirk_b"]
