"""What a picture says: every text in it, sorted; so that a label or a legend cannot change unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tvdsim as tvd
from tvdsim import attacks


def words(figure: Any) -> str:
    """Texts of the figure, one per line; numbers along an axis are left to matplotlib."""
    from matplotlib.text import Text

    figure.canvas.draw()
    found = {t.get_text().replace("\n", " / ") for t in figure.findobj(Text) if t.get_visible()}
    return "\n".join(sorted(w for w in found if w.strip() and not w.replace(".", "").replace("\u2212", "").isdigit())) + "\n"


def timeline(run: Path) -> str:
    return words(tvd.Run(run).plot.timeline())


def heat_map() -> str:
    chosen = [attacks.A01, attacks.A06]
    return words(attacks.ablation(chosen).figure(attacks.matrix(chosen)))
