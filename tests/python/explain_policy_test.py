"""`policy explain`: control by control, types, who stands in the way, what would have to change."""

from __future__ import annotations

import json

import pytest
from small_scenarios import FIGURE3, cli

import tvdsim as tvd

RIVALS = tvd.Policy.load(FIGURE3)


def _apart() -> tvd.Policy:
    made = tvd.Scenario("apart")
    made.label("system", ste={"MA", "SU"})
    made.label("narrow", ste={"MA"})
    made.label("ma", ste={"MA"}, cw={"MA"})
    made.label("su", ste={"SU"}, cw={"SU"})
    made.label("nobody")
    made.conflict("rivals", "MA", "SU")
    return made.policy()


def test_a_refused_sharing_names_types_and_partners() -> None:
    told = _apart().explain("ma", "su")
    assert not told and told.rule == "no_common_type" and told.hook == "evtchn_bind"
    assert {label: ste for label, ste, _ in told.types} == {"ma": ("MA",), "su": ("SU",)}
    deciding = [r for r in told.rows if r.decides]
    assert [r.control for r in deciding] == ["ste"]
    assert any("`ma` shares with" in c and "`narrow`" in c and "`system`" in c and "`su`" not in c for c in told.changes)


def test_what_is_permitted_needs_no_change() -> None:
    told = _apart().explain("ma", "system")
    assert told and not told.changes and "what would have to change" not in str(told)


def test_a_start_is_told_about_host_and_wall_at_once() -> None:
    told = _apart().explain_start("su", "narrow", ["ma"])
    rows = {r.control: r for r in told.rows}
    assert not told and rows["host_authorization"].decides and rows["host_authorization"].rule == "host_lacks_type"
    assert rows["wall"].outcome == "not_reached" and rows["wall"].rule == "wall_conflict" and rows["wall"].blocker == "ma"
    assert any("{SU} for the host's label `narrow`" in c for c in told.changes)
    assert any("labels that may run it" in c and "`system`" in c and "`ma`" not in c for c in told.changes)
    assert any("the VM labelled `ma` stops" in c for c in told.changes)
    assert any("conflict set `rivals`" in c for c in told.changes)


# What is said to help, helps.
def test_each_change_by_itself_settles_its_refusal() -> None:
    policy = _apart()
    assert not policy.explain_start("su", "system", ["ma"])
    assert policy.explain_start("su", "system", []), "without the VM in the way"
    assert policy.explain_start("su", "system", ["su"]), "beside its own kind"
    for host in ("su", "system"):
        assert policy.authorizes(host, "su")


def test_the_blocking_vm_is_named_by_its_label() -> None:
    told = _apart().explain_start("su", beside=["ma"])
    assert told.blocker == "ma" and "while ma runs here" in told.reason


def test_a_label_without_types_is_told_so() -> None:
    told = _apart().explain("nobody", "ma")
    assert not told and any("an STE type for `nobody`" in c for c in told.changes)


def test_neighbours_that_could_not_run_together_are_refused() -> None:
    with pytest.raises(tvd.InputError) as problem:
        _apart().explain_start("ma", beside=["ma", "su"])
    assert problem.value.code == "TVD-302"


def test_the_command_line_explains_in_text_and_json() -> None:
    a, b = [label for label in RIVALS.vm_labels if label != RIVALS.bootstrap][:2]
    wanted = RIVALS.explain(a, b)
    done = cli("policy", "explain", str(FIGURE3), a, b)
    assert done.returncode == (0 if wanted else 1) and done.stdout.strip() == str(wanted)
    told = json.loads(cli("policy", "explain", str(FIGURE3), a, b, "--json").stdout)
    assert told == wanted.to_json()
    started = cli("policy", "explain", str(FIGURE3), a, "--host", RIVALS.bootstrap, "--beside", b)
    assert started.stdout.strip() == str(RIVALS.explain_start(a, RIVALS.bootstrap, [b]))
    assert cli("policy", "explain", str(FIGURE3), a).returncode == 2
    assert cli("policy", "explain", str(FIGURE3), a, "nobody-of-that-name").returncode == 2
