"""Reachability from the core and from a naive oracle: random policies and inventories, every flow and what opened it.

The oracle follows a drop of ink: it starts in one party, and whatever party may touch an inked one is inked with the types
that it touched it by, until nothing changes. It shares no line and no data structure with the core.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from dataclasses import dataclass, field
from typing import Dict, FrozenSet, List, Set, Tuple
from xml.sax.saxutils import quoteattr

import pytest

import tvdsim as tvd

Types = FrozenSet[str]
Place = Tuple[str, str]  # a party, and the type under which it holds the ink


@dataclass
class World:
    """Labels with their types; VMs, disks and VLANs with their labels; the compromised VMs; the controls that are off."""

    vm_labels: Dict[str, Types]
    disk_labels: Dict[str, Types]
    vms: Dict[str, str]
    disks: Dict[str, str]
    vlans: Dict[int, str] = field(default_factory=dict)
    compromised: Set[str] = field(default_factory=set)
    off: Set[str] = field(default_factory=set)

    def parties(self) -> Dict[str, Types]:
        """VMs and the control domain: whoever acts."""
        return {"dom0@h1": self.vm_labels["sys"], **{vm: self.vm_labels[label] for vm, label in self.vms.items()}}

    def carriers(self) -> Dict[str, Tuple[Types, bool]]:
        """Disks and VLANs: what carries; and whether nobody guards them."""
        disks = {d: (self.disk_labels[label], "resource_check" in self.off) for d, label in self.disks.items()}
        return {**disks, **{f"vlan{v}": (self.vm_labels[label], "vlan_label" in self.off) for v, label in self.vlans.items()}}


def ink(world: World, source: str, compromised: Set[str]) -> Set[str]:
    """Every acting party that information from ``source`` can come to."""
    acting = world.parties()
    if "ste" in world.off:
        return set(acting) - {source}  # any two may share
    carriers = world.carriers()

    def spread(party: str, by: str) -> Set[Place]:
        """What is inked when ink reaches the party under one type: an honest one keeps its types apart."""
        return {(party, t) for t in (acting[party] if party in compromised else {by}) or {""}}

    inked: Set[Place] = {(source, t) for t in acting[source] or {""}}
    soaked: Set[str] = set()
    while True:
        size = (len(inked), len(soaked))
        for (party, by), other in itertools.product(list(inked), acting):
            if other == party:
                continue
            if by in acting[other]:
                inked |= spread(other, by)
        for (party, by), (carrier, (types, free)) in itertools.product(list(inked), carriers.items()):
            if by in types or free:
                soaked.add(carrier)
        for carrier, (party, held) in itertools.product(soaked, acting.items()):
            types, free = carriers[carrier]
            for by in held:
                if by in types or free:
                    inked |= spread(party, by)
        if (len(inked), len(soaked)) == size:
            return {party for party, _ in inked} - {source}


def expected(world: World) -> Dict[Tuple[str, str], bool]:
    """Pairs of acting parties between which information can pass, and whether a compromise opened that."""
    found: Dict[Tuple[str, str], bool] = {}
    for source in world.parties():
        honest, now = ink(world, source, set()), ink(world, source, world.compromised)
        for target in now:
            found[min(source, target), max(source, target)] = target not in honest
    return found


def xml(world: World) -> str:
    def types(names: Types, tag: str = "SimpleTypeEnforcementTypes") -> str:
        return f"<{tag}>{''.join(f'<Type>{n}</Type>' for n in sorted(names))}</{tag}>"

    every = frozenset().union(*world.vm_labels.values(), *world.disk_labels.values())
    vms = "".join(f"<VirtualMachineLabel><Name>{n}</Name>{types(t)}</VirtualMachineLabel>" for n, t in world.vm_labels.items())
    disks = "".join(f"<ResourceLabel><Name>{n}</Name>{types(t)}</ResourceLabel>" for n, t in world.disk_labels.items())
    objects = f"<ObjectLabels>{disks}</ObjectLabels>" if disks else ""
    return ('<?xml version="1.0"?><SecurityPolicyDefinition xmlns="http://www.ibm.com"><PolicyHeader><PolicyName>random</PolicyName>'
            f"<Version>1.0</Version></PolicyHeader><SimpleTypeEnforcement>{types(every)}</SimpleTypeEnforcement>"
            f"<SecurityLabelTemplate><SubjectLabels bootstrap={quoteattr('sys')}>{vms}</SubjectLabels>{objects}"
            "</SecurityLabelTemplate></SecurityPolicyDefinition>")  # fmt: skip


def spec(world: World) -> str:
    return json.dumps({
        "tvdsim_spec": 1, "name": "random", "until": "1 s", "policies": [{"name": "p", "xml": xml(world)}],
        "controls": {name: "off" for name in sorted(world.off)}, "hosts": [{"name": "h1", "memory": "64 GiB"}],
        "disks": [{"name": n, "label": l, "size": "1 MiB"} for n, l in world.disks.items()],
        "vms": [{"name": n, "label": l, "host": "h1", "memory": "64 MiB", "start": False} for n, l in world.vms.items()],
        "vlans": [{"vid": v, "label": l} for v, l in world.vlans.items()],
    })  # fmt: skip


def draw(rng: random.Random) -> World:
    kinds = [f"t{i}" for i in range(rng.choice([5, 6, 8]))]
    some = lambda: frozenset(rng.sample(kinds, rng.choice([1, 1, 2, 2])))
    # The control domain holds two types at most, so that it does not make everything one.
    vm_labels = {"sys": frozenset(rng.sample(kinds, 2)), **{f"l{i}": some() for i in range(rng.randint(2, 5))}}
    disk_labels = {f"r{i}": frozenset(rng.sample(kinds, 1)) for i in range(rng.randint(1, 2))}
    vms = {f"v{i}": rng.choice(list(vm_labels)[1:]) for i in range(rng.randint(3, 6))}
    disks = {f"d{i}": rng.choice(list(disk_labels)) for i in range(rng.randint(0, 2))}
    bad = set(rng.sample(sorted(vms), rng.choice([0, 1, 2, 2])))
    vlans = {10 + i: rng.choice(list(vm_labels)[1:]) for i in range(rng.choice([0, 0, 1]))}
    off = {rng.choice(["resource_check", "vlan_label", "ste"])} if rng.random() < 0.1 else set()
    return World(vm_labels, disk_labels, vms, disks, vlans, bad, off)


def core(world: World) -> Dict[Tuple[str, str], bool]:
    found = tvd.analyse(tvd.Scenario.from_spec(spec(world)), sorted(world.compromised)).to_dict()
    names = {g["name"]: g["names"] for g in found["groups"]}
    pairs: Dict[Tuple[str, str], bool] = {}
    for flow in found["flows"]:
        for a, b in itertools.product(names[flow["source"]], names[flow["target"]]):
            if a != b:
                pairs[min(a, b), max(a, b)] = bool(flow["opened_by"])
    return pairs


def test_the_core_and_the_oracle_see_the_same_flows() -> None:
    rng = random.Random(int(os.environ.get("TVDSIM_DIFFERENTIAL_SEED", "7")))
    pairs = flows = opened = 0
    for _ in range(600):
        world = draw(rng)
        wanted = expected(world)
        assert core(world) == wanted, world
        pairs += len(world.parties()) * (len(world.parties()) - 1) // 2
        flows += len(wanted)
        opened += sum(wanted.values())
    print(f"{pairs} pairs, {flows} flows, {opened} opened by compromise")
    assert pairs >= 5000 and opened >= 100 and pairs / 5 <= flows <= pairs * 4 / 5, "too even to mean anything"


def test_an_oracle_that_trusts_the_compromised_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    worlds = [draw(rng) for _ in range(60)]
    assert all(core(w) == expected(w) for w in worlds)
    assert any(core(w) != expected(World(w.vm_labels, w.disk_labels, w.vms, w.disks, w.vlans, set(), w.off)) for w in worlds)


def two_tenants() -> World:
    return World({"sys": frozenset("AB"), "a": frozenset("A"), "b": frozenset("B")}, {"da": frozenset("A")},
                 {"a1": "a", "a2": "a", "b1": "b"}, {"d": "da"})  # fmt: skip


def test_tables_of_an_analysis_say_what_is_trusted_and_what_a_compromise_opens() -> None:
    scenario = tvd.Scenario.from_spec(spec(two_tenants()))
    before = tvd.analyse(scenario)
    assert list(before.trusted.name) == ["dom0@h1"] and before.opened.empty and before.crossings.empty
    assert before.reachable("a1", "a2") and not before.reachable("a1", "b1")
    after = tvd.analyse(scenario, compromised=["dom0@h1"])
    assert after.trusted.empty
    assert [(r.source, r.target, r.path, r.opened_by) for r in after.opened.itertuples()] == [("a", "b1", "a — dom0@h1 — b1", "dom0@h1")]
    assert list(after.paths[after.paths.flow == after.opened.index[0]].group) == ["a", "dom0@h1", "b1"]
    assert "opened by dom0@h1" in str(after) and repr(after) == "<Analysis: 0 trusted, 4 flows, 1 opened>"


def test_a_policy_is_analysed_label_by_label_and_a_stranger_is_refused() -> None:
    policy = tvd.Policy.parse(xml(two_tenants()))
    assert [(r.name, r.types) for r in tvd.analyse(policy).trusted.itertuples()] == [("sys", "A, B")]
    with pytest.raises(tvd.InputError, match="TVD-101"):
        tvd.analyse(policy, compromised=["nobody"])
