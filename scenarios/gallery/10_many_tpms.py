"""A hundred thousand machines boot, each with a real TPM; one in a thousand was tampered with. Are all of those found?

Every TPM is libtpms itself: manufactured, started, extended with what its machine booted. All PCRs are compared with references;
who differs, and as many others, must quote, and the quotes are verified.
"""

import hashlib
import os
import random
import resource
import time
from pathlib import Path

import tvdsim as tvd
from tvdsim.tpm import extend_command, read_command

out = tvd.output("10_many_tpms")
COUNT = int(os.environ.get("TVDSIM_GALLERY_TPMS", "100000"))
HALL = COUNT // 10  # machines that boot together
BOOT = {"crtm": 0, "firmware": 0, "firmware_config": 1, "boot_loader": 4, "kernel": 8, "policy": 11}
PCRS = sorted(set(BOOT.values()))


def digest(component: str, tampered: bool = False) -> bytes:
    return hashlib.sha256(f"{component} {'with one byte changed' if tampered else 'as built'}".encode()).digest()


def boot(changed: str = "") -> list[bytes]:
    return [extend_command(pcr, digest(name, name == changed).hex()) for name, pcr in BOOT.items()]


def reference() -> dict[int, str]:
    """What the PCRs hold after an honest boot, by hashlib and not by a TPM."""
    pcrs = {pcr: bytes(32) for pcr in PCRS}
    for name, pcr in BOOT.items():
        pcrs[pcr] = hashlib.sha256(pcrs[pcr] + digest(name)).digest()
    return {pcr: value.hex() for pcr, value in pcrs.items()}


def megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


chosen = random.Random(7)
evil = {machine: chosen.choice(list(BOOT)) for machine in chosen.sample(range(COUNT), max(COUNT // 1000, 1))}
honest, reads, good = boot(), [read_command(pcr) for pcr in PCRS], reference()
seen: dict[int, list[int]] = {}  # machine -> PCRs that differ
fleets, figures = [], [(0, 0.0, megabytes())]
begin = time.monotonic()
for first in range(0, COUNT, HALL):
    machines = range(first, min(first + HALL, COUNT))
    fleet = tvd.TpmFleet(names=[f"machine{m}" for m in machines], seed=7, workers=2)
    answers = fleet.execute_all([(boot(evil[m]) if m in evil else honest) + reads for m in machines])
    for machine, answer in zip(machines, answers):
        wrong = [pcr for pcr, said in zip(PCRS, answer[len(BOOT):]) if said[-32:].hex() != good[pcr]]
        if wrong:
            seen[machine] = wrong
    fleets.append(fleet)
    figures.append((machines[-1] + 1, time.monotonic() - begin, megabytes()))

asked = sorted(seen) + [m for m in chosen.sample(range(COUNT), len(seen) + 1) if m not in seen]
verdicts = {}
for machine in asked:
    tpm = fleets[machine // HALL][machine % HALL]
    quote = tpm.quote(f"question {machine}".encode(), {"sha256": PCRS})
    verdicts[machine] = quote.verify(tpm.ak_public_pem, f"question {machine}".encode(), {"sha256": good}).reason

print(f"{COUNT} machines booted, each with a TPM of its own; {len(evil)} were tampered with")
print(f"found by their PCRs: {len(seen.keys() & evil.keys())}; accused wrongly: {len(seen.keys() - evil.keys())}")
print(f"\n{'tampered':<16} machines  PCR that differs")
for name, pcr in BOOT.items():
    those = [m for m, component in evil.items() if component == name]
    print(f"{name:<16} {len(those):>8}  {', '.join(sorted({str(p) for m in those for p in seen.get(m, [])})) or '-'}")
print("\nquotes over the reference values")
for who, group in (("tampered", seen), ("others", [m for m in asked if m not in seen])):
    said = [verdicts[m] for m in group]
    print(f"{who:<16} {len(said):>8}  " + ", ".join(f"{said.count(v)} {v}" for v in sorted(set(said))))

out.mkdir(parents=True, exist_ok=True)
try:
    from matplotlib import pyplot as plt
except ImportError:
    print("\nno picture: matplotlib is not installed")
else:
    picture, axes = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for axis, column, label in ((axes[0], 2, "memory of this process (MB)"), (axes[1], 1, "time (s)")):
        axis.plot([row[0] / 1000 for row in figures], [row[column] for row in figures], marker="o", color="#2166ac")
        axis.set(xlabel="thousand TPMs booted and compared", ylabel=label, ylim=(0, None))
        axis.grid(alpha=0.3)
    picture.suptitle(f"{COUNT} real TPMs in one process")
    picture.savefig(out / "many_tpms.png", dpi=110)
