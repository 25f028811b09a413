"""README's script prints exactly what README says that it prints."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from pathlib import Path

from source_tree import ROOT

_SCRIPT = re.compile(r"```python\n(.*?)```", re.S)
_OUTPUT = re.compile(r"```text\n(.*?)```", re.S)


def test_the_script_has_twelve_lines_and_prints_what_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text()
    script, output = _SCRIPT.findall(page), _OUTPUT.findall(page)
    assert len(script) == 1 and len(output) == 1
    assert len([line for line in script[0].splitlines() if line.strip()]) <= 12
    (tmp_path / "script.py").write_text(script[0])
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "".join(difflib.unified_diff(output[0].splitlines(True), done.stdout.splitlines(True), "README.md", "now")) == ""


def test_the_headers_that_the_page_sends_a_reader_to_are_there() -> None:
    page = (ROOT / "README.md").read_text()
    named = re.findall(r"^\| \[([\w./]+)\]\(([\w./]+)\)", page, re.M)
    assert len(named) >= 6
    assert [text for text, target in named if text != target or not (ROOT / target).is_file()] == []
