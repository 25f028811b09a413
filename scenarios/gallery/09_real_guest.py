"""What changes when a guest is real? Its code runs under QEMU, its TPM is one of ours, its hypercalls meet the same policy.

A program of 11 kB boots beside two simulated VMs. It measures itself into its TPM, asks the hypervisor for an event channel to each
of the two, prints what it was told, and powers off. The simulation is its time master.
"""

from html import escape

import tvdsim as tvd

out = tvd.output("09_real_guest")
POLICY = tvd.Policy.parse("""<?xml version="1.0"?>
<SecurityPolicyDefinition xmlns="http://www.ibm.com">
  <PolicyHeader><PolicyName>tenants</PolicyName><Version>1.0</Version></PolicyHeader>
  <SimpleTypeEnforcement><SimpleTypeEnforcementTypes><Type>acme</Type><Type>globex</Type></SimpleTypeEnforcementTypes></SimpleTypeEnforcement>
  <SecurityLabelTemplate>
    <SubjectLabels bootstrap="system">
      <VirtualMachineLabel><Name>system</Name><SimpleTypeEnforcementTypes><Type>acme</Type><Type>globex</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
      <VirtualMachineLabel><Name>acme</Name><SimpleTypeEnforcementTypes><Type>acme</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
      <VirtualMachineLabel><Name>globex</Name><SimpleTypeEnforcementTypes><Type>globex</Type></SimpleTypeEnforcementTypes></VirtualMachineLabel>
    </SubjectLabels>
  </SecurityLabelTemplate>
</SecurityPolicyDefinition>""")


def boot(ste: str = "on", quantum: str = "1 ms") -> tvd.GuestRun:
    return tvd.RealGuest(POLICY, label="acme", neighbours={"db": "acme", "spy": "globex"}, controls={"ste": ste}, quantum=quantum,
                         calls=[("evtchn_alloc", "db"), ("evtchn_alloc", "spy")]).run()


def picture(run: tvd.GuestRun) -> str:
    """The guest's life as SVG: pages first executed, calls with what came of them."""
    first, last = run.started_s, run.events[-1].time_s
    at = {event: 60 + 820 * (event.time_s - first) / (last - first) for event in run.events}
    lanes = {"page": 60, "call": 110, "ended": 110}
    shapes = [f'<line x1="60" x2="880" y1="{y}" y2="{y}" stroke="#bbb"/>' for y in sorted(set(lanes.values()))]
    shapes += [f'<rect x="{x - 2:.1f}" y="{lanes[e.kind] - 14}" width="4" height="28" fill="{"#2166ac" if e.kind == "page" else "#b2182b"}">'
               f"<title>{e.kind} {e.a:#x} at {e.time_s:.9f} s, after {e.instructions} instructions</title></rect>" for e, x in at.items()]
    notes = [f"measured {name}: {digest}; PCR {n} = {run.pcrs[n]}" for n, name, digest in run.parts] + run.said
    notes += [f"command line: {run.command_line}", f"event stream: {run.fingerprint}"]
    notes += [f"{c.time_s:.9f} s: {c.call} {c.other}: {c.result} {c.reason}" for c in run.calls]
    notes += [f"{e.time_s:.9f} s, instruction {e.instructions}: {e.kind} {e.a:#x}" for e in run.events]
    shapes += [f'<text x="60" y="{160 + 22 * i}">{escape(note)}</text>' for i, note in enumerate(notes)]
    labels = '<text x="4" y="64">pages</text><text x="4" y="114">calls</text>'
    span = f'<text x="60" y="30">{(last - first) * 1e3:.3f} ms of the guest, {run.instructions} instructions</text>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="1240" height="{180 + 22 * len(notes)}" font-family="sans-serif" font-size="13">'
            f'<rect width="100%" height="100%" fill="white"/>{span}{labels}{"".join(shapes)}</svg>')


lacking = tvd.RealGuest.missing()
if lacking:
    print("skipped: " + "; ".join(lacking))
    raise SystemExit(0)

run = boot()
print(f"The guest sent its TPM {run.tpm_commands} commands. Its PCRs: as its image says, as it read them, as its TPM holds them.")
for pcr, name, _ in run.parts:
    values = {run.expected_pcrs[pcr], run.pcrs[pcr], run.tpm_pcrs[pcr]}
    print(f"  PCR {pcr:<3} {name:<13} {'all three equal' if len(values) == 1 else 'DIFFERENT'}")

print("\nIts hypercalls, as the hypervisor decided:")
for call in run.calls:
    print(f"  {call.call} {call.other}: {call.result}{': ' + call.reason if call.reason else ''}")
print("and as the guest tells it:")
for line in run.said[:2]:
    print(f"  {line}")

print("\nThe same with the control `ste` off: " + ", ".join(f"{call.other} {call.result}" for call in boot(ste="off").calls))
again = boot(quantum="100 us")
print(f"The same, stopped every 100 us instead of every 1 ms: {'the same' if again.fingerprint == run.fingerprint else 'ANOTHER'} event stream, "
      f"overshoot {again.overshoot} ns")

out.mkdir(parents=True, exist_ok=True)
(out / "real_guest.svg").write_text(picture(run), encoding="utf-8")
