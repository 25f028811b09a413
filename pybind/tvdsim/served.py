"""Real TPMs for other programs: tpm2-tools, QEMU and whoever else speaks swtpm's protocol.

>>> with ServedTpms(2, seed=7, unix="/run/user/1000/tpm") as served:
...     served[0].tcti                      # export TPM2TOOLS_TCTI=…
...     served[0].qemu                      # words for QEMU's command line

Seed and name make the TPM, as everywhere: ``tvdsim tpm quote --seed 7 --name tpm0`` speaks of the same keys. A state file keeps
all that the TPMs are from one serving to the next; it holds their secrets, and only its owner can read it.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _core
from .errors import Finding, InputError
from .tpm import _number

_MOST = 1000  # servers: a thread and up to four sockets each
_FORMAT, _VERSION = "tvdsim-tpm-states", 1
_State = Tuple[bytes, bytes, bytes]


@dataclass(frozen=True)
class ServedTpm:
    """Where one TPM is to be found. ``data`` and ``control`` are Unix sockets, ``port`` TCP on 127.0.0.1; what is not there is empty, or 0."""

    name: str
    data: str
    control: str
    port: int

    @property
    def tcti(self) -> str:
        """For tpm2-tools: the value of TPM2TOOLS_TCTI."""
        return f"swtpm:host=127.0.0.1,port={self.port}" if self.port else f"swtpm:path={self.data}"

    @property
    def qemu(self) -> str:
        """For QEMU's command line; empty without a Unix socket, which it needs."""
        if not self.control:
            return ""
        chardev = f"socket,id={self.name},path={self.control.replace(',', ',,')}"
        return shlex.join(["-chardev", chardev, "-tpmdev", f"emulator,id={self.name}-tpm,chardev={self.name}",
                           "-device", f"tpm-crb,tpmdev={self.name}-tpm"])

    def to_dict(self) -> Dict[str, Any]:
        return {"name": self.name, "data": self.data, "control": self.control, "port": self.port, "tcti": self.tcti, "qemu": self.qemu}


class ServedTpms:
    """TPMs that are served until ``stop()`` or the end of a ``with`` block, each to any number of clients at once.

    count, seed, workers, names: as of ``TpmFleet``. unix: a path: the TPM's commands there, its control at the path + ".ctrl"; of
    several TPMs at path-0, path-1, …. tcp: a port of 127.0.0.1: commands there, control on the next, the second TPM after that;
    0: whichever are free. state: a file to begin from, if it is there, and to leave at ``stop()``. wait_for_init: the TPMs are off
    until a client's init. ticking: their clocks go with this machine's; else they stand still, and quotes repeat bit by bit.
    """

    def __init__(self, count: int = 1, seed: int = 1, workers: int = 1, *, names: Optional[Sequence[str]] = None,
                 unix: Union[str, "os.PathLike[str]", None] = None, tcp: Optional[int] = None,
                 state: Union[str, "os.PathLike[str]", None] = None, wait_for_init: bool = False, ticking: bool = True) -> None:
        where = "ServedTpms"
        count = _number(count, 1, _MOST, where, "count")
        called = list(names) if names is not None else [f"tpm{i}" for i in range(count)]
        if len(called) != count or len(set(called)) != count or not all(called):
            raise InputError(Finding("TVD-103", where, f"{count} names are needed, all different.", 'names=["g1", "g2"]'))
        if unix is None and tcp is None:
            raise InputError(Finding("TVD-104", where, "where shall they be served?", "unix=PATH or tcp=PORT"))
        if tcp is not None:
            _number(tcp, 0, 65536 - 2 * count, where, "tcp")
        self._file = Path(state) if state is not None else None
        kept, began = _read_states(self._file, called) if self._file else ([], 0)
        paths = ["" if unix is None else os.fspath(unix) + (f"-{i}" if count > 1 else "") for i in range(count)]
        places = [(path and path + ".ctrl", path, -1 if tcp is None else tcp and tcp + 2 * i) for i, path in enumerate(paths)]
        if self._file:
            _check_place(self._file)
        self._core = _core.TpmServers(called, _number(seed, 0, 2**64 - 1, where, "seed"), _number(workers, 1, 256, where, "workers"),
                                      places, kept, not wait_for_init, ticking, began)
        self.seed = seed
        self._tpms = tuple(ServedTpm(name, path, path and path + ".ctrl", self._core.port(i)) for i, (name, path) in enumerate(zip(called, paths)))

    def __len__(self) -> int:
        return len(self._tpms)

    def __getitem__(self, index: int) -> ServedTpm:
        return self._tpms[index]

    def __iter__(self) -> Iterator[ServedTpm]:
        return iter(self._tpms)

    def __enter__(self) -> "ServedTpms":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, seconds: float) -> bool:
        """Waits until clients have shut all of them down, at most so long. Are they?"""
        return self._core.wait(int(seconds * 1000))

    def counts(self, index: int = 0) -> Dict[str, int]:
        """clients, commands, controls; refused: streams that could not be read on; dropped: clients that left in the middle."""
        return self._core.counts(index)

    def stop(self) -> None:
        """No thread, socket or socket file is left; the state file is written. May be called again."""
        self._core.stop()
        if self._file:
            _write_states(self._file, [t.name for t in self], [self._core.state(i) for i in range(len(self))], self._core.now_ns())
            self._file = None

    def __repr__(self) -> str:
        return f"<ServedTpms: {', '.join(t.tcti for t in self)}>"


def _check_place(file: Path) -> None:
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError(Finding("TVD-131", str(file), "cannot write there.", "another state file"))


def _write_states(file: Path, names: List[str], states: List[_State], now_ns: int) -> None:
    def text(data: bytes) -> str:
        return base64.b64encode(data).decode()

    rows = [{"name": n, "permanent": text(p), "running": text(r), "digest": d.hex()} for n, (p, r, d) in zip(names, states)]
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR), "w", encoding="ascii") as out:
        json.dump({"format": _FORMAT, "version": _VERSION, "now_ns": now_ns, "tpms": rows}, out, indent=1)
        out.write("\n")
    new.replace(file)


def _read_states(file: Path, names: List[str]) -> Tuple[List[_State], int]:
    """The states of these TPMs and what their clocks show; none, when there is no such file yet."""
    if not file.exists():
        return [], 0
    try:
        data = json.loads(file.read_text(encoding="ascii"))
        if data["format"] != _FORMAT or data["version"] != _VERSION:
            raise ValueError
        rows = [(str(t["name"]), (base64.b64decode(t["permanent"], validate=True), base64.b64decode(t["running"], validate=True),
                                  bytes.fromhex(t["digest"]))) for t in data["tpms"]]
        began = _number(data["now_ns"], 0, 2**62, str(file), "now_ns")
    except OSError as problem:
        raise InputError(Finding("TVD-130", str(file), f"cannot read it: {problem.strerror}.")) from None
    except (ValueError, KeyError, TypeError):
        raise InputError(Finding("TVD-130", str(file), "that is no file of TPM states.", "another state file, or none")) from None
    if [name for name, _ in rows] != names:
        kept = ", ".join(name for name, _ in rows)
        raise InputError(Finding("TVD-103", str(file), f"it holds the TPMs {kept}; asked for are {', '.join(names)}.", "the same count and names"))
    return [state for _, state in rows], began
