"""Do three restrictions keep two workloads apart on one network, and which one is to blame when they do not?

Figure 4: two machines, the workloads MA and SU on both, a VLAN each. Restriction 1: a VM joins software VLANs of its own
workload (the VMM). Restriction 2: a machine gets the hardware VLANs that its label allows (the switch). Restriction 3: a
software VLAN is joined to its own hardware VLAN (the VMM). Every VM pings every other; then each restriction in turn is
switched off, together with the mistake that it would have caught.
"""
from itertools import permutations
from typing import Dict, List, Optional, Tuple

from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

import tvdsim as tvd

out = tvd.output("05_figure4")
NAMES = ["ma1", "su1", "ma2", "su2"]
PAIRS = list(permutations(NAMES, 2))


def figure4(fault: Optional[str] = None) -> tvd.Scenario:
    """The two machines; ``fault`` names the control that is off, with the mistake that goes with it."""
    s = tvd.Scenario("figure4" + (f"-without-{fault}" if fault else ""), seed=4)
    ma, su = s.label("ma", ste={"MA"}), s.label("su", ste={"SU"})
    if fault:
        s.control(fault, "off")
    h1 = s.host("h1", vlan_map={10: 20} if fault == "vlan_map" else None)
    h2 = s.host("h2", label=su) if fault == "switch_port" else s.host("h2")
    s.switch("tor", links=[h1, h2])
    s.vlan(10, label=ma)
    s.vlan(20, label=su)
    s.vm("ma1", label=ma, on=h1, vlan=10)
    s.vm("su1", label=su, on=h1, vlan=10 if fault == "vlan_label" else 20)
    s.vm("ma2", label=ma, on=h1 if fault == "switch_port" else h2, vlan=10)
    s.vm("su2", label=su, on=h2, vlan=20)
    if fault == "switch_port":
        s.at("3 s", tvd.SetPort(h2, 10, "carry"))
    for second, (a, b) in enumerate(PAIRS):
        s.at(f"{5 + 2 * second} s", tvd.Ping(a, b))
    return s


def play(fault: Optional[str] = None) -> Tuple[Dict[Tuple[str, str], str], List[str]]:
    """How each ordered pair's ping ended, and whose bytes really reached whom across workloads."""
    run = figure4(fault).run(until="40 s", out=out / (fault or "whole"))
    ended = {(str(r["source"]), str(r["target"])): str(r["result"]) for _, r in run.probes.iterrows()}
    flows = run.table("truth_flows")
    crossed = {f"{r['source']} → {r['target']}" for _, r in flows.iterrows()
               if str(r["medium"]) == "frame" and str(r["source"])[:2] != str(r["target"])[:2]}
    return ended, sorted(crossed)


def show(ended: Dict[Tuple[str, str], str]) -> None:
    """The pings as a table: from the row to the column."""
    print("from\\to  " + "  ".join(f"{name:<8}" for name in NAMES).rstrip())
    for a in NAMES:
        print(f"{a:<8} " + "  ".join(f"{'-' if a == b else ended[(a, b)]:<8}" for b in NAMES).rstrip())


outcomes = {"all three": play()}
show(outcomes["all three"][0])
answered = sum(result == "answered" for result in outcomes["all three"][0].values())
print(f"\nAll three restrictions on: {answered} of {len(PAIRS)} ordered pairs answer.")

for fault in ("vlan_label", "switch_port", "vlan_map"):
    print(f"\nWithout `{fault}` the check says, before anything runs:")
    for finding in figure4(fault).check("40 s"):
        if "restriction" in finding.message:
            print(f"  {finding.code} {finding.message}")
    ended, crossed = outcomes[f"without {fault}"] = play(fault)
    print("  and in ground truth: " + (", ".join(crossed) or "nothing crosses"))

COLOURS = {"answered": "#2a7f62", "one_way": "#d99000", "lost": "#eeeeee", "refused": "#888888"}
plot = Figure(figsize=(12, 4.2), layout="constrained")
for axes, (title, (ended, crossed)) in zip(plot.subplots(1, len(outcomes)), outcomes.items()):
    axes.set_title(title)
    axes.set_xticks(range(4), NAMES)
    axes.set_yticks(range(4), NAMES)
    axes.set(xlim=(-0.5, 3.5), ylim=(3.5, -0.5), xlabel="to", ylabel="from", aspect="equal")
    for (a, b), result in ended.items():
        leak = result == "answered" and a[:2] != b[:2]
        axes.add_patch(Rectangle((NAMES.index(b) - 0.5, NAMES.index(a) - 0.5), 1, 1, edgecolor="white",
                                 facecolor="#b3202c" if leak else COLOURS[result]))
        if leak:
            axes.text(NAMES.index(b), NAMES.index(a), "leak", ha="center", va="center", color="white")
    stray = "\n".join(line for line in crossed if "dom0" in line)
    axes.text(0.5, -0.26, stray, transform=axes.transAxes, ha="center", va="top", color="#b3202c").set_in_layout(False)
present = [result for result in COLOURS if any(result in ended.values() for ended, _ in outcomes.values())]
plot.get_layout_engine().set(rect=(0, 0.16, 1, 0.82))
handles = [Patch(facecolor=COLOURS[result], edgecolor="#999999", label=result) for result in present]
plot.legend(handles=[*handles, Patch(facecolor="#b3202c", label="answered across workloads")], loc="lower center", ncols=5)
out.mkdir(parents=True, exist_ok=True)
plot.savefig(out / "probes.png", dpi=110)
