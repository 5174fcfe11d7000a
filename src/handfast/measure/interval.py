"""How sure a share is: Wilson's score interval, and whether two shares differ.

Wilson (1927), *Probable inference, the law of succession, and statistical inference*; Newcombe (1998), *Interval estimation for the
difference between independent proportions*, method 10. Both at 95%. Neither leaves [0, 1] nor shrinks to nothing at 0 or n hits.
"""

from __future__ import annotations

from math import sqrt
from typing import Final

#: The two-sided 95% point of the normal distribution.
Z: Final = 1.959963984540054


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share of `hits` in `n`.

    Raises:
        ValueError: not 0 <= hits <= n, or n is 0: nothing was seen, so nothing is known.
    """
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is not a share")
    p, z2 = hits / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At the ends the formula is exactly 0 and 1; rounding must not say otherwise.
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == n else min(1.0, middle + half)
    return low, high


def difference(before: tuple[int, int], after: tuple[int, int]) -> tuple[float, float]:
    """The 95% interval of (share after - share before), each given as (hits, n). Where it holds 0, the change may be chance."""
    (l1, u1), (l2, u2) = wilson(*before), wilson(*after)
    p1, p2 = before[0] / before[1], after[0] / after[1]
    d = p2 - p1
    return d - sqrt((p2 - l2) ** 2 + (u1 - p1) ** 2), d + sqrt((u2 - p2) ** 2 + (p1 - l1) ** 2)


__all__ = ["Z", "difference", "wilson"]
