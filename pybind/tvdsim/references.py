"""Reference values: digests that are known, what is said about them, and who said so.

>>> store = ReferenceStore("refs.db")                       # a SQLite file; without a path: in memory
>>> store.import_list(open("SHA256SUMS", "rb").read(), importer="ann").rows
812
>>> store.annotate("sha256:91c0…", "vulnerable", "CVE-2026-0001 heap overflow", importer="cert")
>>> store.look_up("/usr/sbin/nginx", "sha256:91c0…").standing
'vulnerable'
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple, Union

from . import _core, units


@dataclass(frozen=True)
class ReferenceChange:
    """One row of a store's history: who changed what and what came of it (``done``, ``waiting`` or ``refused``, with the reason)."""

    id: int
    time_ns: int
    operation: str
    importer: str
    source: str
    rows: int
    result: str
    reason: str

    def __bool__(self) -> bool:
        return self.result == "done"


@dataclass(frozen=True)
class Reference:
    """What a store knows of one digest under one name.

    ``standing``: ``good``, ``outdated``, ``vulnerable``, ``revoked``, ``malicious``, ``bad``; ``unknown`` for other bytes under a known
    name, ``unheard`` when nobody has heard of the name. ``expected``: a good digest under this name, hex, or empty.
    """

    standing: str
    annotation: str
    expected: str
    importer: str
    source: str

    def __bool__(self) -> bool:
        return self.standing == "good"


class ReferenceStore:
    """A store of reference values, in memory or in one SQLite file; a change is made whole or not at all.

    Times are those of this machine's clock unless ``at`` says otherwise. Bad lists, digests and words raise ``InputError``; a file that is no
    such store raises ``WorldError``.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"] = "") -> None:
        self._core = _core.ReferenceStore(os.fspath(path))
        self.at(time.time_ns())

    def at(self, time_ns: int) -> None:
        """The present, in nanoseconds since 1970, by which grace windows end; it never goes back."""
        self._core.at(time_ns)

    def __len__(self) -> int:
        return self._core.size()

    def add(self, name: str, digest: str, *, kind: str = "file", importer: str = "local", source: str = "") -> ReferenceChange:
        """The digest (``sha256:HEX``) is good under this name. ``kind``: ``file``, ``boot`` or ``buffer``."""
        return self._state("add", digest, kind, name, "", source, importer)

    def annotate(self, digest: str, standing: str, text: str, *, importer: str = "local") -> ReferenceChange:
        """Says ``outdated``, ``vulnerable``, ``revoked`` or ``malicious`` of a digest, under every name; ``good`` takes ``text`` back."""
        return self._state("annotate", digest, "file", "", standing, text, importer)

    def retire(self, name: str, digest: str, *, kind: str = "file", grace: str = "0 s", importer: str = "local") -> ReferenceChange:
        """The digest stays good for ``grace``, and is outdated from then on."""
        return self._state("retire", digest, kind, name, "", "", importer, units.duration(grace))

    def remove(self, name: str, digest: str, *, kind: str = "file", importer: str = "local") -> ReferenceChange:
        """As if it had never been listed; what is said about it elsewhere stays."""
        return self._state("remove", digest, kind, name, "", "", importer)

    def import_list(self, data: bytes, *, format: str = "", importer: str = "local", where: str = "list") -> ReferenceChange:
        """Takes a list in, whole: ``sums``, ``packages``, ``keylime`` or ``manifest``; without a format its bytes tell which."""
        return ReferenceChange(**self._core.apply_list(data, format, where, importer))

    def import_manifest(self, manifest: bytes, signature: bytes, signer: str, *, approvals: int = 1,
                        grace: str = "0 s") -> ReferenceChange:
        """Takes a manifest in if ``signer`` is trusted and signed it (``openssl dgst -sha256 -sign``); falsy, with the reason, if not.

        ``approvals=2`` is the two-person rule: it waits until another signer brings the same manifest.
        """
        return ReferenceChange(**self._core.import_manifest(manifest, signature, signer, approvals, units.duration(grace)))

    def trust(self, signer: str, public_key: bytes) -> None:
        """Manifests that this key signed count from now on."""
        self._core.trust(signer, public_key)

    def distrust(self, signer: str) -> None:
        """What ``signer`` signs does not count any more; what it brought stays."""
        self._core.distrust(signer)

    @property
    def signers(self) -> Tuple[str, ...]:
        return tuple(self._core.signers())

    def listed(self, name: str, *, kind: str = "file") -> Tuple[str, ...]:
        """The digests that are good under this name now."""
        return tuple(self._core.listed(kind, name))

    def look_up(self, name: str, digest: str, *, kind: str = "file") -> Reference:
        """What is known of this digest under this name."""
        return Reference(**self._core.look_up(name, digest, kind))

    @property
    def history(self) -> List[ReferenceChange]:
        """Every change there ever was, refused ones included."""
        return [ReferenceChange(**row) for row in self._core.history()]

    def _state(self, what: str, digest: str, kind: str, name: str, standing: str, text: str, importer: str,
               grace_ns: int = 0) -> ReferenceChange:
        row: Dict[str, Any] = self._core.state(what, digest, kind, name, standing, text, importer, grace_ns)
        return ReferenceChange(**row)
