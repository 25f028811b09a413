"""A run: tables, reasons, pictures, files; and that refusals hang on their controls."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ablation import controls_under_test
from small_scenarios import two_tenants

import tvdsim as tvd


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tvd.Run:
    return two_tenants().run(until="30 s", out=tmp_path_factory.mktemp("runs") / "a")


def test_tables_are_frames_with_units_in_their_columns(run: tvd.Run) -> None:
    denied = run.decisions.query("verdict == 'deny'")
    assert denied.index.name == "id" and "time_s" in denied and not [c for c in denied if c.endswith("_ns")]
    assert list(denied["hook"]) == ["vm_migrate_in"] and list(denied["other"]) == ["bolt1"]
    assert run.manifest["denied"] == 1 and run.manifest["decisions"] == len(run.decisions)
    for table in ("components", "policies", "lifecycle", "commands", "messages", "steps", "incidents", "charges", "truth_flows"):
        assert list(getattr(run, table).columns), table


# F-013
def test_a_rival_may_not_migrate_in(tmp_path: Path) -> None:
    made = two_tenants(controls=controls_under_test()).run(until="30 s", out=tmp_path / "a")
    assert [r["rule"] for r in made.rows("decisions") if r["verdict"] == "deny"] == ["wall_conflict"]


# F-013
def test_without_the_wall_rivals_end_up_on_one_host(tmp_path: Path) -> None:
    made = two_tenants(controls={"wall": "off"}).run(until="19 s", out=tmp_path / "a")
    where = {r["vm"]: r["host"] for r in made.rows("lifecycle") if r["to_state"] == "running"}
    assert where["acme1"] == where["bolt1"] == "h2"


def test_a_refusal_is_explained_rule_by_rule(run: tvd.Run) -> None:
    told = run.explain(int(run.decisions.query("verdict == 'deny'").index[0]))
    assert told.verdict == "deny" and "rivals" in str(told) and "bolt1" in str(told)
    assert sum(row["decides"] for row in told.components) == 1
    with pytest.raises(tvd.InputError):
        run.explain(10**6)


def test_a_run_shows_itself_on_one_screen(run: tvd.Run) -> None:
    assert len(str(run).splitlines()) < 50 and "denied" in str(run)
    assert "vm_migrate_in" in run._repr_html_()


def test_plots_are_figures(run: tvd.Run, tmp_path: Path) -> None:
    for name in ("timeline", "topology", "matrix"):
        getattr(run.plot, name)().savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 5000


def test_exports_hold_what_the_tables_hold(run: tvd.Run) -> None:
    chrome, jsonl = run.export("chrome", "jsonl")
    rows = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert sum(r["table"] == "decisions" for r in rows) == len(run.decisions)
    events = json.loads(chrome.read_text())["traceEvents"]
    assert any(e["ph"] == "i" and "vm_migrate_in" in e["name"] for e in events)
    with pytest.raises(tvd.InputError):
        run.export("jsonll")


def test_a_run_replays_to_the_same_fingerprint(run: tvd.Run) -> None:
    answer = tvd.replay(run)
    assert answer and run.fingerprint in json.dumps(answer.to_dict())


def test_a_tampered_spec_does_not_replay_to_the_stored_fingerprint(tmp_path: Path) -> None:
    made = two_tenants().run(until="30 s", out=tmp_path / "a")
    path = made.directory / "spec.json"
    path.write_text(path.read_text().replace('"stop_vm"', '"crash_vm"'))
    try:
        assert not tvd.replay(made)
    except tvd.InputError as refused:
        assert refused.findings


def test_two_runs_are_compared_table_by_table(run: tvd.Run, tmp_path: Path) -> None:
    other = two_tenants(controls={"wall": "off"}).run(until="30 s", out=tmp_path / "b")
    assert "decisions" in [row["table"] for row in tvd.diff(run, other)]
    assert len(tvd.diff(run, run)) == 0


def test_attacks_are_values_with_three_runs() -> None:
    assert tvd.attacks.A01.run("ablated", "off").harm
    assert tvd.attacks.A01.run("controlled", "on").outcome == "stopped"
    assert tvd.attacks.A01.run("near_miss", "on").outcome == "works"
    with pytest.raises(tvd.InputError):
        tvd.attacks.Attack("A-99").run()


# F-014
def test_in_every_order_one_of_two_rivals_starts_and_without_the_reservation_both_do_in_some() -> None:
    on, off = tvd.attacks.A06.orders("on"), tvd.attacks.A06.orders("off")
    assert on.complete and on.visited > 1 and on.harmed == 0 and on.refused == on.visited
    assert off.complete and 0 < off.harmed < off.visited


def test_a_sweep_reuses_what_is_complete_and_keeps_going_past_a_failure(tmp_path: Path) -> None:
    def study(seed: int) -> tvd.Scenario:
        if seed == 3:
            return tvd.Scenario("no such", policy="missing.xml")
        return two_tenants(seed)

    first = tvd.sweep(study, until="30 s", out=tmp_path, workers=2, seed=[1, 2, 3])
    assert (first.count("run"), first.count("failed")) == (2, 1) and "TVD-130" in first.rows[2]["error"]
    again = tvd.sweep(study, until="30 s", out=tmp_path, workers=2, resume=True, seed=[1, 2, 3])
    assert (again.count("reused"), again.count("failed")) == (2, 1)
    assert [r["fingerprint"] for r in first.rows] == [r["fingerprint"] for r in again.rows]
