"""One decision, retold."""

from __future__ import annotations

import html
import json
from typing import Any, Dict, List


class Explanation:
    """What each control said, which one decided, under which policy. ``print()`` it, or read its fields."""

    def __init__(self, data: str, text: str) -> None:
        self._data: Dict[str, Any] = json.loads(data)
        self._text = text.rstrip("\n")

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_data"][name]
        except KeyError:
            raise AttributeError(f"an explanation has no `{name}`; it has {sorted(self.__dict__['_data'])}") from None

    @property
    def components(self) -> List[Dict[str, Any]]:
        """A row per control: control, outcome, rule, reason, decides."""
        return list(self._data["components"])

    def to_dict(self) -> Dict[str, Any]:
        return dict(self._data)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"
