"""Somebody changes one byte. Who notices, when, and in which PCR?

One host, one VM with a vTPM, a verifier that asks every 20 s. In each row another component differs by one byte: below, of the
host (from the power button on); of the VM's boot; at 45 s, of a program of the running VM.
"""

import re
from typing import Any

import tvdsim as tvd

out = tvd.output("07_attested_boot")
HOST = ["crtm", "firmware", "firmware_config", "boot_loader", "boot_config", "hypervisor", "policy", "dom0_kernel"]
GUEST = ["boot_loader", "kernel", "/usr/sbin/sshd"]
PROGRAM = "/usr/sbin/nginx"


def story(where: str, component: str) -> tvd.Run:
    s = tvd.Scenario(f"one byte of {component}", seed=7)
    acme = s.label("acme", ste={"acme"}, cw={"acme"})
    host = s.host("h1", cores=8, memory="16 GiB", tpm="2.0", tampered=[component] if where == "host" else [])
    v = s.host("v")
    web = s.vm("web", label=acme, on=host, memory="1 GiB", vtpm=True, tampered=[component] if where == "VM boot" else [])
    s.every("20 s", tvd.Attest([host, web], verifier=v))
    if where == "VM later":
        s.at("45 s", tvd.attacks.TamperFile(web, component))
    return s.run(until="90 s")


rows: list[dict[str, Any]] = []
for where, component in ([("nowhere", "nothing")] + [("host", name) for name in HOST] + [("VM boot", name) for name in GUEST]
                         + [("VM later", PROGRAM)]):
    asked = story(where, component).attestations
    bad = asked[asked["verdict"] != "trusted"]
    first = bad.iloc[0] if len(bad) else None
    pcr = re.search(r"PCR (\d+)", first["detail"]) if first is not None else None
    verdicts = {kind: asked[asked["kind"] == kind].iloc[-1]["verdict"] for kind in ("host", "vm")}
    rows.append({"where": where, "component": component, "pcr": pcr.group(1) if pcr else "-", **verdicts,
                 "noticed_s": float(first["time_s"]) if first is not None else None})

print(f"{'changed in':<10} {'component':<16} {'PCR':>3}  {'host':<9}  {'VM':<9}  noticed at")
for row in rows:
    noticed = "never" if row["noticed_s"] is None else f"{row['noticed_s']:.1f} s"
    print(f"{row['where']:<10} {row['component']:<16} {row['pcr']:>3}  {row['host']:<9}  {row['vm']:<9}  {noticed}")

out.mkdir(parents=True, exist_ok=True)
try:
    from matplotlib import pyplot as plt
except ImportError:
    print("\nno picture: matplotlib is not installed")
else:
    figure, axes = plt.subplots(figsize=(9, 5), constrained_layout=True)
    shown = [row for row in rows if row["noticed_s"] is not None]
    colours = {"host": "#b2182b", "VM boot": "#ef8a62", "VM later": "#2166ac"}
    for at, row in enumerate(reversed(shown)):
        axes.scatter(int(row["pcr"]), at, s=150, marker="s", color=colours[row["where"]])
        axes.text(int(row["pcr"]) + 0.35, at, f"noticed at {row['noticed_s']:.1f} s", va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [f"{row['component']} ({row['where']})" for row in reversed(shown)])
    axes.set_xticks(range(12))
    axes.set_xlim(-0.6, 13.5)
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    meanings = {"host": "changed on the host", "VM boot": "changed before the VM booted", "VM later": "changed in the running VM"}
    for where, meaning in meanings.items():
        axes.scatter([], [], s=90, marker="s", color=colours[where], label=meaning)
    axes.legend(loc="lower left", fontsize=8)
    axes.set_xlabel("PCR that changed")
    axes.set_title("One changed byte: where it is measured, when the verifier notices")
    figure.savefig(out / "attested_boot.png", dpi=110)
