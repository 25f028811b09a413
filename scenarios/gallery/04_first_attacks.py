"""Is a control worth what it costs? Three attacks with their control off, monitoring and on, and the honest work beside each.

A-01 a disk is given to the wrong tenant; A-03 a freed disk is handed on with the old bytes on it; A-06 two rivals start at
the same instant on one host.
"""

import tvdsim as tvd
from tvdsim import attacks

out = tvd.output("04_first_attacks")

table = attacks.matrix([attacks.A01, attacks.A03, attacks.A06])
print("attack  control         off        monitor    on         look-alike")
for row in table.rows:
    outcomes = "  ".join(f"{row[column]['outcome']:<9}" for column in ("off", "monitor", "on", "near_miss"))
    print(f"{row['attack']:<6}  {row['control']:<14}  {outcomes}".rstrip())

print("\nWhat was seen:")
for row in table.rows:
    print(f"  {row['attack']} {row['title']}")
    for column in ("off", "monitor", "on", "near_miss"):
        print(f"    {column:<9} {row[column]['outcome']:<9} {row[column]['witness']}")

print("\nA-06 in every order of its simultaneous events:")
for mode in ("on", "off"):
    orders = attacks.A06.orders(mode)
    ending = "both rivals run" if orders.harmed else "both rivals run in none"
    print(f"  reservation {mode}: {orders.visited} orders, {ending}" + (f" in {orders.harmed}" if orders.harmed else "")
          + ("" if orders.complete else " (not all orders were visited)"))

out.mkdir(parents=True, exist_ok=True)
table.figure().savefig(out / "matrix.png", dpi=110)
