"""What trust costs: the testbed with parts left out, each in a process of its own, and the differences by cause.

    ./tvdsim python tests/bench/overhead.py build/dev/tests/bench/testbed_bench

TVDSIM_BENCH_HOSTS sets the number of hosts (10,000; five VMs each). Prints two Markdown tables: the machine's time and memory,
and the simulated time that the ledger booked, per VM. docs/overhead.md shows and reads them.
"""
import json
import os
import subprocess
import sys
from typing import Any, Dict, List

PARTS = ["bare", "without_tpms", "without_enforcement", "whole"]
VMS_PER_HOST = 5


def measure(program: str, part: str) -> Dict[str, Any]:
    print(f"{part} ...", file=sys.stderr, flush=True)
    done = subprocess.run([program, f"--benchmark_filter=run/{part}/", "--benchmark_format=json"], stdout=subprocess.PIPE, check=True)
    (row,) = json.loads(done.stdout)["benchmarks"]
    return dict(row)


def machine_table(rows: Dict[str, Dict[str, Any]]) -> List[str]:
    lines = ["| | elapsed s | engine thread, processor s | TPM threads, processor s | peak MB | events |", "|---|---|---|---|---|---|"]
    for part, row in rows.items():
        lines.append(f"| `{part}` | {row['real_time']:.1f} | {row['cpu_time']:.1f} | {row['tpm_cpu_s']:.1f} | {row['peak_MB']:.0f} | {row['events']:,.0f} |")
    return lines


def ledger_table(rows: Dict[str, Dict[str, Any]], vms: int) -> List[str]:
    causes = [key for key in rows["whole"] if key.startswith("ledger_")]
    lines = ["| ms per VM | " + " | ".join(f"`{part}`" for part in rows) + " |", "|---|" + "---|" * len(rows)]
    for key in causes:
        cells = [f"{1000 * row.get(key, 0.0) / vms:.4g}" for row in rows.values()]
        lines.append(f"| {key.removeprefix('ledger_')} | " + " | ".join(cells) + " |")
    return lines


def main(program: str) -> int:
    vms = VMS_PER_HOST * int(os.environ.get("TVDSIM_BENCH_HOSTS", "10000"))
    rows = {part: measure(program, part) for part in PARTS}
    print("\n".join([*machine_table(rows), "", *ledger_table(rows, vms)]))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
