"""What is each control worth? Every attack of the catalogue, while one control after the other is missing.

Each attack first has its runs with its own control off, monitoring and on, and the honest work that looks like it. Then it is
staged again with every single control switched off in turn, all others on: a harm there says that nothing else would have helped.
"""

import tvdsim as tvd
from tvdsim import attacks

out = tvd.output("08_ablation")
stagings, ablation = attacks.matrix(), attacks.ablation()

print("attack  control             off       monitor   on        look-alike")
for row in stagings.rows:
    outcomes = "  ".join(f"{row[column]['outcome']:<8}" for column in ("off", "monitor", "on", "near_miss"))
    print(f"{row['attack']:<6}  {row['control']:<18}  {outcomes}".rstrip())

print("\nHarm with one control missing:")
for row in ablation.rows:
    needed = [c["control"] for c in row["cells"] if c["outcome"] == "harm"]
    print(f"  {row['attack']:<6}  {', '.join(needed) or 'none: each is covered by another':<36}  {row['title']}")

missed = [row for row in stagings.rows if row["on"]["outcome"] == "harm"]
print("\nMissed with every control on:", ", ".join(row["attack"] for row in missed) or "none of these")
idle = [c for c in ablation.controls if all(ablation.cell(row["attack"], c).outcome != "harm" for row in ablation.rows)]
print("Controls that no attack of the catalogue needs so far:", ", ".join(idle) or "none")

out.mkdir(parents=True, exist_ok=True)
ablation.figure(stagings).savefig(out / "heat_map.png", dpi=110)
