"""A real guest from Python: what it says, what it is refused, what it needs."""

from __future__ import annotations

import pytest

import tvdsim as tvd

POLICY = """<SecurityPolicyDefinition xmlns="http://www.ibm.com">
<PolicyHeader><PolicyName>t</PolicyName><Version>1.0</Version></PolicyHeader>
<SimpleTypeEnforcement><SimpleTypeEnforcementTypes><Type>a</Type><Type>b</Type></SimpleTypeEnforcementTypes></SimpleTypeEnforcement>
<SecurityLabelTemplate><SubjectLabels bootstrap="sys">
<VirtualMachineLabel><Name>sys</Name><SimpleTypeEnforcementTypes><Type>a</Type><Type>b</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
<VirtualMachineLabel><Name>a</Name><SimpleTypeEnforcementTypes><Type>a</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
<VirtualMachineLabel><Name>b</Name><SimpleTypeEnforcementTypes><Type>b</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
</SubjectLabels></SecurityLabelTemplate></SecurityPolicyDefinition>"""

real = pytest.mark.skipif(bool(tvd.RealGuest.missing()), reason="SKIP 1 case: " + "; ".join(tvd.RealGuest.missing()))


def guest(**changes: object) -> tvd.RealGuest:
    setup: dict[str, object] = {"label": "a", "neighbours": {"friend": "a", "stranger": "b"},
                                "calls": [("evtchn_alloc", "friend"), ("evtchn_alloc", "stranger")]}
    return tvd.RealGuest(tvd.Policy.parse(POLICY), **{**setup, **changes})  # type: ignore[arg-type]


@real
def test_a_guest_is_held_to_its_label_and_measured() -> None:
    run = guest().run()
    assert run and run.exact and run.deterministic and run.overshoot == 0
    assert [(c.call, c.other, c.result) for c in run.calls] == [
        ("evtchn_alloc", "friend", "done"), ("evtchn_alloc", "stranger", "refused")]
    assert "`a`" in run.calls[1].reason and "`b`" in run.calls[1].reason
    assert run.said[1].endswith(run.calls[1].reason)
    assert run.pcrs == run.expected_pcrs == run.tpm_pcrs and sorted(run.pcrs) == [8, 9, 12]
    assert run.events[-1].kind == "ended" and run.events[-1].a == 33


@real
def test_without_the_control_the_guest_gets_through() -> None:
    assert [c.result for c in guest(controls={"ste": "off"}).run().calls] == ["done", "done"]


@real
def test_a_guest_is_the_same_at_every_quantum() -> None:
    assert guest(quantum="100 us", words="work=5").run().fingerprint == guest(quantum="10 ms", words="work=5").run().fingerprint


@pytest.mark.parametrize(("changes", "said"), [
    ({"label": "c"}, "label `c` is not defined"),
    ({"neighbours": {"friend": "c"}, "calls": []}, "label `c` is not defined"),
    ({"calls": [("evtchn_alloc", "frend")]}, "did you mean `friend`?"),
    ({"calls": [("evtchn_aloc", "friend")]}, "did you mean `evtchn_alloc`?"),
    ({"controls": {"stee": "off"}}, "did you mean `ste`?"),
    ({"controls": {"ste": "perhaps"}}, "`perhaps`"),
    ({"tpm": "spi"}, "`spi`"),
    ({"machine": "q35"}, "`q35`"),
    ({"quantum": "10"}, "10"),
    ({"quantum": "10 ns"}, "too short"),
])
def test_a_setup_that_makes_no_sense_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(tvd.InputError) as refused:
        guest(**changes).run()
    assert said in str(refused.value)


def test_without_qemu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TVDSIM_QEMU", "/nonexistent")
    assert "qemu-system-x86_64" in tvd.RealGuest.missing()[0]
    with pytest.raises(tvd.WorldError) as refused:
        guest().run()
    assert refused.value.name == "qemu_absent" and "apt install" in refused.value.help
    assert "qemu-system-x86_64" in str(tvd.doctor())
