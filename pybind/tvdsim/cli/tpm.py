"""Real TPMs by hand: PCRs, quotes that other tools accept, response codes in words; and TPMs for other programs.

    tvdsim tpm pcr   --seed 7 --name h1 --extend 10=HEX --pcrs sha256:0,10
    tvdsim tpm quote --seed 7 --name h1 --extend 10=HEX --nonce HEX --pcrs sha256:0,10 --out DIR
    tvdsim tpm rc 0x922
    tvdsim tpm serve --seed 7 --name h1 --unix PATH
    tvdsim tpm calibrate --device /dev/tpmrm0 --name mine

`pcr` and `quote` manufacture the TPM of that seed and name, start it, and extend it in the order given; the size of a digest says
its bank. `quote` writes q.msg, q.sig, q.pcrs and ak.pem, and prints the lines of tpm2_checkquote and `tvdsim quote verify` that
accept them. `serve` offers TPMs on swtpm's protocol, to tpm2-tools and QEMU, until Ctrl-C, and prints how to reach them. Exit status 1
of `rc`: no response code of a TPM 2.0. `calibrate` measures how long a real TPM takes, and prints rows of vtpm/device/profiles.def; it
leaves the TPM as it was but for PCR 16, which it resets.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, Dict, List

from ..calibrate import DEVICE, measure, open_device
from ..errors import Finding, InputError
from ..tpm import ResponseCode, Tpm, TpmFleet, pcr_file
from . import _io, _serve

_BANKS = {40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}  # by hex digits of a digest
_FILES = ("q.msg", "q.sig", "q.pcrs", "ak.pem")
_ALL = "sha256:" + ",".join(str(n) for n in range(24))


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", choices=("calibrate", "pcr", "quote", "rc", "serve"))
    parser.add_argument("codes", nargs="*", metavar="CODE", help="rc: response codes, hexadecimal with 0x")
    parser.add_argument("--seed", type=int, default=1, help="what keys and random numbers follow from (default 1)")
    parser.add_argument("--name", default="tpm0", help="the TPM's name: another one has other keys (default tpm0)")
    parser.add_argument("--extend", metavar="PCR=HEX", action="append", default=[], help="extend a PCR; may be given many times")
    parser.add_argument("--pcrs", metavar="BANK:N,N…", help="which PCRs: sha256:0,10, several banks joined by + (pcr: default all of sha256)")
    parser.add_argument("--nonce", metavar="HEX", help="quote: what is asked, at most 64 bytes; '' for none")
    parser.add_argument("--device", metavar="PATH", default=DEVICE, help="calibrate: a TPM's device or Unix socket (default /dev/tpmrm0)")
    parser.add_argument("--rounds", type=int, default=20, help="calibrate: how many commands of each class (default 20)")
    parser.add_argument("--out", metavar="DIR", help="quote: where the files go")
    _serve.arguments(parser)


def perform(args: argparse.Namespace) -> int:
    if args.way == "rc":
        return _rc(args)
    if args.codes:
        raise InputError(Finding("TVD-105", f"tvdsim tpm {args.way}", f"nobody reads `{' '.join(args.codes)}`.", "tvdsim tpm --help"))
    if args.way == "serve":
        return _serve.perform(args)
    if args.way == "calibrate":
        return _calibrate(args)
    return _pcr(args) if args.way == "pcr" else _quote(args)


def _rc(args: argparse.Namespace) -> int:
    if not args.codes:
        raise InputError(Finding("TVD-104", "tvdsim tpm rc", "a response code is missing.", "tvdsim tpm rc 0x922"))
    codes = [ResponseCode.of(_code(word)) for word in args.codes]
    rows = [{"code": c.code, "name": c.name, "meaning": c.meaning, "help": c.help, "handle": c.handle, "session": c.session,
             "parameter": c.parameter} for c in codes]
    _io.emit(args, rows, "\n".join(str(c) for c in codes))
    return _io.NO if any(c.name == "TPM_RC_UNKNOWN" for c in codes) else _io.FINE


def _calibrate(args: argparse.Namespace) -> int:
    if not 2 <= args.rounds <= 10_000:
        raise InputError(Finding("TVD-110", f"--rounds {args.rounds}", "a spread needs 2 to 10,000 commands.", "--rounds 20"))
    if not (args.name.isascii() and args.name.isidentifier()):
        raise InputError(Finding("TVD-103", f"--name {args.name}", "a profile's name is a word of letters and digits.", "--name mine"))
    with open_device(args.device) as device:
        profile = measure(device, args.rounds)
    rows = {kind: {"mean_us": f.mean, "median_us": f.median, "spread": f.spread, "count": f.count} for kind, f in profile.figures.items()}
    _io.emit(args, rows, profile.as_table(args.name))
    return _io.FINE


def _code(word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise InputError(Finding("TVD-103", "tvdsim tpm rc", f"`{word}` is no number.", "0x922, or 2338")) from None


def _pcr(args: argparse.Namespace) -> int:
    selection = _selection(args.pcrs or _ALL)
    pcrs = _made(args).pcrs(selection)
    _io.emit(args, pcrs, "\n".join(f"PCR {bank} {n} {value}" for bank, values in pcrs.items() for n, value in values.items()))
    return _io.FINE


def _quote(args: argparse.Namespace) -> int:
    missing = [f"--{name}" for name in ("nonce", "pcrs", "out") if getattr(args, name) is None]
    if missing:
        raise InputError([Finding("TVD-104", "tvdsim tpm quote", f"{name} is missing.", "tvdsim tpm --help") for name in missing])
    selection, nonce = _selection(args.pcrs), _hex(args.nonce, "--nonce")
    folder = Path(args.out)
    taken = [name for name in _FILES if (folder / name).exists()]
    if taken:
        raise InputError(Finding("TVD-131", str(folder), f"{', '.join(taken)} would be overwritten.", "another --out"))
    tpm = _made(args)
    pcrs = tpm.pcrs(selection)
    quote = tpm.quote(nonce, selection)
    contents = (quote.attest, quote.signature, pcr_file(pcrs), tpm.ak_public_pem.encode())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in zip(_FILES, contents):
            (folder / name).write_bytes(content)
    except OSError as problem:
        raise InputError(Finding("TVD-131", str(folder), f"cannot write there: {problem.strerror}.", "another --out")) from None
    accepts = _lines(folder, nonce.hex(), str(quote.facts["hash"]))
    data: Dict[str, Any] = {"files": {name: str(folder / name) for name in _FILES}, "pcrs": pcrs, "accepted_by": accepts,
                            "facts": quote.facts}
    _io.emit(args, data, "\n".join([f"{repr(quote).strip('<>')}, in {folder}: {', '.join(_FILES)}", "accepted by", *(f"  {a}" for a in accepts)]))
    return _io.FINE


def _lines(folder: Path, nonce: str, hash_name: str) -> List[str]:
    msg, sig, pcrs, key = (str(folder / name) for name in _FILES)
    ask = ["-q", nonce] if nonce else []
    return [shlex.join(["tpm2_checkquote", "-u", key, "-m", msg, "-s", sig, "-f", pcrs, "-g", hash_name, *ask]),
            shlex.join(["tvdsim", "quote", "verify", "--attest", msg, "--signature", sig, "--key", key, "--nonce", nonce, "--pcrs", pcrs])]


def _made(args: argparse.Namespace) -> Tpm:
    """The TPM of this seed and name, extended as asked; everything wrong with that is told before it is made."""
    extends = [_extend(word) for word in args.extend]
    tpm = TpmFleet(seed=args.seed, names=[args.name])[0]
    for pcr, digest, bank in extends:
        tpm.extend(pcr, digest, bank)
    return tpm


def _extend(word: str) -> "tuple[int, str, str]":
    pcr, _, digest = word.partition("=")
    bank = _BANKS.get(len(digest))
    if not bank:
        raise InputError(Finding("TVD-103", f"--extend {word}", "that is no PCR and a digest in hex.",
                                 "10=HEX, with 40, 64, 96 or 128 digits: a digest of SHA-1, SHA-256, SHA-384 or SHA-512"))
    return _pcr_number(pcr, f"--extend {word}"), _hex(digest, f"--extend {word}").hex(), bank


def _selection(word: str) -> Dict[str, List[int]]:
    out: Dict[str, List[int]] = {}
    for part in word.split("+"):
        bank, colon, numbers = part.partition(":")
        if not colon or bank in out:
            raise InputError(Finding("TVD-103", f"--pcrs {word}", "PCRs are a bank and its numbers, each bank once.", "sha256:0,10"))
        out[bank] = sorted({_pcr_number(n, f"--pcrs {word}") for n in numbers.split(",")})
    return out


def _pcr_number(word: str, where: str) -> int:
    if not (word.isascii() and word.isdigit() and int(word) < 24):
        raise InputError(Finding("TVD-103", where, f"`{word}` is no PCR.", "0 to 23"))
    return int(word)


def _hex(word: str, where: str) -> bytes:
    try:
        return bytes.fromhex(word)
    except ValueError:
        raise InputError(Finding("TVD-103", where, f"`{word}` is not hex.")) from None
