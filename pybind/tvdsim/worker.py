"""Runs happen in workers: this end of the pipe.

Each call takes an idle worker of this process, or starts one, and has it to itself until the answer is there; so threads
may run as many scenarios at once as they like. Ctrl-C is passed on: what is done is kept.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from .errors import Finding, InputError, InternalError, WorkerDied, WorldError

OnProgress = Callable[[List[float]], None]


class _Worker:
    def __init__(self) -> None:
        package = str(Path(__file__).absolute().parent.parent)
        path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        safe = ["-P"] if sys.version_info >= (3, 11) else []
        self.process = subprocess.Popen(
            [sys.executable, *safe, "-m", "tvdsim._worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(path)})
        self.interrupted = False
        self._rest = b""

    def send(self, message: Dict[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write((json.dumps(message) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its death shows when the answer is read

    def receive(self) -> Optional[Dict[str, Any]]:
        """The next answer; None when the worker is gone. A first Ctrl-C asks it to stop, a second one ends it."""
        assert self.process.stdout is not None
        while True:
            line, mark, rest = self._rest.partition(b"\n")
            if mark:
                self._rest = rest
                return dict(json.loads(line))
            try:
                # Not readline(): an exception in the midst of it loses what was read so far.
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    return None
                self._rest += data
            except KeyboardInterrupt:
                if self.interrupted:
                    self.process.kill()
                    raise
                self.interrupted = True
                self.send({"stop": True})

    def close(self) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_lock = threading.Lock()
_idle: List[_Worker] = []


def _take() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.process.poll() is None:
                return worker
    return _Worker()


def _give_back(worker: _Worker) -> None:
    worker.interrupted = False
    with _lock:
        _idle.append(worker)


def _close_all() -> None:
    with _lock:
        while _idle:
            _idle.pop().close()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_idle.clear)  # a forked child has no claim on its parent's workers


class Answer:
    """What a call gave, and whether Ctrl-C came in its course."""

    def __init__(self, result: Any, interrupted: bool) -> None:
        self.result, self.interrupted = result, interrupted


def call(name: str, args: Dict[str, Any], about: str, on_progress: Optional[OnProgress] = None) -> Answer:
    """One call in a worker; ``about`` ends the sentence when the worker dies: "run directory X is incomplete"."""
    worker = _take()
    whole = False
    try:
        worker.send({"call": name, "args": args})
        while True:
            answer = worker.receive()
            if answer is None:
                worker.process.wait()
                raise _death(-(worker.process.returncode or 0), about)
            if "progress" in answer:
                if on_progress is not None:
                    on_progress(answer["progress"])
                continue
            whole = True
            break
        interrupted = worker.interrupted
    finally:
        if whole:
            _give_back(worker)
        else:
            worker.process.kill()
            worker.close()
    if "died" in answer:
        raise _death(int(answer["died"]), about)
    if "error" in answer:
        raise _error(answer["error"])
    return Answer(answer["result"], interrupted)


def _death(number: int, about: str) -> Exception:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return InternalError(f"the worker ended without an answer; {about}")
    if number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL):
        return InternalError(f"the worker ended with {name}; {about}")
    return WorkerDied(f"worker was killed by {name}; {about}", name,
                      "look for the out-of-memory killer (dmesg), then run it again")


def _error(error: Dict[str, Any]) -> Exception:
    if error["kind"] == "input":
        return InputError(Finding(**f) for f in error["findings"])
    if error["kind"] == "world":
        return WorldError(error["what"], error["name"], error["help"])
    return InternalError(str(error["what"]))
