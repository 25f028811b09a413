"""The page of ways of sharing lacks no enforcement point and no hypercall, and every test that it names is there."""

from __future__ import annotations

import re

from source_tree import ROOT, files

PAGE = ROOT / "docs/mediation.md"


def rows(table: str, macro: str) -> list[tuple[str, str]]:
    """Name and second cell of every row of a `.def` table."""
    return re.findall(rf"^{macro}\((\w+), (\w+)", (ROOT / table).read_text(), re.MULTILINE)


def missing_ways(page: str, hooks: list[str], calls: list[tuple[str, str]]) -> list[str]:
    """Hooks that decide nothing on the page, and hypercalls whose row is absent or names another hook."""
    ways = {cell for line in page.splitlines() for cell in re.findall(r"^\|[^|]+\| `(\w+)` \|[^|]+\|[^|]+\| `", line)}
    doors = dict(re.findall(r"^\| `(\w+)` \| (?:`(\w+)`|–) \|$", page, re.MULTILINE))
    wrong = [name for name, hook in calls if doors.get(name) != ("" if hook == "none" else hook)]
    return [name for name in hooks if name not in ways] + wrong


def absent_tests(page: str, tests: set[str]) -> list[str]:
    """Tests that the page names and nobody wrote."""
    named = re.findall(r"\| `(\w+\.\w+)` \|$", page, re.MULTILINE)
    assert len(named) > 20
    return [name for name in named if name not in tests]


def written_tests() -> set[str]:
    """Suite.Case of every GoogleTest in the tree."""
    form = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
    return {f"{suite}.{case}" for path, source in files(".cpp") if path.startswith("tests/") for suite, case in form.findall(source)}


def test_no_enforcement_point_and_no_hypercall_is_missing() -> None:
    hooks = [name for name, _ in rows("sim/base/hooks.def", "HOOK")]
    assert missing_ways(PAGE.read_text(), hooks, rows("models/host/hypercalls.def", "HYPERCALL")) == []


def test_every_hypercall_is_decided_by_a_hook_that_exists() -> None:
    hooks = {name for name, _ in rows("sim/base/hooks.def", "HOOK")} | {"none"}
    assert [name for name, hook in rows("models/host/hypercalls.def", "HYPERCALL") if hook not in hooks] == []


def test_every_test_that_the_page_names_is_there() -> None:
    assert absent_tests(PAGE.read_text(), written_tests()) == []


def test_a_missing_way_a_wrong_door_and_an_absent_test_are_found() -> None:
    page = PAGE.read_text()
    assert missing_ways(page, ["no_such_hook"], [("grant_copy", "grant_map")]) == ["no_such_hook", "grant_copy"]
    assert absent_tests(page, written_tests() - {"PolicyStore.AGuestLoadsNoPolicy"}) == ["PolicyStore.AGuestLoadsNoPolicy"]
