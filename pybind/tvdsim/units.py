"""Quantities with units: ``"20 us"``, ``"128 GiB"``, ``"10 Gbit/s"``. A bare number is an error, not a guess.

The grammar is the core's own (sim/base/units.hpp); nothing is parsed twice.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Callable, Dict, Tuple

from . import _core
from .errors import Finding, InputError

_KINDS: Dict[str, Tuple[Callable[[str, str], int], str, str]] = {
    "duration": (_core.parse_duration, "a time", "s"),
    "bytes": (_core.parse_bytes, "a size", "GiB"),
    "bit_rate": (_core.parse_bit_rate, "a rate", "Gbit/s"),
}


def _parse(kind: str, value: object, where: str, field: str) -> int:
    parse, noun, unit = _KINDS[kind]
    if isinstance(value, str):
        return parse(value, where)
    name = f"{field}={value!r}" if field else repr(value)
    raise InputError(Finding("TVD-110", where, f"{name}: {noun} needs a unit.", f'"{value} {unit}"'))


def duration(value: object, where: str = "", field: str = "") -> int:
    """``"1.5 s"`` in whole nanoseconds."""
    return _parse("duration", value, where, field)


def size(value: object, where: str = "", field: str = "") -> int:
    """``"4 GiB"`` in bytes."""
    return _parse("bytes", value, where, field)


def bit_rate(value: object, where: str = "", field: str = "") -> int:
    """``"10 Gbit/s"`` in bits per second."""
    return _parse("bit_rate", value, where, field)


_PER = {"us": Fraction(10**6), "ms": Fraction(10**3), "s": Fraction(1), "min": Fraction(1, 60), "h": Fraction(1, 3600)}


def frequency(value: object, where: str = "", field: str = "") -> int:
    """``"200 /s"`` as how many in 1000 s: a whole number."""
    name = f"{field}={value!r}" if field else repr(value)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*/\s*(us|ms|s|min|h)\s*", value) if isinstance(value, str) else None
    if found is None:
        raise InputError(Finding("TVD-110", where, f"{name}: how often, and per what?", '"200 /s"; per `us`, `ms`, `s`, `min` or `h`'))
    often = Fraction(found.group(1)) * _PER[found.group(2)] * 1000
    if often.denominator != 1 or not 0 < often < 2**64:
        raise InputError(Finding("TVD-110", where, f"{name}: out of range, or finer than once in 1000 s.", '"200 /s"'))
    return int(often)


def duration_text(ns: int) -> str:
    """The shortest exact spelling: ``duration_text(60_000_000_000) == "1 min"``."""
    return _core.duration_text(ns)


def size_text(count: int) -> str:
    return _core.bytes_text(count)


def bit_rate_text(bit_s: int) -> str:
    return _core.bit_rate_text(bit_s)
