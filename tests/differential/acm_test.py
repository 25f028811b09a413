"""The enforcement core and a naive oracle, asked the same: 100 000 random questions, and hypothesis to shrink a difference.

A difference that hypothesis finds is printed as JSON; kept as ``found/NAME.json`` it is replayed in every run.
"""

from __future__ import annotations

import collections
import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given, settings, strategies as st

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("acm_oracle", HERE / "oracle" / "acm_oracle.py")
assert _spec and _spec.loader
oracle = importlib.util.module_from_spec(_spec)
sys.modules["acm_oracle"] = oracle
_spec.loader.exec_module(oracle)

DRIVER = os.environ.get("TVDSIM_ACM_DRIVER", str(Path(os.environ.get("TVDSIM_BUILD_DIR", ".")) / "tests/differential/acm_driver"))
Case = Dict[str, Any]   # {"mode", "vms": {name: [ste, wall]}, "resources": {name: ste}, "sets": [[name, types]], "ops": [[verb, ...]]}


def script(case: Case) -> List[str]:
    text = lambda types: ",".join(types) or "-"
    lines = [f"policy {case['mode']}"]
    lines += [f"vm {name} {text(ste)} {text(wall)}" for name, (ste, wall) in case["vms"].items()]
    lines += [f"res {name} {text(ste)}" for name, ste in case["resources"].items()]
    lines += [f"set {name} {text(types)}" for name, types in case["sets"]]
    return lines + ["end"] + [" ".join(map(str, op)) for op in case["ops"]]


def expected(case: Case) -> List[str]:
    policy = oracle.Policy(case["mode"], {n: (frozenset(s), frozenset(w)) for n, (s, w) in case["vms"].items()},
                           {n: frozenset(s) for n, s in case["resources"].items()},
                           [(n, frozenset(t)) for n, t in case["sets"]])
    if policy.refused():
        return ["refused TVD-316"] + ["none"] * len(case["ops"])
    answers, host = ["ok"], None
    verdict = {True: "permit", False: "deny"}
    joined = lambda word: " ".join([word] + [",".join(map(str, part)) for part in host.counts()])
    for verb, *args in case["ops"]:
        if verb == "share":
            answers.append(verdict[policy.may_share(*args)])
        elif verb == "auth":
            answers.append(verdict[policy.authorizes(*args)])
        elif verb == "host":
            host = oracle.Host(policy, args[0])
            answers.append("ok")
        elif verb == "start":
            answers.append(joined(host.start(*args)))
        else:
            host.stop(*args)
            answers.append(joined("ok"))
    return answers


def core(cases: List[Case]) -> List[List[str]]:
    lines = [line for case in cases for line in script(case)]
    out = subprocess.run([DRIVER], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    answers, at = [], 0
    for case in cases:
        answers.append(out[at:at + 1 + len(case["ops"])])
        at += 1 + len(case["ops"])
    assert at == len(out)
    return answers


def draw(rng: random.Random, ops: int) -> Case:
    """A policy of few types, so that labels meet often, and questions whose answers are not all the same."""
    types = [f"t{i}" for i in range(rng.choice([3, 4, 5, 8, 70]))]
    some = lambda most: sorted(rng.sample(types, rng.randint(min(most, 2) - 1, min(most, len(types)))))
    vms = {"sys": [types, []]}
    for i in range(rng.randint(2, 8)):
        vms[f"l{i}"] = [sorted(set(some(3)) | {rng.choice(types[:3])}) if rng.random() < 0.9 else [], some(2)]
    resources = {f"r{i}": [rng.choice(types[:4])] for i in range(rng.randint(0, 3))}
    sets = [[f"s{i % 3}", some(3)] for i in range(rng.randint(1, 4))]
    mode = rng.choice(["strict", "xen33"])
    labels = list(vms)
    names = [f"vm:{n}" for n in labels] + [f"res:{n}" for n in resources]
    script_: List[List[Any]] = [["host", "sys" if rng.random() < 0.8 else rng.choice(labels)]]
    running: List[int] = []
    for i in range(ops):
        what = rng.random()
        if what < 0.3:
            script_.append(["share", rng.choice(names), rng.choice(names)])
        elif what < 0.5:
            script_.append(["auth", rng.choice(labels), rng.choice(labels)])
        elif what < 0.75 or not running:
            running.append(i)
            script_.append(["start", i, rng.choice(labels)])
        else:
            script_.append(["stop", running.pop(rng.randrange(len(running)))])
    return {"mode": mode, "vms": vms, "resources": resources, "sets": sets, "ops": script_}


def test_the_core_and_the_oracle_agree_on_a_hundred_thousand_random_cases(capsys: Any) -> None:
    rng = random.Random(int(os.environ.get("TVDSIM_DIFFERENTIAL_SEED", "7")))
    cases = [draw(rng, 60) for _ in range(3400)]
    mix: Dict[str, collections.Counter] = {verb: collections.Counter() for verb in ("share", "auth", "start")}
    for case, answers in zip(cases, core(cases)):
        wanted = expected(case)
        assert answers == wanted, f"keep as found/NAME.json and shrink: {json.dumps(case)}"
        for (verb, *_), answer in zip(case["ops"], answers[1:]):
            if verb in mix and answer != "none":
                word = answer.split()[0]
                mix[verb]["permit" if word == "permit" else "deny"] += 1
    total = sum(sum(counter.values()) for counter in mix.values())
    with capsys.disabled():
        print(f"\nacm differential: {total} decisions")
        for verb, counter in mix.items():
            print(f"  {verb}: " + ", ".join(f"{word} {n} ({100 * n / sum(counter.values()):.0f} %)" for word, n in sorted(counter.items())))
    assert total >= 100_000
    for verb, counter in mix.items():
        assert min(counter["permit"], counter["deny"]) * 5 >= sum(counter.values()), f"{verb}: too uneven to mean much: {counter}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_a_difference_is_shrunk_to_its_smallest_form(rng: random.Random, ops: int) -> None:
    case = draw(rng, ops)
    assert core([case])[0] == expected(case), json.dumps(case)


@pytest.mark.parametrize("path", sorted((HERE / "found").glob("*.json")), ids=lambda p: p.stem)
def test_kept_cases_stay_agreed(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    assert core([case])[0] == expected(case)


def test_an_oracle_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle.Policy, "authorizes", lambda self, host, vm: self.vms[vm][0] <= self.vms[host][0])
    rng = random.Random(1)
    cases = [draw(rng, 60) for _ in range(100)]
    assert any(answers != expected(case) for case, answers in zip(cases, core(cases)))
