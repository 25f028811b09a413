"""The worker: an exec'd, single-threaded process that imports the core alone and forks once per run.

Requests come as JSON lines on standard input, answers go as JSON lines to standard output:

    {"call": "run", "args": {…}}  ->  {"progress": […]} …, then one of {"result": …}, {"error": {…}}, {"died": signal}
    {"stop": true}                ->  the run that is under way is interrupted and kept

Why a fork per run: the state of the simulation kernel is global, and callers have threads. When standard input closes, the
run under way is interrupted and the worker ends: no orphan goes on running.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any, Callable, Dict, List, Optional

from . import _core
from .errors import InputError, WorldError

_PERIOD_S = 0.2  # progress lines are no more frequent than this


class _Lines:
    """Lines of a file descriptor, without a buffer that a fork would copy."""

    def __init__(self, fd: int) -> None:
        self.fd, self._rest, self.ended = fd, b"", False
        self._kept: List[bytes] = []

    def keep(self, line: bytes) -> None:
        """Puts a line back: it came early and is the next one."""
        self._kept.append(line)

    def take(self) -> Optional[bytes]:
        """One whole line if there is one already."""
        line, mark, rest = self._rest.partition(b"\n")
        if not mark:
            return None
        self._rest = rest
        return line

    def read(self) -> None:
        data = os.read(self.fd, 65536)
        self.ended = not data
        self._rest += data

    def next(self) -> Optional[bytes]:
        """The next line, waited for; None at the end."""
        if self._kept:
            return self._kept.pop(0)
        while True:
            line = self.take()
            if line is not None or self.ended:
                return line
            self.read()


def _reporter(send: Callable[[Dict[str, Any]], None]) -> Callable[[int, int, int, int, int, float], None]:
    last = [0.0]

    def report(now_ns: int, until_ns: int, events: int, decisions: int, denied: int, wall_s: float) -> None:
        at = time.monotonic()
        if at - last[0] >= _PERIOD_S:
            last[0] = at
            send({"progress": [now_ns, until_ns, events, decisions, denied, wall_s]})

    return report


def _perform(call: str, args: Dict[str, Any], send: Callable[[Dict[str, Any]], None]) -> Any:
    if call == "run":
        return _core.run(args["spec"], args["where"], args["out"], args["argv"], args["store_events"],
                         _reporter(send))
    if call == "replay":
        return _core.replay(args["run"], args["scratch"])
    if call == "attack":
        return _core.attack_run(args["id"], args["staging"], args["mode"], args["seed"])
    if call == "orders":
        return _core.attack_orders(args["id"], args["mode"], args["seed"], args["limit"])
    if call == "ablation":
        return _core.attack_ablation(args["ids"], args["seed"])
    if call == "matrix":
        return _core.attack_matrix(args["ids"], args["seed"])
    raise ValueError(f"the worker knows no call {call!r}")


def _child(request: Dict[str, Any], out: int) -> int:
    """In the forked process: one call, one answer."""
    _core.die_with_parent()
    _core.stop_on_signal(signal.SIGINT)

    def send(answer: Dict[str, Any]) -> None:
        data = (json.dumps(answer) + "\n").encode()
        while data:
            data = data[os.write(out, data) :]

    try:
        answer = {"result": _perform(request["call"], request["args"], send)}
    except InputError as problem:
        answer = {"error": {"kind": "input", "findings": [f.to_json() for f in problem.findings]}}
    except WorldError as problem:
        answer = {"error": {"kind": "world", "what": problem.what, "name": problem.name, "help": problem.help}}
    except BaseException as problem:
        answer = {"error": {"kind": "bug", "what": f"{type(problem).__name__}: {problem}"}}
    send(answer)
    return 0


def _watch(pid: int, lines: _Lines) -> int:
    """Waits for the child; passes on a stop; ends it when nobody listens any more. The wait status."""
    handle = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.register(lines.fd, select.POLLIN | select.POLLHUP)
    try:
        while True:
            ready = [fd for fd, _ in poll.poll()]
            if handle in ready:
                return os.waitpid(pid, 0)[1]
            lines.read()
            line = lines.take()
            if lines.ended:
                poll.unregister(lines.fd)
                os.kill(pid, signal.SIGINT)
            elif line is not None and json.loads(line).get("stop"):
                os.kill(pid, signal.SIGINT)
            elif line is not None:
                lines.keep(line)  # the answer is out already, and the next request came before the child was gone
    finally:
        os.close(handle)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller decides what Ctrl-C means
    out = os.dup(1)
    os.dup2(2, 1)  # what a library prints is talk, not an answer
    lines = _Lines(0)
    while True:
        line = lines.next()
        if line is None:
            return 0
        request = json.loads(line)
        if "call" not in request:
            continue  # a stop that came after its run had ended
        pid = os.fork()
        if pid == 0:
            os._exit(_child(request, out))
        status = _watch(pid, lines)
        if os.WIFSIGNALED(status):
            os.write(out, (json.dumps({"died": os.WTERMSIG(status)}) + "\n").encode())


def loaded_modules() -> List[str]:
    """What this process has imported: for the test that holds the promise above."""
    return sorted(sys.modules)


if __name__ == "__main__":
    sys.exit(main())
