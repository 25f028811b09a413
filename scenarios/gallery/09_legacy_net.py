"""What did workloads on Xen 3 tell each other through the control domain's network, and what closes it?

Xen's access control did not look at network traffic: every virtual interface was on one bridge of the control domain. Two
workloads that may share neither memory nor disks ping each other there; then each is put on a VLAN of its own. The only thing that
differs between the two scenarios is ``legacy_net``.
"""
from itertools import permutations

import tvdsim as tvd

out = tvd.output("09_legacy_net")
NAMES = ["ma1", "ma2", "su1"]


def workloads(legacy: bool) -> tvd.Scenario:
    """Three VMs of two workloads on one host; each pings each other."""
    s = tvd.Scenario("legacy_net", seed=9, legacy_net=legacy)
    ma, su = s.label("ma", ste={"MA"}), s.label("su", ste={"SU"})
    h1 = s.host("h1")
    s.switch("tor", links=[h1])
    s.vlan(10, label=ma)
    s.vlan(20, label=su)
    for name in NAMES:
        s.vm(name, label=ma if name.startswith("ma") else su, on=h1, vlan=10 if name.startswith("ma") else 20, vif=True)
    for second, (a, b) in enumerate(permutations(NAMES, 2)):
        s.at(f"{5 + 2 * second} s", tvd.Ping(a, b))
    return s


before = workloads(legacy=True).run(until="30 s", out=out / "before")
after = workloads(legacy=False).run(until="30 s", out=out / "after")

print("ping        on one bridge  on VLANs of their own")
for (_, old), (_, new) in zip(before.probes.iterrows(), after.probes.iterrows()):
    print(f"{old['source']} → {old['target']}   {old['result']:<13}  {new['result']}")


def crossed(run: tvd.Run) -> str:
    """Workloads whose bytes really reached a VM of another, by frames."""
    flows = run.table("truth_flows")
    pairs = {f"{r['source']} → {r['target']}" for _, r in flows.iterrows() if str(r["source"])[:2] != str(r["target"])[:2]
             and str(r["medium"]) == "frame"}
    return ", ".join(sorted(pairs)) or "nothing"


print(f"crossed before: {crossed(before)}")
print(f"crossed after:  {crossed(after)}")
