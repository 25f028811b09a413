"""Who may include whom: the arrows of the design as one table, checked against every #include and every CMake link."""

from __future__ import annotations

import re

import pytest
from source_tree import files, line_of, tracked

# folder -> the folders whose headers it may include, besides its own. The longest matching folder counts.
_SIM = {"sim/base", "sim/trace", "sim/engine"}
_BELOW = {"sim", "netsim", "vtpm", "models", "plugins"}
ARROWS: dict[str, set[str]] = {
    "sim/base": set(),
    "sim/trace": {"sim/base"},
    "sim/trace/sinks": {"sim/base", "sim/trace"},
    "sim/engine": {"sim/base", "sim/trace"},
    "netsim": _SIM,
    "vtpm": {"sim/base"},
    "vtpm/device": {"sim/base", "vtpm"},
    "vtpm/evidence": {"sim/base", "vtpm"},
    "vtpm/identity": {"sim/base", "vtpm", "vtpm/evidence"},
    "vtpm/served": {"sim/base", "vtpm", "vtpm/device"},
    "plugins": set(),
    "models/acm": {"sim/base"},
    "models/acm_io": {"sim/base", "models/acm"},
    "models/truth": {"sim/base", "sim/trace"},
    "models/network": _SIM | {"models/acm", "models/truth", "netsim"},
    "models/attestation": _SIM | {"models/truth", "vtpm"},
    "models/host": _SIM | {"models/acm", "models/acm_io", "models/attestation", "models/network", "models/truth", "netsim", "vtpm", "plugins/records.h"},
    "models/emulation": _SIM | {"models/acm", "models/host", "vtpm", "plugins/records.h", "plugins/guest_page.h", "plugins/guest_calls.h"},
    "models/attack": _SIM | {"models/acm", "models/attestation", "models/host", "models/truth", "netsim", "vtpm"},
    "scenarios": _BELOW,
    "pybind": _BELOW | {"scenarios"},
    "tests": _BELOW | {"scenarios"},
}

# third-party header (prefix) -> the files that may include it. Always .cpp files, but for test and binding frameworks.
THIRD_PARTY: dict[str, str] = {
    "simgrid/": r"sim/engine/flow_simgrid\.cpp",
    "xbt/": r"sim/engine/flow_simgrid\.cpp",
    "libtpms/": r"vtpm/device/(libtpms_device|tpm_library)\.cpp",
    "selinux/": r"tests/bench/acm_peers\.cpp",
    "pugixml.hpp": r"models/acm_io/\w+\.cpp",
    "sqlite3.h": r"(sim/trace|models/attestation|scenarios)/(\w+/)?\w+\.cpp",
    "immintrin.h": r"models/acm/share_table\.cpp",
    "openssl/": r"(sim/trace|models/acm_io|models/attestation|models/host|netsim|vtpm/\w+|scenarios)/(\w+/)?\w+\.cpp",
    "fmt/": r"[\w/]+\.cpp",
    "nlohmann/": r"(scenarios|pybind|tests)/[\w/]+\.cpp",
    "boost/graph/": r"(netsim/topology|scenarios/analyse)\w*\.cpp",
    "pcap": r"netsim/\w+\.cpp",
    "pybind11/": r"pybind/[\w/]+\.(cpp|hpp)",
    "gtest/": r"tests/[\w/]+\.(cpp|hpp)",
    "gmock/": r"tests/[\w/]+\.(cpp|hpp)",
    "rapidcheck": r"tests/[\w/]+\.(cpp|hpp)",
    "benchmark/": r"tests/[\w/]+\.(cpp|hpp)",
    "valgrind/": r"tests/[\w/]+\.(cpp|hpp)",
}
# Tests of the libraries that wrap them may look at the real thing.
THIRD_PARTY_IN_TESTS = r"tests/[\w/]+\.(cpp|hpp)"

# The system's own C headers: in .cpp files only.
POSIX = re.compile(r"(sys/\w+|unistd|fcntl|signal|poll|dirent|dlfcn|netdb|netinet/\w+|linux/\w+|arpa/\w+|pthread|errno|malloc|string|time"
                   r"|link|elf|sched|spawn|termios|execinfo|sanitizer/\w+)\.h")
PLAIN_C = re.compile(r"std(int|def|bool)\.h")
STANDARD = re.compile(r"[a-z_]+")

# Ground truth is read by tests, attacks and reports alone; everyone else lives on evidence.
TRUTH_HEADER = "models/truth/read.hpp"
TRUTH_READERS = re.compile(r"tests/|models/truth/|models/attack/|scenarios/(report|attack_run)\w*\.(cpp|hpp)$")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^">]+)[">]', re.M)


def folder_of(path: str) -> str:
    """The row of ARROWS that a file belongs to, or ""."""
    return max((f for f in ARROWS if path.startswith(f + "/")), key=len, default="")


def _own_header_problem(path: str, name: str, known: set[str]) -> str:
    if f"{path.rpartition('/')[0]}/{name}.in" in known:
        return ""  # configured into the folder's own build tree
    if name not in known:
        return f'"{name}" is no file of this tree; include by the path from its root'
    if name == TRUTH_HEADER and not TRUTH_READERS.match(path):
        return "ground truth is not for this file: it must live on evidence"
    source, target = folder_of(path), folder_of(name)
    if not source:
        return "the file is in no folder of the layering table"
    if target == source or any(name == a or name.startswith(a + "/") for a in ARROWS[source]):
        return ""
    return f"{source} may not include {target or name}"


def _foreign_header_problem(path: str, name: str) -> str:
    for prefix, allowed in THIRD_PARTY.items():
        if name.startswith(prefix):
            if re.fullmatch(allowed, path) or re.fullmatch(THIRD_PARTY_IN_TESTS, path):
                return ""
            return f"<{name}> belongs in {allowed} alone"
    if STANDARD.fullmatch(name) or (PLAIN_C.fullmatch(name) and path.endswith(".h")):
        return ""
    if POSIX.fullmatch(name):
        return "" if path.endswith(".cpp") or path.startswith(("tests/", "pybind/")) else f"<{name}> belongs in a .cpp file"
    return f"<{name}> is in no table of this test"


def include_problems(sources: list[tuple[str, str]], known: set[str]) -> list[str]:
    """Every #include that the tables do not allow."""
    problems = []
    for path, source in sources:
        if path.startswith("plugins/") and path.endswith((".c", ".cpp")):
            continue  # the QEMU plugin ABI is theirs alone
        for match in _INCLUDE.finditer(source):
            quote, name = match.groups()
            problem = _own_header_problem(path, name, known) if quote == '"' else _foreign_header_problem(path, name)
            if problem:
                problems.append(f"{path}:{line_of(source, match.start(2))}: {problem}")
    return problems


# CMake target -> its folder, for the links.
TARGETS = {
    "tvdsim::sim_base": "sim/base", "tvdsim::sim_trace": "sim/trace", "tvdsim::sim_engine": "sim/engine",
    "tvdsim::trace_sinks": "sim/trace/sinks", "tvdsim::sim_sinks": "sim/trace/sinks", "tvdsim::netsim": "netsim",
    "tvdsim::device": "vtpm/device", "tvdsim::evidence": "vtpm/evidence", "tvdsim::vtpm_device": "vtpm/device",
    "tvdsim::vtpm_evidence": "vtpm/evidence", "tvdsim::vtpm_served": "vtpm/served", "tvdsim::vtpm_identity": "vtpm/identity", "tvdsim::acm": "models/acm", "tvdsim::acm_io": "models/acm_io",
    "tvdsim::truth": "models/truth", "tvdsim::network": "models/network", "tvdsim::host": "models/host",
    "tvdsim::attestation": "models/attestation", "tvdsim::attack": "models/attack", "tvdsim::emulation": "models/emulation",
    "tvdsim::plugin_records": "plugins/records.h",
    "tvdsim::scenarios": "scenarios",
}
_LIBRARY = re.compile(r"tvdsim_library\((.*?)\)", re.S)
# imported target -> the folders that may link it
IMPORTED = {
    "SimGrid::SimGrid": {"sim/engine"}, "libtpms::libtpms": {"vtpm/device"}, "pugixml::pugixml": {"models/acm_io"},
    "SQLite::SQLite3": {"sim/trace", "sim/trace/sinks", "models/attestation", "scenarios"}, "nlohmann_json::nlohmann_json": {"scenarios"},
}


def link_problems(lists: list[tuple[str, str]]) -> list[str]:
    """Every library of a CMakeLists.txt that links against an arrow, or is linked in public when it is third-party."""
    problems = []
    for path, source in lists:
        folder = folder_of(path)
        for body in _LIBRARY.findall(re.sub(r"#[^\n]*", "", source)):
            words = body.split()
            section = ""
            for word in words:
                if word in ("NAME", "SOURCES", "USES", "PRIVATE"):
                    section = word
                elif section in ("USES", "PRIVATE") and word.startswith("tvdsim::"):
                    target = TARGETS.get(word)
                    if target is None:
                        problems.append(f"{path}: {word} is in no table of this test")
                    elif target != folder and not any(target == a or target.startswith(a + "/") for a in ARROWS.get(folder, ())):
                        problems.append(f"{path}: {folder} may not link {target}")
                elif section == "USES" and "::" in word:
                    problems.append(f"{path}: {word} is third-party: link it PRIVATE")
                elif section == "PRIVATE" and word in IMPORTED and folder not in IMPORTED[word]:
                    problems.append(f"{path}: {folder} may not link {word}")
    return problems


_COMPONENTS = [p for p in ("sim", "netsim", "vtpm", "models", "scenarios", "pybind", "plugins", "tests")]


def test_every_include_follows_an_arrow() -> None:
    sources = [f for f in files(".hpp", ".cpp", ".h", ".def") if f[0].split("/")[0] in _COMPONENTS]
    assert sources
    assert "\n".join(include_problems(sources, set(tracked()))) == ""


def test_every_link_follows_an_arrow() -> None:
    lists = [f for f in files("CMakeLists.txt") if folder_of(f[0]) and not f[0].startswith("tests/")]
    assert any("tvdsim_library" in source for _, source in lists)
    assert "\n".join(link_problems(lists)) == ""


def test_the_arrows_have_no_cycle() -> None:
    def reaches(start: str, goal: str, seen: set[str]) -> bool:
        for arrow in ARROWS.get(start, ()):
            rows = [f for f in ARROWS if f == arrow or f.startswith(arrow + "/")]
            for row in rows:
                if row == goal or (row not in seen and reaches(row, goal, seen | {row})):
                    return True
        return False

    # A folder and its own subfolders (vtpm, vtpm/device) are one layer.
    assert [f for f in ARROWS if not any(o.startswith(f + "/") or f.startswith(o + "/") for o in ARROWS)
            and reaches(f, f, set())] == []


KNOWN = {"sim/base/ids.hpp", "sim/engine/engine.hpp", "models/host/datacenter.hpp", "scenarios/spec.hpp", TRUTH_HEADER}


@pytest.mark.parametrize(("path", "line"), [
    ("sim/base/ids.cpp", '#include "sim/engine/engine.hpp"'),            # upwards
    ("models/acm/wall.cpp", '#include "sim/engine/engine.hpp"'),         # the core knows no clock
    ("models/host/vm.cpp", '#include "scenarios/spec.hpp"'),             # upwards
    ("vtpm/evidence/quote.cpp", '#include "models/host/datacenter.hpp"'),
    ("sim/engine/engine.cpp", '#include "ids.hpp"'),                     # not by repo path
    ("sim/engine/engine.hpp", "#include <simgrid/s4u.hpp>"),             # third party in a header
    ("sim/engine/engine.cpp", "#include <simgrid/s4u.hpp>"),             # third party in the wrong file
    ("models/acm/wall.hpp", "#include <fmt/format.h>"),
    ("models/acm/wall.cpp", "#include <openssl/evp.h>"),
    ("sim/base/ids.hpp", "#include <unistd.h>"),
    ("sim/base/ids.cpp", "#include <leveldb/db.h>"),                     # in no table
    ("scenarios/explain.cpp", f'#include "{TRUTH_HEADER}"'),             # evidence users see no truth
    ("models/host/manager.cpp", f'  #  include "{TRUTH_HEADER}"'),
])
def test_a_forbidden_include_is_found(path: str, line: str) -> None:
    assert len(include_problems([(path, f"// x\n{line}\n")], KNOWN)) == 1


@pytest.mark.parametrize(("path", "line"), [
    ("sim/engine/flow_simgrid.cpp", "#include <simgrid/s4u.hpp>"),
    ("models/attack/a01.cpp", f'#include "{TRUTH_HEADER}"'),
    ("scenarios/report.cpp", f'#include "{TRUTH_HEADER}"'),
    ("models/host/vm.cpp", '#include "sim/engine/engine.hpp"'),
    ("sim/base/ids.hpp", "#include <cstdint>"),
])
def test_an_allowed_include_is_not_reported(path: str, line: str) -> None:
    assert include_problems([(path, line)], KNOWN) == []


@pytest.mark.parametrize("library", [
    "NAME acm SOURCES a.cpp USES tvdsim::sim_base tvdsim::sim_engine",
    "NAME acm SOURCES a.cpp USES tvdsim::sim_base fmt::fmt",
    "NAME acm SOURCES a.cpp USES tvdsim::sim_base PRIVATE SimGrid::SimGrid",
    "NAME acm SOURCES a.cpp USES tvdsim::nobody",
])
def test_a_forbidden_link_is_found(library: str) -> None:
    assert len(link_problems([("models/acm/CMakeLists.txt", f"tvdsim_library({library})")])) == 1
