"""The one list of Debian packages: well-formed, installed here, and complete for what the tree uses."""

from __future__ import annotations

import re
import subprocess

import pytest
from source_tree import ROOT, files

LIST = ROOT / ".ci/packages"

# what the tree uses -> the package that brings it
NEEDS = {
    r"find_package\((OpenSSL)": "libssl-dev", r"find_package\((SQLite3)": "libsqlite3-dev", r"find_package\((fmt)": "libfmt-dev",
    r"find_package\((nlohmann_json)": "nlohmann-json3-dev", r"find_package\((pugixml)": "libpugixml-dev",
    r"find_package\((Boost)": "libboost-dev", r"find_package\((GTest)": "libgtest-dev", r"find_package\((benchmark)": "libbenchmark-dev",
    r"find_package\((pybind11)": "pybind11-dev", r"find_package\((rapidcheck)": "librapidcheck-dev",
    r"tvdsim_find_plain\((SimGrid)": "libsimgrid-dev", r"tvdsim_find_plain\((libtpms)": "libtpms-dev",
    r"#include <(pcap)": "libpcap-dev", r"#include <(boost/graph)": "libboost-graph-dev", r"#include <(gmock)": "libgmock-dev",
    r"^\s*(?:import|from) (numpy)\b": "python3-numpy", r"^\s*(?:import|from) (pandas)\b": "python3-pandas",
    r"^\s*(?:import|from) (matplotlib)\b": "python3-matplotlib", r"^\s*(?:import|from) (pytest)\b": "python3-pytest",
    r"^\s*(?:import|from) (hypothesis)\b": "python3-hypothesis", r"^\s*(?:import|from) (cloudpickle)\b": "python3-cloudpickle",
    r"^\s*(?:import|from) (skbuild)\b": "python3-skbuild", r"\b(xmllint)\b": "libxml2-utils", r"\b(valgrind) --": "valgrind",
}


def listed(source: str) -> list[str]:
    """The package names of a list, comments left out."""
    return re.sub(r"#[^\n]*", "", source).split()


def list_problems(source: str) -> list[str]:
    """What is wrong with the form of a list: odd names, names twice, two on a line, a section out of order."""
    problems = []
    for line in source.splitlines():
        if line and not re.fullmatch(r"#.*|[a-z0-9][a-z0-9+.-]+", line):
            problems.append(f"not one package name: `{line}`")
    names = listed(source)
    problems += [f"twice: {name}" for name in sorted(set(names)) if names.count(name) > 1]
    for section in source.split("\n\n"):
        names = listed(section)
        if names != sorted(names):
            problems.append(f"not in order: {', '.join(names)}")
    return problems


def missing_from(names: list[str], tree: list[tuple[str, str]]) -> list[str]:
    """Packages that the tree uses and the list lacks, with the file that uses them."""
    lacking = []
    for pattern, package in NEEDS.items():
        if package not in names:
            users = [path for path, source in tree if re.search(pattern, source, re.M)]
            lacking += [f"{package} (used by {users[0]})"] if users else []
    return lacking


def test_the_list_is_well_formed() -> None:
    assert list_problems(LIST.read_text()) == []


def test_the_list_holds_what_the_tree_uses() -> None:
    assert missing_from(listed(LIST.read_text()), files("CMakeLists.txt", ".cmake", ".cpp", ".hpp", ".py")) == []


def test_every_listed_package_is_one_that_debian_has_installed_here() -> None:
    names = listed(LIST.read_text())
    try:
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
                              capture_output=True, text=True, check=False)
    except OSError:
        pytest.skip("no dpkg-query: not a Debian")
    installed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    assert sorted(set(names) - installed) == []


@pytest.mark.parametrize("bad", ["cmake g++\n", "cmake\ncmake\n", "Cmake\n", "g++\ncmake\n"])
def test_a_malformed_list_is_found(bad: str) -> None:
    assert len(list_problems(bad)) == 1


def test_a_forgotten_package_is_found() -> None:
    assert missing_from(["cmake"], [("a/CMakeLists.txt", "find_package(pugixml REQUIRED)")]) == ["libpugixml-dev (used by a/CMakeLists.txt)"]
