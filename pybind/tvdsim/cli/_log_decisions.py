"""`tvdsim log decisions`: the decision logs of a run, or one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..decisions import HostLog, parse_anchor
from ..errors import Finding, InputError
from ..run import Run
from . import _io


def perform(args: argparse.Namespace, name: str) -> int:
    if args.pcrs or args.bank:
        raise InputError(Finding("TVD-103", "tvdsim log decisions", "--pcrs and --bank are for measurement logs.", "--anchor, --pcr"))
    path = Path(name)
    if path.is_dir() or path.name == "manifest.json":
        if args.anchor or args.pcr:
            raise InputError(Finding("TVD-103", "tvdsim log decisions", "--anchor and --pcr are about one host's log.",
                                     f"{name}/decisions/HOST.audit"))
        found = Run(path).decision_log.verify()
        _io.emit(args, found.to_json(), str(found))
        return _io.FINE if found else _io.NO
    log = HostLog(path)
    anchors = log.anchors() + [parse_anchor(text, "--anchor") for text in args.anchor]
    one = log.verify(list(dict.fromkeys(anchors)), args.pcr)
    _io.emit(args, one.to_json(), str(one))
    return _io.FINE if one else _io.NO
