"""What every action has: its fields as a value, and its row in a Spec."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, Dict, SupportsIndex, Union


class Named:
    """Something of a scenario that has a name; ``str()`` gives it."""

    name: str

    def __str__(self) -> str:
        return self.name


Ref = Union[Named, str]  # a thing, or its name
Vid = Union[SupportsIndex, int]  # a VLAN, or its number


@dataclass(frozen=True)
class Action:
    """One thing that is made to happen at one instant."""

    kind: ClassVar[str] = ""
    principal: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Named):
                object.__setattr__(self, f.name, value.name)
            elif hasattr(value, "__index__") and not isinstance(value, (int, str)):
                object.__setattr__(self, f.name, value.__index__())

    def to_spec(self) -> Dict[str, object]:
        """The action as the Spec writes it, without its instant."""
        out: Dict[str, object] = {"action": self.kind}
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None or (f.name == "principal" and not value):
                continue
            out[f.name] = value
        return out

    def __str__(self) -> str:
        parts = [f"{k}={v}" for k, v in self.to_spec().items() if k != "action"]
        return " ".join([self.kind, *parts])
