"""Levels, kinds of hypervisors, places of decision and boot policies, from a script."""

# F-017 F-021 F-022 F-023
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import tvdsim as tvd
from tvdsim import _core


def two_levels(**settings: Any) -> tvd.Scenario:
    s = tvd.Scenario("levels", seed=7, **settings)
    system = s.label("system", ste=["T"])
    clerk, general = s.label("clerk", ste=["T"]), s.label("general", ste=["T"])
    host = s.host("h1", label=system)
    s.vm("c1", label=clerk, on=host)
    s.vm("g1", label=general, on=host)
    s.lattice("bell_lapadula", levels=("public", "secret"),
              labels={system: ("secret", {"plans"}), clerk: "public", general: ("secret", {"plans"})}, trusted=[system])
    s.at("5 s", tvd.Connect("g1", "c1"))
    return s


def test_a_scenario_with_everything_comes_back_whole() -> None:
    s = two_levels(placement={"vm_start": "service"})
    s.host("h2", kind="phyp", boot_policy="corrupt")
    again = tvd.Scenario.from_spec(s.to_spec("10 s"))
    assert again == s
    assert _core.spec_hash(again.to_spec("10 s"), "") == _core.spec_hash(s.to_spec("10 s"), "")
    assert again["h2"].kind == "phyp" and again.placement == {"vm_start": "service"}


def refusal(run: tvd.Run, hook: str) -> Dict[str, str]:
    decisions = run.decisions
    rows = decisions[(decisions.hook == hook) & (decisions.verdict == "deny")]
    assert len(rows) == 1
    row: Dict[str, str] = rows.iloc[0].to_dict()
    return row


def test_the_refusal_names_both_levels(tmp_path: Path) -> None:
    run = two_levels().run("10 s", out=tmp_path / "run", progress=False)
    row = refusal(run, "evtchn_alloc")
    assert row["control"] == "component"
    assert "`general` (secret {plans})" in row["reason"] and "`clerk` (public)" in row["reason"]


def test_without_the_component_they_connect(tmp_path: Path) -> None:
    run = two_levels(controls={"component": "off"}).run("10 s", out=tmp_path / "run", progress=False)
    assert not (run.decisions.verdict == "deny").any()


def test_what_a_hypervisor_lacks_is_found_before_the_run() -> None:
    s = two_levels()
    s.host("h2", kind="vmware", label="system")
    findings = [f for f in s.check("10 s") if f.severity == "error"]
    assert [f.code for f in findings] == ["TVD-209"]
    assert "cannot be deployed to `h2`" in findings[0].message


def test_a_trusted_label_without_a_level_is_a_finding() -> None:
    s = two_levels()
    s.lattice("biba", levels=["one"], labels={"clerk": "one"}, trusted=["general"])
    assert "TVD-101" in [f.code for f in s.check("10 s")]


def test_the_analysis_lists_whom_decisions_rest_on() -> None:
    found = tvd.analyse(two_levels(placement={"vm_start": "service"}))
    (row,) = found.to_dict()["bases"]
    assert row["kind"] == "xen" and "vm_start" in row["service"] and "vm_start" not in row["core"]
    assert found.bases.tcb_kloc[0] == row["tcb_kloc"] > 0
