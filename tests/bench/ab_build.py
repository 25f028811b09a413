"""Builds the benchmarks of a revision, beside the working copy and without touching it.

A revision is checked out as a git worktree under build/ab/<sha>, built there with the release preset, and removed again, also on Ctrl-C.
Everything this module makes lies under build/ab; it removes nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ab_measure import AbError, Side, Talk


def _git(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(root), *args], text=True, stdin=subprocess.DEVNULL, capture_output=True)


def resolve(root: Path, rev: str) -> str:
    """The full commit id that `rev` names."""
    if _git(root, "rev-parse", "--git-dir").returncode != 0:
        raise AbError(f"{root} is not a git checkout: there is no other revision to compare with")
    done = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", rev + "^{commit}")
    if done.returncode != 0:
        raise AbError(f"`{rev}` is no revision of this repository. help: a commit, a branch or a tag, as `git log --oneline` shows them")
    return done.stdout.strip()


def describe_working_copy(root: Path) -> str:
    head = _git(root, "rev-parse", "--short=12", "HEAD").stdout.strip()
    changed = _git(root, "status", "--porcelain", "--untracked-files=no").stdout.strip()
    return f"working copy ({head}{' and changes' if changed else ''})"


@contextmanager
def exclusive(root: Path) -> Iterator[None]:
    """One comparison per tree at a time: two would measure each other."""
    folder = root / "build" / "ab"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AbError(f"another comparison is running in {folder}; two at once would measure each other") from None
        yield


def _remove_worktree(root: Path, folder: Path) -> None:
    if (folder / "src").exists():
        _git(root, "worktree", "remove", "--force", "--force", str(folder / "src"))
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def worktree(root: Path, commit: str) -> Iterator[Path]:
    """The folder of a worktree at `commit` (source in src/); gone afterwards, whatever happens in between."""
    folder = root / "build" / "ab" / commit[:12]
    _remove_worktree(root, folder)  # left by a comparison that was killed
    folder.mkdir(parents=True)
    try:
        done = _git(root, "worktree", "add", "--force", "--detach", str(folder / "src"), commit)
        if done.returncode != 0:
            raise AbError(f"git cannot check out {commit[:12]}: {done.stderr.strip()}")
        yield folder
    finally:
        _remove_worktree(root, folder)


def _logged(command: Sequence[str], cwd: Path, env: dict[str, str], log: Path, what: str) -> None:
    with open(log, "ab") as out:
        done = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        failed = next((i for i, line in enumerate(lines) if line.startswith(("FAILED:", "CMake Error"))), max(0, len(lines) - 12))
        raise AbError(f"{what} does not build:\n" + "\n".join(f"  | {line}" for line in lines[failed : failed + 12]))


def _has_preset(source: Path, name: str) -> bool:
    try:
        presets = json.loads((source / "CMakePresets.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return any(preset.get("name") == name for preset in presets.get("configurePresets", []))


def build(source: Path, binary: Path, label: str, talk: Talk) -> Side:
    """Builds the target `benchmarks` of `source` in release; a revision without benchmarks is a side without programs."""
    if not (source / "tests" / "bench" / "CMakeLists.txt").is_file():
        return Side(label, {})
    talk(f"building {label}")
    binary.mkdir(parents=True, exist_ok=True)
    log = binary / "ab.log"
    log.write_bytes(b"")
    # The same bytes from both folders: file names in the program are relative.
    flags = f"-ffile-prefix-map={source}=. " + os.environ.get("CXXFLAGS", "")
    env = {**os.environ, "CXXFLAGS": flags.strip(), "CCACHE_BASEDIR": str(source), "CCACHE_NOHASHDIR": "1"}
    kind = ["--preset", "release"] if _has_preset(source, "release") else ["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
    options = ["-DTVDSIM_PYTHON=OFF", "-DTVDSIM_TESTS=ON", "-DPython3_EXECUTABLE=/usr/bin/python3"]
    _logged(["cmake", "-S", str(source), "-B", str(binary), *kind, *options], source, env, log, label)
    listed = subprocess.run(["cmake", "--build", str(binary), "--target", "help"], text=True, capture_output=True)
    if "benchmarks: " not in listed.stdout:
        return Side(label, {})
    jobs = str(len(os.sched_getaffinity(0)))
    _logged(["cmake", "--build", str(binary), "--target", "benchmarks", "--parallel", jobs], source, env, log, label)
    paths = (binary / "benchmarks.txt").read_text(encoding="utf-8").split("\n")
    return Side(label, {Path(line).name: Path(line) for line in paths if line})
