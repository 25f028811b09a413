"""What the standard tools say about the tracked files: clang-format, dash, and the parsers of our data files."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from source_tree import ROOT, files, paths, text

CLANG_FORMAT = shutil.which("clang-format-14") or "clang-format-14"
SHELL = ["tvdsim"]


def format_problems(names: list[str], cwd: Path) -> str:
    """What clang-format would change, as file and line."""
    done = subprocess.run([CLANG_FORMAT, "--dry-run", "-Werror", "--ferror-limit=1", f"--style=file:{ROOT}/.clang-format", *names],
                          cwd=cwd, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if "error:" in line) if done.returncode else ""


def shell_problems(path: Path) -> str:
    """What dash says about the syntax of a script."""
    return subprocess.run(["dash", "-n", str(path)], capture_output=True, text=True, check=False).stderr


def test_every_source_is_formatted() -> None:
    assert format_problems(paths(".hpp", ".cpp", ".h"), ROOT) == ""


def test_an_unformatted_source_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.cpp").write_text("int  main( ){return 0 ;}\n")
    assert format_problems(["bad.cpp"], tmp_path) != ""


@pytest.mark.parametrize("script", [*SHELL, *[p for p in paths(".sh") if text(p).startswith("#!/bin/sh")]])
def test_shell_scripts_are_posix(script: str) -> None:
    assert shell_problems(ROOT / script) == ""
    source = text(script)
    bashisms = re.findall(r"\[\[ |^function |<<<|\$\{!|\blocal |\bsource |&>|=~|\bdeclare |\$'", source, re.M)
    assert bashisms == []
    assert os.access(ROOT / script, os.X_OK)


def test_a_broken_shell_script_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sh"
    bad.write_text("if true; then\n")
    assert shell_problems(bad) != ""


def test_python_files_parse_and_say_what_they_are() -> None:
    silent = []
    for path, source in files(".py"):
        tree = ast.parse(source, path)
        if source.strip() and ast.get_docstring(tree) is None:
            silent.append(path)
    assert silent == []


def test_json_files_parse() -> None:
    for path, source in files(".json"):
        if "malformed" in path or "truncated" in path:
            continue  # they are bad on purpose
        json.loads(source)
