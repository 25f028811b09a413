"""What no tracked file may hold: unfinished business, machine paths, habits that break determinism, files too long to read."""

from __future__ import annotations

import re
from typing import Callable

import pytest
from source_tree import files, line_of, without_comments

Check = Callable[[str, str], list[str]]
MAX_LINES = 420  # about 400, with room for the last thought
CODE = (".hpp", ".cpp", ".h", ".c", ".py", ".sh", ".cmake", "CMakeLists.txt")
THIS_TEST = "tests/style/text_test.py"

# Words that say a thing is not finished, or name a machine or the way the work was done.
FORBIDDEN = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|\b[Ff]or now\b|\b[Pp]laceholder\b|\b[Dd]ummy\b|not (yet )?implemented|\bsimplified\b"
    r"|(?<![\w.])/(work|root|home)/|(?<![\w.}])/tmp/\w|[Ii]ssue #?\d|\bsub-?agents?\b|\bthe architect\b|\bAI\b|\b[Cc]laude\b")
# path -> the words it may hold, and why it must
EXCEPTIONS = {
    ".gitignore": ".*",
}

# (pattern, what to use instead, the files where it is right)
HABITS = [
    (r"\bstd::(mt19937\w*|minstd_rand\w*|random_device|default_random_engine|\w+_distribution)\b",
     "a named Stream of sim/base/random.hpp", r"tests/"),
    (r"\b(std::)?s?rand\(", "a named Stream of sim/base/random.hpp", r"$^"),
    (r"\b(system_clock|steady_clock|high_resolution_clock|gettimeofday|clock_gettime|std::time)\b",
     "simulated time: sim/engine/engine.hpp", r"tests/|sim/engine/engine\.cpp|scenarios/run|scenarios/progress|scenarios/main|scenarios/worker|pybind/|vtpm/|models/emulation/guest_process|plugins/watch"),
    (r"\bstd::format\b", "fmt::format: g++ 12 has no std::format", r"$^"),
    (r"\bstd::expected\b", "C++20: std::expected is C++23", r"$^"),
    (r"\busing namespace (?![\w:]*literals\b)", "names, one by one", r"tests/"),
    (r"\bstd::function\b", "POD events (sim/engine/event.hpp) or a template", r"tests/|scenarios/|pybind/|models/|netsim/|vtpm/|sim/trace/"),
]
# The only inner namespaces: literals, and what is generated from the table of tables.
INNER = {"literals", "rows", "column"}
# Declared here because the library's own header stays in .cpp files, or is not installed.
FOREIGN = {"sim/engine/": "simgrid", "models/acm_io/": "pugi"}
_UNORDERED = re.compile(r"\bunordered_(?:multi)?(?:map|set)<[^;{}()]*>\s+(\w+)\s*[;{=]")


def word_problems(path: str, source: str) -> list[str]:
    """Forbidden words, but for the exceptions."""
    allowed = EXCEPTIONS.get(path)
    return [f"{path}:{line_of(source, m.start())}: `{m.group(0)}`" for m in FORBIDDEN.finditer(source)
            if not (allowed and re.fullmatch(allowed, m.group(0)))]


def habit_problems(path: str, source: str) -> list[str]:
    """C++ habits that the house does not have."""
    code = without_comments(source)
    problems = [f"{path}:{line_of(code, m.start())}: `{m.group(0)}`: use {instead}"
                for pattern, instead, right in HABITS if not re.match(right, path) for m in re.finditer(pattern, code)]
    for name in set(_UNORDERED.findall(code)):
        problems += [f"{path}:{line_of(code, m.start())}: iterates over the unordered `{name}`: its order is nobody's"
                     for m in re.finditer(rf"for\s*\([^;)]*:\s*{name}\s*\)", code)]
    return problems


def length_problems(path: str, source: str) -> list[str]:
    """Files that want splitting."""
    lines = source.count("\n")
    return [f"{path}: {lines} lines; over {MAX_LINES} it wants splitting"] if lines > MAX_LINES else []


def name_problems(path: str, source: str) -> list[str]:
    """File names and namespaces: snake_case, and the top folder's name, never deeper."""
    problems = []
    folder, _, name = path.rpartition("/")
    if not re.fullmatch(r"(_{0,2}[a-z0-9]+(_[a-z0-9]+)*_{0,2}|CMakeLists|A-\d\d\w*)(\.[a-z]+)+", name) and name != "py.typed":
        problems.append(f"{path}: file names are snake_case")
    if path.endswith((".hpp", ".cpp")):
        top = folder.split("/")[0]
        for match in re.finditer(r"^\s*namespace\s+([\w:]+)\s*\{", without_comments(source), re.M):
            space = match.group(1)
            if top in ("tests", "pybind") or space.split("::")[0] == FOREIGN.get(f"{folder}/"):
                continue
            if space != f"tvdsim::{top}" and space not in INNER:
                problems.append(f"{path}:{line_of(source, match.start(1))}: namespace {space}; here it is tvdsim::{top}")
    return problems


def _all_problems(check: Check, *endings: str) -> str:
    found = files(*endings)
    assert found
    return "\n".join(problem for path, source in found if path != THIS_TEST for problem in check(path, source))


def test_no_file_speaks_of_unfinished_business_or_of_one_machine() -> None:
    assert _all_problems(word_problems, *CODE, ".md", ".def", ".json", ".toml", "tvdsim", ".ci/run", ".xml", ".ipynb") == ""


def test_no_source_breaks_determinism_or_the_dialect() -> None:
    assert _all_problems(habit_problems, ".hpp", ".cpp") == ""


def test_no_file_is_too_long_to_read() -> None:
    assert _all_problems(length_problems, *CODE) == ""


def test_names_follow_the_house() -> None:
    assert _all_problems(name_problems, ".hpp", ".cpp", ".py", ".def") == ""


def test_text_files_end_in_one_newline_and_hold_no_tabs_or_trailing_blanks() -> None:
    bad = [path for path, source in files(*CODE, ".md", ".def", "tvdsim")
           if source and (not source.endswith("\n") or source.endswith("\n\n") or re.search(r"[ \t]$|\t", source, re.M))]
    assert bad == []


@pytest.mark.parametrize("sample", ["// TODO: later", "# FIXME", "a placeholder", "see /tmp/log", "cd /work/x", "for now",
                                    "fixes issue 12", "not yet implemented"])
def test_a_forbidden_word_is_found(sample: str) -> None:
    assert len(word_problems("sim/base/a.cpp", f"int a;\n{sample}\n")) == 1


@pytest.mark.parametrize("sample", ["std::mt19937 r;", "std::uniform_int_distribution<int> d;", "auto t = std::chrono::system_clock::now();",
                                    "std::format(\"{}\", 1);", "using namespace std;", "std::function<void()> f;", "rand();",
                                    "std::unordered_map<int, int> seen;\nfor (auto& [a, b] : seen) f(a);"])
def test_a_bad_habit_is_found(sample: str) -> None:
    assert len(habit_problems("sim/engine/a.cpp", sample)) == 1


def test_words_in_comments_and_strings_are_no_habits() -> None:
    assert habit_problems("sim/engine/a.cpp", '// not std::mt19937\nauto a = "rand()";\n') == []


def test_a_long_file_and_a_wrong_name_are_found() -> None:
    assert length_problems("a.py", "x\n" * (MAX_LINES + 1))
    assert length_problems("a.py", "x\n" * MAX_LINES) == []
    assert name_problems("sim/base/MyFile.cpp", "")
    assert name_problems("sim/base/a.cpp", "namespace tvdsim::models {\n}\n")
    assert name_problems("sim/base/a.cpp", "namespace tvdsim::sim::detail {\n}\n")
    assert name_problems("sim/base/a.cpp", "namespace tvdsim::sim {\nnamespace {\n}\n}\n") == []
