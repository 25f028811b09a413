"""Calibration from a device: measured on a TPM of a fleet behind a Unix socket, and refused where there is none."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest
from small_scenarios import cli

import tvdsim as tvd
from tvdsim.calibrate import measure, open_device
from tvdsim.tpm import extend_command

SLOW = 0.004  # seconds that the slow device takes for a quote


class Behind:
    """A TPM of a fleet, one client after the other, on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self.tpm = tvd.TpmFleet(1, seed=5)[0]
        self.path, self.seen, self.broken = path, [], False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client:
                while command := client.recv(4096):
                    if command == b"end":
                        return
                    self.seen.append(command[6:10])
                    if command[6:10] == bytes([0, 0, 1, 0x58]):
                        time.sleep(SLOW)
                    client.sendall(b"\x80\x01\0" if self.broken else self.tpm.execute(command))
                    if self.broken:
                        break

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(str(self.path))
            last.sendall(b"end")
        self._thread.join()
        self._listener.close()


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    device = Behind(tmp_path / "tpm")
    yield device
    device.close()


def test_every_class_is_measured_and_the_tpm_is_left_as_it_was(behind: Behind) -> None:
    before = behind.tpm.pcrs({"sha256": range(24)})
    with open_device(str(behind.path)) as device:
        profile = measure(device, 6)
    assert list(profile.figures) == ["extend", "read", "quote", "sign", "keygen", "other"]
    assert all(f.count == 6 and f.mean > 0 and f.spread >= 0 for f in profile.figures.values())
    assert profile.figures["quote"].median > SLOW * 1e6 > profile.figures["read"].median
    assert behind.tpm.pcrs({"sha256": range(24)}) == before
    assert int.from_bytes(behind.tpm.execute(bytes.fromhex("80010000001600 00017a 00000001 80000000 00000008"))[15:19], "big") == 0, "a key is left"


def test_the_verb_prints_rows_of_the_table(behind: Behind) -> None:
    made = cli("tpm", "calibrate", "--device", str(behind.path), "--rounds", "3", "--name", "mine")
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert lines[0].startswith("PROFILE(mine, ") and lines[-1].startswith("SPREAD(mine, ") and len(lines) == 8
    assert all(re.fullmatch(r'FIGURE\(mine, \w+, \d+, "measured: .*"\)', line) for line in lines[1:-1])
    told = json.loads(cli("tpm", "calibrate", "--device", str(behind.path), "--rounds", "3", "--json").stdout)
    assert told["quote"]["mean_us"] > SLOW * 1e6


@pytest.mark.parametrize("words", [("--device", "/nonexistent/tpmrm0"), ("--device", "/"), ("--rounds", "1"), ("--name", "a b")])
def test_without_a_tpm_or_with_wrong_words_it_says_so_with_status_2(words: "tuple[str, str]") -> None:
    made = cli("tpm", "calibrate", *words)
    assert made.returncode == 2 and made.stderr.startswith("error[TVD-") and "help:" in made.stderr


def test_a_device_that_does_not_answer_as_a_tpm_is_named(behind: Behind) -> None:
    behind.broken = True
    with open_device(str(behind.path)) as device, pytest.raises(tvd.WorldError) as told:
        measure(device, 2)
    assert told.value.name == "device_silent"


def test_a_tpm_that_refuses_is_named_by_its_code(behind: Behind) -> None:
    with open_device(str(behind.path)) as device, pytest.raises(tvd.WorldError) as told:
        device.must(extend_command(17, "00" * 32), "extending")
    assert told.value.name == "TPM_RC_LOCALITY"
