"""Progress of a run on standard error: at most once a second, and only when that is a terminal."""

from __future__ import annotations

import sys
import time
from typing import List, Optional, TextIO

from . import units


class ProgressLine:
    """Simulated time, wall time, time left, decisions per second; the line is wiped at the end."""

    def __init__(self, stream: Optional[TextIO] = None, period_s: float = 1.0) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._period_s = period_s
        self._last = time.monotonic()
        self._width = 0

    def __call__(self, row: List[float]) -> None:
        at = time.monotonic()
        if at - self._last < self._period_s:
            return
        self._last = at
        line = self.text(row)
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    @staticmethod
    def text(row: List[float]) -> str:
        now_ns, until_ns, events, decisions, denied, wall_s = row
        share = now_ns / until_ns if until_ns else 0.0
        left = f"{wall_s / share - wall_s:.0f} s left" if share > 0 else "time left unknown"
        rate = decisions / wall_s if wall_s > 0 else 0.0
        return (f"{now_ns / 1e9:.3f} s of {units.duration_text(int(until_ns))} ({100 * share:.0f} %) · {wall_s:.0f} s so far, "
                f"{left} · {int(decisions)} decisions ({rate:.0f}/s), {int(denied)} denied · {int(events)} events")

    def close(self) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()


def line(wanted: Optional[bool]) -> Optional[ProgressLine]:
    """The progress line, or None: by default only on a terminal."""
    if wanted is None:
        wanted = sys.stderr.isatty()
    return ProgressLine() if wanted else None
