"""The labels of a host's disks, images and VLANs: Xen's resource label file, read as data and never executed.

>>> labels = ResourceLabels()
>>> labels.set("vlan:7", "ACM:banks:North")
>>> labels.get("vlan:007")
'ACM:banks:North'
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import List, Optional, Tuple, Union

from . import _core
from .errors import Finding, InputError
from .policy import Policy

EMPTY = "resources = {}\n"


def resource_name(text: str) -> str:
    """The one name of a resource: ``phy:xvda`` is ``phy:/dev/xvda``. ``InputError`` TVD-342 for what names none.

    No disk is looked at: who names a device resolves its symbolic links first.
    """
    return _core.resource_name(text)


def label_name(text: str) -> Tuple[bool, str, str]:
    """``ACM:policy:label`` -> (stale?, policy, label); ``policy:label`` is read too. ``InputError`` TVD-340."""
    return _core.label_name(text, "label")


class ResourceLabels:
    """What is labelled and how, sorted by resource. Every change names the label that it expects to replace."""

    def __init__(self, text: Union[str, bytes] = EMPTY, where: str = "labels") -> None:
        self.where = where
        self._core = _core.ResourceLabels(text, where)

    @classmethod
    def load(cls, path: Union[str, "os.PathLike[str]"]) -> "ResourceLabels":
        """Reads a file. ``InputError`` with every finding, TVD-341 to TVD-344; TVD-130 when it cannot be read."""
        try:
            text = Path(path).read_bytes()
        except OSError as problem:
            raise InputError(Finding("TVD-130", os.fspath(path), f"cannot read the labels: {problem.strerror}.")) from None
        return cls(text, os.fspath(path))

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes the file as a whole: a reader sees the old one or the new one."""
        target = Path(path)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        except OSError as problem:
            raise InputError(Finding("TVD-130", os.fspath(path), f"cannot write the labels: {problem.strerror}.")) from None
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
                out.write(self.text())
            os.chmod(name, target.stat().st_mode & 0o777 if target.exists() else 0o644)
            os.replace(name, target)
        except OSError as problem:
            os.unlink(name)
            raise InputError(Finding("TVD-130", os.fspath(path), f"cannot write the labels: {problem.strerror}.")) from None

    def text(self) -> str:
        """The file: Python source that nobody need execute."""
        return self._core.text()

    def items(self) -> List[Tuple[str, str]]:
        """(resource, ``ACM:policy:label``), sorted; ``INV_ACM`` when the label's policy is gone."""
        return self._core.entries()

    def get(self, resource: str) -> Optional[str]:
        """The label's full name; None for a resource without one."""
        return dict(self.items()).get(resource_name(resource))

    def set(self, resource: str, label: str, old: Optional[str] = None, in_use: bool = False) -> None:
        """Labels a resource whose label is ``old`` now (None: it has none). ``InputError`` TVD-345 when it has another."""
        self._core.change(resource, old, label, in_use)

    def remove(self, resource: str, old: str, in_use: bool = False) -> None:
        """Takes the label ``old`` away."""
        self._core.change(resource, old, None, in_use)

    def standing(self, resource: str, policy: Policy) -> Tuple[str, str]:
        """(standing, label) under a policy: ``labelled`` or ``unlabelled`` with the name for ``Policy.may_share``;
        ``stale``, ``foreign``, ``unknown`` or ``nobody`` with an empty name: these open nothing."""
        return self._core.standing(resource_name(resource), policy._core)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceLabels) and self.items() == other.items()

    def __len__(self) -> int:
        return len(self.items())

    def __repr__(self) -> str:
        return f"<ResourceLabels {self.where}: {len(self)} resources>"
