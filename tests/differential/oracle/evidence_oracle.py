"""Measurement logs and quotes once more, the plain way: struct, hashlib and school arithmetic. Shares no line with the core.

Each reader returns what it read, or raises ``Refused`` when the bytes are not what they claim to be.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Dict, List, Optional, Tuple

ALGS = {4: "sha1", 11: "sha256", 12: "sha384", 13: "sha512"}
SIZE = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}
HEADER = b"Spec ID Event03\0"
LOCALITY = b"StartupLocality\0"


class Refused(Exception):
    """These bytes are not what they claim to be."""


class Cursor:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise Refused("cut")
        self.at += count
        return self.data[self.at - count:self.at]

    def num(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])


def start(pcr: int, bank: str) -> bytes:
    return (b"\xff" if 17 <= pcr <= 22 else b"\0") * SIZE[bank]


def extend(old: bytes, digest: bytes, bank: str) -> bytes:
    return hashlib.new(bank, old + digest).digest()


def _agile_header(data: bytes) -> Dict[int, int]:
    c = Cursor(data)
    c.take(16 + 4 + 4)
    algs: Dict[int, int] = {}
    for _ in range(c.num("<I")):
        alg, size = c.num("<H"), c.num("<H")
        if alg in algs or not 0 < size <= 64 or (alg in ALGS and size != SIZE[ALGS[alg]]):
            raise Refused("header")
        algs[alg] = size
    if not algs:
        raise Refused("no algorithm")
    c.take(c.num("B"))
    return algs


def event_log(data: bytes) -> Dict[str, Dict[int, str]]:
    """The PCRs that a TCG event log leads to, by bank and number, in hex."""
    c = Cursor(data)
    events: List[Tuple[int, int, Dict[int, bytes], bytes]] = []
    pcr, kind, digest = c.num("<I"), c.num("<I"), c.take(20)
    events.append((pcr, kind, {4: digest}, c.take(c.num("<I"))))
    agile = kind == 3 and events[0][3].startswith(HEADER)
    if pcr >= 24 and not agile:  # of the header, which is extended nowhere, nobody vouches for the number
        raise Refused("PCR")
    algs = _agile_header(events[0][3]) if agile else {4: 20}
    while c.at < len(data):
        rest = data[c.at:]
        if rest.strip(b"\xff") == b"" or rest.strip(b"\0") == b"":
            break
        pcr, kind = c.num("<I"), c.num("<I")
        digests: Dict[int, bytes] = {}
        if agile:
            count = c.num("<I")
            if count > len(algs):
                raise Refused("digests")
            for _ in range(count):
                alg = c.num("<H")
                if alg not in algs or alg in digests:
                    raise Refused("digest")
                digests[alg] = c.take(algs[alg])
            if kind != 3 and set(digests) != set(algs):
                raise Refused("missing digest")
        else:
            digests[4] = c.take(20)
        events.append((pcr, kind, digests, c.take(c.num("<I"))))
    return _replayed(events, algs)


def _replayed(events: List[Tuple[int, int, Dict[int, bytes], bytes]], algs: Dict[int, int]) -> Dict[str, Dict[int, str]]:
    locality: Optional[int] = None
    touched = False
    for pcr, kind, _, said in events:
        if kind != 3:
            if pcr >= 24:
                raise Refused("PCR")
            touched = touched or pcr == 0
        elif said.startswith(LOCALITY):
            if touched or locality is not None or pcr != 0 or len(said) != 17 or said[16] not in (0, 3, 4):
                raise Refused("locality")
            locality = said[16]
    banks: Dict[str, Dict[int, bytes]] = {}
    for alg in algs:
        if alg not in ALGS:
            continue
        bank = ALGS[alg]
        pcrs: Dict[int, bytes] = {}
        if locality is not None:
            pcrs[0] = bytes(SIZE[bank] - 1) + bytes([locality])
        for pcr, kind, digests, _ in events:
            if kind != 3:
                pcrs[pcr] = extend(pcrs.get(pcr, start(pcr, bank)), digests[alg], bank)
        banks[bank] = pcrs
    return {bank: {n: v.hex() for n, v in pcrs.items()} for bank, pcrs in banks.items()}


def ima_log(data: bytes) -> Tuple[List[Tuple[str, bool]], Dict[str, str]]:
    """Path and soundness of each entry of a binary ima-ng or ima-sig log, and PCR 10 by bank in hex."""
    c = Cursor(data)
    out: List[Tuple[str, bool]] = []
    pcrs = {bank: start(10, bank) for bank in ("sha1", "sha256")}
    if not data:
        raise Refused("empty")
    while c.at < len(data):
        pcr, told = c.num("<I"), c.take(20)
        if pcr >= 24:
            raise Refused("PCR")
        name = c.take(c.num("<I"))
        if name not in (b"ima-ng", b"ima-sig"):
            raise Refused("template")
        said = c.take(c.num("<I"))
        f = Cursor(said)
        fields = [f.take(f.num("<I")) for _ in range(2 if name == b"ima-ng" else 3)]
        alg, mark, digest = fields[0].partition(b":\0")
        path = fields[1]
        plain = alg and all(b in b"abcdefghijklmnopqrstuvwxyz0123456789-_" for b in alg)
        size = SIZE.get(alg.decode("latin1"))
        if f.at != len(said) or not mark or not plain or not 0 < len(digest) <= 64 or (size and len(digest) != size):
            raise Refused("digest field")
        if not path.endswith(b"\0") or path.count(b"\0") != 1:
            raise Refused("name field")
        sig = fields[2] if len(fields) > 2 else b""
        if sig[:1] in (b"\3", b"\5", b"\6"):
            if len(sig) < 10 or sig[1] not in (2, 3) or int.from_bytes(sig[7:9], "big") != len(sig) - 9:
                raise Refused("signature")
        violation = told == bytes(20)
        out.append((path[:-1].decode("utf-8", "surrogateescape"), violation or hashlib.sha1(said).digest() == told))
        if pcr == 10:
            for bank in pcrs:
                what = b"\xff" * SIZE[bank] if violation else told if bank == "sha1" else hashlib.new(bank, said).digest()
                pcrs[bank] = extend(pcrs[bank], what, bank)
    return out, {bank: value.hex() for bank, value in pcrs.items()}


# P-256, as in the standard's text.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)
Point = Optional[Tuple[int, int]]


def add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, point: Point) -> Point:
    out: Point = None
    while k:
        out = add(out, point) if k & 1 else out
        point, k = add(point, point), k >> 1
    return out


def ecdsa_sign(d: int, k: int, message: bytes) -> Tuple[int, int]:
    at = times(k, G)
    assert at
    r = at[0] % N
    return r, pow(k, -1, N) * (int.from_bytes(hashlib.sha256(message).digest(), "big") + r * d) % N


def ecdsa_holds(key: Tuple[int, int], message: bytes, r: int, s: int) -> bool:
    if not (0 < r < N and 0 < s < N):
        return False
    w, z = pow(s, -1, N), int.from_bytes(hashlib.sha256(message).digest(), "big")
    at = add(times(z * w % N, G), times(r * w % N, key))
    return at is not None and at[0] % N == r


def quote(attest: bytes, signature: bytes, key: Tuple[int, int], nonce: bytes, pcrs: Dict[str, Dict[int, bytes]]) -> str:
    """The reason: ok, signature, nonce, pcr_selection or pcr_digest, for an ECDSA quote with SHA-256."""
    c = Cursor(attest)
    if c.num(">I") != 0xFF544347 or c.num(">H") != 0x8018:
        raise Refused("no quote")
    signer, said_nonce = c.take(c.num(">H")), c.take(c.num(">H"))
    c.take(16)
    if c.num("B") > 1 or len(signer) > 66 or len(said_nonce) > 66:
        raise Refused("clock, signer or nonce")
    c.take(8)
    count = c.num(">I")
    if count > 16:
        raise Refused("selections")
    covered: List[Tuple[str, int]] = []
    for _ in range(count):
        alg, size = c.num(">H"), c.num("B")
        if alg not in ALGS or not 1 <= size <= 4:
            raise Refused("selection")
        bits = int.from_bytes(c.take(size), "little")
        if bits >> 24:
            raise Refused("PCR")
        covered += [(ALGS[alg], n) for n in range(24) if bits >> n & 1]
    digest = c.take(c.num(">H"))
    if len(digest) > 64 or c.at != len(attest):
        raise Refused("digest or end")
    s = Cursor(signature)
    if s.num(">H") != 0x18:
        raise Refused("scheme")
    hash_alg = s.num(">H")
    if hash_alg not in ALGS:
        raise Refused("hash")
    r_bytes, s_bytes = s.take(s.num(">H")), s.take(s.num(">H"))
    if s.at != len(signature) or len(r_bytes) > 66 or len(s_bytes) > 66:
        raise Refused("signature")
    whole = hash_alg == 11 and ecdsa_holds(key, attest, int.from_bytes(r_bytes, "big"), int.from_bytes(s_bytes, "big"))
    if not whole:
        return "signature"
    if said_nonce != nonce:
        return "nonce"
    given = {(bank, n) for bank, values in pcrs.items() for n in values}
    if given != set(covered) or not given:
        return "pcr_selection" if given or covered else "pcr_digest"
    return "ok" if hashlib.sha256(b"".join(pcrs[b][n] for b, n in covered)).digest() == digest else "pcr_digest"
