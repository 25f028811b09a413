"""What came of a scenario: a run directory, read as tables, sentences, plots and files."""

from __future__ import annotations

import html
import json
import os
import shlex
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Set, Tuple, Union

from . import _columns, _context, _core, _frames, progress, worker
from .errors import Finding, InputError

if TYPE_CHECKING:
    from .decisions import DecisionLogs
    from .explain import Explanation
    from .plot import Plots
    from .scenario import Scenario

PathLike = Union[str, "os.PathLike[str]"]
MANIFEST = "manifest.json"
RUN_VERSION = 1


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C: what is done is kept, in ``run``; its status is ``interrupted``."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        super().__init__(f"interrupted; what is done is in {run.directory}")


class Run:
    """A run directory. ``Run("runs/a")`` opens one that is there; one that did not finish is refused (TVD-132)."""

    def __init__(self, directory: PathLike) -> None:
        self.directory = Path(directory)
        if self.directory.name == MANIFEST:
            self.directory = self.directory.parent
        self.manifest = read_manifest(self.directory)
        if self.status not in ("complete", "interrupted"):
            raise InputError(Finding("TVD-132", str(self.directory),
                                     f"this run did not finish: its status is `{self.status}`.",
                                     "run it again; what is there is not a result"))
        self._tables: Dict[str, Any] = {}

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """``complete`` or ``interrupted``."""
        return str(self.manifest.get("status", "unknown"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 over every event and row, hex: equal for equal runs."""
        return str(self.manifest["fingerprint"])

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def seed(self) -> int:
        return int(self.manifest["seed"])

    def spec(self) -> str:
        """The Spec that was run, JSON."""
        return (self.directory / "spec.json").read_text(encoding="utf-8")

    def scenario(self) -> "Scenario":
        """The scenario that was run, as a value."""
        from .scenario import Scenario

        return Scenario.from_spec(self.spec())

    def _hosts(self) -> List[Dict[str, Any]]:
        return list(json.loads(self.spec())["hosts"])

    # --- tables -------------------------------------------------------------------------------------------------

    @property
    def database(self) -> Path:
        return self.directory / "run.sqlite"

    def rows(self, table: str) -> List[Dict[str, Any]]:
        """A table as dictionaries, times in seconds; needs neither pandas nor numpy."""
        info = self._info(table)
        if info["kind"] == "bulk":
            names = _column_names(info)
            data = [] if self._empty(table) else _columns.rows(self.directory, table, _typed(info))
        else:
            names, data = _frames.rows(self.database, table)
        names, data = _frames.in_seconds(names, data)
        return [dict(zip(names, row)) for row in data]

    def table(self, name: str) -> Any:
        """A table as DataFrame; time columns are seconds and end in ``_s``."""
        if name not in self._tables:
            info = self._info(name)
            if info["kind"] == "bulk":
                self._tables[name] = (_frames.frame(_frames.in_seconds(_column_names(info), [])[0], []) if self._empty(name)
                                      else _columns.frame(self.directory, name, _typed(info)))
            else:
                columns, data = _frames.in_seconds(*_frames.rows(self.database, name))
                self._tables[name] = _frames.frame(columns, data, "id" if "id" in columns else "")
        return self._tables[name]

    def columns(self, table: str) -> Dict[str, Any]:
        """A bulk table's columns as numpy arrays, mapped from disk as stored: nanoseconds, texts as numbers.

        ``run.texts()[number]`` is the text; 2^32 - 1 stands for none.
        """
        info = self._info(table)
        if info["kind"] != "bulk":
            raise InputError(Finding("TVD-103", str(self.directory), f"`{table}` is in run.sqlite, not in columns.",
                                     f'run.table("{table}")'))
        return _columns.arrays(self.directory, table, _column_names(info))

    def texts(self) -> List[str]:
        """What the numbers in text columns stand for."""
        return _columns.texts(self.directory)

    def _empty(self, table: str) -> bool:
        """A table without rows has no columns on disk; frames that nobody captured are not an empty table."""
        if table == "frames" and json.loads(self.spec())["capture"] != "frames":
            return False
        return int(self.manifest["counts"].get(table, 0)) == 0

    def _info(self, table: str) -> Dict[str, Any]:
        known = {t["name"]: t for t in json.loads(_core.catalogue())["tables"]}
        if table not in known:
            raise InputError(Finding("TVD-101", str(self.directory), f"there is no table `{table}`.",
                                     _core.suggest(table, list(known))))
        return dict(known[table])

    @property
    def decisions(self) -> Any:
        """Every access decision, by id."""
        return self.table("decisions")

    @property
    def components(self) -> Any:
        """What each control said in a decision."""
        return self.table("components")

    @property
    def policies(self) -> Any:
        """Every policy that was active."""
        return self.table("policies")

    @property
    def lifecycle(self) -> Any:
        """Every change of a VM's state."""
        return self.table("lifecycle")

    @property
    def commands(self) -> Any:
        """Every command and how it ended."""
        return self.table("commands")

    @property
    def messages(self) -> Any:
        """Every message between services, by id."""
        return self.table("messages")

    @property
    def steps(self) -> Any:
        """The steps of mediated operations, in order."""
        return self.table("steps")

    @property
    def incidents(self) -> Any:
        """Warnings, violations and faults that somebody should look at."""
        return self.table("incidents")

    @property
    def charges(self) -> Any:
        """Simulated time by cause."""
        return self.table("charges")

    @property
    def attestations(self) -> Any:
        """Every challenge and what came of it, by id."""
        return self.table("attestations")

    @property
    def management_events(self) -> Any:
        """Every management event and every change of its state."""
        return self.table("management_events")

    @property
    def plan_actions(self) -> Any:
        """What action plans did about events."""
        return self.table("plan_actions")

    @property
    def migrations(self) -> Any:
        """Every migration, whatever came of it."""
        return self.table("migrations")

    @property
    def probes(self) -> Any:
        """Every ping between VMs and whether an answer came."""
        return self.table("probes")

    @property
    def audits(self) -> Any:
        """Audit entries as the external auditor received them."""
        return self.table("audits")

    @property
    def decision_log(self) -> "DecisionLogs":
        """Every host's decisions as hash-chained logs, ``.verify()`` included; TVD-130 when the run kept none."""
        from .decisions import DecisionLogs

        return DecisionLogs(self)

    @property
    def frames(self) -> Any:
        """Every frame at every place that handled it; TVD-130 when the run kept none."""
        return self.table("frames")

    @property
    def measurements(self) -> Any:
        """Every digest that went into a PCR, in order."""
        return self.table("measurements")

    @property
    def truth_executions(self) -> Any:
        """Ground truth: code that really ran. For judging a run; no control saw it."""
        return self.table("truth_executions")

    @property
    def truth_compromises(self) -> Any:
        """Ground truth: who was compromised, and how. For judging a run; no control saw it."""
        return self.table("truth_compromises")

    @property
    def truth_flows(self) -> Any:
        """Ground truth: information that really moved. For judging a run; no control saw it."""
        return self.table("truth_flows")

    # --- why, and pictures --------------------------------------------------------------------------------------

    def explain(self, what: Union[int, str]) -> "Explanation":
        """Why: a decision by its id, or ``"attestation:3"``, ``"migration:0"``, ``"probe:2"``, ``"frame:17"``.

        A decision: what each control said, which one decided, under which policy. The others: what led to the verdict,
        or which way the frame went and where it ended. TVD-101 when there is no such thing in the run.
        """
        from .explain import explain

        return explain(self, what)

    @property
    def plot(self) -> "Plots":
        """``.timeline()``, ``.topology()`` and ``.matrix()``: matplotlib figures."""
        from .plot import Plots

        return Plots(self)

    def export(self, *formats: str) -> List[Path]:
        """Writes the run in other formats beside it: ``"pcap"``, ``"chrome"``, ``"paje"``, ``"jsonl"``, ``"csv"``."""
        from .export import export

        return export(self, formats)

    def certificates(self) -> Dict[str, str]:
        """X.509 certificates and revocation lists, file name -> PEM; empty without an ``authority``.

        ``roots.pem``, ``authorities.pem``, ``revocations.pem``; of each machine ``NAME.ek.pem`` (its TPM's endorsement key) and
        ``NAME.ak.pem`` (its attestation key). The files are in the run directory's ``certificates``.
        """
        folder = self.directory / "certificates"
        return {p.name: p.read_text(encoding="ascii") for p in sorted(folder.glob("*.pem"))}

    def report(self) -> str:
        return (self.directory / "report.txt").read_text(encoding="utf-8").rstrip("\n")

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return f"<Run {self.directory} {self.status} {self.fingerprint[:12]}>"

    def _repr_html_(self) -> str:
        denied = [r for r in self.rows("decisions") if r["verdict"] != "permit"]
        columns = ("id", "time_s", "hook", "subject", "object", "verdict", "rule", "reason")
        head = "".join(f"<th>{c}</th>" for c in columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(str(r[c]))}</td>" for c in columns) + "</tr>"
                       for r in denied[:20])
        more = f"<p>… and {len(denied) - 20} more</p>" if len(denied) > 20 else ""
        return f"<pre>{html.escape(self.report())}</pre><table><tr>{head}</tr>{body}</table>{more}"


def _column_names(info: Dict[str, Any]) -> List[str]:
    return [str(c["name"]) for c in info["columns"]]


def _typed(info: Dict[str, Any]) -> List[Tuple[str, str]]:
    return [(str(c["name"]), str(c["type"])) for c in info["columns"]]


def read_manifest(directory: Path) -> Dict[str, Any]:
    """manifest.json of a run directory; TVD-130 when there is none."""
    try:
        data = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(Finding("TVD-130", str(directory), "this is no run directory: it has no readable manifest.json.",
                                 "name the directory that `run` printed")) from None
    version = data.get("tvdsim_run") if isinstance(data, dict) else None
    if not isinstance(version, int):
        raise InputError(Finding("TVD-130", str(directory), "its manifest.json is not one of a run of tvdsim."))
    if version > RUN_VERSION:
        raise InputError(Finding("TVD-602", str(directory), f"the run directory is of form {version}; this tvdsim reads "
                                 f"up to form {RUN_VERSION}.", "use a newer tvdsim"))
    return dict(data)


_claimed: Set[str] = set()
_claim_lock = threading.Lock()


def free_directory(base: Path) -> Path:
    """``base``, or the first of ``base-2``, ``base-3``, … that nobody has; claimed for this process."""
    with _claim_lock:
        number = 1
        while True:
            candidate = base if number == 1 else base.with_name(f"{base.name}-{number}")
            key = str(candidate.absolute())
            if key not in _claimed and not candidate.exists():
                _claimed.add(key)
                return candidate
            number += 1


def execute(scenario: "Scenario", until: str, out: Optional[PathLike], *, store_events: bool,
            progress_wanted: Optional[bool]) -> Run:
    """Checks, runs in a worker, opens the result."""
    _context.before_run(scenario, until)
    findings = scenario.check(until)
    if any(f.severity == "error" for f in findings):
        raise InputError(findings)
    for warning in findings:
        print(warning, file=sys.stderr)
    directory = _context.run_directory(scenario.name, out)
    return run_spec(scenario.to_spec(until), directory, where=f"scenario {scenario.name}",
                    store_events=store_events, progress_wanted=progress_wanted)


def run_spec(spec: str, directory: Path, *, where: str, store_events: bool = False,
             progress_wanted: Optional[bool] = None) -> Run:
    """Runs a Spec's JSON text into a directory."""
    line = progress.line(progress_wanted)
    try:
        answer = worker.call(
            "run", {"spec": spec, "where": where, "out": str(directory.absolute()), "argv": shlex.join(sys.argv),
                    "store_events": store_events},
            f"run directory {directory} is incomplete", line)
    finally:
        if line is not None:
            line.close()
    made = Run(directory)
    _context.run_made(directory)
    if answer.interrupted and made.status == "interrupted":
        raise RunInterrupted(made)
    return made
