"""A measurement log: what it says, which PCRs it leads to, and whether they are the machine's.

    tvdsim log show binary_bios_measurements       a TCG event log, of TPM 1.2 or 2.0: its events
    tvdsim log show ascii_runtime_measurements     an IMA log, ASCII or binary; which kind a file is, its bytes tell
    tvdsim log replay FILE                         the PCRs that it leads to, as `PCR sha256 0 HEX`, which --pcrs reads
    tvdsim log check FILE --pcrs pcrs.txt          compare with PCRs as tpm2-tools, the kernel or JSON give them
    tvdsim log FILE                                all of this
    tvdsim log decisions runs/mine                 the decision logs of a run: edited, cut off, rolled back?
    tvdsim log decisions runs/mine/decisions/h1.audit --anchor 512:HEX --pcr HEX
                                                   one log, with an anchor from elsewhere, or PCR 12 of the host's TPM

Exit status 1: a PCR is not what the log leads to, or an IMA entry's hash is not that of its data; a decision log
is not as it was written.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from .. import _pcr_files
from ..errors import Finding, InputError
from ..evidence import EventLog, ImaLog
from . import _io, _log_decisions

_IMA_PCR = 10
_WAYS = ("show", "replay", "check")
_WIDEST = 60


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", metavar="[show|replay|check|decisions] FILE", nargs="+")
    parser.add_argument("--bank", metavar="BANK", help="show this bank's digests (the strongest of the log unless told)")
    parser.add_argument("--pcrs", metavar="FILE", help="the machine's PCRs, to compare with")
    parser.add_argument("--anchor", metavar="ENTRIES:CHAIN", action="append", default=[], help="of a decision log: an anchor that was kept elsewhere (again for more)")
    parser.add_argument("--pcr", metavar="HEX", help="of a decision log: PCR 12 of the host's TPM, SHA-256 bank")


def perform(args: argparse.Namespace) -> int:
    if args.words[0] == "decisions" and len(args.words) == 2:
        return _log_decisions.perform(args, args.words[1])
    way = args.words.pop(0) if len(args.words) == 2 and args.words[0] in _WAYS else None
    if len(args.words) != 1 or args.anchor or args.pcr:
        raise InputError(Finding("TVD-103", "tvdsim log", "one file is read at a time; --anchor and --pcr are for decision logs.",
                                 "tvdsim log show FILE, tvdsim log decisions FILE"))
    if way == "check" and not args.pcrs:
        raise InputError(Finding("TVD-104", "tvdsim log check", "there are no PCRs to compare the log with.", "--pcrs FILE"))
    if way in ("show", "replay") and args.pcrs:
        raise InputError(Finding("TVD-105", f"tvdsim log {way}", "nobody compares PCRs here.", "tvdsim log check FILE --pcrs FILE"))
    args.file = args.words[0]
    log = read_log(args.file)
    held = _pcr_files.read(read_file(args.pcrs), args.pcrs) if args.pcrs else {}
    if isinstance(log, EventLog):
        data, lines, sound = _event_log(log, args.bank)
        compared = _compare_events(log, held)
    else:
        data, lines, sound = _ima_log(log, args.bank)
        compared = _compare_ima(log, held)
    if way == "replay":
        _io.emit(args, {"kind": data["kind"], "pcrs": data["pcrs"]}, "\n".join(_pcr_lines(data["pcrs"])))
        return _io.FINE
    if way == "show":
        _io.emit(args, data, "\n".join(lines))
        return _io.FINE
    if held and not compared:
        raise InputError(Finding("TVD-525", args.pcrs, "it holds no PCR that this log is about."))
    if held:
        data["compared"] = compared
        lines = [*_faults(data), *_comparison(compared)] if way == "check" else [*lines, "", *_comparison(compared)]
    _io.emit(args, data, "\n".join(lines))
    return _io.FINE if sound and all(c["equal"] for c in compared) else _io.NO


def _pcr_lines(pcrs: Dict[str, Dict[int, str]]) -> List[str]:
    return [f"PCR {bank} {pcr} {value}" for bank, values in pcrs.items() for pcr, value in sorted(values.items())]


def _faults(data: Dict[str, Any]) -> List[str]:
    bad = data.get("first_bad")
    return [] if bad is None else [f"entry {bad} ({_short(data['entries'][bad]['path'])}): its template hash is not that of its data"]


def read_file(path: str) -> bytes:
    """The bytes of a file that the user named."""
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise InputError(Finding("TVD-130", path, f"cannot read it: {problem.strerror}.")) from None


def read_log(path: str) -> Union[EventLog, ImaLog]:
    """An event log or an IMA log, whichever the bytes are."""
    data = read_file(path)
    try:
        return EventLog.parse(data)
    except InputError as problem:
        if problem.code != "TVD-501":
            raise _placed(problem, path) from None
        foreign = problem
    try:
        return ImaLog.parse(data)
    except InputError as problem:
        if problem.code != "TVD-511":
            raise _placed(problem, path) from None
    raise InputError(Finding(foreign.code, path, "this is neither a TCG event log nor an IMA log.",
                             "binary_bios_measurements, binary_runtime_measurements or ascii_runtime_measurements of a Linux machine"))


def _placed(problem: InputError, path: str) -> InputError:
    """The same findings, with the file's name before the place in it."""
    return InputError([Finding(f.code, f"{path}, {f.where}", f.message, f.help, f.severity) for f in problem.findings])


def _bank(wanted: Optional[str], known: List[str]) -> str:
    if wanted is None:
        return max(known, key=lambda b: (len(b), b))
    if wanted not in known:
        raise InputError(Finding("TVD-101", "--bank", f"`{wanted}` is no bank of this log.", f"known: {', '.join(known)}"))
    return wanted


def _short(text: str) -> str:
    shown = _io.printable(text)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "…"


def _event_log(log: EventLog, wanted: Optional[str]) -> Tuple[Dict[str, Any], List[str], bool]:
    replayed = log.replay()
    bank = _bank(wanted, [b for b in log.algorithms if b in replayed] or log.algorithms)
    events = [{"pcr": e.pcr, "type": e.type_name, "name": e.name, "digests": dict(e.digests), "size_bytes": len(e.data)}
              for e in log.events]
    data = {"kind": "event_log", "format": log.format, "algorithms": log.algorithms,
            "startup_locality": log.startup_locality, "events": events, "pcrs": replayed}
    wide = max(len(e.type_name) for e in log.events)
    lines = [f"event log of TPM {'2.0' if log.format == 'crypto_agile' else '1.2'}: {len(events)} events, banks {', '.join(log.algorithms)}"]
    for number, e in enumerate(log.events):
        lines.append(f"{number:>4}  PCR {e.pcr:<2}  {e.type_name:<{wide}}  {e.digests.get(bank, '')[:16]:<16}  {_short(e.name)}")
    for name, pcrs in replayed.items():
        lines += ["", f"{name}:", *(f"  {pcr:>2}: {value}" for pcr, value in sorted(pcrs.items()))]
    return data, lines, True


def _ima_log(log: ImaLog, wanted: Optional[str]) -> Tuple[Dict[str, Any], List[str], bool]:
    bank = wanted or "sha256"
    leads = {b: log.replay(b) for b in dict.fromkeys(("sha1", "sha256", bank))}
    entries = [{"pcr": e.pcr, "template": e.template, "path": e.path.encode("utf-8", "backslashreplace").decode(), "algorithm": e.algorithm, "digest": e.digest,
                "template_hash": e.template_hash, "violation": e.violation, "sound": e.sound, "signed": bool(e.signature)}
               for e in log.entries]
    bad = log.first_bad
    data = {"kind": "ima_log", "format": "ascii" if log.ascii else "binary", "entries": entries, "first_bad": bad,
            "boot_aggregate": log.boot_aggregate, "pcrs": {b: {_IMA_PCR: value} for b, value in leads.items()}}
    violations = sum(e.violation for e in log.entries)
    lines = [f"IMA log ({data['format']}): {len(entries)} entries, {violations} violations"]
    for number, e in enumerate(log.entries):
        mark = "violation" if e.violation else "" if e.sound else "FORGED"
        lines.append(f"{number:>4}  {e.template:<7}  {e.algorithm}:{e.digest[:16]}  {mark:<9}  {_short(e.path)}")
    lines += ["", *(f"{b}:\n  {_IMA_PCR}: {value}" for b, value in leads.items())]
    if bad is not None:
        lines += ["", f"entry {bad} ({_short(log.entries[bad].path)}): its template hash is not that of its data"]
    return data, lines, bad is None


def _compare_events(log: EventLog, held: Dict[str, Dict[int, str]]) -> List[Dict[str, Any]]:
    return [{"bank": bank, "pcr": pcr, "log": leads, "machine": held[bank][pcr], "equal": leads == held[bank][pcr]}
            for bank, pcrs in log.replay().items() for pcr, leads in sorted(pcrs.items()) if pcr in held.get(bank, {})]


def _compare_ima(log: ImaLog, held: Dict[str, Dict[int, str]]) -> List[Dict[str, Any]]:
    out: List[Dict[str, Any]] = []
    for bank, pcrs in held.items():
        if _IMA_PCR not in pcrs:
            continue
        value = pcrs[_IMA_PCR]
        plain = log.prefix_for(bank, value)
        covered = plain if plain is not None or bank == "sha1" else log.prefix_for(bank, value, padded=True)
        out.append({"bank": bank, "pcr": _IMA_PCR, "log": log.replay(bank, covered, padded=plain is None and covered is not None),
                    "machine": value, "equal": covered is not None, "entries": covered})
    return out


def _comparison(compared: List[Dict[str, Any]]) -> List[str]:
    lines = []
    for c in compared:
        if c["equal"]:
            continue
        lines += [f"PCR {c['pcr']} of {c['bank']} differs", f"  log leads to  {c['log']}", f"  machine holds {c['machine']}"]
    equal = sum(c["equal"] for c in compared)
    lines.append(f"log/PCR {'match' if equal == len(compared) else 'mismatch'}: {equal} of {len(compared)} PCRs are what the log leads to")
    lines += [f"  bank {c['bank']}: the first {c['entries']} entries lead to the machine's PCR {c['pcr']}"
              for c in compared if c["equal"] and c.get("entries") is not None]
    return lines
