"""What our TPMs sign, tpm2_checkquote accepts; after any one changed byte it refuses, and so do we, by name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Dict

import pytest

import tvdsim as tvd

pytestmark = pytest.mark.skipif(not shutil.which("tpm2_checkquote"), reason="no tpm2_checkquote here: apt install tpm2-tools")
NONCE = bytes(range(20))
SELECTION = {"sha256": [0, 1, 10]}


@pytest.fixture(scope="module")
def signed() -> Dict[str, bytes]:
    """A quote over three PCRs, two of them extended."""
    tpm = tvd.TpmFleet(1, seed=7)[0]
    tpm.extend(1, "0b" * 32)
    tpm.extend(10, "ab" * 32)
    quote = tpm.quote(NONCE, SELECTION)
    return {"msg": quote.attest, "sig": quote.signature, "pcrs": tvd.pcr_file(tpm.pcrs(SELECTION)), "key": tpm.ak_public_pem.encode()}


def checkquote(parts: Dict[str, bytes], nonce: bytes, folder: Path) -> bool:
    for name, data in parts.items():
        (folder / name).write_bytes(data)
    words = ["tpm2_checkquote", "-u", "key", "-m", "msg", "-s", "sig", "-f", "pcrs", "-g", "sha256", "-q", nonce.hex()]
    return subprocess.run(words, cwd=folder, capture_output=True, timeout=60, check=False).returncode == 0


def ours(parts: Dict[str, bytes], nonce: bytes) -> str:
    from tvdsim import _pcr_files

    try:
        quote = tvd.Quote.parse(parts["msg"], parts["sig"])
    except tvd.InputError as problem:
        return problem.code
    return quote.verify(parts["key"], nonce, _pcr_files.read(parts["pcrs"], "pcrs")).reason


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_the_quote_as_it_is_is_accepted(signed: Dict[str, bytes], tmp_path: Path) -> None:
    assert checkquote(signed, NONCE, tmp_path)
    assert ours(signed, NONCE) == "ok"


def test_a_changed_message_is_refused(signed: Dict[str, bytes], tmp_path: Path) -> None:
    for at in range(0, len(signed["msg"]), 16):
        parts = {**signed, "msg": changed(signed["msg"], at)}
        assert not checkquote(parts, NONCE, tmp_path), at
    reasons = {ours({**signed, "msg": changed(signed["msg"], at)}, NONCE) for at in range(len(signed["msg"]))}
    assert "signature" in reasons and reasons <= {"signature", "TVD-521", "TVD-522", "TVD-523"}


def test_a_changed_signature_is_refused(signed: Dict[str, bytes], tmp_path: Path) -> None:
    for at in (6, 20, 37, 40, 60, len(signed["sig"]) - 1):  # within r and within s
        parts = {**signed, "sig": changed(signed["sig"], at)}
        assert not checkquote(parts, NONCE, tmp_path), at
        assert ours(parts, NONCE) == "signature", at


@pytest.mark.parametrize("at", [0, 9, 19])
def test_another_nonce_is_refused(signed: Dict[str, bytes], tmp_path: Path, at: int) -> None:
    other = changed(NONCE, at)
    assert not checkquote(signed, other, tmp_path)
    assert ours(signed, other) == "nonce"


@pytest.mark.parametrize("index", range(3))
def test_a_changed_digest_of_any_pcr_is_refused(signed: Dict[str, bytes], tmp_path: Path, index: int) -> None:
    first = 132 + 4 + 4 + 2  # selection, number of digest lists, number of digests, size of the first
    for byte in (0, 31):
        parts = {**signed, "pcrs": changed(signed["pcrs"], first + 66 * index + byte)}
        assert not checkquote(parts, NONCE, tmp_path)
        assert ours(parts, NONCE) == "pcr_digest"


def test_the_key_of_another_tpm_is_refused(signed: Dict[str, bytes], tmp_path: Path) -> None:
    parts = {**signed, "key": tvd.TpmFleet(1, seed=8)[0].ak_public_pem.encode()}
    assert not checkquote(parts, NONCE, tmp_path)
    assert ours(parts, NONCE) == "signature"
