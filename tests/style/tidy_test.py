"""clang-tidy over the vocabulary and the enforcement core, whose every line decides something."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from source_tree import ROOT, paths

CHECKED = ("sim/base/", "models/acm/")
BUILD = Path(os.environ.get("TVDSIM_BUILD_DIR", ROOT / "build" / "dev"))


def tidy_problems(build: Path, sources: list[str]) -> str:
    """The errors that clang-tidy reports, one a line."""
    done = subprocess.run(["clang-tidy-14", "--quiet", f"--config-file={ROOT}/.clang-tidy", "-p", str(build), *sources],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stdout.splitlines() if "error:" in line)


def test_the_core_gives_clang_tidy_nothing_to_say() -> None:
    sources = [path for path in paths(".cpp") if path.startswith(CHECKED)]
    assert sources
    assert tidy_problems(BUILD, sources) == ""


def test_a_defect_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cpp"
    bad.write_text("#include <utility>\n#include <string>\nint F(std::string a) {\n  std::string b = std::move(a);\n"
                   "  return static_cast<int>(a.size() + b.size());\n}\n")
    (tmp_path / "compile_commands.json").write_text(
        f'[{{"directory": "{tmp_path}", "command": "c++ -std=c++20 -c bad.cpp", "file": "{bad}"}}]')
    found = tidy_problems(tmp_path, [str(bad)])
    assert "bugprone-use-after-move" in found
    assert "readability-identifier-naming" in found
