"""Every machine of a datacenter is attested every five minutes. How long does a compromise go unnoticed, and which kinds for ever?

On each host, with a TPM, run five VMs with a vTPM each. In an hour a hundred machines are compromised in one of six ways. Found by
the next check, a compromise goes unnoticed for U(0, T) and the time of a check: Kolmogorov and Smirnov say whether it does.
"""

import math
import os
import random
import sqlite3
import statistics

import tvdsim as tvd

out = tvd.output("11_datacenter_attestation")
HOSTS = int(os.environ.get("TVDSIM_GALLERY_HOSTS", "40"))  # 20000: 100,000 vTPMs
PERIOD, HOUR, VICTIMS = 300.0, 3600.0, 100
KINDS = ["program", "library", "configuration", "edited log", "killed agent", "control domain"]
UNSEEN = {"control domain": "it was taken over as it ran: nothing that is measured changed"}
PATHS = {"library": "/lib/libc.so.6", "configuration": "/etc/ssh/sshd_config"}

s = tvd.Scenario("datacenter attestation", seed=7, tpm_workers=2)
acme = s.label("acme", ste={"acme"}, cw={"acme"})
hosts = s.hosts(f"h[1-{HOSTS}]", cores=8, memory="64 GiB", tpm="2.0")
verifier = s.host("verifier", cores=8, memory="64 GiB")
vms = s.vms(f"vm[1-{HOSTS * 5}]", label=acme, on=hosts, memory="1 GiB", vtpm=True)
s.watch([*hosts, *vms], verifier, period="5 min")

chosen = random.Random(7)
stricken: dict[str, tuple[str, float]] = {}  # machine -> kind, instant
for number, vm in enumerate(chosen.sample(vms, VICTIMS)):
    kind, when = KINDS[number % len(KINDS)], round(chosen.uniform(PERIOD, HOUR - 1.2 * PERIOD), 3)
    change = tvd.TamperFile(vm, PATHS.get(kind, "/usr/sbin/sshd"))
    if kind == "control domain":
        host = vm.host if vm.host not in stricken else next(h.name for h in hosts if h.name not in stricken)
        stricken[host] = (kind, when)
        s.at(f"{when} s", tvd.CompromiseDom0(host))
        continue
    stricken[vm.name] = (kind, when)
    lies = {"edited log": [tvd.Lie(vm, "edit_log")], "killed agent": [tvd.Lie(vm, "silent")]}.get(kind, [])
    s.at(f"{when} s", *lies, change)

run = s.run(until="1 h")
with sqlite3.connect(run.database) as database:
    checks = database.execute("SELECT subject, verdict, asked_ns / 1e9, time_ns / 1e9 FROM attestations ORDER BY time_ns").fetchall()
found: dict[str, tuple[float, float]] = {}  # machine -> from the compromise to the verdict, from the question to the verdict
false_alarms = 0
for subject, verdict, asked, told in checks:
    if verdict != "trusted" and subject not in found:
        false_alarms += subject not in stricken
        found[subject] = (told - stricken[subject][1], told - asked) if subject in stricken else (0.0, 0.0)

print(f"{HOSTS} hosts and {len(vms)} VMs, {len(checks)} checks in an hour, {len(checks) / HOUR:.1f} a second")
print(f"{VICTIMS} compromises; found: {len(found.keys() & stricken.keys())}; accused wrongly: {false_alarms}\n")
print(f"{'kind':<16} number  found  found after (mean)  a check takes")
latencies: list[float] = []  # without the time of a check
for kind in KINDS:
    those = [m for m, (k, _) in stricken.items() if k == kind]
    seen = [found[m] for m in those if m in found]
    if not seen:
        print(f"{kind:<16} {len(those):>6} {0:>6}  never: {UNSEEN.get(kind, '?')}")
        continue
    service = statistics.median(check for _, check in seen)
    latencies += [latency - service for latency, _ in seen]
    print(f"{kind:<16} {len(those):>6} {len(seen):>6} {statistics.mean(l for l, _ in seen):>14.1f} s {service:>15.3f} s")

latencies.sort()
n = len(latencies)
distance = max(max((i + 1) / n - min(x / PERIOD, 1), min(x / PERIOD, 1) - i / n) for i, x in enumerate(latencies))
scaled = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * distance
p_value = min(2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101)), 1.0)
band = math.sqrt(math.log(2 / 0.05) / (2 * n))  # Dvoretzky, Kiefer, Wolfowitz; Massart's constant
print(f"\n{n} latencies against U(0, {PERIOD:.0f} s) + check: Kolmogorov-Smirnov D = {distance:.3f}, p = {p_value:.2f}")
print(f"within the 95 % band of {band:.3f}: {'yes' if distance <= band else 'no'}")

out.mkdir(parents=True, exist_ok=True)
try:
    from matplotlib import pyplot as plt
except ImportError:
    print("\nno picture: matplotlib is not installed")
else:
    picture, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2), constrained_layout=True)
    left.fill_between([0, PERIOD], [-band, 1 - band], [band, 1 + band], color="#d1e5f0", label="U(0, T), 95 % band")
    left.step([0, *latencies], [i / n for i in range(n + 1)], where="post", color="#2166ac", label="found")
    left.set(xlabel="unnoticed, less the time of a check (s)", ylabel="share of compromises", ylim=(0, 1), title="Latency of detection")
    left.legend(loc="upper left", fontsize=8)
    middle.hist([told / 60 for *_, told in checks], bins=60, range=(0, 60), color="#4393c3")
    middle.set(xlabel="minute", ylabel="verdicts", title="Throughput of one verifier")
    right.hist([(told - asked) * 1000 for *_, asked, told in checks if told - asked < 1], bins=80, color="#ef8a62", log=True)
    right.set(xlabel="from question to verdict (ms)", ylabel="checks", title="Waiting for the host's TPM and the verifier")
    picture.savefig(out / "datacenter_attestation.png", dpi=110)
