"""The control modes a Python test runs under: the same convention as ablation.hpp.

A test that shows a refusal gives ``controls_under_test()`` to its scenario. ``docs/check_features.py`` runs it once as it
stands, when it must pass, and once with ``TVDSIM_ABLATE=<control>`` in the environment, when it must fail.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def control_names() -> list[str]:
    """The names of sim/base/controls.def, in order."""
    return re.findall(r"^CONTROL\((\w+),", (_ROOT / "sim/base/controls.def").read_text(), re.M)


def controls_under_test() -> dict[str, str]:
    """Every control "on", except those that TVDSIM_ABLATE names (comma-separated), which are "off"."""
    modes = {name: "on" for name in control_names()}
    for name in filter(None, os.environ.get("TVDSIM_ABLATE", "").split(",")):
        if name not in modes:
            raise SystemExit(f"TVDSIM_ABLATE names no control: `{name}` (sim/base/controls.def)")
        modes[name] = "off"
    return modes
