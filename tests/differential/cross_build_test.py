"""One Spec and seed, one fingerprint: from g++ and clang, at different levels, with sanitizers and without, from Python and tvdsim-run.

The build under test is g++ -O2. This test adds tvdsim-run of the preset `clang`, which differs in compiler, level and instrumentation at
once (TVDSIM_CROSS=all: and builds in <build>/cross that differ in compiler or level alone, which tell whose doing a difference is), and
runs every Spec of scenarios/specs and of tests/differential/specs, and every Spec that a gallery script ran. The gallery's runs come from
Python, so their fingerprints are compared too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(os.environ["TVDSIM_SOURCE_DIR"])
BUILD = Path(os.environ["TVDSIM_BUILD_DIR"])
VARIANTS = {"gcc-O0": ("gcc", "g++", "-O0"), "clang-O0": ("clang-14", "clang++-14", "-O0"),
            "clang-O2": ("clang-14", "clang++-14", "-O2 -DNDEBUG")}  # fmt: skip
if os.environ.get("TVDSIM_CROSS") != "all":
    VARIANTS.clear()
# What the fuzz targets' build writes at exit is not asked for here.
ENVIRONMENT = {**os.environ, "LLVM_PROFILE_FILE": "/dev/null"}
# How the gallery may end by design: 1 is "the answer is no".
GALLERY_STATUS = (0, 1)


@dataclass
class Case:
    """A Spec, and the fingerprint that Python's run of it left."""

    name: str
    spec: Path
    from_python: str | None


def checked(command: list[str], **options: object) -> str:
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{' '.join(command)}\n" + "\n".join(done.stdout.splitlines()[-40:])
    return str(done.stdout)


def build_of_preset(preset: str) -> Path:
    """tvdsim-run of a preset, in its usual folder: what is compiled here need not be compiled again for that preset's own tests."""
    checked(["cmake", "--preset", preset], cwd=SOURCE)
    checked(["cmake", "--build", "--preset", preset, "--target", "tvdsim-run", "--parallel", str(os.cpu_count() or 1)], cwd=SOURCE)
    return SOURCE / "build" / preset / "scenarios" / "tvdsim-run"


def build(variant: str) -> Path:
    """tvdsim-run of one variant: incremental, and through ccache where that is there."""
    c, cxx, flags = VARIANTS[variant]
    folder = BUILD / "cross" / variant
    folder.mkdir(parents=True, exist_ok=True)
    options = [f"-DCMAKE_C_COMPILER={c}", f"-DCMAKE_CXX_COMPILER={cxx}", f"-DCMAKE_CXX_FLAGS={flags}", "-DCMAKE_BUILD_TYPE=", "-DCMAKE_UNITY_BUILD=ON",
               "-DTVDSIM_TESTS=OFF", "-DTVDSIM_PYTHON=OFF", f"-DPython3_EXECUTABLE={sys.executable}"]  # fmt: skip
    checked(["cmake", "-S", str(SOURCE), "-B", str(folder), "-G", "Ninja", *options])
    checked(["cmake", "--build", str(folder), "--target", "tvdsim-run", "--parallel", str(os.cpu_count() or 1)])
    return folder / "scenarios" / "tvdsim-run"


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    own = BUILD / "scenarios" / "tvdsim-run"
    assert own.is_file(), "the build under test lacks tvdsim-run"
    return {"gcc-O2": own, "clang": build_of_preset("clang"), **{variant: build(variant) for variant in VARIANTS}}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    folders = (SOURCE / "scenarios" / "specs", SOURCE / "tests" / "differential" / "specs")
    found = [Case(path.stem, path, None) for folder in folders for path in sorted(folder.glob("*.json"))]
    for script in sorted((SOURCE / "scenarios" / "gallery").glob("[0-9][0-9]_*.py")):
        folder = tmp_path_factory.mktemp(script.stem)
        done = subprocess.run([sys.executable, str(script)], cwd=folder, text=True, capture_output=True)
        assert done.returncode in GALLERY_STATUS, f"{script.name}\n{done.stderr}"
        for number, spec in enumerate(sorted(folder.rglob("spec.json")), 1):
            manifest = json.loads((spec.parent / "manifest.json").read_text(encoding="utf-8"))
            if manifest["status"] == "complete":
                found.append(Case(f"{script.stem}-{number}", spec, manifest["fingerprint"]))
    assert len(found) >= 3, "no Specs: neither scenarios/specs nor the gallery has any"
    return found


def fingerprint(program: Path, spec: Path, out: Path) -> str:
    done = subprocess.run([str(program), str(spec), "--out", str(out), "--json", "--quiet"], env=ENVIRONMENT, text=True, capture_output=True)
    assert done.returncode == 0, f"{program} {spec}\n{done.stdout}{done.stderr}"
    value = json.loads(done.stdout)["fingerprint"]
    assert isinstance(value, str) and len(value) == 64, value
    return value


def test_every_compiler_and_optimisation_level_gives_one_fingerprint(
    programs: dict[str, Path], cases: list[Case], tmp_path: Path
) -> None:
    differing = []
    for case in cases:
        found = {variant: fingerprint(program, case.spec, tmp_path / case.name / variant) for variant, program in programs.items()}
        if case.from_python is not None:
            found["python"] = case.from_python
        print(f"{case.name:32} {found['gcc-O2'][:16]}  {' '.join(found)}")
        if len(set(found.values())) != 1:
            differing.append((case.name, found))
    assert not differing


def test_a_fingerprint_tells_seeds_and_specs_apart(programs: dict[str, Path], cases: list[Case], tmp_path: Path) -> None:
    """The other side: equal fingerprints mean something only where a different run has a different one."""
    changed_seed = 0
    for case in cases:
        spec = json.loads(case.spec.read_text(encoding="utf-8"))
        before = fingerprint(programs["gcc-O2"], case.spec, tmp_path / case.name / "as-it-is")
        spec["seed"] = spec.get("seed", 1) + 1
        other_seed = tmp_path / f"{case.name}-seed.json"
        other_seed.write_text(json.dumps(spec), encoding="utf-8")
        found = {variant: fingerprint(program, other_seed, tmp_path / case.name / f"seed-{variant}") for variant, program in programs.items()}
        assert len(set(found.values())) == 1, (case.name, found)
        changed_seed += found["gcc-O2"] != before
    assert changed_seed > 0, "no Spec draws a random number: the seed is not under test"


def test_the_builds_differ_in_what_they_claim(programs: dict[str, Path], cases: list[Case], tmp_path: Path) -> None:
    """Each manifest names its own compiler and flags: different builds were compared, not one build with itself."""
    claims = set()
    for variant, program in programs.items():
        out = tmp_path / variant
        fingerprint(program, cases[0].spec, out)
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        claims.add((manifest["compiler"], manifest["flags"]))
    assert len(claims) == len(programs), claims
