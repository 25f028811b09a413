"""A policy that is plugged in is small, and nothing that asks policies knows it by name."""

# F-017
from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("models/acm/lattice.hpp", "models/acm/lattice.cpp")
PLUGGED_IN = {"bell_lapadula": "BellLaPadula", "biba": "Biba"}
LINES = 200


def lines_of(*names: str) -> int:
    return sum(len((ROOT / name).read_text().splitlines()) for name in names)


def who_names(word: str) -> set[str]:
    """Every source of the models and of sim that mentions the word."""
    sources = [p for folder in ("models", "sim") for p in (ROOT / folder).rglob("*") if p.suffix in (".hpp", ".cpp", ".def")]
    assert len(sources) > 100
    return {str(p.relative_to(ROOT)) for p in sources if word in p.read_text()}


@pytest.mark.parametrize("policy", PLUGGED_IN)
def test_a_lattice_policy_with_all_it_shares_is_short(policy: str) -> None:
    assert 0 < lines_of(f"models/acm/{policy}.hpp") < lines_of(f"models/acm/{policy}.hpp", *SHARED) < LINES


@pytest.mark.parametrize("policy", PLUGGED_IN)
def test_no_hook_and_no_place_that_asks_one_knows_the_policy(policy: str) -> None:
    assert who_names(PLUGGED_IN[policy]) - set(SHARED) == {f"models/acm/{policy}.hpp"}


def test_the_search_finds_a_name_that_is_there() -> None:
    assert "models/acm/monitor.hpp" in who_names("PolicyComponent")
