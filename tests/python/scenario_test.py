"""A scenario is a value: it prints, hashes, compares, pickles, and says everything that is wrong with it at once."""

from __future__ import annotations

import json
import pickle
from dataclasses import MISSING, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_scenarios import FIGURE3, python, two_tenants

import tvdsim as tvd
from tvdsim import _core, actions, things, units


def test_equal_scenarios_are_equal_and_hash_alike() -> None:
    a, b = two_tenants(), two_tenants()
    assert a == b and hash(a) == hash(b) and len({a, b}) == 1
    b.at("30 s", tvd.StopVm("acme1"))
    assert a != b


def test_a_scenario_comes_back_whole_from_pickle_and_from_its_spec() -> None:
    s = two_tenants()
    assert pickle.loads(pickle.dumps(s)) == s
    again = tvd.Scenario.from_spec(s.to_spec("1 min"))
    assert _core.spec_hash(again.to_spec("1 min"), "") == _core.spec_hash(s.to_spec("1 min"), "")


def test_the_digest_is_the_same_under_another_hash_seed() -> None:
    code = "from small_scenarios import two_tenants; print(two_tenants().digest)"
    import os

    made = [python(["-c", code], env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")]
    assert made[0] == made[1] == two_tenants().digest + "\n"


def test_names_are_found_and_an_unknown_one_is_refused_with_a_suggestion() -> None:
    s = two_tenants()
    assert s["acme1"].host == "h1" and "acme1" in s
    with pytest.raises(tvd.InputError) as caught:
        s["acme11"]
    assert caught.value.code == "TVD-101" and "acme1" in caught.value.help and caught.value.where.startswith("scenario_test.py:")


def test_every_problem_is_reported_at_once_with_its_line() -> None:
    s = tvd.Scenario("bad")
    acme = s.label("acme", ste={"acme"})
    h = s.host("h1", memory="8")
    s.vm("vm1", label="acm", on=h)
    s.vm("vm1", label=acme, on=h)
    s.at("5 s", tvd.StartVm("vm2"))
    found = s.check("10 s")
    assert {"TVD-101", "TVD-102", "TVD-110"} <= {f.code for f in found}
    assert sum(f.code == "TVD-101" for f in found) >= 2
    assert all(f.where.startswith("scenario_test.py:") for f in found if f.code in ("TVD-102", "TVD-110"))
    with pytest.raises(tvd.InputError) as caught:
        s.run(until="10 s", out="never")
    assert len(caught.value.findings) == len(found)


@pytest.mark.parametrize("field, make", [
    ("memory=4", lambda s: s.host("h", memory=4)),
    ("size=1", lambda s: s.disk("d", label="x", size=1)),
    ("time=5", lambda s: s.at(5, tvd.StopVm("a"))),
    ("rate=10", lambda s: s.switch("w", links=[], rate=10)),
])
def test_a_bare_number_is_no_quantity(field: str, make: object) -> None:
    s = tvd.Scenario("units")
    make(s)  # type: ignore[operator]
    assert [f.message for f in s.check() if f.code == "TVD-110" and f.message.startswith(field)] != []


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**62))
def test_a_duration_has_a_spelling_that_reads_back(ns: int) -> None:
    assert units.duration(units.duration_text(ns)) == ns


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 20), st.integers(0, 20))
def test_a_range_names_each_number_once(first: int, last: int) -> None:
    assert things.expand(f"h[{first}-{last}]") == [f"h{i}" for i in range(first, last + 1)]


def test_recurring_actions_end_with_the_run() -> None:
    s = two_tenants()
    s.every("10 s", tvd.Notify("acme1", "acme2", 1))
    assert sum(row["action"] == "notify" for row in s.to_dict("1 min")["actions"]) == 6


def whole() -> tvd.Scenario:
    """Every kind of thing that a scenario can hold."""
    s = tvd.Scenario("whole", seed=3, max_evidence_age="30 s", capture="none", tpm_workers=2, migration_rate="100 Mbit/s",
                     migration_max_rate="500 Mbit/s")
    acme, bolt = s.label("acme", ste={"acme"}), s.label("bolt", ste={"bolt"})
    web = s.image("web", tvd.Software("/usr/sbin/nginx", "program", "serve"), tvd.Software("/etc/nginx.conf", "configuration"))
    hosts = s.hosts("h[1-2]", tpm="2.0", tpm_profile="slb9672", image=web, tampered=["kernel"], vlan_map={10: 20})
    verifier = s.host("v")
    s.switch("tor", links=[*hosts, verifier])
    ten = s.vlan(10, label=acme)
    s.vlan(20, label=bolt)
    a = s.vms("acme[1-2]", label=acme, on=hosts, vlan=[ten, 30], vtpm=True, image=web, tampered=["/etc/nginx.conf"],
              dirty_rate="100 Mbit/s", working_set="64 MiB")
    late = s.vm("late", label=acme, on=hosts[0], vlan=ten, start=False)
    s.tvd("acme", label=acme, vms=[late], vlans=ten)
    s.traffic(tvd.Poisson("200 /s"), size="8 KiB", among=a)
    s.traffic(tvd.Regular("90 /min"), among=["acme1", "acme2"])
    s.every("30 s", tvd.Attest([*hosts, *a], verifier=verifier))
    s.at("1 min", tvd.Migrate(a[0], to=hosts[1]), tvd.attacks.VlanHop(a[1], into=20), tvd.CreateTvd("acme"))
    s.at("2 min", tvd.SendFrames(a[0], a[1], ten, count=5, size=1400), tvd.MapVlan(hosts[0], ten, 20))
    return s


def test_every_kind_of_thing_comes_back_from_its_spec_and_from_pickle() -> None:
    s = whole()
    assert pickle.loads(pickle.dumps(s)) == s
    again = tvd.Scenario.from_spec(s.to_spec("3 min"))
    assert _core.spec_hash(again.to_spec("3 min"), "") == _core.spec_hash(s.to_spec("3 min"), "")
    assert again.to_dict("3 min")["vlans"] == [{"vid": 10, "label": "acme", "exists": True},
                                                {"vid": 20, "label": "bolt", "exists": True}]
    for change in (lambda t: t.vlan(30, label="acme"), lambda t: t.verifier("h1"), lambda t: t.image("x"),
                   lambda t: t.tvd("bolt", label="bolt"), lambda t: t.traffic(tvd.Regular("1 /s"), among=["acme1"])):
        other = whole()
        change(other)
        assert other != s and len(tvd.diff(s, other)) > 0


def test_a_spec_says_what_the_script_said() -> None:
    spec = whole().to_dict("1 min")
    assert spec["vms"][0]["vlans"] == [10, 30] and spec["vms"][0]["dirty_rate"] == "100 Mbit/s"
    assert spec["hosts"][0]["vlan_map"] == [{"vlan": 10, "to_vlan": 20}] and spec["hosts"][0]["tpm_profile"] == "slb9672"
    assert [(t["rate_milli_s"], t["size"], t["poisson"]) for t in spec["traffic"]] == [(200_000, "8 KiB", True), (1500, "64 B", False)]
    assert spec["images"][0]["software"][0] == {"name": "/usr/sbin/nginx", "kind": "program", "content": "serve"}
    assert (spec["verifiers"], spec["capture"], spec["tpm_workers"], spec["max_evidence_age"]) == (["v"], "none", 2, "30 s")


def test_attest_challenges_each_of_its_subjects_and_its_verifier_has_a_service() -> None:
    rows = [r for r in whole().to_dict("1 min")["actions"] if r["at"] == "30 s"]
    assert [(r["action"], r.get("host", r.get("vm"))) for r in rows] == [
        ("attest_host", "h1"), ("attest_host", "h2"), ("attest_vm", "acme1"), ("attest_vm", "acme2")]
    assert {r["verifier"] for r in rows} == {"v"}
    one = tvd.Attest("acme1", verifier="v")
    assert one == tvd.Attest(["acme1"], "v") and hash(one) == hash(tvd.Attest(["acme1"], "v")) and "acme1" in str(one)


def test_what_is_said_shortly_is_the_same_action() -> None:
    assert tvd.Migrate("a", to="h2") == tvd.MigrateVm("a", "h2")
    assert tvd.attacks.VlanHop("a", into=10) == tvd.VlanHop("a", 10) == tvd.VlanHop("a", tvd.Vlan(10, "acme"))
    assert tvd.attacks.TamperFile is tvd.TamperFile


@pytest.mark.parametrize("rate", ["200", "200/day", "-1 /s", "0 /s", "0.0001 /s", 200])
def test_a_rate_says_how_often_and_per_what(rate: str) -> None:
    s = tvd.Scenario("rates")
    s.traffic(tvd.Poisson(rate), among=["a", "b"])
    assert [f.code for f in s._findings] == ["TVD-110"] and s._findings[0].where.startswith("scenario_test.py:")


def test_actions_are_those_of_the_core_field_by_field() -> None:
    rows = {row["name"]: row for row in json.loads(_core.catalogue())["actions"]}
    assert sorted(rows) == sorted(actions.BY_KIND)
    for name, cls in actions.BY_KIND.items():
        own = [(f.name, f.default is MISSING) for f in fields(cls) if f.name != "principal"]
        assert own == [(f["name"], f["required"]) for f in rows[name]["fields"]], name
        assert cls.__name__ == actions.class_name(name) and getattr(tvd, cls.__name__) is cls
        assert cls.__doc__ and rows[name]["what"].split()[-1] in cls.__doc__.replace("``", "`")


def test_actions_are_values() -> None:
    s = two_tenants()
    assert tvd.Connect(s["acme1"], s["acme2"]) == tvd.Connect("acme1", "acme2")
    assert len({tvd.StopVm("a"), tvd.StopVm("a"), tvd.StopVm("a", principal="mallory")}) == 2
    assert str(tvd.MigrateVm("a", "h2")) == "migrate_vm vm=a host=h2"


def test_a_scenario_shows_itself() -> None:
    s = two_tenants()
    assert "migrate_vm" in str(s) and "rivals" in str(s) and "2 hosts" in repr(s)
    assert "<table>" in s._repr_html_() and "acme1" in s._repr_html_()


def test_a_policy_file_and_inline_labels_do_not_mix() -> None:
    s = tvd.Scenario("mixed", policy=FIGURE3)
    s.label("acme", ste={"acme"})
    assert [f.code for f in s.check()] == ["TVD-105"]


def test_two_scenarios_differ_field_by_field() -> None:
    a, b = two_tenants(), two_tenants(seed=8)
    assert [row["path"] for row in tvd.diff(a, b)] == ["seed"]
    assert len(tvd.diff(a, two_tenants())) == 0
