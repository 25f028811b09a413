"""`tvdsim tpm serve`: TPMs for other programs, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from types import FrameType
from typing import Optional

from ..errors import Finding, InputError
from ..served import ServedTpms
from . import _io

_PORT = 2321  # where tpm2-tools look for a TPM that is not told where it is


def arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("serve")
    group.add_argument("--tcp", type=int, metavar="PORT", help=f"commands on this port of 127.0.0.1, control on the next; 0: any (default {_PORT}, unless --unix)")
    group.add_argument("--unix", metavar="PATH", help="commands on this socket, control on PATH.ctrl, which is what QEMU wants")
    group.add_argument("--count", type=int, default=1, help="how many TPMs: NAME-0, NAME-1, … at PATH-0, PATH-1, … and every second port (default 1)")
    group.add_argument("--workers", type=int, default=1, help="threads that may be in TPMs at once (default 1)")
    group.add_argument("--state", metavar="FILE", help="begin from the states there, if there are any, and leave them there at the end; it holds the TPMs' secrets")
    group.add_argument("--clock", choices=("machine", "still"), default="machine", help="still: the TPMs' clocks stand, so that quotes repeat bit by bit")
    group.add_argument("--wait-for-init", action="store_true", help="the TPMs are off until a client's init, as QEMU's and swtpm_ioctl's")


def perform(args: argparse.Namespace) -> int:
    if args.count < 1:
        raise InputError(Finding("TVD-103", "tvdsim tpm serve", f"--count {args.count} serves nobody.", "--count 1"))
    tcp = _PORT if args.tcp is None and args.unix is None else args.tcp
    names = [args.name] if args.count == 1 else [f"{args.name}-{i}" for i in range(args.count)]
    told = _Told()
    before = {which: signal.signal(which, told.hear) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ServedTpms(args.count, args.seed, args.workers, names=names, unix=args.unix, tcp=tcp, state=args.state,
                        wait_for_init=args.wait_for_init, ticking=args.clock == "machine") as served:
            _tell(args, served)
            while not (told.to_stop or served.wait(0.25)):
                pass
            commands = sum(served.counts(i)["commands"] for i in range(len(served)))
        print(f"stopped after {commands} commands", file=sys.stderr)
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
    return _io.FINE


class _Told:
    """Was there a signal? Impatience, a second one, changes nothing: the state file is written in any case."""

    to_stop = False

    def hear(self, number: int, frame: Optional[FrameType]) -> None:
        self.to_stop = True


def _tell(args: argparse.Namespace, served: ServedTpms) -> None:
    if args.json:
        print(json.dumps({"seed": served.seed, "tpms": [tpm.to_dict() for tpm in served]}, indent=1, ensure_ascii=False), flush=True)
        return
    for tpm in served:
        print(f"# {tpm.name}\nexport TPM2TOOLS_TCTI={tpm.tcti}")
        if tpm.qemu:
            print(f"qemu-system-x86_64 … {tpm.qemu}")
    sys.stdout.flush()
    print("serving; Ctrl-C stops", file=sys.stderr)
