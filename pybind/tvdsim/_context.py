"""How the command line speaks to a script that it runs: through the environment, so that scripts need no flags of their own.

    TVDSIM_OUT     where runs go instead of ``runs/NAME``
    TVDSIM_SEED    the seed instead of the scenario's own
    TVDSIM_CHECK   a file: every scenario is checked, findings and Specs are written there, and nothing runs
    TVDSIM_MADE    a file: each run's directory is added to it
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Union

from .errors import InputError

if TYPE_CHECKING:
    from .scenario import Scenario

_built: List["Scenario"] = []   # while checking: those that have not come to their run
_reports: List[Dict[str, Any]] = []
_outputs: Dict[str, Path] = {}
_moved: Dict[Path, Path] = {}  # the run directory that a script named -> the one that --out gave it


class CheckDone(SystemExit):
    """Ends a script at its first run when it is only being checked."""


def checking() -> Optional[str]:
    return os.environ.get("TVDSIM_CHECK")


def scenario_made(scenario: "Scenario") -> None:
    if checking():
        _built.append(scenario)


def _report(scenario: "Scenario", until: Optional[str]) -> None:
    findings = scenario.check(until)
    try:
        spec: Optional[str] = scenario.to_spec(until or "1 s")
    except InputError:
        spec = None
    _reports.append({"scenario": scenario.name, "findings": [f.to_json() for f in findings], "spec": spec})


def before_run(scenario: "Scenario", until: str) -> None:
    """Applies what the command line asked for."""
    seed = os.environ.get("TVDSIM_SEED")
    if seed is not None:
        scenario.seed = int(seed)
    if checking():
        _built[:] = [s for s in _built if s is not scenario]
        _report(scenario, until)
        script_ended()
        sys.stdout.flush()
        raise CheckDone(0)


def script_ended() -> None:
    """While checking: reports on every scenario that the script built."""
    path = checking()
    if not path:
        return
    for scenario in _built:
        _report(scenario, None)
    _built.clear()
    Path(path).write_text(json.dumps(_reports), encoding="utf-8")


def run_made(directory: Path) -> None:
    path = os.environ.get("TVDSIM_MADE")
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.write(f"{directory.absolute()}\n")


def output(name: str) -> Path:
    """Where a script may put its runs and pictures: ``--out`` of ``tvdsim run``, else ``runs/NAME``, numbered when taken.

    Within one process the answer for a name stays the same.
    """
    from .run import free_directory

    asked = os.environ.get("TVDSIM_OUT")
    if asked:
        return Path(asked)
    if name not in _outputs:
        _outputs[name] = free_directory(Path("runs") / name)
    return _outputs[name]


def run_directory(name: str, out: Union[str, "os.PathLike[str]", None]) -> Path:
    """The directory of one run: as told, or the first free one of its name."""
    from .run import free_directory

    asked = os.environ.get("TVDSIM_OUT")
    if not asked:
        return Path(out) if out is not None else free_directory(Path("runs") / name)
    base = Path(asked)
    if out is not None and base.absolute() in [Path(out).absolute(), *Path(out).absolute().parents]:
        return Path(out)
    made = free_directory(base)
    if out is not None:
        _moved[Path(out).absolute()] = made
    return made


def moved(path: Union[str, "os.PathLike[str]"]) -> Path:
    """Where a file goes that a script puts into its run's directory, when ``--out`` sent the run elsewhere."""
    wanted = Path(path).absolute()
    for told, made in _moved.items():
        if told in wanted.parents:
            return made / wanted.relative_to(told)
    return Path(path)
