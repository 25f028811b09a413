"""What does this sHype policy say? Labels, who may share with whom, who may not run beside whom: tables and plots.

    ./tvdsim run scenarios/gallery/02_xen_policy.py [FILE]      any sHype XML of Xen 3.x or 4.x
"""

import sys
from pathlib import Path

import tvdsim as tvd

file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "policies" / "banks.xml"
out = tvd.output("02_xen_policy")
try:
    policy = tvd.Policy.load(file)
except tvd.InputError as problem:
    if len(sys.argv) < 2:
        raise
    print(f"Not a policy by the paper's rules ({problem.code}: {problem.message})\nRead as Xen 3.3 read it:\n")
    policy = tvd.Policy.load(file, mode="xen33")

print(policy)

print("\nWho may share with whom (● yes, · no):")
columns = policy.vm_labels + [f"resource:{name}" for name in policy.resource_labels]
width = max(map(len, columns))
for number, a in enumerate(policy.vm_labels, 1):
    cells = " ".join("●" if policy.may_share(a, b) else "·" for b in columns)
    print(f"  {number:>2} {a:<{width}}  {cells}")
print("  columns: the same labels in order" + ("; then " + ", ".join(columns[len(policy.vm_labels):]) if policy.resource_labels else ""))

print("\nWho may run under a host labelled", policy.bootstrap, "and beside whom:")
for a in policy.vm_labels:
    allowed = policy.authorizes(system=policy.bootstrap, vm=a)
    wall = policy.wall(mode=policy.mode)
    wall.start(a)
    apart = [b for b in policy.vm_labels if not policy.wall(mode=policy.mode, running=[a]).start(b)] if allowed else []
    print(f"  {a:<{width}}  {'runs' if allowed else 'does not run: ' + allowed.reason}" + (f"; never beside {', '.join(apart)}" if apart else ""))

odd = policy.lint()
print(f"\n{len(odd)} things are odd" + (":" if odd else ""))
for finding in odd:
    print(f"  [{finding.code}] {finding.message}")

out.mkdir(parents=True, exist_ok=True)
policy.plot.sharing().savefig(out / "sharing.png", dpi=110)
policy.plot.conflicts().savefig(out / "conflicts.png", dpi=110)
