"""The reference pages are what their tables say, every link leads somewhere, and every path that a page names is there."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from source_tree import ROOT, files, tracked

_spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
assert _spec and _spec.loader
generate = importlib.util.module_from_spec(_spec)
sys.modules["docs_generate"] = generate
_spec.loader.exec_module(generate)

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:sim|models|vtpm|netsim|scenarios|pybind|tests|docs|cmake|\.ci)/[\w./-]+?)(?::[\w.]+)?`")


def link_problems(path: str, source: str, known: set[str]) -> list[str]:
    """Links and named files of a page that lead nowhere."""
    folders = {str(parent) for name in known for parent in Path(name).parents}
    problems = []
    for target in _LINK.findall(source):
        if re.match(r"[a-z]+:|#", target):
            continue
        parts: list[str] = []
        for part in (*Path(path).parent.parts, *target.split("#")[0].rstrip("/").split("/")):
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        if "/".join(parts) not in known | folders:
            problems.append(f"{path}: the link {target} leads nowhere")
    for name in _PATH.findall(source):
        if name.rstrip("/") not in known | folders and not name.endswith("…"):
            problems.append(f"{path}: there is no {name}")
    return problems


def test_every_page_is_what_its_table_says() -> None:
    assert generate.stale(generate.pages(), ROOT / "docs") == []


def test_every_link_and_path_of_a_page_leads_somewhere() -> None:
    known = set(tracked())
    assert "\n".join(problem for path, source in files(".md") for problem in link_problems(path, source, known)) == ""


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text()
    pages = [path.removeprefix("docs/") for path in tracked() if path.startswith("docs/") and path.endswith(".md")]
    assert [page for page in pages if page != "index.md" and f"({page})" not in index] == []


def test_a_stale_and_an_absent_page_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("old")
    (tmp_path / "c.md").write_text("same")
    assert generate.stale({"a.md": "new", "b.md": "new", "c.md": "same"}, tmp_path) == ["a.md", "b.md"]


def test_a_dead_link_and_a_dead_path_are_found() -> None:
    known = {"docs/a.md", "sim/base/hooks.def"}
    assert link_problems("docs/b.md", "[a](a.md) [h](../sim/base/hooks.def) [w](https://example.org) `sim/base/`", known) == []
    assert len(link_problems("docs/b.md", "[a](c.md) and `sim/base/gone.hpp`", known)) == 2


def test_rows_are_read_with_quotes_commas_and_line_breaks() -> None:
    source = '// Things.\nROW(a, "one, two", 3)\n// More.\nROW(b, "long "\n    "text", x)\n'
    assert generate.entries(source) == [("//", ["Things."]), ("ROW", ["a", "one, two", "3"]), ("//", ["More."]),
                                        ("ROW", ["b", "long text", "x"])]


@pytest.mark.parametrize("source", ['// x\nHOOK(a, Vm)\n', '// x\nHOOK(a, "b\n'])
def test_a_broken_row_is_an_error(source: str) -> None:
    with pytest.raises(ValueError):
        generate.render(generate.PAGES[0], source)
