"""Hypercalls, clones and the decision cache as a scenario scripts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tvdsim as tvd


def neighbours(**host: Any) -> tvd.Scenario:
    """One host; va and vab share a type, vb is another workload's."""
    s = tvd.Scenario("neighbours", seed=7)
    labels = {"va": s.label("a", ste={"A"}), "vab": s.label("ab", ste={"A", "B"}), "vb": s.label("b", ste={"B"})}
    h1 = s.host("h1", memory="8 GiB", **host)
    for name, label in labels.items():
        s.vm(name, label=label, on=h1, memory="64 MiB")
    return s


def test_a_grant_is_copied_between_labels_that_share_a_type_and_no_others(tmp_path: Path) -> None:
    s = neighbours()
    s.at("10 s", tvd.Hypercall("va", "grant_setup", "vab", text="for ab"), tvd.Hypercall("va", "grant_setup", "vb", text="for b"))
    s.at("11 s", tvd.Hypercall("vab", "grant_copy", "va"), tvd.Hypercall("vb", "grant_copy", "va"))
    run = s.run(until="20 s", out=tmp_path / "a")
    calls = [c["result"] for c in run.rows("commands") if c["action"] == "hypercall"]
    assert calls == ["done", "refused", "done", "failed"]
    assert {(f["source"], f["target"], f["taint"]) for f in run.rows("truth_flows")} == {("va", "vab", "a")}


def test_a_guest_that_labels_itself_is_refused_and_noted(tmp_path: Path) -> None:
    s = neighbours()
    s.at("10 s", tvd.Hypercall("va", "set_label", label="b"), tvd.Hypercall("va", "write_metadata", label="ab"))
    run = s.run(until="20 s", out=tmp_path / "a")
    assert [d["verdict"] for d in run.rows("decisions") if d["hook"] == "label_write"] == ["deny", "deny"]
    assert [i["entity"] for i in run.rows("incidents") if i["kind"] == "label_tampering"] == ["va", "va"]
    assert run.rows("labels") == []


def test_a_clone_has_its_parents_label(tmp_path: Path) -> None:
    s = neighbours()
    s.at("10 s", tvd.CloneVm("va"))
    run = s.run(until="60 s", out=tmp_path / "a")
    assert [r["to_state"] for r in run.rows("lifecycle") if r["vm"] == "va.clone"][-1] == "running"
    assert [d["subject_label"] for d in run.rows("decisions") if d["hook"] == "vm_start" and d["subject"] == "va.clone"] == ["a"]


def test_the_decision_cache_counts_per_host(tmp_path: Path) -> None:
    s = neighbours(decision_cache="xen33", domain_ids=8)
    s.at("10 s", tvd.Connect("va", "vab"))
    s.at("11 s", tvd.Disconnect("va", "vab"))
    s.at("12 s", tvd.Connect("va", "vab"))
    run = s.run(until="20 s", out=tmp_path / "a")
    counts = {c["kind"]: (c["evaluated"], c["denied"], c["hits"]) for c in run.rows("decision_caches")}
    assert counts == {"event_channel": (2, 0, 2), "grant": (0, 0, 4)}
    assert tvd.Scenario.from_spec(s.to_spec("20 s")).to_spec("20 s") == s.to_spec("20 s")
    assert neighbours().run(until="1 s", out=tmp_path / "b").rows("decision_caches") == []


def test_an_unknown_hypercall_is_your_input(tmp_path: Path) -> None:
    s = neighbours()
    s.at("10 s", tvd.Hypercall("va", "grant_cpy", "vab"))
    with pytest.raises(tvd.InputError) as refused:
        s.run(until="20 s", out=tmp_path / "a")
    assert refused.value.code == "TVD-101" and "grant_copy" in refused.value.help
