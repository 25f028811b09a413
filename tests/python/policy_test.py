"""Policies from Python: what the core decides, with its reasons."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_scenarios import FIGURE3, POLICIES

import tvdsim as tvd

BANKS = tvd.Policy.load(POLICIES / "banks.xml")


def test_a_policy_lists_its_names_sorted() -> None:
    p = tvd.Policy.load(FIGURE3)
    assert (p.name, p.version, p.ste_types, p.wall_types) == ("tvdc_figure3", "1.0", ["MA", "SU"], ["MA", "SU"])
    assert p.vm_labels == ["MA", "Management", "SU"]
    assert p.resource_labels == ["MA", "SU"]
    assert len(p.digest) == 64
    assert BANKS.conflict_sets[0] == ("rivals", ["North", "South"])


def test_sharing_names_the_common_type_and_a_refusal_names_the_rule() -> None:
    p = tvd.Policy.load(FIGURE3)
    yes, no = p.may_share("Management", "MA"), p.may_share("MA", "SU")
    assert yes and yes.verdict == "permit" and "MA" in yes.reason
    assert not no and no.verdict is tvd.Verdict.deny and no.rule == "no_common_type"
    assert p.may_share("SU", "resource:SU") and not p.may_share("MA", "resource:SU")


def test_a_host_is_authorized_for_a_vm_whose_types_it_holds() -> None:
    assert BANKS.authorizes(system="SystemManagement", vm="Auditor")
    refused = BANKS.authorizes(system="North", vm="Auditor")
    assert not refused and refused.control == "host_authorization"
    assert BANKS.authorizes(system="North", vm="Auditor") == False  # noqa: E712  (a decision is comparable with its answer)


def test_the_wall_counts_what_runs_and_what_that_excludes() -> None:
    w = BANKS.wall(running=["SystemManagement"])
    assert w.start("North.Trading")
    refused = w.start("South")
    assert not refused and refused.rule == "wall_conflict" and refused.other == "North.Trading" and "rivals" in refused.reason
    assert w.running["North"] == 1 and w.excluded["South"] == 1
    assert w.stop("North.Trading") and w.start("South")
    assert w.running == {**dict.fromkeys(BANKS.wall_types, 0), "South": 1}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(BANKS.vm_labels), max_size=12))
def test_the_wall_depends_on_who_runs_and_not_on_the_order(labels: list[str]) -> None:
    first = BANKS.wall()
    running = [label for label in labels if first.start(label)]
    second = BANKS.wall(running=sorted(running))
    assert (first.running, first.excluded) == (second.running, second.excluded)
    for label in running:
        first.stop(label)
    assert set(first.running.values()) | set(first.excluded.values()) <= {0}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(BANKS.vm_labels), st.sampled_from(BANKS.vm_labels))
def test_sharing_is_the_intersection_of_type_sets(a: str, b: str) -> None:
    common = set(BANKS.types_of(a)["ste"]) & set(BANKS.types_of(b)["ste"])
    assert bool(BANKS.may_share(a, b)) == bool(common) == bool(BANKS.may_share(b, a))


def test_an_unknown_label_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(tvd.InputError) as caught:
        BANKS.may_share("Nort", "South")
    assert caught.value.code == "TVD-101" and "North" in caught.value.help


def test_every_finding_of_a_bad_policy_comes_at_once() -> None:
    text = FIGURE3.read_text().replace("<Type>SU</Type>", "<Type>SX</Type>", 1).replace('bootstrap="Management"', 'bootstrap="Boss"')
    with pytest.raises(tvd.InputError) as caught:
        tvd.Policy.parse(text)
    codes = {f.code for f in caught.value.findings}
    assert {"TVD-314", "TVD-315"} <= codes
    assert len(caught.value.exceptions) == len(caught.value.findings)
    assert all(f.where and f.message for f in caught.value.findings)


def test_policies_pickle_compare_and_show_themselves() -> None:
    copy = pickle.loads(pickle.dumps(BANKS))
    assert copy == BANKS and hash(copy) == hash(BANKS) and copy.xml == BANKS.xml
    assert BANKS != tvd.Policy.load(FIGURE3)
    assert "chinese-wall-of-North" in str(BANKS) and "<table>" in BANKS._repr_html_()
    assert list(BANKS.sharing().index) == BANKS.vm_labels


def test_a_changed_policy_flips_decisions_with_a_witness_and_none_against_itself() -> None:
    after = tvd.Policy.load(POLICIES / "banks_next.xml")
    flips = tvd.diff(BANKS, after)
    assert flips and all(row["before"] != row["after"] and row["witness"] for row in flips)
    assert len(tvd.diff(BANKS, BANKS)) == 0
    assert len(tvd.diff(BANKS, after, inventory=[("vm", "a", "South"), ("vm", "b", "Auditor")])) == 1


def test_departments_carry_the_exclusions_of_their_organisation_and_share_with_nobody_above() -> None:
    banks = tvd.Policy.organisations("banks", {"A-Bank": ["Loans", "Trading"], "B-Bank": []},
                                     exclude=[("A-Bank", "B-Bank"), ("A-Bank.Loans", "A-Bank.Trading")])
    assert banks.types_of("A-Bank.Loans") == {"ste": ["A-Bank.Loans"], "wall": ["A-Bank", "A-Bank.Loans"]}
    assert not banks.may_share("A-Bank", "A-Bank.Loans")
    assert not banks.wall(running=["B-Bank"]).start("A-Bank.Loans")
    assert not banks.wall(running=["A-Bank.Trading"]).start("A-Bank.Loans")
    assert banks.wall(running=["A-Bank"]).start("A-Bank.Loans")
    assert [f for f in banks.lint() if f.code == "TVD-305"] == []


def test_lint_names_a_department_that_is_not_apart_from_its_organisation() -> None:
    scenario = tvd.Scenario("banks")
    scenario.label("A-Bank", ste=["A"], cw=["A-Bank"])
    scenario.label("A-Bank.Loans", ste=["A"], cw=["Loans"])
    said = [f.message for f in scenario.policy().lint() if f.code == "TVD-305"]
    assert len(said) == 2 and "lacks the wall type `A-Bank`" in said[0] and "shares the STE type `A`" in said[1]


def test_the_default_policy_knows_one_label_and_in_xen33_the_unlabelled() -> None:
    assert tvd.Policy.default().vm_labels == ["SystemManagement"]
    assert "__UNLABELED__" in tvd.Policy.default("xen33").vm_labels
    assert tvd.Policy.default().name == "DEFAULT"


def test_a_binary_beside_its_xml_is_what_hosts_load(tmp_path: Path) -> None:
    own = tvd.Policy.organisations("banks", {"A": [], "B": []}, exclude=[("A", "B")])
    other = tvd.Policy.organisations("banks", {"A": [], "B": []}, exclude=[("A", "C")])
    (tmp_path / "own.bin").write_bytes(own.to_binary())
    (tmp_path / "other.bin").write_bytes(other.to_binary())
    (tmp_path / "banks.map").write_text(own.to_map())
    (tmp_path / "other.map").write_text(other.to_map())
    (tmp_path / "banks.xml").write_text(own.xml)

    def scenario(binary: str, names: str, **controls: str) -> tvd.Scenario:
        policy = tvd.Policy.from_binary(tmp_path / binary, tmp_path / names, xml=tmp_path / "banks.xml")
        made = tvd.Scenario("pair", policy=policy, controls=controls)
        made.host("h1", memory="4 GiB")
        made.vm("a1", label="A", on="h1")
        return made

    assert scenario("own.bin", "banks.map").check("1 s") == []
    assert [f.code for f in scenario("other.bin", "other.map").check("1 s")] == ["TVD-338"]
    assert scenario("other.bin", "other.map", policy_hash="off").check("1 s") == []
    kept = scenario("own.bin", "banks.map")
    assert tvd.Scenario.from_spec(kept.to_spec("1 s")).to_dict("1 s")["policies"] == kept.to_dict("1 s")["policies"]
