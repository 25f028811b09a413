"""A TPM's quote: what it says, and whether it holds.

    tvdsim quote show   --attest q.msg --signature q.sig
    tvdsim quote verify --attest q.msg --signature q.sig --key ak.pem --nonce HEX --pcrs q.pcrs
    tvdsim quote verify --attest q.msg --signature q.sig --key ak.pem --nonce HEX --log EVENTLOG --log IMALOG

The files are those of tpm2_quote (-m -s -o); the key is PEM, TPM2B_PUBLIC, TPMT_PUBLIC or TPM 1.2's TPM_PUBKEY. With logs in
the place of PCRs, the PCRs are those that the logs lead to, the IMA log's up to the entry that was last when the TPM signed.
Exit status 1: it does not hold; the reason is one of key, signature, nonce, pcr_selection, pcr_digest.
"""

from __future__ import annotations

import argparse
import hashlib
from typing import Any, Dict, List, Optional

from .. import _pcr_files
from ..errors import Finding, InputError
from ..evidence import EventLog, ImaLog, Quote
from . import _io
from .log import read_file, read_log

_DYNAMIC = range(17, 23)  # PCRs that begin with ones
_SIZE = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", choices=("show", "verify"))
    parser.add_argument("--attest", metavar="FILE", required=True, help="TPMS_ATTEST; of TPM 1.2: TPM_QUOTE_INFO, TPM_QUOTE_INFO2 or TPM_PCR_COMPOSITE")
    parser.add_argument("--signature", metavar="FILE", required=True, help="TPMT_SIGNATURE; of TPM 1.2: the bare signature")
    parser.add_argument("--tpm12", action="store_true", help="a quote of TPM 1.2")
    parser.add_argument("--key", metavar="FILE", help="the attestation key's public half")
    parser.add_argument("--nonce", metavar="HEX", help="what was asked; '' for none")
    parser.add_argument("--pcrs", metavar="FILE", help="the PCRs: tpm2_quote -o, tpm2_pcrread, JSON or text")
    parser.add_argument("--log", metavar="FILE", action="append", default=[], help="an event log or IMA log; may be given twice")


def perform(args: argparse.Namespace) -> int:
    quote = _read(args)
    if args.way == "show":
        return _show(args, quote)
    for option in ("key", "nonce"):
        if getattr(args, option) is None:
            raise InputError(Finding("TVD-104", "tvdsim quote verify", f"--{option} is missing.", "tvdsim quote --help"))
    if bool(args.pcrs) == bool(args.log):
        raise InputError(Finding("TVD-104", "tvdsim quote verify", "PCRs are needed, from one source.",
                                 "--pcrs FILE, or --log FILE (twice: event log and IMA log)"))
    entries: Optional[int] = None
    if args.pcrs:
        pcrs = _pcr_files.read(read_file(args.pcrs), args.pcrs)
    else:
        pcrs, entries = _led_to(quote, args.log)
    verdict = quote.verify(placed_key(args.key), args.nonce, pcrs)
    data: Dict[str, Any] = {"holds": bool(verdict), "reason": verdict.reason, "detail": verdict.detail, "bank": verdict.bank,
                            "pcr": verdict.pcr, "expected": verdict.expected, "got": verdict.got, "pcrs": pcrs}
    lines = [str(verdict)]
    lines += [f"  expected {verdict.expected}\n  got      {verdict.got}"] if verdict.expected else []
    if entries is not None:
        data["ima_entries"] = entries
        lines.append(f"the first {entries} entries of the IMA log lead to PCR 10")
    _io.emit(args, data, "\n".join(lines))
    return _io.FINE if verdict else _io.NO


def _read(args: argparse.Namespace) -> Quote:
    attest, signature = read_file(args.attest), read_file(args.signature)
    try:
        return Quote.parse_tpm12(attest, signature) if args.tpm12 else Quote.parse(attest, signature)
    except InputError as problem:
        path = args.signature if "signature" in problem.where else args.attest
        raise InputError(Finding(problem.code, f"{path}, {problem.where}", problem.message, problem.help)) from None


def placed_key(path: str) -> bytes:
    """The bytes of a key file, which hold a key. ``InputError`` names the file."""
    from .. import _core

    data = read_file(path)
    try:
        _core.public_key(data)
    except InputError as problem:
        raise InputError(Finding(problem.code, f"{path}, {problem.where}", problem.message, problem.help)) from None
    return data


def _show(args: argparse.Namespace, quote: Quote) -> int:
    facts = quote.facts
    lines = [repr(quote).strip("<>"), *(f"  {name:<17} {value}" for name, value in facts.items() if name not in ("tpm12", "selection"))]
    lines.append("nothing of this is believed before `tvdsim quote verify` says that it holds")
    _io.emit(args, facts, "\n".join(lines))
    return _io.FINE


def _led_to(quote: Quote, paths: List[str]) -> Any:
    """The covered PCRs as the logs lead to them, and how many entries of the IMA log that takes (None without one)."""
    if not quote.selection:
        raise InputError(Finding("TVD-104", "--log", "this quote does not say which PCRs it covers.", "--pcrs FILE"))
    logs = [read_log(path) for path in paths]
    events = [log.replay() for log in logs if isinstance(log, EventLog)]
    imas = [log for log in logs if isinstance(log, ImaLog)]
    if len(events) > 1 or len(imas) > 1:
        raise InputError(Finding("TVD-102", "--log", "two logs of the same kind are given.", "one event log and one IMA log"))
    pcrs: Dict[str, Dict[int, str]] = {}
    for bank, covered in quote.selection.items():
        led = events[0].get(bank, {}) if events else {}
        initial = {n: ("ff" if n in _DYNAMIC else "00") * _SIZE[bank] for n in covered}
        pcrs[bank] = {n: led.get(n, initial[n]) for n in covered}
    if not imas:
        return pcrs, None
    for upto in range(len(imas[0].entries), -1, -1):
        for bank in pcrs:
            if 10 in pcrs[bank]:
                pcrs[bank][10] = imas[0].replay(bank, upto)
        if _digest(quote, pcrs) == quote.pcr_digest:
            return pcrs, upto
    return pcrs, None


def _digest(quote: Quote, pcrs: Dict[str, Dict[int, str]]) -> str:
    """The hash that the TPM would sign for these values."""
    values = b"".join(bytes.fromhex(pcrs[bank][n]) for bank, covered in quote.selection.items() for n in covered)
    return hashlib.new(str(quote.facts["hash"]), values).hexdigest()
