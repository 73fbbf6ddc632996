"""Put the pictures of a group in the order in which they were made: the original, its edits, theirs.

In:  the log odds of each to be the original. Out: a tier for each picture; equal tiers where the evidence is
balanced. No disk, database or model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BALANCED = 0.25  # log odds that differ by less do not tell


def tiers(odds: NDArray[np.float64], *, last: Sequence[int] = ()) -> list[int]:
    """Return the tier of each picture: 0 for what was made from none of the others.

    Args:
        odds: (pictures,) log odds.
        last: Pictures that come after all others, whatever their odds.
    """
    result = [0] * len(odds)
    order = sorted(range(len(odds)), key=lambda one: (one in last, -odds[one]))
    tier, first = 0, order[0] if order else 0
    for one in order:
        if (one in last) != (first in last) or odds[first] - odds[one] > BALANCED:
            tier, first = tier + 1, one
        result[one] = tier
    return result
