"""Is B slower than A? A rank test, a correction for asking often, and an interval for the size of the effect.

Timings are skewed and come in bursts, so nothing here assumes a distribution: the Mann-Whitney U test compares ranks, Holm's
step-down keeps the chance of even one false alarm over all benchmarks at the level of one test, and the bootstrap resamples whole
rounds, because the two sides of a round share the machine's mood.

Source: Mann and Whitney 1947; Holm 1979; Efron and Tibshirani 1993.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from functools import lru_cache

_EXACT_UP_TO = 25  # per side; beyond it the normal approximation differs by less than 1e-3


@lru_cache(maxsize=None)
def _orders(n: int, m: int) -> tuple[int, ...]:
    """How many of the C(n+m, n) orders of n a's and m b's have U = 0, 1, …, n·m pairs with the b below the a."""
    counts = [1] + [0] * (n * m)
    for i in range(1, n + 1):  # Gaussian binomial: multiply by (1 - q^(m+i)), divide by (1 - q^i)
        for u in range(n * m, m + i - 1, -1):
            counts[u] -= counts[u - m - i]
        for u in range(i, n * m + 1):
            counts[u] += counts[u - i]
    return tuple(counts)


def _mid_ranks(values: Sequence[float]) -> tuple[list[float], list[int]]:
    """Each value's rank from 1, ties sharing their mean rank; and the sizes of the tied groups."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    ranks, ties, start = [0.0] * len(values), [], 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for i in order[start:end]:
            ranks[i] = (start + 1 + end) / 2
        ties.append(end - start)
        start = end
    return ranks, ties


def mann_whitney(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p that a and b come from one distribution; exact without ties and up to 25 a side."""
    n, m = len(a), len(b)
    if n == 0 or m == 0:
        raise ValueError("a rank test needs values on both sides")
    ranks, ties = _mid_ranks([*a, *b])
    u = sum(ranks[:n]) - n * (n + 1) / 2
    if max(ties) == 1 and max(n, m) <= _EXACT_UP_TO:
        counts = _orders(n, m)
        tail = sum(counts[: int(min(u, n * m - u)) + 1])
        return min(1.0, 2 * tail / math.comb(n + m, n))
    total = n + m
    spread = n * m / 12 * (total + 1 - sum(t**3 - t for t in ties) / (total * (total - 1)))
    if spread <= 0:
        return 1.0  # every value is the same
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(spread)  # 0.5: continuity
    return min(1.0, math.erfc(z / math.sqrt(2)))


def smallest_p(n: int, m: int) -> float:
    """The p of the clearest possible outcome: with too few rounds even that is no evidence."""
    return min(1.0, 2 / math.comb(n + m, n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p, in the order given: below alpha with a chance of at most alpha for any false alarm at all."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        floor = max(floor, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = floor
    return adjusted


def median_ratio(a: Sequence[float], b: Sequence[float]) -> float:
    """median(b) / median(a)."""
    return statistics.median(b) / statistics.median(a)


def ratio_interval(
    a: Sequence[float], b: Sequence[float], *, level: float = 0.95, draws: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """Bootstrap interval of median_ratio(); a[i] and b[i] are of one round and are drawn together."""
    if len(a) != len(b):
        raise ValueError("rounds have two sides")
    draw = random.Random(seed)
    ratios = []
    for _ in range(draws):
        rounds = draw.choices(range(len(a)), k=len(a))
        ratios.append(median_ratio([a[i] for i in rounds], [b[i] for i in rounds]))
    ratios.sort()
    cut = int(draws * (1 - level) / 2)
    return ratios[cut], ratios[-1 - cut]
