"""May this machine be trusted? Every check of its evidence, with the reason of each that does not hold.

    tvdsim attest explain --attest q.msg --signature q.sig --key ak.pem --nonce HEX
                          --log binary_bios_measurements --log ascii_runtime_measurements
                          --references SHA256SUMS --good-log EVENTLOG
    tvdsim attest checks                           the checks, in the order in which they are made

The files are those of tpm2_quote and of the Linux kernel, of any machine. Without --pcrs the PCRs are those that the logs lead to.
--references is a list as sha256sum prints it, or a store of `tvdsim references`, whose annotations count; --good-log is a log of a
machine that was in order. Without any of them nobody vouches for anything, and the check `reference` is off and said to be.
Exit status 0: trusted. 1: not trusted; the first check that fails, or lacks evidence, is the reason. 2: the command is wrong.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Dict, List, Optional, Union

from .. import _pcr_files
from ..appraisal import Appraisal, KnownDigests, appraise, checks
from ..errors import Finding, InputError
from ..evidence import EventLog
from ..references import ReferenceStore
from . import _io
from .log import read_file, read_log
from .quote import placed_key

_MARK = {"passed": "ok", "failed": "FAILED", "missing": "MISSING", "off": "off", "not_applicable": "-", "not_reached": "not reached"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("way", choices=("explain", "checks"))
    parser.add_argument("--attest", metavar="FILE", help="TPMS_ATTEST; of TPM 1.2: TPM_QUOTE_INFO, TPM_QUOTE_INFO2 or TPM_PCR_COMPOSITE")
    parser.add_argument("--signature", metavar="FILE", help="TPMT_SIGNATURE; of TPM 1.2: the bare signature")
    parser.add_argument("--tpm12", action="store_true", help="evidence of TPM 1.2")
    parser.add_argument("--key", metavar="FILE", help="the enrolled attestation key's public half")
    parser.add_argument("--nonce", metavar="HEX", help="what was asked; '' for none")
    parser.add_argument("--pcrs", metavar="FILE", help="the PCRs that the machine reports: tpm2_quote -o, tpm2_pcrread, JSON or text")
    parser.add_argument("--log", metavar="FILE", action="append", default=[], help="an event log or IMA log; may be given twice")
    parser.add_argument("--references", metavar="FILE", action="append", default=[], help="known digests, as sha256sum lists them; or one store of `tvdsim references`")
    parser.add_argument("--good-log", metavar="FILE", action="append", default=[], help="a log whose contents are known to be good")
    parser.add_argument("--require", metavar="BANK:PCRS", action="append", default=[], help="PCRs that the quote must cover: sha256:0-7,10")
    parser.add_argument("--chain", metavar="NAMES", help="boot stages that must have been measured, in this order, with commas")
    parser.add_argument("--without", metavar="CHECK", action="append", default=[], help="a check that is not made")
    parser.add_argument("--secure-boot", choices=("on", "off"), help="the state that Secure Boot must have been in")
    parser.add_argument("--startup-locality", type=int, metavar="N", help="the locality that the TPM must have been started from")
    parser.add_argument("--exit-boot-services", choices=("either", "logged", "gap_allowed"), default="either", help="how the end of the boot services is held to")
    parser.add_argument("--separators", action="store_true", help="each PCR of the firmware must have been closed")
    parser.add_argument("--hashed-words", action="store_true", help="variables and versions in the log must be what was measured")
    parser.add_argument("--padded", action="store_true", help="the kernel fills banks with SHA-1 and zeros (before 5.8)")


def perform(args: argparse.Namespace) -> int:
    if args.way == "checks":
        rows = checks()
        _io.emit(args, [{"name": n, "holds": h, "fails": f} for n, h, f in rows], "\n".join(f"{n:<20} {h}" for n, h, _ in rows))
        return _io.FINE
    for option in ("attest", "signature", "nonce"):
        if getattr(args, option) is None:
            raise InputError(Finding("TVD-104", "tvdsim attest explain", f"--{option} is missing.", "tvdsim attest --help"))
    event_log, ima_log = _logs(args.log)
    references = _references(args)
    result = appraise(
        read_file(args.attest), read_file(args.signature), args.nonce, key=placed_key(args.key) if args.key else None,
        event_log=event_log, ima_log=ima_log, pcrs=_pcr_files.read(read_file(args.pcrs), args.pcrs) if args.pcrs else None,
        references=references, require=dict(_required(word) for word in args.require), chain=[n for n in (args.chain or "").split(",") if n],
        without=[*args.without, *([] if references else ["reference"])],
        secure_boot=None if args.secure_boot is None else args.secure_boot == "on", startup_locality=args.startup_locality,
        exit_boot_services=args.exit_boot_services, separators=args.separators, hashed_words=args.hashed_words, padded=args.padded,
        tpm12=args.tpm12)
    data = result.to_json()
    data["references"] = None if references is None else len(references)
    _io.emit(args, data, "\n".join(_lines(result, references)))
    return _io.FINE if result else _io.NO


def _logs(paths: List[str]) -> "tuple[Optional[bytes], Optional[bytes]]":
    """The event log and the IMA log. What is too broken to tell its kind is refused here; the rest is for the checks."""
    found: Dict[str, bytes] = {}
    for path in paths:
        kind = "event" if isinstance(read_log(path), EventLog) else "IMA"
        if kind in found:
            raise InputError(Finding("TVD-102", "--log", "two logs of the same kind are given.", "one event log and one IMA log"))
        found[kind] = read_file(path)
    return found.get("event"), found.get("IMA")


def _is_store(path: str) -> bool:
    return Path(path).is_file() and read_file(path).startswith(b"SQLite format 3\0")


def _references(args: argparse.Namespace) -> Union[KnownDigests, ReferenceStore, None]:
    if not args.references and not args.good_log:
        return None
    stores = [path for path in args.references if _is_store(path)]
    if stores and (len(args.references) > 1 or args.good_log):
        raise InputError(Finding("TVD-102", "--references", f"{stores[0]} is a store, and other references are given.",
                                 "tvdsim references import brings lists into a store"))
    if stores:
        return ReferenceStore(stores[0])
    out = KnownDigests()
    for path in args.references:
        out.merge(KnownDigests.read(_io.read_text(path), path))
    for path in args.good_log:
        out.add_log(read_log(path))
    return out


def _required(word: str) -> "tuple[str, List[int]]":
    found = re.fullmatch(r"(sha1|sha256|sha384|sha512):(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)", word)
    numbers = [list(map(int, part.split("-"))) for part in found[2].split(",")] if found else []
    listed = [n for ends in numbers for n in range(ends[0], ends[-1] + 1)]
    if not found or not listed or max(listed) > 23:
        raise InputError(Finding("TVD-103", "--require", f"`{word}` is no bank and PCRs of it.", "sha256:0-7,10"))
    return found[1], listed


def _lines(result: Appraisal, references: Union[KnownDigests, ReferenceStore, None]) -> List[str]:
    lines = []
    for check in result.checks:
        why = check.why if check.outcome != "passed" else ""
        if check.name == "reference" and references is None and check.outcome == "off":
            why = "no references are given: nobody vouches for what was measured"
        lines.append(f"{_MARK[check.outcome]:<11} {check.name:<18} {check.holds}")
        lines += [f"{'':<11} {'':<18} {_io.printable(why)}"] if why else []
    counts = result.counts
    lines += ["", f"{result.verdict}: {_io.printable(result.detail)}"]
    lines += [f"  about    {_io.printable(result.entity)}"] if result.entity else []
    lines += [f"  expected {result.expected}"] if result.expected else []
    lines += [f"  got      {result.got}"] if result.got else []
    lines.append(f"  {counts['events_checked']} boot events and {counts['entries_checked']} files looked up; of the IMA log "
                 f"{counts['entries_believed']} entries are covered by the quote, {counts['entries_beyond']} came after it")
    return lines
