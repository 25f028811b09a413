"""How long a TPM takes, measured on the device itself: figures for a latency profile.

>>> with open_device("/dev/tpmrm0") as device:
...     print(measure(device).as_table("mine"))                        # rows for vtpm/device/profiles.def

A device is a character device such as Linux's /dev/tpmrm0, or a Unix socket that takes commands and gives responses as bytes, such
as swtpm's ``--server type=unixio``. What it is asked leaves it as it was: PCR 16, which is for such uses, is extended and reset, and
keys are flushed. Times include the way there and back.
"""

from __future__ import annotations

import os
import socket
import stat
import statistics
import struct
import time
from dataclasses import dataclass
from typing import Callable, Dict, List

from . import _core
from .errors import Finding, InputError, WorldError
from .tpm import ResponseCode, extend_command, read_command

DEVICE = "/dev/tpmrm0"
_PCR = 16  # the debug PCR: any locality resets it
_WAIT = 30  # seconds for one answer: a chip may take several for a key
_SESSION = struct.pack(">IHBH", 0x40000009, 0, 0, 0)  # the empty password
_STARTED, _INITIALIZE, _HEADER = 0, 0x100, 10


class Device:
    """Something that takes TPM 2.0 commands. Close it, or use it with ``with``."""

    def __init__(self, where: str, send: Callable[[bytes], object], receive: Callable[[], bytes], close: Callable[[], None]) -> None:
        self.where, self._send, self._receive, self.close = where, send, receive, close

    def ask(self, command: bytes) -> bytes:
        """The response to a command. ``WorldError`` device_silent when none comes."""
        try:
            self._send(command)
            answer = self._receive()
            while _HEADER > len(answer) > 0 or len(answer) < int.from_bytes(answer[2:6], "big"):
                more = self._receive()
                answer += more
                if not more:
                    break
        except OSError as problem:
            raise WorldError(f"{self.where} does not answer: {problem.strerror or problem}", "device_silent") from None
        if len(answer) < _HEADER:
            raise WorldError(f"{self.where} does not answer as a TPM does", "device_silent")
        return answer

    def must(self, command: bytes, doing: str) -> bytes:
        """The response to a command that it must accept, else ``WorldError`` by the response code's name."""
        answer = self.ask(command)
        code = int.from_bytes(answer[6:10], "big")
        if code:
            rc = ResponseCode.of(code)
            raise WorldError(f"{self.where}, {doing}: {rc}", rc.name)
        return answer

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_device(path: str = DEVICE) -> Device:
    """The TPM at this path. ``InputError`` TVD-130 when there is none."""
    def refuse(why: str) -> InputError:
        return InputError(Finding("TVD-130", path, why, "--device PATH: a device such as /dev/tpmrm0, or a Unix socket that takes TPM commands"))

    try:
        kind = os.stat(path).st_mode
        if stat.S_ISSOCK(kind):
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(_WAIT)
            try:
                line.connect(path)
            except OSError:
                line.close()
                raise
            return Device(path, line.sendall, lambda: line.recv(4096), line.close)
        if not stat.S_ISCHR(kind):
            raise refuse("that is no TPM: neither a character device nor a socket.")
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as problem:
        raise refuse(f"no TPM answers there: {problem.strerror}.") from None
    return Device(path, lambda command: os.write(file, command), lambda: os.read(file, 4096), lambda: os.close(file))


@dataclass(frozen=True)
class Figure:
    """Times of one class of commands, in microseconds."""

    mean: float
    median: float
    spread: float  # standard deviation in units of the mean
    count: int


@dataclass(frozen=True)
class Profile:
    """What was measured, by class of command as in vtpm/device/profiles.def."""

    where: str
    figures: Dict[str, Figure]

    def as_table(self, name: str) -> str:
        """Rows for vtpm/device/profiles.def."""
        rows = [f'PROFILE({name}, "measured at {self.where}")']
        for kind, figure in self.figures.items():
            rows.append(f'FIGURE({name}, {kind}, {max(round(figure.mean), 1)}, "measured: mean of {figure.count}, median {figure.median:.0f} us")')
        spread = self.figures["quote"].spread
        rows.append(f'SPREAD({name}, {max(round(100 * spread), 1)}, "measured: of {self.figures["quote"].count} quotes")')
        return "\n".join(rows)


def measure(device: Device, rounds: int = 20) -> Profile:
    """Times of every class of command, ``rounds`` of each; the first of each is not counted."""
    answer = device.ask(_core.startup_command())
    if int.from_bytes(answer[6:10], "big") not in (_STARTED, _INITIALIZE):
        device.must(_core.startup_command(), "TPM2_Startup")
    key = _key(device)
    times: Dict[str, List[float]] = {}

    def timed(kind: str, command: bytes) -> bytes:
        begin = time.perf_counter_ns()
        answer = device.must(command, kind)
        times.setdefault(kind, []).append((time.perf_counter_ns() - begin) / 1000)
        return answer

    try:
        for number in range(rounds + 1):
            timed("extend", extend_command(_PCR, f"{number:064x}"))
            timed("read", read_command(_PCR))
            timed("quote", _core.quote_command(key, b"calibration", [("sha256", [_PCR])]))
            timed("sign", _get_time(key))
            made = timed("keygen", _core.make_key_command())
            device.must(_core.flush_command(int.from_bytes(made[10:14], "big")), "TPM2_FlushContext")
            timed("other", _core.random_command(16))
    finally:
        device.ask(_core.flush_command(key))
        device.ask(_reset())
    return Profile(device.where, {kind: _figure(all_[1:]) for kind, all_ in times.items()})


def _figure(times: List[float]) -> Figure:
    mean = statistics.fmean(times)
    return Figure(mean, statistics.median(times), statistics.pstdev(times) / mean, len(times))


def _key(device: Device) -> int:
    return int.from_bytes(device.must(_core.make_key_command(), "TPM2_CreatePrimary")[10:14], "big")


def _get_time(key: int) -> bytes:
    """TPM2_GetTime: the smallest statement that a TPM signs."""
    body = struct.pack(">III", 0x4000000B, key, 2 * len(_SESSION)) + 2 * _SESSION + struct.pack(">HH", 0, 0x0010)
    return struct.pack(">HII", 0x8002, _HEADER + len(body), 0x14C) + body


def _reset() -> bytes:
    body = struct.pack(">II", _PCR, len(_SESSION)) + _SESSION
    return struct.pack(">HII", 0x8002, _HEADER + len(body), 0x13D) + body
