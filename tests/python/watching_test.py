"""Watches, action plans and management events, from a script."""

# F-149 F-152 F-147
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tvdsim as tvd


def watched(**plan: Any) -> tvd.Scenario:
    s = tvd.Scenario("watched", seed=7)
    acme = s.label("acme", ste=["acme"])
    host = s.host("h1", tpm=True)
    vms = s.vms("web[1-2]", label=acme, on=host, memory="64 MiB", vtpm=True, criticality="high")
    s.watch(vms, s.host("v"), period="30 s", spread=False)
    s.plan("shutdown", **{"criticality": "high", "event": "integrity_failure", "delay": "2 s", **plan})
    s.at("40 s", tvd.attacks.TamperFile(vms[0], "/usr/sbin/sshd"))
    return s


def test_watches_and_plans_come_back_whole() -> None:
    s = watched(to="owner", limit=2, per="10 min")
    again = tvd.Scenario.from_spec(s.to_spec("90 s"))
    assert again.watches == s.watches and again.plans == s.plans
    assert again.watches[0] == tvd.Watch("v", ("web1", "web2"), "scheduled", 30_000_000_000, False, 3, False)
    assert again["web1"].criticality == "high"


def test_what_is_found_is_an_event_and_the_plan_is_followed(tmp_path: Path) -> None:
    run = watched().run(until="90 s", out=tmp_path / "run")
    event = run.management_events.iloc[0]
    assert (event["kind"], event["entity"], event["state"]) == ("integrity_failure", "web1", "open")
    done = run.plan_actions.iloc[0]
    assert (done["entity"], done["criticality"], done["action"], done["result"]) == ("web1", "high", "shutdown", "done")
    assert done["time_s"] - event["time_s"] == pytest.approx(2.0)
    assert list(run.lifecycle[run.lifecycle["to_state"] == "stopped"]["vm"]) == ["web1"]


def test_an_administrator_takes_note_of_an_event(tmp_path: Path) -> None:
    s = watched(delay="10 min")
    s.at("70 s", tvd.AcknowledgeEvent("integrity_failure", vm="web1"))
    run = s.run(until="80 s", out=tmp_path / "run")
    assert list(run.management_events["state"]) == ["open", "acknowledged"]
    assert "by admin" in run.management_events.iloc[1]["cause"]


def test_what_cannot_be_watched_or_planned_is_refused_by_name() -> None:
    s = watched()
    s.vm("bare", label="acme", on="h1", memory="64 MiB")
    s.watch(["bare", "nobody", "h1"], "v", period="0 s", mode="out_of_band", patience=0)
    s.plan("reboot", event="noise", criticality="middle")
    said = "\n".join(str(f) for f in s.check("90 s"))
    for words in ("`bare` has no TPM", "neither a host nor a VM `nobody`", "`h1` is a host", "a period is longer than nothing", "patience=0",
                  "`reboot` is not what a plan can do", "`noise` is not a kind of event", "no VM has the criticality `middle`"):
        assert words in said, words


def test_actions_on_attestation_are_checked() -> None:
    s = watched()
    s.at("1 s", tvd.JoinHosts("h1", "h1"), tvd.CompromiseDom0("h1", "twisted"), tvd.AcknowledgeEvent("noise", vm="web1"))
    said = "\n".join(str(f) for f in s.check("90 s"))
    for words in ("`h1` would join itself", "`twisted` is not what a control domain can say", "`noise` is not a kind of event"):
        assert words in said, words
