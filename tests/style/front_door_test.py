"""The front door on machines that lack things: packages, root, HOME, a build, a free lock. Package and build tools are played."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from source_tree import ROOT

DPKG_QUERY = """#!/bin/sh
shift 2
for p in "$@"; do grep -qx "$p" "$PLAY/absent" 2>/dev/null && [ ! -f "$PLAY/installed" ] || echo "$p installed"; done
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$PLAY/calls"
case "$*" in *install*) [ ! -f "$PLAY/apt-fails" ] || { echo "E: Unable to locate package"; exit 100; }; touch "$PLAY/installed" ;; esac
"""
CMAKE = """#!/bin/sh
echo "cmake $*" >>"$PLAY/calls"
[ ! -f "$PLAY/cmake-fails" ] || { echo "CMake Error: no compiler"; exit 1; }
mkdir -p build/dev && touch build/dev/build.ninja && echo "CMAKE_HOME_DIRECTORY:INTERNAL=$(pwd)" >build/dev/CMakeCache.txt
"""
NINJA = """#!/bin/sh
case " $* " in *" -n "*) [ -f "$PLAY/built" ] && echo "ninja: no work to do." || echo "[1/2] would build"; exit 0 ;; esac
echo "ninja $*" >>"$PLAY/calls"
mkdir "$PLAY/building" || { echo "two builds at once" >>"$PLAY/calls"; exit 1; }
sleep "${NINJA_SECONDS:-0}"
rmdir "$PLAY/building"
[ ! -f "$PLAY/ninja-fails" ] || { echo "[1/2] compiling"; echo "FAILED: a.o"; echo "a.cpp:1: error: bad"; exit 1; }
touch "$PLAY/built"
"""
PACKAGE = """import os, sys
print("ran", sys.argv[1:], os.getcwd())
sys.exit(int(os.environ.get("VERB_EXITS", "0")))
"""


@dataclass
class Done:
    """What one call of the front door gave."""

    status: int
    out: str
    err: str


@dataclass
class Machine:
    """A checkout with a front door, and played tools before it on PATH."""

    root: Path
    play: Path
    environment: dict[str, str] = field(default_factory=dict)

    def call(self, *words: str, door: Path | None = None, cwd: Path | None = None, **more: str) -> Done:
        done = subprocess.run([str(door or self.root / "tvdsim"), *words], cwd=cwd or self.root, env={**self.environment, **more},
                              capture_output=True, text=True, timeout=60, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def calls(self) -> list[str]:
        log = self.play / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def set(self, name: str, content: str = "") -> None:
        (self.play / name).write_text(content)


@pytest.fixture()
def machine(tmp_path: Path) -> Machine:
    root, play = tmp_path / "check out", tmp_path / "play"
    (root / ".ci").mkdir(parents=True)
    (play / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "tvdsim", root / "tvdsim")
    (root / ".ci/packages").write_text("# tools\ncmake\nninja-build\n\n# libraries\nlibfmt-dev\n")
    tools = {"dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "cmake": CMAKE, "ninja": NINJA, "dpkg": "#!/bin/sh\n",
             "id": '#!/bin/sh\necho "${PLAYED_UID:-0}"\n'}
    for name, source in tools.items():
        (play / "bin" / name).write_text(source)
        (play / "bin" / name).chmod(0o755)
    package = root / "build/dev/python/tvdsim"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PACKAGE)
    return Machine(root, play, {"PATH": f"{play}/bin:/usr/bin:/bin", "PLAY": str(play), "HOME": str(tmp_path)})


def test_an_ordinary_user_is_given_the_one_apt_line_and_nothing_is_done(machine: Machine) -> None:
    machine.set("absent", "ninja-build\nlibfmt-dev\n")
    done = machine.call("run", "a.py", PLAYED_UID="1000")
    assert done.status == 2
    assert done.out == ""
    assert "\n  sudo apt-get install -y --no-install-recommends ninja-build libfmt-dev\n" in done.err
    assert machine.calls() == []


def test_root_gets_the_packages_the_build_and_the_verb(machine: Machine) -> None:
    machine.set("absent", "libfmt-dev\n")
    done = machine.call("run", "a b.py", "--seed", "7")
    assert done.status == 0
    assert done.out == f"ran ['run', 'a b.py', '--seed', '7'] {machine.root}\n"
    apt = [call for call in machine.calls() if call.startswith("apt-get")]
    assert apt[0].endswith("update")
    assert apt[1].endswith("install -y --no-install-recommends libfmt-dev")
    assert "cmake --preset dev" in machine.calls()
    assert "packages installed in" in done.err and "built in" in done.err


def test_the_second_call_is_quiet_and_builds_nothing(machine: Machine) -> None:
    machine.call("run", "a.py")
    before = machine.calls()
    done = machine.call("run", "a.py")
    assert (done.status, done.err) == (0, "")
    assert machine.calls() == before


def test_a_failing_apt_stops_with_its_own_words(machine: Machine) -> None:
    machine.set("absent", "libfmt-dev\n")
    machine.set("apt-fails")
    done = machine.call("run", "a.py")
    assert (done.status, done.out) == (2, "")
    assert "E: Unable to locate package" in done.err
    assert not any(call.startswith("cmake") for call in machine.calls())


@pytest.mark.parametrize(("tool", "words"), [("cmake-fails", "no compiler"), ("ninja-fails", "a.cpp:1: error: bad")])
def test_a_failing_build_is_our_bug_and_runs_nothing(machine: Machine, tool: str, words: str) -> None:
    machine.set(tool)
    done = machine.call("run", "a.py")
    assert (done.status, done.out) == (3, "")
    assert words in done.err


def test_an_unknown_verb_is_refused_before_anything_is_set_up(machine: Machine) -> None:
    done = machine.call("exlpain", "x")
    assert (done.status, done.out) == (2, "")
    assert "did you mean `explain`?" in done.err
    assert "did you mean" not in machine.call("zzzzzz").err
    (machine.root / "story.py").write_text("")
    assert "did you mean `run story.py`?" in machine.call("story.py").err
    assert machine.calls() == []


def test_help_needs_no_build(machine: Machine) -> None:
    machine.set("absent", "libfmt-dev\n")
    for words in ([], ["help"], ["--help"]):
        done = machine.call(*words)
        assert (done.status, done.err) == (0, "")
        assert "usage: ./tvdsim VERB" in done.out
    assert machine.calls() == []


def test_it_works_from_anywhere_and_through_a_link(machine: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(machine.root / "tvdsim")
    (elsewhere / "link2").symlink_to("link")
    done = machine.call("run", "a.py", door=elsewhere / "link2", cwd=elsewhere)
    assert done.out == f"ran ['run', 'a.py'] {elsewhere}\n"
    assert (machine.root / "build/dev/build.log").exists()


def test_a_bare_environment_is_enough(machine: Machine) -> None:
    done = subprocess.run([str(machine.root / "tvdsim"), "run", "a.py"], cwd=machine.root, capture_output=True, text=True,
                          env={"PATH": machine.environment["PATH"], "PLAY": str(machine.play)}, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("status", [1, 2, 3])
def test_the_verbs_exit_status_is_passed_on(machine: Machine, status: int) -> None:
    assert machine.call("run", "a.py", VERB_EXITS=str(status)).status == status


def test_two_calls_at_once_build_one_after_the_other(machine: Machine) -> None:
    environment = {**machine.environment, "NINJA_SECONDS": "1"}
    running = [subprocess.Popen([str(machine.root / "tvdsim"), "run", name], cwd=machine.root, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in ("a.py", "b.py")]
    ends = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert "two builds at once" not in machine.calls()
    assert len([call for call in machine.calls() if call.startswith("ninja")]) == 1
    assert sum("waiting for it" in err for _, err in ends) == 1


def test_a_moved_checkout_is_configured_anew(machine: Machine, tmp_path: Path) -> None:
    machine.call("run", "a.py")
    moved = tmp_path / "moved"
    machine.root.rename(moved)
    done = machine.call("run", "a.py", door=moved / "tvdsim", cwd=moved)
    assert done.status == 0
    assert "cmake --fresh --preset dev" in machine.calls()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_checkout_is_said_to_be_one(machine: Machine) -> None:
    (machine.root / "build").chmod(0o555)
    try:
        assert "cannot write" in machine.call("run", "a.py").err
    finally:
        (machine.root / "build").chmod(0o755)


def test_the_verbs_of_the_front_door_are_those_of_the_package() -> None:
    door = (ROOT / "tvdsim").read_text()
    known = set(door.split('known="', 1)[1].split('"', 1)[0].split()) - {"help", "python", "test"}
    done = subprocess.run(["/usr/bin/python3", "-P", "-m", "tvdsim", "--help"], capture_output=True, text=True, check=False)
    if "No module named" in done.stderr:
        pytest.skip("the package is not built")
    assert done.returncode == 0
    assert sorted(verb for verb in known if verb not in done.stdout) == []
