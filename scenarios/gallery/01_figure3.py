"""Who may talk to whom on one machine, and why? The five decisions of Fig. 3 of the TVDc paper (2008), really made.

A host runs dom0, trusted with both workloads {MA, SU}, a VM of market analysis {MA}, a VM of security underwriting {SU},
and a virtual disk of SU. Then the policy changes: what flips?
"""

from pathlib import Path

import tvdsim as tvd

POLICIES = Path(__file__).resolve().parent.parent / "policies"
out = tvd.output("01_figure3")

s = tvd.Scenario("figure3", policy=POLICIES / "tvdc_figure3.xml")
h1 = s.host("h1", memory="16 GiB")
ma = s.vm("ma", label="MA", on=h1, memory="1 GiB")
su = s.vm("su", label="SU", on=h1, memory="1 GiB")
vdisk = s.disk("vdisk", label="SU", size="64 MiB", content="the books of SU")

s.at("10 s", tvd.Connect(ma, "dom0@h1"))                      # (1)
s.at("11 s", tvd.Connect(su, "dom0@h1"))                      # (2)
s.at("12 s", tvd.Connect(ma, su))                             # (3)
s.at("13 s", tvd.AttachDisk(su, vdisk))                       # (4)
s.at("14 s", tvd.ReadDisk(su, vdisk))
s.at("15 s", tvd.AttachDisk(ma, vdisk))                       # (5)
s.at("16 s", tvd.ReadDisk(ma, vdisk), tvd.Send(ma, "dom0@h1", "still here"))
run = s.run(until="20 s", out=out / "run")

marks = {}
print("     who                       types              answer  decided in  because")
asked = run.rows("decisions")
for number, second in enumerate((10, 11, 12, 13, 15), 1):
    row = next(r for r in asked if r["time_s"] >= second)
    types = f"{row['subject_types']} ∩ {row['object_types']}"
    marks[row["subject"], row["object"]] = f"({number})"
    answer = "accept" if row["verdict"] == "permit" else row["verdict"]
    print(f"({number})  {row['subject'] + ' ↔ ' + row['object']:<24}  {types:<17}  {answer:<6}  {row['point']:<10}  {row['reason']}")

print("\nWhy (5) is refused, rule by rule:")
print(run.explain(asked[-1]["id"]))

print("\nWhat each attempt gave:")
for row in run.rows("commands"):
    if row["action"] in ("read_disk", "send"):
        print(f"  {row['time_s']:9.6f} s  {row['subject']:<12} {row['action']:<10} {row['result']}: {row['reason']}")

print("\nWhat flips under the policy's next version:")
flips = tvd.diff(POLICIES / "tvdc_figure3.xml", POLICIES / "tvdc_figure3_walled.xml", inventory=s)
print(flips)

run.plot.topology(marks).savefig(out / "figure3.png", dpi=110)
run.plot.timeline().savefig(out / "timeline.png", dpi=110)
