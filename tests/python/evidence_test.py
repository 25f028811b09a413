"""Logs and quotes from Python and from the command line; tpm2-tools' file formats."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
import sys
from pathlib import Path
from typing import Any, Dict

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


oracle = _load("evidence_oracle", SOURCE / "tests" / "differential" / "oracle" / "evidence_oracle.py")
D = 0x1F2E3D4C5B6A79881726354453627180F0E1D2C3B4A5968778695A4B3C2D1E0F
NONCE = b"a question of twenty"


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def b2(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def event(pcr: int, kind: int, said: bytes) -> bytes:
    digests = b"".join(struct.pack("<H", a) + hashlib.new(n, said).digest() for a, n in ((4, "sha1"), (11, "sha256")))
    return u32(pcr) + u32(kind) + u32(2) + digests + u32(len(said)) + said


def entry(path: str, content: bytes) -> bytes:
    digest = b"sha256:\0" + hashlib.sha256(content).digest()
    name = path.encode() + b"\0"
    said = u32(len(digest)) + digest + u32(len(name)) + name
    return u32(10) + hashlib.sha1(said).digest() + u32(6) + b"ima-ng" + u32(len(said)) + said


HEAD = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + u32(2) + b"\4\0\x14\0\x0b\0\x20\0" + b"\0"
EVENTS = (u32(0) + u32(3) + bytes(20) + u32(len(HEAD)) + HEAD + event(0, 8, b"CRTM") + event(4, 13, b"grub") + event(4, 4, bytes(4)))
IMA = entry("/sbin/init", b"init") + entry("/bin/sh", b"dash")
LATER = IMA + entry("/usr/bin/late", b"late")


def machine_pcrs() -> Dict[str, Dict[int, str]]:
    """What the machine's TPM holds: PCRs 0, 4 and 10 of SHA-256, after IMA's second entry."""
    pcrs = {n: v for n, v in oracle.event_log(EVENTS)["sha256"].items()}
    return {"sha256": {**pcrs, 10: oracle.ima_log(IMA)[1]["sha256"]}}


def a_quote() -> Dict[str, bytes]:
    values = machine_pcrs()["sha256"]
    digest = hashlib.sha256(b"".join(bytes.fromhex(values[n]) for n in (0, 4, 10))).digest()
    attest = (struct.pack(">IH", 0xFF544347, 0x8018) + b2(b"\0\x0b" + bytes(32)) + b2(NONCE) + struct.pack(">QIIBQ", 5, 6, 7, 1, 8)
              + struct.pack(">IHB", 1, 11, 3) + b"\x11\x04\0" + b2(digest))
    r, s = oracle.ecdsa_sign(D, 0xABCDEF123456789, attest)
    signature = struct.pack(">HH", 0x18, 11) + b2(r.to_bytes(32, "big")) + b2(s.to_bytes(32, "big"))
    key = (struct.pack(">HHI", 0x23, 11, 0x50072) + b2(b"") + struct.pack(">HHHHH", 0x10, 0x18, 11, 3, 0x10)
           + b"".join(b2(v.to_bytes(32, "big")) for v in oracle.times(D, oracle.G)))
    return {"attest": attest, "signature": signature, "key": key}


def dump(pcrs: Dict[int, str]) -> bytes:
    """As `tpm2_quote -o` writes them."""
    mask = sum(1 << n for n in pcrs)
    held = b"".join(struct.pack("<H", 32) + bytes.fromhex(v).ljust(64, b"\0") for _, v in sorted(pcrs.items()))
    return u32(1) + struct.pack("<HBIB", 11, 3, mask, 0) + bytes(120) + u32(1) + u32(len(pcrs)) + held + bytes(66 * (8 - len(pcrs)))


def test_an_event_log_has_events_and_leads_to_pcrs() -> None:
    log = tvd.EventLog.parse(EVENTS)
    assert log.format == "crypto_agile" and log.algorithms == ["sha1", "sha256"] and log.startup_locality == 0
    assert [e.name for e in log.events[1:]] == ["CRTM", "grub", "separator"]
    assert log.events[2].type_name == "EV_IPL" and log.events[2].digests["sha1"] == hashlib.sha1(b"grub").hexdigest()
    assert log.replay() == oracle.event_log(EVENTS)
    frame = log.frame()
    assert list(frame.columns) == ["pcr", "type", "name", "sha1", "sha256", "size_bytes", "offset_bytes"]
    assert len(frame) == 4


def test_an_ima_log_has_entries_and_leads_to_pcr_10() -> None:
    log = tvd.ImaLog.parse(LATER)
    assert [e.path for e in log.entries] == ["/sbin/init", "/bin/sh", "/usr/bin/late"]
    assert log.entries[0].digest == hashlib.sha256(b"init").hexdigest() and log.entries[0].sound
    assert log.replay("sha256") == oracle.ima_log(LATER)[1]["sha256"]
    assert log.replay("sha1", upto=2) == oracle.ima_log(IMA)[1]["sha1"]
    assert log.prefix_for("sha256", machine_pcrs()["sha256"][10]) == 2
    assert log.first_bad is None and log.boot_aggregate is None
    forged = tvd.ImaLog.parse(LATER.replace(b"/bin/sh\0", b"/bin/su\0"))
    assert forged.first_bad == 1 and list(forged.frame()["sound"]) == [True, False, True]
    with pytest.raises(tvd.InputError) as refused:
        log.replay("sha265")
    assert refused.value.code == "TVD-101" and "sha256" in refused.value.help


def test_a_quote_holds_or_says_by_name_why_not() -> None:
    made = a_quote()
    quote = tvd.Quote.parse(made["attest"], made["signature"])
    pcrs = machine_pcrs()
    verdict = quote.verify(made["key"], NONCE, pcrs)
    assert verdict and verdict.reason == "ok"
    assert quote.verify(made["key"], NONCE.hex(), {"sha256": {str(n): v for n, v in pcrs["sha256"].items()}})
    assert quote.nonce == NONCE and quote.selection == {"sha256": [0, 4, 10]}
    assert quote.verify(made["key"], b"another", pcrs).reason == "nonce"
    changed = {"sha256": {**pcrs["sha256"], 4: "00" * 32}}
    assert quote.verify(made["key"], NONCE, changed).reason == "pcr_digest"
    more = quote.verify(made["key"], NONCE, {"sha256": {**pcrs["sha256"], 5: "00" * 32}})
    assert (more.reason, more.bank, more.pcr) == ("pcr_selection", "sha256", 5) and not more
    forged = made["attest"][:-1] + bytes([made["attest"][-1] ^ 1])
    assert tvd.Quote.parse(forged, made["signature"]).verify(made["key"], NONCE, pcrs).reason == "signature"


@pytest.mark.parametrize("code, ask", [
    ("TVD-501", lambda: tvd.EventLog.parse(b"this is text, and no event log")),
    ("TVD-511", lambda: tvd.ImaLog.parse(b"this is text, and no IMA log")),
    ("TVD-521", lambda: tvd.Quote.parse(bytes(100), a_quote()["signature"])),
    ("TVD-522", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"][:20])),
    ("TVD-524", lambda: tvd.Quote.parse_tpm12(b"\1\1\0\0QUOT" + bytes(40), b"short")),
    ("TVD-103", lambda: tvd.EventLog.parse("text")),  # type: ignore[arg-type]
    ("TVD-526", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"]).verify("no key", b"", {})),
    ("TVD-103", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"]).verify(a_quote()["key"], "xyz", {})),
    ("TVD-101", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"]).verify(a_quote()["key"], b"", {"md5": {0: "00"}})),
    ("TVD-103", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"]).verify(a_quote()["key"], b"", {"sha1": {0: "00"}})),
    ("TVD-103", lambda: tvd.Quote.parse(a_quote()["attest"], a_quote()["signature"]).verify(a_quote()["key"], b"", {"sha1": {24: "00"}})),
])
def test_what_is_no_evidence_is_refused_with_code_and_place(code: str, ask: Any) -> None:
    with pytest.raises(tvd.InputError) as refused:
        ask()
    assert refused.value.code == code and refused.value.where


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that a verifier is sent."""
    folder = tmp_path_factory.mktemp("evidence")
    files = {"events.bin": EVENTS, "ima.bin": LATER, "q.pcrs": dump(machine_pcrs()["sha256"]),
             **{{"attest": "q.msg", "signature": "q.sig", "key": "ak.pub"}[k]: v for k, v in a_quote().items()},
             "pcrs.json": json.dumps(machine_pcrs()).encode(), "text": b"nothing of the kind",
             "pcrs.txt": "".join(f"PCR sha256 {n} {v}\n" for n, v in machine_pcrs()["sha256"].items()).encode(),
             "pcrs.yaml": ("  sha256:\n" + "".join(f"    {n} : 0x{v.upper()}\n" for n, v in machine_pcrs()["sha256"].items())).encode(),
             "dirty.txt": f"PCR sha256 4 {'11' * 32}\nPCR sha256 10 {'22' * 32}\n".encode(),
             "forged.bin": LATER.replace(b"/bin/sh\0", b"/bin/su\0")}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_log_tells_what_a_file_is_and_where_it_leads(here: Path) -> None:
    made = cli("log", "events.bin", cwd=here)
    assert made.returncode == 0 and "grub" in made.stdout, made.stderr
    assert oracle.event_log(EVENTS)["sha256"][4] in made.stdout
    told = json.loads(cli("log", "ima.bin", "--json", cwd=here).stdout)
    assert told["kind"] == "ima_log" and told["pcrs"]["sha256"]["10"] == oracle.ima_log(LATER)[1]["sha256"]
    assert [e["path"] for e in told["entries"]][-1] == "/usr/bin/late"


@pytest.mark.parametrize("pcrs", ["q.pcrs", "pcrs.json", "pcrs.txt", "pcrs.yaml"])
def test_log_compares_with_pcrs_in_any_of_their_forms(here: Path, pcrs: str) -> None:
    made = cli("log", "events.bin", "--pcrs", pcrs, cwd=here)
    assert made.returncode == 0 and "log/PCR match: 2 of 2" in made.stdout, made.stdout + made.stderr
    made = cli("log", "ima.bin", "--pcrs", pcrs, cwd=here)
    assert made.returncode == 0 and "the first 2 entries" in made.stdout, made.stdout + made.stderr


def test_log_exits_1_when_it_does_not_lead_to_the_pcrs_or_is_forged(here: Path) -> None:
    made = cli("log", "events.bin", "--pcrs", "dirty.txt", cwd=here)
    assert made.returncode == 1 and "log/PCR mismatch" in made.stdout and "PCR 4 of sha256 differs" in made.stdout
    assert cli("log", "ima.bin", "--pcrs", "dirty.txt", cwd=here).returncode == 1
    forged = cli("log", "forged.bin", cwd=here)
    assert forged.returncode == 1 and "/bin/su" in forged.stdout and "FORGED" in forged.stdout


def test_quote_verifies_from_pcrs_and_from_logs(here: Path) -> None:
    parts = ("--attest", "q.msg", "--signature", "q.sig")
    asked = ("quote", "verify", *parts, "--key", "ak.pub", "--nonce", NONCE.hex())
    assert cli(*asked, "--pcrs", "q.pcrs", cwd=here).stdout.startswith("ok")
    made = json.loads(cli(*asked, "--log", "events.bin", "--log", "ima.bin", "--json", cwd=here).stdout)
    assert made["holds"] and made["ima_entries"] == 2
    assert cli(*asked, "--log", "events.bin", "--log", "forged.bin", cwd=here).returncode == 1
    stale = cli("quote", "verify", *parts, "--key", "ak.pub", "--nonce", "00", "--pcrs", "pcrs.json", cwd=here)
    assert stale.returncode == 1 and stale.stdout.startswith("nonce")
    assert "pcr_digest" in cli("quote", "show", *parts, cwd=here).stdout


@pytest.mark.parametrize("words, code", [
    (("log", "text"), "TVD-501"),
    (("log", "absent"), "TVD-130"),
    (("log", "events.bin", "--pcrs", "text"), "TVD-525"),
    (("log", "events.bin", "--bank", "sha384"), "TVD-101"),
    (("quote", "show", "--attest", "text", "--signature", "q.sig"), "TVD-521"),
    (("quote", "verify", "--attest", "q.msg", "--signature", "q.sig", "--key", "ak.pub", "--nonce", "00"), "TVD-104"),
    (("quote", "verify", "--attest", "q.msg", "--signature", "q.sig", "--nonce", "00", "--pcrs", "q.pcrs"), "TVD-104"),
    (("quote", "verify", "--attest", "q.msg", "--signature", "q.sig", "--key", "text", "--nonce", "00", "--pcrs", "q.pcrs"), "TVD-526"),
    (("quote", "verify", "--attest", "q.msg", "--signature", "q.sig", "--key", "ak.pub", "--nonce", "xy", "--pcrs", "q.pcrs"), "TVD-103"),
])
def test_what_cannot_be_read_is_told_with_status_2_and_its_file(here: Path, words: Any, code: str) -> None:
    made = cli(*words, "--json", cwd=here)
    assert made.returncode == 2 and "Traceback" not in made.stderr
    assert json.loads(made.stdout)["error"]["findings"][0]["code"] == code
