"""PCR values as files hold them: tpm2-tools' dump and YAML, JSON, the kernel's text, one line per PCR."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

from . import _core
from .errors import Finding, InputError

_HEAD = re.compile(r"\s*(sha\d+)\s*:\s*")
_UNDER_HEAD = re.compile(r"\s*(\d+)\s*:\s*(?:0x)?([0-9A-Fa-f]{40,128})\s*")
_LINE = re.compile(r"PCR (sha\d+) (\d+) ([0-9A-Fa-f]{40,128})\s*")
_TPM12 = re.compile(r"PCR-(\d+):((?: [0-9A-Fa-f]{2}){20})\s*")
_HELP = "the file of `tpm2_quote -o`, the output of tpm2_pcrread or tpm2_eventlog, JSON {bank: {number: hex}}, or lines `PCR sha256 0 <hex>`"


def read(data: bytes, where: str) -> Dict[str, Dict[int, str]]:
    """By bank and number, in hex. ``InputError`` TVD-525 when these bytes hold no PCR values."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return _dump(data, where)
    pcrs = _json(text) if text.lstrip().startswith("{") else _lines(text)
    if not any(pcrs.values()):
        raise InputError(Finding("TVD-525", where, "there are no PCR values in it.", _HELP))
    return pcrs


def _dump(data: bytes, where: str) -> Dict[str, Dict[int, str]]:
    try:
        return _core.read_pcr_dump(data)
    except InputError as problem:
        raise InputError(Finding(problem.code, f"{where}, {problem.where}", problem.message, problem.help or _HELP)) from None


def _json(text: str) -> Dict[str, Dict[int, str]]:
    try:
        data: Any = json.loads(text)
        data = data.get("pcrs", data)
        return {str(bank): {int(n): str(value).lower() for n, value in values.items()} for bank, values in data.items()}
    except (ValueError, AttributeError):
        return {}


def _lines(text: str) -> Dict[str, Dict[int, str]]:
    pcrs: Dict[str, Dict[int, str]] = {}
    bank = ""
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            pcrs.setdefault(found[1], {})[int(found[2])] = found[3].lower()
        elif found := _TPM12.fullmatch(line):
            pcrs.setdefault("sha1", {})[int(found[1])] = found[2].replace(" ", "").lower()
        elif found := _HEAD.fullmatch(line):
            bank = found[1]
        elif (found := _UNDER_HEAD.fullmatch(line)) and bank:
            pcrs.setdefault(bank, {})[int(found[1])] = found[2].lower()
    return pcrs
