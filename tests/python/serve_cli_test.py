"""`tvdsim tpm serve`: what it prints reaches the TPM; it ends at Ctrl-C, at SIGTERM and when clients shut it down, and leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest
from small_scenarios import cli

SHUTDOWN = bytes([0, 0, 0, 3])
Process = "subprocess.Popen[str]"


def serve(folder: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-m", "tvdsim", "tpm", "serve", *words], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def json_of(process: "subprocess.Popen[str]") -> List[dict]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            break
    return json.loads("".join(lines))["tpms"]


def end(process: "subprocess.Popen[str]", how: int) -> Tuple[int, str]:
    process.send_signal(how)
    _, talk = process.communicate(timeout=60)
    return process.returncode, talk


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(tmp_path: Path, how: int) -> None:
    process = serve(tmp_path, "--unix", "tpm", "--count", "3", "--name", "g", "--json")
    tpms = json_of(process)
    assert [t["name"] for t in tpms] == ["g-0", "g-1", "g-2"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(f"tpm-{i}{e}" for i in range(3) for e in ("", ".ctrl"))
    assert all(f"path={t['control']}" in t["qemu"] and "tpm-crb" in t["qemu"] for t in tpms)
    status, talk = end(process, how)
    assert status == 0 and "stopped after 0 commands" in talk
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_shuts_it_down_ends_it(tmp_path: Path) -> None:
    process = serve(tmp_path, "--unix", "tpm", "--json")
    control = json_of(process)[0]["control"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / control))
        client.sendall(SHUTDOWN)
        assert client.recv(4) == bytes(4)
    process.communicate(timeout=60)
    assert process.returncode == 0 and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not shutil.which("tpm2_getrandom"), reason="no tpm2-tools here: apt install tpm2-tools")
def test_the_printed_line_reaches_the_tpm_of_that_seed_and_name(tmp_path: Path) -> None:
    process = serve(tmp_path, "--tcp", "0", "--seed", "7", "--name", "h1")
    assert process.stdout
    process.stdout.readline()
    line = process.stdout.readline().strip()
    assert line.startswith("export TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=")
    environment = {**os.environ, "TPM2TOOLS_TCTI": line.partition("=")[2]}
    for words in (["tpm2_pcrextend", f"10:sha256={'ab' * 32}"], ["tpm2_pcrread", "sha256:10"]):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=True)
    ours = cli("tpm", "pcr", "--seed", "7", "--name", "h1", "--extend", f"10={'ab' * 32}", "--pcrs", "sha256:10").stdout.split()[-1]
    assert ours.upper() in done.stdout
    assert end(process, signal.SIGINT)[0] == 0


def test_what_cannot_be_served_says_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    taken = cli("tpm", "serve", "--unix", "taken", cwd=tmp_path)
    assert taken.returncode == 2 and "EADDRINUSE" in taken.stderr
    assert (tmp_path / "taken").exists()
    assert cli("tpm", "serve", "--count", "0").returncode == 2
    assert cli("tpm", "serve", "--tcp", "70000").returncode == 2
    assert cli("tpm", "serve", "--state", "no/such/folder/state", "--tcp", "0", cwd=tmp_path).returncode == 2


def test_doctor_names_the_programs_that_are_missing_and_what_they_are_for(tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "tvdsim", "doctor", "--json"], env={**os.environ, "PATH": str(tmp_path)},
                          capture_output=True, text=True, timeout=60, check=False)
    rows = {r["part"]: r for r in json.loads(made.stdout)["rows"]}
    for program in ("swtpm", "tpm2_createprimary"):
        assert rows[program]["state"] == "missing" and rows[program]["disables"] and rows[program]["help"].startswith("apt install ")
    assert made.returncode == 0, "they are no part of what runs need"
