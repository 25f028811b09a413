"""The Python package as a stranger installs it: `pip install . --no-build-isolation`, then used from elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import tracked

SOURCE = Path(os.environ["TVDSIM_SOURCE_DIR"])
BUILD = Path(os.environ["TVDSIM_BUILD_DIR"])
# pip leaves its build folder in the tree it installs from, so it gets a copy; always at the same place and with old files'
# times kept, so that a second run finds what the compiler cache and the build folder still hold.
COPY = BUILD / "pip-source"
SCRIPT = """
import tvdsim as tvd
policy = tvd.Policy.parse('''{policy}''')
print(policy.name, policy.vm_labels, bool(policy.may_share("SystemManagement", "SystemManagement")))
print(tvd.__file__)
"""


def source_files() -> list[str]:
    """What a checkout holds: the tracked files and those about to be, never build folders."""
    listed = subprocess.run(["git", "-c", f"safe.directory={SOURCE}", "-C", SOURCE, "ls-files", "-z", "--cached", "--others",
                             "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode != 0:
        return list(tracked())  # a tree without git
    return [name for name in listed.stdout.split("\0") if name and (SOURCE / name).is_file()]


def copy_of_the_tree() -> Path:
    wanted = set(source_files())
    for name in wanted:
        target = COPY / name
        if target.exists() and target.read_bytes() == (SOURCE / name).read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SOURCE / name, target)
    for old in COPY.rglob("*"):
        inside = old.relative_to(COPY)
        if old.is_file() and inside.parts[0] not in {"_skbuild", "build"} and str(inside) not in wanted:
            old.unlink()
    return COPY


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    # Unoptimised: what is looked at here is what gets built and where it goes, and that is the same at a third of the time.
    environment = {**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                   "SKBUILD_CONFIGURE_OPTIONS": "-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_UNITY_BUILD=ON"}
    done = subprocess.run([sys.executable, "-m", "pip", "install", ".", "--no-build-isolation", "--no-deps", "--no-index", "--no-cache-dir",
                           "--root-user-action=ignore", "--target", target],
                          cwd=copy_of_the_tree(), env=environment, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return target


def run_python(site: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TVDSIM_", "PYTHON"))}
    return subprocess.run([sys.executable, "-s", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60,
                          env={**environment, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"})


def test_the_installed_package_decides(installed: Path, tmp_path: Path) -> None:
    policy = (Path(__file__).parent / "policy.xml").read_text()
    done = run_python(installed, "-c", SCRIPT.format(policy=policy), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    decided, place = done.stdout.splitlines()
    assert decided == "two-tenants ['SystemManagement', 'acme', 'bolt'] True"
    assert Path(place).is_relative_to(installed), "imported from somewhere else"


def test_the_installed_package_is_typed_and_complete(installed: Path) -> None:
    package = installed / "tvdsim"
    assert (package / "py.typed").exists()
    assert (package / "_core.pyi").exists()
    assert [f.name for f in package.glob("_core*.so")], "no extension module"
    here = {str(f.relative_to(SOURCE / "pybind" / "tvdsim")) for f in (SOURCE / "pybind" / "tvdsim").rglob("*.py")}
    there = {str(f.relative_to(package)) for f in package.rglob("*.py")}
    assert here <= there, f"missing: {sorted(here - there)}"


def test_only_the_package_is_installed(installed: Path) -> None:
    """No archives, no C++ headers, no top-level folder that could shadow another package."""
    assert not list(installed.rglob("*.a")) and not list(installed.rglob("*.hpp"))
    folders = {f.name for f in installed.iterdir() if f.is_dir() and not f.name.endswith((".dist-info", ".egg-info"))}
    assert folders <= {"tvdsim", "bin", "__pycache__"}


def test_the_command_answers(installed: Path, tmp_path: Path) -> None:
    done = run_python(installed, "-m", "tvdsim", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for verb in ("check", "run", "explain", "replay", "policy", "doctor"):
        assert verb in done.stdout
