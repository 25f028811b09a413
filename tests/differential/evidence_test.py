"""Our readers of logs and quotes, and a naive oracle, asked the same about random bytes, honest and spoilt.

A difference that is found is printed with the bytes that show it.
"""

from __future__ import annotations

import collections
import hashlib
import importlib.util
import json
import random
import struct
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from hypothesis import given, settings, strategies as st

import tvdsim as tvd

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("evidence_oracle", HERE / "oracle" / "evidence_oracle.py")
assert _spec and _spec.loader
oracle = importlib.util.module_from_spec(_spec)
sys.modules["evidence_oracle"] = oracle
_spec.loader.exec_module(oracle)

D = 0x1F2E3D4C5B6A79881726354453627180F0E1D2C3B4A5968778695A4B3C2D1E0F
KEY = oracle.times(D, oracle.G)
u16, u32 = (lambda v: struct.pack("<H", v)), (lambda v: struct.pack("<I", v))


def b2(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def tpmt_public() -> bytes:
    numbers = [v.to_bytes(32, "big") for v in KEY]
    return struct.pack(">HHI", 0x23, 11, 0x50072) + b2(b"") + struct.pack(">HHHHH", 0x10, 0x18, 11, 3, 0x10) + b"".join(map(b2, numbers))


def an_event_log(rng: random.Random) -> bytes:
    agile = rng.random() < 0.7
    algs = rng.sample([(4, 20), (11, 32), (12, 48), (0x12, 32)], rng.randint(1, 4)) if agile else [(4, 20)]
    text = rng.choice([b"", b"grub", b"\0\0\0\0", b"1\0.\x000\0"])
    out = b""
    if agile:
        head = b"Spec ID Event03\0" + bytes(4) + b"\0\2\0\2" + u32(len(algs)) + b"".join(u16(a) + u16(s) for a, s in algs) + b"\0"
        out += u32(0) + u32(3) + bytes(20) + u32(len(head)) + head
    for _ in range(rng.randint(0 if agile else 1, 8)):
        pcr, kind, said = rng.randint(0, 23), rng.choice([1, 4, 8, 13, 3]), text
        if kind == 3 and rng.random() < 0.5:
            pcr, said = 0, b"StartupLocality\0" + bytes([rng.choice([0, 3, 4, 3, 2])])
        digests = [(a, rng.randbytes(s)) for a, s in rng.sample(algs, len(algs))]
        out += u32(pcr) + u32(kind)
        out += u32(len(digests)) + b"".join(u16(a) + d for a, d in digests) if agile else digests[0][1]
        out += u32(len(said)) + said
    return out + rng.choice([b"", b"", b"", bytes(9), b"\xff" * 30])


def an_ima_log(rng: random.Random) -> bytes:
    out = b""
    for _ in range(rng.randint(1, 6)):
        alg = rng.choice(["sha1", "sha256", "sha256"])
        fields = [alg.encode() + b":\0" + rng.randbytes(oracle.SIZE[alg]), rng.choice([b"/bin/sh", b"/a b", b"\xff\xfe", b"boot_aggregate"]) + b"\0"]
        name = rng.choice([b"ima-ng", b"ima-sig"])
        if name == b"ima-sig":
            fields.append(rng.choice([b"", b"\3\2\4key!\0\3abc", b"\1abc", b"\3\2\4key!\0\4abc"]))
        said = b"".join(u32(len(f)) + f for f in fields)
        told = bytes(20) if rng.random() < 0.2 else hashlib.sha1(said).digest() if rng.random() < 0.9 else rng.randbytes(20)
        out += u32(rng.choice([10, 10, 10, 11])) + told + u32(len(name)) + name + u32(len(said)) + said
    return out


def spoilt(rng: random.Random, data: bytes) -> bytes:
    """Mostly as it was; else with a byte changed, cut, or with bytes more."""
    way = rng.random()
    if way < 0.45 or not data:
        return data
    at = rng.randrange(len(data))
    if way < 0.85:
        return data[:at] + bytes([rng.choice([0, 1, 3, 4, 10, 0xFF, data[at] ^ (1 << rng.randrange(8))])]) + data[at + 1:]
    return data[:at] if way < 0.93 else data[:at] + rng.randbytes(rng.randint(1, 4)) + data[at:]


def answer(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except (tvd.InputError, oracle.Refused):
        return "refused"


def of_event_log(data: bytes) -> Tuple[Any, Any]:
    return answer(lambda: tvd.EventLog.parse(data).replay()), answer(lambda: oracle.event_log(data))


def ours_of_ima(data: bytes) -> Any:
    log = tvd.ImaLog.parse(data)
    if log.ascii or any(e.template not in ("ima-ng", "ima-sig") for e in log.entries):
        raise oracle.Refused("the oracle does not read these")
    return [(e.path, e.sound) for e in log.entries], {bank: log.replay(bank) for bank in ("sha1", "sha256")}


def of_ima_log(data: bytes) -> Tuple[Any, Any]:
    return answer(lambda: ours_of_ima(data)), answer(lambda: oracle.ima_log(data))


def a_quote(rng: random.Random) -> Dict[str, Any]:
    pcrs = {bank: {n: rng.randbytes(oracle.SIZE[bank]) for n in rng.sample(range(24), rng.randint(1, 4))}
            for bank in rng.sample(["sha1", "sha256"], rng.randint(1, 2))}
    nonce = rng.randbytes(rng.choice([0, 8, 20]))
    numbers = {name: alg for alg, name in oracle.ALGS.items()}
    chosen = b"".join(struct.pack(">HB", numbers[b], 3) + sum(1 << n for n in v).to_bytes(3, "little") for b, v in pcrs.items())
    digest = hashlib.sha256(b"".join(v[n] for v in pcrs.values() for n in sorted(v))).digest()
    attest = (struct.pack(">IH", 0xFF544347, 0x8018) + b2(rng.randbytes(34)) + b2(nonce) + struct.pack(">QIIBQ", 5, 6, 7, 1, 8)
              + struct.pack(">I", len(pcrs)) + chosen + b2(digest))
    r, s = oracle.ecdsa_sign(D, rng.randrange(1, oracle.N), attest)
    signature = struct.pack(">HH", 0x18, 11) + b2(r.to_bytes(32, "big")) + b2(s.to_bytes(32, "big"))
    way = rng.randrange(7)
    bank = rng.choice(list(pcrs))
    if way == 1:
        attest = spoilt(rng, attest)
    elif way == 2:
        signature = spoilt(rng, signature)
    elif way == 3:
        nonce += b"!"
    elif way == 4:
        pcrs[bank][rng.choice(list(pcrs[bank]))] = rng.randbytes(oracle.SIZE[bank])
    elif way == 5:
        pcrs[bank].pop(rng.choice(list(pcrs[bank])))
    elif way == 6:
        pcrs[bank].setdefault(rng.randrange(24), bytes(oracle.SIZE[bank]))
    return {"attest": attest.hex(), "signature": signature.hex(), "nonce": nonce.hex(),
            "pcrs": {b: {str(n): d.hex() for n, d in v.items()} for b, v in pcrs.items()}}


def of_quote(case: Dict[str, Any]) -> Tuple[Any, Any]:
    attest, signature, nonce = (bytes.fromhex(case[k]) for k in ("attest", "signature", "nonce"))
    plain = {b: {int(n): bytes.fromhex(d) for n, d in v.items()} for b, v in case["pcrs"].items()}
    ours = answer(lambda: tvd.Quote.parse(attest, signature).verify(tpmt_public(), nonce, case["pcrs"]).reason)
    return ours, answer(lambda: oracle.quote(attest, signature, KEY, nonce, plain))


def kind(found: Any) -> str:
    return found if isinstance(found, str) else "read"


def test_logs_are_read_and_replayed_as_the_oracle_does() -> None:
    rng, seen = random.Random(20), collections.Counter()
    for _ in range(6_000):
        for make, ask in ((an_event_log, of_event_log), (an_ima_log, of_ima_log)):
            data = spoilt(rng, make(rng))
            ours, theirs = ask(data)
            assert ours == theirs, f'{{"ask": "{ask.__name__}", "data": "{data.hex()}"}}'
            seen[ask.__name__, kind(ours)] += 1
    print(dict(seen))
    assert len(seen) == 4 and min(seen.values()) >= 0.2 * 6_000, seen


def test_quotes_are_judged_as_the_oracle_does() -> None:
    rng, seen = random.Random(21), collections.Counter()
    for _ in range(500):
        case = a_quote(rng)
        ours, theirs = of_quote(case)
        assert ours == theirs, json.dumps(case)
        seen[ours] += 1
    print(dict(seen))
    assert set(seen) == {"ok", "signature", "nonce", "pcr_selection", "pcr_digest", "refused"}, seen


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=3), st.integers(0, 3)), max_size=3))
def test_no_spoiling_makes_them_differ(rng: random.Random, changes: List[Tuple[int, bytes, int]]) -> None:
    for make, ask in ((an_event_log, of_event_log), (an_ima_log, of_ima_log)):
        data = make(rng)
        for at, put, gone in changes:
            at %= len(data) + 1
            data = data[:at] + put + data[at + gone:]
        ours, theirs = ask(data)
        assert ours == theirs, f'{{"ask": "{ask.__name__}", "data": "{data.hex()}"}}'
