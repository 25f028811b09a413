"""What would this policy change break? Two versions of a policy, asked about VMs, disks and hosts that run today."""

from collections import Counter
from pathlib import Path

import tvdsim as tvd

POLICIES = Path(__file__).resolve().parent.parent / "policies"
out = tvd.output("03_policy_diff")
before, after = tvd.Policy.load(POLICIES / "banks.xml"), tvd.Policy.load(POLICIES / "banks_next.xml")

# What runs today, under the old policy.
s = tvd.Scenario("banks", policy=before)
h1, h2, h3 = s.hosts("h[1-3]", memory="64 GiB")
s.switch("tor", links=[h1, h2, h3])
s.vms("trade[1-2]", label="North.Trading", on=h1)
s.vm("research", label="North.Research", on=h2)
s.vm("south-trade", label="South.Trading", on=h3)
s.vm("south-desk", label="South", on=h3)
s.vm("audit", label="Auditor", on=h3)
s.disk("north-books", label="North.Trading", size="1 GiB")
print(f"{before.name} {before.version} -> {after.version}, asked about {len(s.of(tvd.Vm))} VMs, {len(s.of(tvd.Disk))} disk and "
      f"{len(s.of(tvd.Host))} hosts\n")

flips = tvd.diff(before, after, inventory=s)
for row in flips:
    print(f"  {row['kind']:<13} {row['first']} – {row['second']}: {row['before']} -> {row['after']}")
    print(f"  {'':<13} {row['witness']}")
kinds = Counter(f"{row['kind']} {row['before']} -> {row['after']}" for row in flips)
print(f"\n{len(flips)} decisions flip: " + ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items())))

# The same change, made while they run: is it refused, or what does it take away?
name = s.add_policy(POLICIES / "banks_next.xml")
s.at("60 s", tvd.Connect("audit", "south-desk"))
s.at("90 s", tvd.UpdatePolicy(name))                     # refused while a live channel would break
s.at("100 s", tvd.UpdatePolicy(name, mode="revoke"))     # takes the channel away
run = s.run(until="2 min", out=out / "run")
print("\nThe change, made while all of them run:")
told = [(r["time_s"], f"update {r['result']}: {r['reason']}") for r in run.rows("commands") if r["action"] == "update_policy"]
told += [(r["time_s"], f"{r['kind']}: {r['cause']}") for r in run.rows("incidents")]
for time_s, sentence in sorted(told):
    print(f"  {time_s:7.3f} s  {sentence}")
run.plot.topology().savefig(out / "topology.png", dpi=110)
run.plot.matrix().savefig(out / "matrix.png", dpi=110)
