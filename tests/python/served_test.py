"""Served TPMs under tpm2-tools: keys, quotes, certificates, sealing, NV and PCRs over both transports; errors; rude clients."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Iterator, List

import pytest

import tvdsim as tvd

needs_tools = pytest.mark.skipif(not shutil.which("tpm2_createprimary"), reason="no tpm2-tools here: apt install tpm2-tools")
GET_RANDOM = bytes.fromhex("80010000000c0000017b0008")


class Tools:
    """tpm2-tools in a folder, speaking to one TPM."""

    def __init__(self, folder: Path, tcti: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TPM2TOOLS_TCTI": tcti}

    def run(self, line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(line.split(), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False)

    def __call__(self, *lines: str) -> str:
        """Each must succeed; what the last one printed. Nothing holds what a command loaded: there is no resource manager."""
        out = ""
        for line in lines:
            done = self.run(line)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            out = done.stdout
            if "createp" in line or "load " in line or "create " in line:
                assert self.run("tpm2_flushcontext -t").returncode == 0
        return out

    def fails(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode != 0, f"{line} should have failed: {done.stdout}"
        self.run("tpm2_flushcontext -t")
        self.run("tpm2_flushcontext -l")
        return done.stderr


@pytest.fixture(params=["unix", "tcp"])
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tools]:
    where = {"unix": str(tmp_path / "tpm")} if request.param == "unix" else {"tcp": 0}
    with tvd.ServedTpms(1, seed=7, **where) as served:  # type: ignore[arg-type]
        (tmp_path / "work").mkdir()
        yield Tools(tmp_path / "work", served[0].tcti)


def primary_and_ak(tools: Tools) -> None:
    tools("tpm2_createprimary -Q -C o -G ecc -c primary.ctx",
          "tpm2_create -Q -C primary.ctx -G ecc:ecdsa-sha256:null -a fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign "
          "-u ak.pub -r ak.priv",
          "tpm2_load -Q -C primary.ctx -u ak.pub -r ak.priv -c ak.ctx",
          "tpm2_readpublic -Q -c ak.ctx -f pem -o ak.pem", "tpm2_flushcontext -t")


@needs_tools
def test_a_created_key_quotes_and_checkquote_accepts(tools: Tools) -> None:
    primary_and_ak(tools)
    digest = "ab" * 32
    tools(f"tpm2_pcrextend 10:sha256={digest}", "tpm2_quote -Q -c ak.ctx -l sha256:0,10 -q abcd12 -m q.msg -s q.sig -o q.pcrs -g sha256",
          "tpm2_flushcontext -t", "tpm2_checkquote -Q -u ak.pem -m q.msg -s q.sig -f q.pcrs -g sha256 -q abcd12")
    tools.fails("tpm2_checkquote -Q -u ak.pem -m q.msg -s q.sig -f q.pcrs -g sha256 -q abcd13")
    quote = tvd.Quote.parse((tools.folder / "q.msg").read_bytes(), (tools.folder / "q.sig").read_bytes())
    assert quote.facts["nonce"] == "abcd12"


@needs_tools
def test_a_key_certifies_another(tools: Tools) -> None:
    primary_and_ak(tools)
    tools("tpm2_create -Q -C primary.ctx -G ecc:ecdsa-sha256 -u key.pub -r key.priv",
          "tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx",
          "tpm2_certify -Q -C ak.ctx -c key.ctx -g sha256 -o attest -s sig -f plain", "tpm2_flushcontext -t",
          "openssl dgst -sha256 -verify ak.pem -signature sig attest")


@needs_tools
def test_a_secret_is_unsealed_under_its_pcrs_alone(tools: Tools) -> None:
    (tools.folder / "secret").write_bytes(b"for good software alone")
    tools("tpm2_createprimary -Q -C o -G ecc -c primary.ctx", f"tpm2_pcrextend 10:sha256={'01' * 32}",
          "tpm2_createpolicy -Q --policy-pcr -l sha256:0,10 -L policy",
          "tpm2_create -Q -C primary.ctx -u s.pub -r s.priv -L policy -i secret", "tpm2_load -Q -C primary.ctx -u s.pub -r s.priv -c s.ctx",
          "tpm2_flushcontext -t")
    assert tools("tpm2_unseal -c s.ctx -p pcr:sha256:0,10") == "for good software alone"
    tools("tpm2_flushcontext -t", "tpm2_flushcontext -l", "tpm2_pcrextend 11:sha256=" + "02" * 32)
    assert tools("tpm2_unseal -c s.ctx -p pcr:sha256:0,10") == "for good software alone", "PCR 11 is not of the policy"
    tools("tpm2_flushcontext -t", "tpm2_flushcontext -l", "tpm2_pcrextend 10:sha256=" + "02" * 32)
    assert "policy check failed" in tools.fails("tpm2_unseal -c s.ctx -p pcr:sha256:0,10")
    assert "99d" in tools.fails("tpm2_unseal -c s.ctx -p pcr:sha256:0,10"), "TPM_RC_POLICY_FAIL, session 1"


@needs_tools
def test_nv_keeps_bytes_and_counts(tools: Tools) -> None:
    (tools.folder / "data").write_bytes(b"sixteen bytes ok")
    tools("tpm2_nvdefine -Q 0x1500001 -C o -s 16 -a ownerread|ownerwrite", "tpm2_nvwrite -Q 0x1500001 -C o -i data")
    assert tools("tpm2_nvread 0x1500001 -C o -s 16") == "sixteen bytes ok"
    tools("tpm2_nvdefine -Q 0x1500002 -C o -s 8 -a nt=counter|ownerread|ownerwrite", *["tpm2_nvincrement -Q 0x1500002 -C o"] * 3,
          "tpm2_nvread 0x1500002 -C o -s 8 -o count")
    assert int.from_bytes((tools.folder / "count").read_bytes(), "big") == 3
    assert tools.run("tpm2_nvread 0x1500001 -C o -s 17").returncode != 0, "beyond its end"
    tools("tpm2_nvundefine -Q 0x1500001 -C o")
    assert "18b" in tools.fails("tpm2_nvread 0x1500001 -C o -s 16"), "TPM_RC_HANDLE"


@needs_tools
def test_pcrs_are_extended_and_the_resettable_ones_reset(tools: Tools) -> None:
    tools(f"tpm2_pcrextend 16:sha256={'01' * 32},sha1={'02' * 20} 23:sha256={'03' * 32}", "tpm2_pcrreset 16")
    out = tools("tpm2_pcrread sha256:16,23")
    assert "16: 0x" + "0" * 64 in out and "23: 0x" + "0" * 64 not in out
    assert "locality" in tools.fails("tpm2_pcrreset 0")


@needs_tools
def test_a_wrong_password_and_a_handle_that_is_not_there_are_refused_by_name(tools: Tools) -> None:
    tools("tpm2_changeauth -Q -c o right")
    assert "9a2" in tools.fails("tpm2_createprimary -C o -P wrong -G ecc -c p.ctx"), "TPM_RC_BAD_AUTH, session 1"
    tools("tpm2_createprimary -Q -C o -P right -G ecc -c p.ctx")
    assert "18b" in tools.fails("tpm2_readpublic -c 0x81000099"), "TPM_RC_HANDLE"


@needs_tools
def test_a_client_that_dies_in_the_middle_disturbs_no_tool(tmp_path: Path) -> None:
    with tvd.ServedTpms(1, seed=7, unix=tmp_path / "tpm") as served:
        tools, over = Tools(tmp_path, served[0].tcti), threading.Event()

        def die_again_and_again() -> None:
            size = 0
            while not over.is_set():
                for path in (served[0].data, served[0].control):
                    with socket.socket(socket.AF_UNIX) as rude:
                        rude.connect(path)
                        rude.sendall(GET_RANDOM[:size % 11 + 1] if path == served[0].data else bytes([0, 0, 0, 13, 0, 0]))
                size += 1

        rude = threading.Thread(target=die_again_and_again)
        rude.start()
        try:
            for _ in range(20):
                tools(f"tpm2_pcrextend 10:sha256={'07' * 32}")
        finally:
            over.set()
            rude.join()
        alone = tvd.TpmFleet(1, seed=7)[0]
        for _ in range(20):
            alone.extend(10, "07" * 32)
        assert alone.pcr(10).upper() in tools("tpm2_pcrread sha256:10")
        assert served.counts()["dropped"] > 0


@needs_tools
def test_several_are_served_at_once_and_each_is_its_own(tmp_path: Path) -> None:
    with tvd.ServedTpms(5, seed=7, workers=2, tcp=0, unix=tmp_path / "tpm") as served:
        outputs: List[str] = [""] * 5

        def use(i: int) -> None:
            tools = Tools(tmp_path, served[i].tcti if i % 2 else f"swtpm:path={served[i].data}")
            for _ in range(i + 1):
                tools(f"tpm2_pcrextend 10:sha256={'07' * 32}")
            outputs[i] = tools("tpm2_pcrread sha256:10")

        threads = [threading.Thread(target=use, args=(i,)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(outputs)) == 5 and "" not in outputs


def test_seed_and_name_make_the_served_tpm(tmp_path: Path) -> None:
    def random(tpm: tvd.ServedTpm) -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(tpm.data)
            client.sendall(GET_RANDOM)
            return client.recv(100)

    with tvd.ServedTpms(2, seed=7, unix=tmp_path / "a", ticking=False) as served:
        first = [random(tpm) for tpm in served]
    assert first == [tpm.execute(GET_RANDOM) for tpm in tvd.TpmFleet(2, seed=7)] or not tvd.TpmFleet(1).deterministic
    assert list(tmp_path.iterdir()) == []


def test_a_state_file_carries_the_tpm_on(tmp_path: Path) -> None:
    def extend(**more: object) -> bytes:
        with tvd.ServedTpms(1, seed=7, unix=tmp_path / "tpm", state=tmp_path / "state", **more) as served:  # type: ignore[arg-type]
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(served[0].data)
                client.sendall(bytes.fromhex("80020000004100000182" "0000000a" "00000009" "40000009" "0000000000" "00000001" "000b") + bytes(32))
                client.recv(100)
                client.sendall(bytes.fromhex("80010000001400000 17e 00000001 000b 03 000400".replace(" ", "")))
                return client.recv(200)[-32:]

    values = [extend() for _ in range(3)]
    alone, expected = tvd.TpmFleet(1, seed=7)[0], []
    for _ in range(3):
        alone.extend(10, "00" * 32)
        expected.append(bytes.fromhex(alone.pcr(10)))
    assert values == expected
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    with pytest.raises(tvd.InputError) as other_names:
        extend(names=["other"])
    assert other_names.value.code == "TVD-103"
    text = (tmp_path / "state").read_text()
    at = text.index('"permanent": "') + 200
    (tmp_path / "state").write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:])
    with pytest.raises(tvd.WorldError) as changed:
        extend()
    assert changed.value.name == "state_digest"
    (tmp_path / "state").write_text("{}")
    with pytest.raises(tvd.InputError):
        extend()
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    for bad in ({}, {"count": 0, "tcp": 0}, {"tcp": 65535}, {"names": ["a", "b"], "tcp": 0}, {"count": 2, "names": ["a", "a"], "tcp": 0}):
        with pytest.raises(tvd.InputError):
            tvd.ServedTpms(**bad)  # type: ignore[arg-type]
    with tvd.ServedTpms(unix=tmp_path / "t"):
        with pytest.raises(tvd.WorldError) as taken:
            tvd.ServedTpms(unix=tmp_path / "t")
        assert taken.value.name == "EADDRINUSE"
    assert list(tmp_path.iterdir()) == []
