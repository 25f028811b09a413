"""clang-tidy over the vocabulary and the enforcement core, whose every line decides something."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from source_tree import ROOT, paths

CHECKED = ("sim/base/", "models/acm/")
BUILD = Path(os.environ.get("TVDSIM_BUILD_DIR", ROOT / "build" / "dev"))
LOOKED_AT = r"(sim|models|vtpm|netsim|scenarios)/.*\.(hpp|cpp)$"


def compiled() -> list[str]:
    """What the build compiles of those folders: sources, or files of the build that join sources by including them."""
    database = json.loads((BUILD / "compile_commands.json").read_text())
    folders = tuple(f"{root}/{folder}" for root in (BUILD, ROOT) for folder in CHECKED)
    return [entry["file"] for entry in database if entry["file"].startswith(folders)]


def tidy_problems(database: Path, files: list[str]) -> str:
    """The errors that clang-tidy reports, one a line."""
    def look(file: str) -> str:
        command = ["clang-tidy-14", "--quiet", f"--config-file={ROOT}/.clang-tidy", f"--header-filter={LOOKED_AT}",
                   "--checks=-bugprone-suspicious-include", "-p", str(database), file]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return "\n".join(line for line in done.stdout.splitlines() if "error:" in line)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return "\n".join(filter(None, pool.map(look, files)))


def test_the_core_gives_clang_tidy_nothing_to_say() -> None:
    files = compiled()
    read = "".join([*files, *(Path(file).read_text() for file in files)])
    assert not [path for path in paths(".cpp") if path.startswith(CHECKED) and f"/{path}" not in read]
    assert tidy_problems(BUILD, files) == ""


def test_a_defect_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cpp"
    bad.write_text("#include <utility>\n#include <string>\nint F(std::string a) {\n  std::string b = std::move(a);\n"
                   "  return static_cast<int>(a.size() + b.size());\n}\n")
    (tmp_path / "compile_commands.json").write_text(
        f'[{{"directory": "{tmp_path}", "command": "c++ -std=c++20 -c bad.cpp", "file": "{bad}"}}]')
    found = tidy_problems(tmp_path, [str(bad)])
    assert "bugprone-use-after-move" in found
    assert "readability-identifier-naming" in found
