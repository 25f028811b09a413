"""Somebody else's program against an installed tvdsim: one core at a time, with what that core links and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ["TVDSIM_BUILD_DIR"])
CMAKE = os.environ.get("TVDSIM_CMAKE", "cmake")

# program -> the installed components that it needs, and what its executable may be linked with besides the C++ runtime
PROGRAMS = {
    "acm": (["sim_base", "acm"], {"libfmt"}),
    "evidence": (["sim_base", "vtpm_evidence"], {"libfmt", "libcrypto"}),
}
RUNTIME = {"libstdc++", "libm", "libgcc_s", "libc", "ld-linux-x86-64", "linux-vdso"}
# Where SimGrid and libtpms lie may not be searched; OpenSSL is told where it is. Packages with CMake files of their own are found.
_CACHE = (BUILD / "CMakeCache.txt").read_text()
HIDDEN = ["-DCMAKE_IGNORE_PATH=/usr/include;/usr/lib;/usr/lib/x86_64-linux-gnu;/usr/local/include;/usr/local/lib",
          *("-D" + line for line in re.findall(r"^(OPENSSL_(?:INCLUDE_DIR|CRYPTO_LIBRARY|SSL_LIBRARY):\w+=.+)$", _CACHE, re.M))]


def run(*command: object, expect: int = 0) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=300)
    if expect == 0:
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    else:
        assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


def install(prefix: Path, components: list[str]) -> Path:
    for component in ["config", *components]:
        run(CMAKE, "--install", BUILD, "--prefix", prefix, "--component", component)
    return prefix


def configure(source: Path, binary: Path, prefix: Path, *options: str, expect: int = 0) -> str:
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    return run(CMAKE, "-S", source, "-B", binary, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", *launcher, *options,
               expect=expect)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_strangers_program_runs_on_one_core_alone(program: str, tmp_path: Path) -> None:
    components, allowed = PROGRAMS[program]
    prefix = install(tmp_path / "prefix", components)
    configure(HERE / program, tmp_path / "build", prefix, *HIDDEN)
    run(CMAKE, "--build", tmp_path / "build")
    executable = tmp_path / "build" / "stranger"
    assert run(executable) == (HERE / program / "expected.txt").read_text()

    linked = {re.split(r"\.so|\s", Path(line.split()[0]).name)[0] for line in run("ldd", executable).splitlines() if line.strip()}
    assert linked <= allowed | RUNTIME, f"linked with {sorted(linked - allowed - RUNTIME)}"
    symbols = run("nm", "-C", executable)
    for foreign in ("simgrid", "sqlite3_", "TPMLIB_", "pugi::"):
        assert foreign not in symbols, f"{program} carries {foreign}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_strangers_program_is_short(program: str) -> None:
    lines = [line for line in (HERE / program / "stranger.cpp").read_text().splitlines() if line.strip()]
    assert len(lines) <= 40


def test_only_headers_of_the_components_asked_for_are_installed(tmp_path: Path) -> None:
    prefix = install(tmp_path / "prefix", ["sim_base", "acm"])
    include = prefix / "include" / "tvdsim"
    folders = {str(h.parent.relative_to(include)) for h in include.rglob("*.hpp")}
    assert folders == {"sim/base", "models/acm"}
    assert (include / "sim" / "base" / "hooks.def").exists()
    assert {a.name for a in prefix.rglob("*.a")} == {"libtvdsim_sim_base.a", "libtvdsim_acm.a"}


def test_a_component_that_is_not_installed_is_named(tmp_path: Path) -> None:
    prefix = install(tmp_path / "prefix", ["sim_base", "acm"])
    for wanted in ("vtpm_evidence", "acm;evidence", "no_such_thing"):
        said = configure(HERE / "components", tmp_path / wanted.replace(";", "_"), prefix, f"-DCOMPONENTS={wanted}", expect=1)
        missing = "vtpm_evidence" if "evidence" in wanted else wanted
        assert f"refused: component `{missing}` of tvdsim is not installed" in said


def test_a_component_whose_library_is_missing_names_its_package(tmp_path: Path) -> None:
    prefix = install(tmp_path / "prefix", ["sim_base", "vtpm_device"])
    found = configure(HERE / "components", tmp_path / "with", prefix, "-DCOMPONENTS=device")
    assert "refused" not in found
    said = configure(HERE / "components", tmp_path / "without", prefix, *HIDDEN, "-DCOMPONENTS=device", expect=1)
    assert "apt-get install libtpms-dev" in said


def test_installed_headers_stand_alone(tmp_path: Path) -> None:
    """Every header of the two cores compiles by itself with the installed folder as the only include path."""
    components = [c for needed, _ in PROGRAMS.values() for c in needed]
    include = install(tmp_path / "prefix", components) / "include" / "tvdsim"
    headers = sorted(include.rglob("*.hpp"))
    assert len(headers) >= 12
    for header in headers:
        run("g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include, "-x", "c++",
            "-include", header, os.devnull)
