"""Certificates of a run: written, read in Python, and verified by the tool that everybody has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import tvdsim as tvd

EPOCH = 1_735_689_600  # where simulated time begins


def certified(**more: object) -> tvd.Scenario:
    s = tvd.Scenario("certified", seed=7, authority="v", **more)  # type: ignore[arg-type]
    ma = s.label("ma", ste=["MA"])
    s.hosts("h[1-2]", tpm=True)
    s.hosts("v")
    s.vms("web[1-2]", label=ma, on="h1", memory="64 MiB", vtpm=True)
    s.verifier("v")
    return s


def run_of(s: tvd.Scenario, out: Path) -> tvd.Run:
    s.at("20 s", tvd.AttestVm("web1", "v"))
    s.at("21 s", tvd.AttestHost("h2", "v"))
    return s.run(until="40 s", out=out)


def verify(run: tvd.Run, name: str) -> bool:
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-crl_check_all", "-attime", str(EPOCH + 40), "-CAfile", "roots.pem",
                           "-untrusted", "authorities.pem", "-CRLfile", "revocations.pem", name],
                          cwd=run.directory / "certificates", capture_output=True, text=True)
    return done.returncode == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl tool")
def test_openssl_verifies_every_certificate_of_a_run_and_refuses_a_withdrawn_one(tmp_path: Path) -> None:
    run = run_of(certified(), tmp_path / "a")
    names = [n for n in run.certificates() if n.endswith((".ek.pem", ".ak.pem"))]
    assert sorted(names) == sorted(f"{m}.{k}.pem" for m in ("h1", "h2", "web1", "web2") for k in ("ek", "ak"))
    assert [n for n in names if not verify(run, n)] == []
    s = certified()
    s.at("10 s", tvd.RevokeKey(vm="web1"))
    withdrawn = run_of(s, tmp_path / "b")
    assert [n for n in names if not verify(withdrawn, n)] == ["web1.ak.pem", "web1.ek.pem"]
    assert [row["verdict"] for row in withdrawn.rows("attestations")] == ["revoked", "trusted"]


def test_certificates_are_the_same_for_one_seed_and_absent_without_an_authority(tmp_path: Path) -> None:
    first, again = run_of(certified(), tmp_path / "a"), run_of(certified(), tmp_path / "b")
    assert first.certificates() == again.certificates() != {}
    assert [row["verdict"] for row in first.rows("attestations")] == ["trusted", "trusted"]
    plain = certified()
    plain.authority = ""
    run = run_of(plain, tmp_path / "c")
    assert run.certificates() == {} and [row["verdict"] for row in run.rows("attestations")] == ["trusted", "trusted"]


@pytest.mark.parametrize("binding", ["nonce", "certificate", "pcr"])
def test_every_binding_can_be_chosen_and_survives_the_spec(binding: str, tmp_path: Path) -> None:
    s = certified(vtpm_binding=binding)
    assert tvd.Scenario.from_spec(s.to_spec(until="40 s")).vtpm_binding == binding
    run = run_of(s, tmp_path / "a")
    assert [row["verdict"] for row in run.rows("attestations")] == ["trusted", "trusted"]


def test_what_cannot_be_meant_is_refused_with_its_place() -> None:
    s = certified(vtpm_binding="certificate")
    s.authority = ""
    s.at("1 s", tvd.Enrol())
    s.at("2 s", tvd.ForgeCertificate("web1", "golden"))
    with pytest.raises(tvd.InputError) as refused:
        s.run(until="5 s", out="nowhere")
    text = str(refused.value)
    assert "vtpm_binding" in text and "actions[0]" in text and "golden" in text
