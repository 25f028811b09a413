"""The verb `tpm`: quotes for other tools, PCRs, response codes; exit statuses."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from small_scenarios import cli

EXTEND = f"10={'ab' * 32}"
QUOTE = ("tpm", "quote", "--seed", "7", "--name", "h1", "--extend", EXTEND, "--nonce", "00ff", "--pcrs", "sha256:0,10")


def test_quote_writes_what_both_printed_lines_accept(tmp_path: Path) -> None:
    made = cli(*QUOTE, "--out", "a folder", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert sorted(p.name for p in (tmp_path / "a folder").iterdir()) == ["ak.pem", "q.msg", "q.pcrs", "q.sig"]
    theirs, own = (shlex.split(line) for line in made.stdout.splitlines()[-2:])
    assert own[0] == "tvdsim" and cli(*own[1:], cwd=tmp_path).returncode == 0
    pcrs = tmp_path / "a folder" / "q.pcrs"
    pcrs.write_bytes(pcrs.read_bytes()[:142] + b"\1" + pcrs.read_bytes()[143:])  # the first byte of PCR 0
    assert cli(*own[1:], cwd=tmp_path).returncode == 1
    assert theirs[0] == "tpm2_checkquote"
    if not shutil.which("tpm2_checkquote"):
        pytest.skip("no tpm2_checkquote here: apt install tpm2-tools")
    told = json.loads(cli(*QUOTE, "--out", "b", "--json", cwd=tmp_path).stdout)
    words = shlex.split(told["accepted_by"][0])
    assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert subprocess.run([*words[:-1], "00fe"], cwd=tmp_path, capture_output=True, check=False).returncode != 0
    assert told["pcrs"]["sha256"]["10"] == hashlib.sha256(bytes(32) + b"\xab" * 32).hexdigest()
    assert told["facts"]["nonce"] == "00ff"


def test_quote_does_not_write_over_what_is_there(tmp_path: Path) -> None:
    assert cli(*QUOTE, "--out", "q", cwd=tmp_path).returncode == 0
    before = (tmp_path / "q" / "ak.pem").read_bytes()
    made = cli(*QUOTE[:3], "8", *QUOTE[4:], "--out", "q", cwd=tmp_path)
    assert made.returncode == 2 and "TVD-131" in made.stderr and (tmp_path / "q" / "ak.pem").read_bytes() == before


def test_pcr_tells_what_extending_leads_to() -> None:
    made = cli("tpm", "pcr", "--extend", EXTEND, "--extend", f"10={'01' * 20}", "--pcrs", "sha1:10+sha256:0,10")
    assert made.returncode == 0 and made.stdout.splitlines() == [
        f"PCR sha1 10 {hashlib.sha1(bytes(20) + bytes([1]) * 20).hexdigest()}", f"PCR sha256 0 {'00' * 32}",
        f"PCR sha256 10 {hashlib.sha256(bytes(32) + bytes([0xab]) * 32).hexdigest()}"]
    assert len(json.loads(cli("tpm", "pcr", "--json").stdout)["sha256"]) == 24


def test_rc_says_a_code_in_words_and_1_for_what_is_none() -> None:
    made = cli("tpm", "rc", "0x922", "0x1d5")
    assert made.returncode == 0 and "TPM_RC_RETRY" in made.stdout and "TPM_RC_SIZE" in made.stdout and "(parameter 1)" in made.stdout
    assert json.loads(cli("tpm", "rc", "256", "--json").stdout)[0]["name"] == "TPM_RC_INITIALIZE"
    assert cli("tpm", "rc", "0x7f").returncode == 1


@pytest.mark.parametrize("words", [["rc"], ["rc", "many"], ["rc", "0x100000000"], ["quote"], ["pcr", "stray"], ["pcr", "--extend", "10=abc"],
                                   ["pcr", "--extend", f"24={'ab' * 32}"], ["pcr", "--extend", f"10={'zz' * 32}"], ["pcr", "--pcrs", "sha256"],
                                   ["pcr", "--pcrs", "sha265:0"], ["pcr", "--pcrs", "sha256:24"], ["pcr", "--seed", "-1"], ["pcr", "--name", ""],
                                   ["fly"]])
def test_a_wrong_word_is_told_in_one_message_with_status_2(words: "list[str]") -> None:
    made = cli("tpm", *words)
    assert made.returncode == 2 and made.stderr.startswith("error[TVD-") and "Traceback" not in made.stderr and made.stdout == ""


def test_a_refusal_of_the_tpm_is_told_by_name() -> None:
    made = cli("tpm", "pcr", "--extend", f"17={'ab' * 32}")
    assert made.returncode == 2 and "TPM_RC_LOCALITY" in made.stderr and made.stdout == ""


def test_doctor_tells_which_libtpms_runs() -> None:
    rows = {row["part"]: row for row in json.loads(cli("doctor", "--json").stdout)["rows"]}
    assert rows["libtpms"]["detail"].startswith(("private", "stock"))
