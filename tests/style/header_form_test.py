"""How a header opens: what it is, in whole sentences; then labelled lines in one order; then #pragma once."""

from __future__ import annotations

import re

import pytest
from source_tree import files

LABELS = ["Invariant", "Cost", "Threads", "Leaves out", "Source"]
_LABELLED = re.compile(rf"({'|'.join(LABELS)})\s+\S")


def form_problems(path: str, source: str) -> list[str]:
    """What is wrong with the opening of a header."""
    lines = source.split("\n")
    opening: list[str] = []
    while len(opening) < len(lines) and lines[len(opening)].startswith("//"):
        opening.append(lines[len(opening)][2:].removeprefix(" ").rstrip())
    if not opening:
        return [f"{path}: does not begin by saying what it is"]
    problems = []
    if not re.match(r"[A-Z0-9`]|[a-z]+[A-Z._]", opening[0]):
        problems.append(f"{path}: the first line is not the beginning of a sentence")
    first_paragraph = " ".join(opening[: opening.index("")] if "" in opening else opening)
    if not re.search(r"[.:?]$", first_paragraph) and not any(map(_LABELLED.match, opening[1:])):
        problems.append(f"{path}: the first paragraph does not end as a sentence does")
    labels = [match.group(1) for match in map(_LABELLED.match, opening) if match]
    if labels != sorted(set(labels), key=LABELS.index):
        problems.append(f"{path}: labelled lines are {', '.join(labels)}; the order is {', '.join(LABELS)}, each once")
    rest = [line for line in lines[len(opening):] if line.strip()]
    if path.endswith(".hpp") and (not rest or rest[0] != "#pragma once"):
        problems.append(f"{path}: #pragma once does not follow the opening comment")
    return problems


def test_every_header_opens_by_saying_what_it_is() -> None:
    headers = files(".hpp", ".def")
    assert headers
    assert "\n".join(problem for path, source in headers for problem in form_problems(path, source)) == ""


GOOD = "// Chinese Wall: who may run beside whom.\n//\n// Invariant  a == b.\n// Cost       nothing.\n#pragma once\n"


def test_a_good_opening_is_not_reported() -> None:
    assert form_problems("a.hpp", GOOD) == []


@pytest.mark.parametrize("source", [
    "#pragma once\n",
    "// chinese wall.\n#pragma once\n",
    "// Chinese Wall\n//\n// x\n#pragma once\n",
    "// Chinese Wall.\n//\n// Cost       nothing.\n// Invariant  a == b.\n#pragma once\n",
    "// Chinese Wall.\n//\n// Cost       nothing.\n// Cost       much.\n#pragma once\n",
    "// Chinese Wall.\n#ifndef A\n#define A\n#endif\n",
    "// Chinese Wall.\n#include <vector>\n#pragma once\n",
])
def test_a_bad_opening_is_found(source: str) -> None:
    assert len(form_problems("a.hpp", source)) == 1
