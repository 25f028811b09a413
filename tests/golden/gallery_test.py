"""Every gallery script prints what it printed when it was last looked at, and its runs take the same path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable, Dict, Tuple

import pytest

import tvdsim as tvd

sys.path.insert(0, str(Path(__file__).parent))
from gallery import EXPECTED, FINGERPRINTS, SCRIPTS, play, rows  # noqa: E402
from plots import heat_map, timeline  # noqa: E402

HELP = "after an intended change: ./tvdsim python tests/golden/update.py"


def test_the_gallery_is_numbered_without_gaps() -> None:
    assert [int(s.name[:2]) for s in SCRIPTS] == list(range(1, len(SCRIPTS) + 1)) and len(SCRIPTS) >= 4


Played = Callable[[Path], Tuple[Path, str, Dict[str, str]]]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Runs a script once for all tests: where its output lies, what it printed, its runs."""
    known: Dict[Path, Tuple[Path, str, Dict[str, str]]] = {}

    def once(script: Path) -> Tuple[Path, str, Dict[str, str]]:
        if script not in known:
            out = tmp_path_factory.mktemp(script.stem) / "out"
            known[script] = (out, *play(script, out))
        return known[script]

    return once


# F-010
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_a_script_prints_and_does_what_it_did(script: Path, played: Played) -> None:
    if script.stem == "09_real_guest" and tvd.RealGuest.missing():
        pytest.skip("SKIP 1 case: " + "; ".join(tvd.RealGuest.missing()))
    out, printed, runs = played(script)
    assert printed == (EXPECTED / f"{script.stem}.txt").read_text(encoding="utf-8"), HELP
    known = [row for row in FINGERPRINTS.read_text().splitlines()[1:] if row.startswith(script.stem + ",")]
    assert rows(script, runs) == known, HELP
    pictures = [p for kind in ("png", "svg") for p in out.glob(f"*.{kind}")]
    assert pictures and all(p.stat().st_size > 5000 for p in pictures)


def test_the_timeline_of_the_two_tenants_says_what_it_said(played: Played) -> None:
    out, _, _ = played(next(s for s in SCRIPTS if s.stem == "06_two_tenants"))
    assert timeline(out) == (EXPECTED / "06_two_tenants.plot.txt").read_text(encoding="utf-8"), HELP


def test_the_heat_map_says_what_it_said() -> None:
    assert heat_map() == (EXPECTED / "08_ablation.plot.txt").read_text(encoding="utf-8"), HELP


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_a_script_is_short_and_asks_its_question_first(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 95  # a script that draws a picture of its own takes a third of them for it
    assert lines[0].startswith('"""') and "?" in lines[0]
