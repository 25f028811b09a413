"""What a change would break, asked before it is made: from Python at an instant of a scenario, from the command line in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_scenarios import POLICIES, cli

import tvdsim as tvd

BANKS, NEXT = POLICIES / "banks.xml", POLICIES / "banks_next.xml"
RUNNING = ["--running", "check=Auditor@h1", "--running", "desk=South@h1", "--channel", "check:desk"]


def banks() -> tvd.Scenario:
    s = tvd.Scenario("banks", policy=BANKS)
    s.add_policy(NEXT, "next")
    h1 = s.host("h1")
    s.vm("check", label="Auditor", on=h1)
    s.vm("desk", label="South", on=h1)
    s.at("30 s", tvd.Connect("check", "desk"))
    return s


def test_a_dry_run_asks_at_an_instant() -> None:
    s = banks()
    before = s.dry_run(tvd.UpdatePolicy("next"), at="20 s")
    assert before and before.blockers == () and before.chain == ""
    after = s.dry_run(tvd.UpdatePolicy("next"), at="60 s")
    assert not after
    assert [b.rule for b in after.blockers] == ["no_common_type", "no_common_type"]
    first = after.blockers[0]
    assert (first.subject, first.subject_label, first.other, first.other_label) == ("desk", "South", "check", "Auditor")


def test_it_gives_the_answer_of_the_run(tmp_path: Path) -> None:
    s = banks()
    s.at("50 s", tvd.UpdatePolicy("next", mode="dry_run"))
    s.at("60 s", tvd.UpdatePolicy("next", mode="refuse"))
    run = s.run(until="90 s", out=tmp_path / "run")
    told = [(r["result"], r["reason"]) for r in run.rows("commands") if r["action"] == "update_policy"]
    assert told[0] == told[1] and told[0][0] == "refused"
    rows = run.rows("blockers")
    assert [r["dry_run"] for r in rows] == [1, 1, 0, 0]
    assert {r["reason"] for r in rows} == {b.reason for b in s.dry_run(tvd.UpdatePolicy("next"), at="60 s").blockers}


def test_labels_of_vms_and_hosts_and_starts_can_be_asked_about() -> None:
    s = banks()
    assert s.dry_run(tvd.RelabelVm("desk", "North"), at="60 s"), "the auditor may talk to either"
    s.disk("books", label="South")
    s.vm("clerk", label="South", on="h1", disks=["books"])
    against = s.dry_run(tvd.RelabelVm("clerk", "North"), at="60 s")
    assert not against and {b.rule for b in against.blockers} == {"wall_conflict", "resource_no_common_type"}
    assert s.dry_run(tvd.RelabelVm("desk", "South.Trading"), at="10 s")
    assert [b.rule for b in s.dry_run(tvd.RelabelHost("h1", "South"), at="10 s").blockers] == ["host_lacks_type"]
    s.vm("late", label="North", on="h1", start=False)
    late = s.dry_run(tvd.StartVm("late"), at="10 s").blockers
    assert {(b.rule, b.other) for b in late} == {("wall_conflict", "desk"), ("wall_conflict", "clerk")}


def test_a_policy_that_does_not_follow_is_said_to() -> None:
    back = tvd.Policy.load(NEXT).update_check(tvd.Policy.load(BANKS))
    assert not back and back.blockers == () and "banks 1.0" in back.chain and "banks 1.1" in back.chain


@pytest.mark.parametrize("wrong, code", [
    (dict(running=["desk=Sout"]), "TVD-101"), (dict(running=["desk=South"], channels=["desk:nobody"]), "TVD-101"),
    (dict(running=["desk=South"], disks=["desk"]), "TVD-103"), (dict(running=["a=North", "b=South"]), "TVD-302"),
    (dict(running=["a=North@h1", "b=North@h2"], channels=["a:b"]), "TVD-302"),
])
def test_a_state_that_cannot_be_is_refused(wrong: Any, code: str) -> None:
    with pytest.raises(tvd.InputError) as problem:
        tvd.Policy.load(BANKS).update_check(tvd.Policy.load(NEXT), **wrong)
    assert code in [f.code for f in problem.value.findings]


def test_an_action_that_changes_no_label_and_no_policy_cannot_be_asked_about() -> None:
    with pytest.raises(tvd.InputError):
        banks().dry_run(tvd.StopVm("desk"), at="60 s")


def test_the_command_line_says_what_an_update_would_break() -> None:
    made = cli("policy", "update", str(BANKS), str(NEXT), *RUNNING, "--json")
    assert made.returncode == 1
    data = json.loads(made.stdout)
    assert data["verdict"] == "deny" and len(data["blockers"]) == 2
    text = cli("policy", "update", str(BANKS), str(NEXT), *RUNNING)
    assert text.returncode == 1 and "no_common_type" in text.stdout and "2 blockers; nothing was changed" in text.stdout
    fine = cli("policy", "update", str(BANKS), str(NEXT), "--running", "desk=South")
    assert fine.returncode == 0 and "nothing stands against it" in fine.stdout


def test_the_command_line_says_what_stands_against_a_label() -> None:
    made = cli("policy", "relabel", str(BANKS), "desk", "North", *RUNNING, "--disk", "desk:South", "--json")
    assert made.returncode == 1
    rows = json.loads(made.stdout)["blockers"]
    assert "resource_no_common_type" in [r["rule"] for r in rows]
    assert all(r["subject_label"] and r["reason"] for r in rows)
    assert cli("policy", "relabel", str(BANKS), "nobody", "North", *RUNNING).returncode == 2


def test_groups_and_rights_are_part_of_the_spec_and_come_back() -> None:
    s = banks()
    s.host("h2")
    s.group("left", ["h1"])
    s.policy_right("auditor", "next", "read")
    s.at("5 s", tvd.DeployPolicy("next", group="left", mode="quarantine"), tvd.ActivatePolicy("next", group="left"))
    s.at("6 s", tvd.GetPolicy("next", group="left", principal="auditor"))
    again = tvd.Scenario.from_spec(s.to_spec("10 s"))
    assert again.to_spec("10 s") == s.to_spec("10 s")
    assert s.check("60 s") == []
    s.at("7 s", tvd.UpdatePolicy("next"))
    assert [f.code for f in s.check("60 s")] == ["TVD-104"], "two groups: which one is meant?"


def test_each_decision_leads_to_a_stored_policy(tmp_path: Path) -> None:
    s = tvd.Scenario("banks", policy=BANKS)
    s.add_policy(NEXT, "next")
    s.vm("desk", label="South", on=s.host("h1"))
    s.at("30 s", tvd.UpdatePolicy("next"))
    s.at("40 s", tvd.StopVm("desk"))
    s.at("50 s", tvd.StartVm("desk"))
    run = s.run(until="60 s", out=tmp_path / "run")
    stored = {r["epoch"]: (r["policy"], r["version"], r["digest"]) for r in run.rows("policies")}
    assert stored[0] == ("banks", "1.0", tvd.Policy.load(BANKS).digest)
    assert stored[1] == ("next", "1.1", tvd.Policy.load(NEXT).digest)
    assert {r["epoch"] for r in run.rows("decisions")} == {0, 1}
