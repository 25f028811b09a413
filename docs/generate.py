#!/usr/bin/python3
"""Writes the reference pages from the tables that the code is made of.

usage: docs/generate.py [--check]

Each page of PAGES comes from one *.def file; docs/attacks.md comes from the attacks' own sources. --check writes nothing and exits
with 1 when a page is not what it would write.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Page:
    """One page: its name, the table it comes from, and what each argument of a row is called."""

    name: str
    table: str
    title: str
    columns: tuple[str, ...]


PAGES = [
    Page("hooks", "sim/base/hooks.def", "Enforcement points", ("hook", "subject", "object", "point", "guards", "refused when")),
    Page("controls", "sim/base/controls.def", "Controls", ("control", "stops", "without it")),
    Page("rules", "sim/base/rules.def", "Rules: every reason of a decision", ("rule", "control", "sentence")),
    Page("errors", "sim/base/errors.def", "Codes of your input", ("code", "name", "is about")),
    Page("causes", "sim/trace/causes.def", "Causes of simulated time", ("cause", "what")),
    Page("tables", "sim/trace/tables.def", "Tables of a run", ("type", "column", "meaning")),
    Page("verdicts", "vtpm/evidence/verdicts.def", "Verdicts of a verifier", ("verdict", "of its software", "answer", "what it means")),
    Page("checks", "vtpm/evidence/appraisal_checks.def", "Checks of an appraisal", ("check", "what must hold", "what is said when it does not")),
    Page("untrusted_bytes", "vtpm/evidence/untrusted_bytes.def", "Bytes that nothing covers",
         ("row", "where", "which bytes", "why nothing covers them", "what is done with them")),
    Page("actions", "models/host/actions.def", "Actions", ("action", "principal", "fields", "what")),
    Page("modes", "models/acm/mode_differences.def", "Two modes of one policy, and Xen",
         ("id", "what", "strict", "xen33", "shown by", "vector", "test")),
    Page("costs", "models/host/costs.def", "What takes how long", ("operation", "cause", "ns", "per", "source")),
]


def arguments(text: str) -> list[str]:
    """The comma-separated arguments of a macro call; adjacent string literals are one, quotes removed."""
    token = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|(,)|([^,"\s]+))')
    found, current, at = [], "", 0
    while at < len(text.rstrip()):
        match = token.match(text, at)
        if match is None:
            raise ValueError(f"cannot read the arguments `{text}`")
        at = match.end()
        if match.group(2):
            found.append(current)
            current = ""
        else:
            current += match.group(1).replace('\\"', '"') if match.group(1) is not None else match.group(3)
    return [*found, current]


def entries(source: str) -> list[tuple[str, list[str]]]:
    """Macro name and arguments of every row; a comment between rows is an entry named "//"."""
    rows: list[tuple[str, list[str]]] = []
    pending = ""
    for line in source.splitlines():
        stripped = line.strip()
        if stripped.startswith("//"):
            rows.append(("//", [stripped[2:].strip()]))
        elif stripped:
            pending += stripped
            call = re.fullmatch(r"(\w+)\((.*)\)(?:\s*//.*)?", pending)
            if call and call.group(2).count('"') % 2 == 0:
                rows.append((call.group(1), arguments(call.group(2))))
                pending = ""
    if pending:
        raise ValueError(f"the row `{pending}` does not end")
    return rows


def opening(source: str) -> str:
    """The comment at the top of a table, as a paragraph."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _markdown(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n"
    return head + "".join(f"| {' | '.join(_cell(cell) for cell in row)} |\n" for row in rows)


def _ready(name: str, cells: list[str]) -> list[str]:
    if name == "ERROR":
        cells = [f"TVD-{cells[0]}", cells[1], *cells[2:]]
    return [f"`{cells[0]}`", *(cell.replace("'", "") if cell.replace("'", "").isdigit() else cell for cell in cells[1:])]


def _table_of_tables(rows: list[tuple[str, list[str]]], page: Page) -> str:
    text, columns = "", []  # type: str, list[list[str]]
    for name, cells in rows:
        if name == "TABLE":
            text += f"\n## {cells[0]}\n\n{cells[2][:1].upper()}{cells[2][1:]}. Kind: {cells[1]}.\n\n"
            columns = []
        elif name == "COLUMN":
            columns.append([cells[1], f"`{cells[2]}`", cells[3]])
        elif name == "TABLE_END":
            text += _markdown(page.columns, columns)
    return text


def render(page: Page, source: str) -> str:
    """The whole page."""
    note = f"<!-- Written by docs/generate.py from {page.table}: change it there. -->\n"
    text = f"{note}# {page.title}\n\n{opening(source)}\n"
    rows = entries(source[len(source) - len(source.lstrip("\n")):])
    if page.name == "tables":
        return text + _table_of_tables(rows, page)
    held: list[list[str]] = []
    skip = len(opening(source).splitlines())
    text += "\n"
    for name, cells in rows[skip:]:
        if name == "//":
            if held:
                text += _markdown(page.columns, held) + "\n"
                held = []
            text += f"**{cells[0]}**\n\n"
        else:
            held.append(_ready(name, cells))
            if len(held[-1]) != len(page.columns):
                raise ValueError(f"{page.table}: the row {cells} does not have {len(page.columns)} arguments")
    return text + _markdown(page.columns, held)


def _said(source: str, method: str) -> str:
    match = re.search(rf'\b{method}\(\) const[^{{;]*\{{\s*return ((?:\s*"(?:\\.|[^"\\])*")+)', source)
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', match.group(1))) if match else ""


def render_attacks(sources: list[tuple[str, str]]) -> str:
    """The catalogue, from what each attack's class says about itself."""
    rows = []
    for path, source in sources:
        for body in re.split(r"\n(?=(?:class|struct)\s)", source):
            control = re.search(r"\bcontrol\(\) const[^{;]*\{\s*return (?:\w+::)*Control::(\w+)", body)
            if _said(body, "id") and control:
                rows.append([_said(body, "id"), _said(body, "title"), f"`{control.group(1)}`", _said(body, "source"), f"`{path}`"])
    text = ("<!-- Written by docs/generate.py from models/attack/: change it there. -->\n# Attacks\n\n"
            "Each attack has three runs: *ablated* (its control is off: the harm must really happen, in ground truth), *controlled* (it is "
            "stopped or\ndetected) and *near miss* (the legitimate operation that looks the same must work).\n\n")
    return text + _markdown(("id", "attack", "control", "source", "file"), sorted(rows))


def pages() -> dict[str, str]:
    """File name -> what it should hold."""
    written = {f"{page.name}.md": render(page, (ROOT / page.table).read_text()) for page in PAGES}
    attacks = [(str(p.relative_to(ROOT)), p.read_text()) for p in sorted((ROOT / "models/attack").glob("*.cpp"))]
    written["attacks.md"] = render_attacks(attacks)
    return written


def stale(wanted: dict[str, str], folder: Path) -> list[str]:
    """The pages that are absent or differ."""
    return [name for name, text in wanted.items() if not (folder / name).exists() or (folder / name).read_text() != text]


def main(words: list[str]) -> int:
    if words not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    wanted, folder = pages(), ROOT / "docs"
    changed = stale(wanted, folder)
    for name in changed:
        print(f"docs/{name} {'differs from its table: run docs/generate.py' if words else 'written'}")
        if not words:
            (folder / name).write_text(wanted[name])
    return 1 if words and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
