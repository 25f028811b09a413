"""Every gallery script prints what it printed when it was last looked at, and its runs take the same path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gallery import EXPECTED, FINGERPRINTS, SCRIPTS, play, rows  # noqa: E402

HELP = "after an intended change: ./tvdsim python tests/golden/update.py"


def test_the_gallery_is_numbered_without_gaps() -> None:
    assert [int(s.name[:2]) for s in SCRIPTS] == list(range(1, len(SCRIPTS) + 1)) and len(SCRIPTS) >= 4


# F-010
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_a_script_prints_and_does_what_it_did(script: Path, tmp_path: Path) -> None:
    printed, runs = play(script, tmp_path / "out")
    assert printed == (EXPECTED / f"{script.stem}.txt").read_text(encoding="utf-8"), HELP
    known = [row for row in FINGERPRINTS.read_text().splitlines()[1:] if row.startswith(script.stem + ",")]
    assert rows(script, runs) == known, HELP
    pictures = list((tmp_path / "out").glob("*.png"))
    assert pictures and all(p.stat().st_size > 5000 for p in pictures)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda s: s.stem)
def test_a_script_is_short_and_asks_its_question_first(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 62
    assert lines[0].startswith('"""') and "?" in lines[0]
