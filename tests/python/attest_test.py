"""Whole evidence from Python and from the command line: every check with its outcome and its reason."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any, Tuple, Union

import pytest
from small_scenarios import SOURCE, cli

import tvdsim as tvd


def _load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


made = _load("evidence_made", SOURCE / "tests" / "python" / "evidence_test.py")
NONCE = made.NONCE.hex()
SUMS = f"""# as sha256sum prints them
{hashlib.sha256(b"init").hexdigest()}  /sbin/init
{hashlib.sha256(b"dash").hexdigest()} */bin/sh
{hashlib.sha256(b"CRTM").hexdigest()}  CRTM
{hashlib.sha256(b"grub").hexdigest()}
"""


def known() -> tvd.KnownDigests:
    return tvd.KnownDigests.read(SUMS, "sums")


def appraised(**changed: Any) -> tvd.Appraisal:
    quote = made.a_quote()
    asked = {"attest": quote["attest"], "signature": quote["signature"], "nonce": NONCE, "key": quote["key"], "event_log": made.EVENTS,
             "ima_log": made.LATER, "references": known(), "without": ["boot_aggregate"], **changed}
    return tvd.appraise(asked.pop("attest"), asked.pop("signature"), asked.pop("nonce"), **asked)


def test_good_evidence_is_trusted_and_says_what_became_of_each_check() -> None:
    result = appraised()
    assert result and result.verdict == "trusted" and result.reason is None, result.detail
    outcomes = {c.name: c.outcome for c in result.checks}
    assert outcomes["signature"] == outcomes["reference"] == outcomes["event_data"] == "passed"
    assert outcomes["boot_aggregate"] == "off" and outcomes["secure_boot"] == "not_applicable"
    assert all(c.why for c in result.checks if c.outcome == "not_applicable")
    assert result.counts["entries_believed"] == 2 and result.counts["entries_beyond"] == 1 and result.counts["events_checked"] == 2
    assert list(result.frame()["name"]) == list(outcomes)


@pytest.mark.parametrize("reason, changed", [
    ("nonce", {"nonce": "00"}),
    ("key", {"key": None}),
    ("event_log", {"event_log": made.EVENTS.replace(b"grub", b"grub")[:-4] + b"\0\0\0", "pcrs": made.machine_pcrs()}),
    ("ima_log", {"ima_log": made.LATER.replace(b"/bin/sh\0", b"/bin/su\0"), "pcrs": made.machine_pcrs()}),
    ("pcr_digest", {"ima_log": made.LATER.replace(b"/bin/sh\0", b"/bin/su\0")}),
    ("boot_aggregate", {"without": []}),
    ("secure_boot", {"secure_boot": True, "require": {"sha256": [0]}}),
    ("pcr_selection", {"require": {"sha256": [7]}}),
    ("chain", {"chain": ["CRTM", "xen"]}),
    ("reference", {"references": tvd.KnownDigests()}),
    ("startup_locality", {"startup_locality": 3}),
    ("exit_boot_services", {"exit_boot_services": "logged"}),
])
def test_what_does_not_hold_is_named(reason: str, changed: Any) -> None:
    result = appraised(**changed)
    assert not result and result.reason == reason and result.detail, result
    assert next(c for c in result.checks if c.name == reason).outcome in ("failed", "missing")


DASH = f"sha256:{hashlib.sha256(b'dash').hexdigest()}"


def store_at(path: Union[str, Path]) -> tvd.ReferenceStore:
    store = tvd.ReferenceStore(path)
    for name, kind in (("/sbin/init", "file"), ("/bin/sh", "file"), ("CRTM", "boot"), ("grub", "boot")):
        content = {"/sbin/init": b"init", "/bin/sh": b"dash"}.get(name, name.encode())
        store.add(name, f"sha256:{hashlib.sha256(content).hexdigest()}", kind=kind)
    return store


def test_a_stores_annotation_changes_the_verdict_of_the_same_evidence() -> None:
    store = store_at("")
    assert appraised(references=store).verdict == "trusted"
    store.annotate(DASH, "vulnerable", "CVE-2026-1")
    result = appraised(references=store)
    assert result.verdict == "vulnerable" and result.entity == "/bin/sh" and "CVE-2026-1" in result.detail


def test_references_are_read_from_sums_and_logs() -> None:
    assert len(known()) == 4 and appraised(chain=["CRTM", "grub"])
    other = tvd.KnownDigests.read(SUMS.replace("/sbin/init", "/sbin/other"), "sums")
    result = appraised(references=other)
    assert result.reason == "reference" and result.entity == "/sbin/init"
    from_logs = tvd.KnownDigests()
    from_logs.add_log(tvd.EventLog.parse(made.EVENTS))
    from_logs.add_log(tvd.ImaLog.parse(made.IMA))
    assert appraised(references=from_logs)
    with pytest.raises(tvd.InputError) as refused:
        tvd.KnownDigests.read("abc  /bin/sh\n", "SUMS")
    assert refused.value.code == "TVD-103" and "SUMS, line 1" in refused.value.where
    for wrong in ({"exit_boot_services": "never"}, {"startup_locality": 1}, {"without": ["signatur"]}):
        with pytest.raises(tvd.InputError) as refused:
            appraised(**wrong)
        assert refused.value.code in ("TVD-101", "TVD-110")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attest")
    quote = made.a_quote()
    for name, data in {"events.bin": made.EVENTS, "ima.bin": made.LATER, "good.bin": made.IMA, "q.msg": quote["attest"], "q.sig": quote["signature"],
                       "ak.pub": quote["key"], "sums": SUMS.encode(), "text": b"nothing of the kind", "cut.bin": made.LATER[:-7],
                       "q.pcrs": made.dump(made.machine_pcrs()["sha256"])}.items():
        (folder / name).write_bytes(data)
    return folder


ASKED = ("attest", "explain", "--attest", "q.msg", "--signature", "q.sig", "--key", "ak.pub", "--nonce", NONCE, "--log", "events.bin", "--log", "ima.bin",
         "--without", "boot_aggregate")


def test_attest_explains_every_check_and_exits_0_or_1(here: Path) -> None:
    fine = cli(*ASKED, "--references", "sums", "--require", "sha256:0,4,10", "--pcrs", "q.pcrs", cwd=here)
    assert fine.returncode == 0 and "trusted: " in fine.stdout, fine.stdout + fine.stderr
    assert "1 came after it" in fine.stdout
    told = json.loads(cli(*ASKED, "--good-log", "events.bin", "--good-log", "good.bin", "--json", cwd=here).stdout)
    assert told["verdict"] == "trusted" and len(told["checks"]) > 15 and told["references"]
    alone = cli(*ASKED, cwd=here)
    assert alone.returncode == 0 and "nobody vouches" in alone.stdout
    no = cli(*ASKED, "--references", "sums", "--secure-boot", "on", "--json", cwd=here)
    assert no.returncode == 1 and json.loads(no.stdout)["reason"] == "secure_boot"
    stale = list(ASKED)
    stale[stale.index("--nonce") + 1] = "00"
    assert cli(*stale, cwd=here).returncode == 1
    assert "secure_boot" in cli("attest", "checks", cwd=here).stdout


def test_attest_takes_a_store_of_references(here: Path) -> None:
    store_at(here / "refs.db").annotate(DASH, "vulnerable", "CVE-2026-1")
    weak = cli(*ASKED, "--references", "refs.db", cwd=here)
    assert weak.returncode == 1 and "vulnerable: " in weak.stdout and "CVE-2026-1" in weak.stdout, weak.stdout + weak.stderr
    mixed = cli(*ASKED, "--references", "refs.db", "--references", "sums", "--json", cwd=here)
    assert mixed.returncode == 2 and "is a store" in mixed.stdout


@pytest.mark.parametrize("words, code, place", [
    (("attest", "explain", "--attest", "q.msg", "--signature", "q.sig"), "TVD-104", "attest"),
    ((*ASKED, "--key", "text"), "TVD-526", "text"),
    ((*ASKED, "--references", "absent"), "TVD-130", "absent"),
    ((*ASKED, "--references", "text"), "TVD-103", "text, line 1"),
    ((*ASKED, "--require", "sha256:24"), "TVD-103", "--require"),
    ((*ASKED, "--log", "events.bin"), "TVD-102", "--log"),
    ((*ASKED[:-6], "--log", "cut.bin"), "TVD-502", "cut.bin"),
    (("log", "check", "events.bin"), "TVD-104", "log check"),
    (("log", "show", "events.bin", "--pcrs", "q.pcrs"), "TVD-105", "log show"),
])
def test_what_is_wrong_with_the_command_is_one_error_with_its_place_and_help(here: Path, words: Tuple[str, ...], code: str, place: str) -> None:
    told = cli(*words, "--json", cwd=here)
    assert told.returncode == 2 and "Traceback" not in told.stderr, told.stdout
    findings = json.loads(told.stdout)["error"]["findings"]
    assert [f["code"] for f in findings] == [code] and place in findings[0]["where"]


def test_log_shows_replays_and_checks(here: Path) -> None:
    shown = cli("log", "show", "events.bin", cwd=here)
    assert shown.returncode == 0 and "grub" in shown.stdout
    replayed = cli("log", "replay", "events.bin", cwd=here)
    assert replayed.returncode == 0 and f"PCR sha256 4 {made.machine_pcrs()['sha256'][4]}" in replayed.stdout
    (here / "replayed.txt").write_text(replayed.stdout)
    checked = cli("log", "check", "events.bin", "--pcrs", "replayed.txt", cwd=here)
    assert checked.returncode == 0 and "log/PCR match" in checked.stdout and "EV_IPL" not in checked.stdout
    assert cli("log", "check", "ima.bin", "--pcrs", "q.pcrs", cwd=here).returncode == 0


@pytest.mark.skipif("TVDSIM_CONFORMANCE" not in os.environ, reason="the oracle files are elsewhere")
def test_evidence_of_real_machines_is_explained(here: Path) -> None:
    guest = Path(os.environ["TVDSIM_CONFORMANCE"]) / "guest-logs" / "q-seabios"
    words = ("attest", "explain", "--attest", str(guest / "quote.msg"), "--signature", str(guest / "quote.sig"), "--key", str(guest / "ak.pem"),
             "--nonce", "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf", "--log", str(guest / "tpm_eventlog.bin"), "--log", str(guest / "ima_ascii.txt"),
             "--good-log", str(guest / "tpm_eventlog.bin"), "--good-log", str(guest / "ima_binary.bin"), "--json")
    strict = json.loads(cli(*words, cwd=here).stdout)
    assert strict["reason"] == "violation" and strict["entity"]
    told = json.loads(cli(*words, "--without", "violation", "--separators", cwd=here).stdout)
    assert told["verdict"] == "trusted", told
    assert told["counts"]["entries_beyond"] > 0
