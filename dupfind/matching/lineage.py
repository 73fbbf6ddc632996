"""Put the pictures of a group in the order in which they were made: the original, its edits, theirs.

In:  the verdicts of pairs. Out: a tier for each picture; equal tiers where the evidence is balanced.
No disk, database or model.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.clues import CLEAR, Verdict

# One pair that looks very sure must not outweigh what several others say.
_MOST = 6.0
_MINORITY_STEP, _MINORITY_MOST = 0.5, 2.0
_ENOUGH_FOR_MOST = 4  # members from which on the most usual look is evidence


def tiers(count: int, verdicts: Mapping[tuple[int, int], Verdict]) -> list[int]:
    """Return the tier of each of ``count`` pictures: 0 for what was made from none of the others.

    Args:
        count: How many pictures there are, numbered from 0.
        verdicts: (a, b) with a < b and its verdict; pairs may be missing.
    """
    margin = margins(count, verdicts)
    result = [0] * count
    left = list(range(count))
    tier = 0
    while left:
        first = _first(left, margin)
        for one in first:
            result[one] = tier
        left = [one for one in left if one not in first]
        tier += 1
    return result


def margins(count: int, verdicts: Mapping[tuple[int, int], Verdict]) -> NDArray[np.float64]:
    """Return how clearly each column was made from each row, (count, count), antisymmetric."""
    margin = np.zeros((count, count))
    alike = np.zeros(count)
    for (a, b), verdict in verdicts.items():
        margin[a, b] = np.clip(verdict.margin, -_MOST, _MOST)
        alike[[a, b]] += verdict.alike
    if count >= _ENOUGH_FOR_MOST:
        for (a, b), verdict in verdicts.items():
            if not verdict.alike:
                most = _MINORITY_STEP * (alike[a] - alike[b])
                margin[a, b] += np.clip(most, -_MINORITY_MOST, _MINORITY_MOST)
    return np.asarray(margin - margin.T)


def _first(left: list[int], margin: NDArray[np.float64]) -> list[int]:
    """Return those that were made from none that is left; of a circle the least likely to have been."""
    inside = margin[np.ix_(left, left)]
    free = np.asarray((inside < CLEAR).all(axis=0))
    total = inside.sum(axis=1)
    if not free.any():
        return [left[int(total.argmax())]]
    best = total[free].max()
    return [
        one
        for one, is_free, sum_of_all in zip(left, free.tolist(), total.tolist(), strict=True)
        if is_free and sum_of_all > best - 2 * CLEAR
    ]
