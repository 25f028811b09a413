"""Scenarios that the Python tests share: small, whole, and quick to run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional

import tvdsim as tvd

SOURCE = Path(os.environ.get("TVDSIM_SOURCE_DIR", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("TVDSIM_BUILD_DIR", SOURCE / "build" / "dev"))
POLICIES = SOURCE / "scenarios" / "policies"
FIGURE3 = POLICIES / "tvdc_figure3.xml"
RUNNER = BUILD / "scenarios" / "tvdsim-run"


def two_tenants(seed: int = 7, controls: Optional[Dict[str, str]] = None) -> tvd.Scenario:
    """Two rivals, one host each, a migration into the rival's host, a refused channel."""
    s = tvd.Scenario("two-tenants", seed=seed, controls=controls)
    acme = s.label("acme", ste={"acme"}, cw={"acme"})
    bolt = s.label("bolt", ste={"bolt"}, cw={"bolt"})
    s.conflict("rivals", "acme", "bolt")
    h1, h2 = s.hosts("h[1-2]", cores=8, memory="32 GiB")
    s.switch("tor", links=[h1, h2])
    a = s.vms("acme[1-2]", label=acme, on=h1, memory="1 GiB")
    b = s.vm("bolt1", label=bolt, on=h2, memory="1 GiB")
    s.at("5 s", tvd.Connect(a[0], a[1]))
    s.at("10 s", tvd.MigrateVm(a[0], h2))
    s.at("20 s", tvd.StopVm(b))
    return s


def long_story(events: int = 100_000) -> tvd.Scenario:
    """One that takes seconds of wall time, so that it can be stopped or killed on its way."""
    s = tvd.Scenario("long")
    one = s.label("one", ste={"one"})
    h = s.host("h", memory="32 GiB")
    a, b = s.vms("vm[1-2]", label=one, on=h, memory="1 GiB")
    s.at("5 s", tvd.Connect(a, b))
    s.every(f"{1_000_000_000 // events * 100} ns", tvd.Notify(a, b, 1), start="6 s")
    return s


def python(words: List[str], **more: Any) -> "subprocess.CompletedProcess[str]":
    """Another process of the same interpreter with the same import path."""
    return subprocess.run([sys.executable, "-P", *words], capture_output=True, text=True, timeout=300, **more)


def cli(*words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    """The command line, as a program."""
    return python(["-m", "tvdsim", *words], **more)


def story(seed: int = 7, **settings: Any) -> tvd.Scenario:
    """Two tenants on four hosts: traffic, attestation every 10 s, two migrations, a tampered file, a VLAN hop, two probes."""
    s = tvd.Scenario("story", seed=seed, **settings)
    acme = s.label("acme", ste={"acme"}, cw={"acme"})
    bolt = s.label("bolt", ste={"bolt"}, cw={"bolt"})
    s.conflict("rivals", "acme", "bolt")
    hosts = s.hosts("h[1-3]", cores=8, memory="32 GiB", tpm="2.0")
    verifier = s.host("verifier")
    s.switch("tor", links=[*hosts, verifier])
    s.vlan(10, label=acme)
    s.vlan(20, label=bolt)
    a = s.vms("acme[1-2]", label=acme, vlan=10, on=hosts[:2], memory="1 GiB", vtpm=True)
    b = s.vms("bolt[1-2]", label=bolt, vlan=20, on=hosts[2], memory="1 GiB", vtpm=True)
    s.traffic(tvd.Poisson("2 /s"), size="2 KiB", among=a)
    s.every("10 s", tvd.Attest([*a, *b, hosts[2]], verifier=verifier))
    s.at("5 s", tvd.Ping(a[0], a[1]), tvd.Ping(a[0], b[0]))
    s.at("12 s", tvd.Migrate(a[0], to=hosts[1]))
    s.at("21 s", tvd.Migrate(a[1], to=hosts[2]))
    s.at("25 s", tvd.attacks.TamperFile(b[0], "/usr/sbin/sshd"))
    s.at("28 s", tvd.attacks.VlanHop(b[1], into=10))
    return s
