"""Find what most pixels of one picture have where another has one level: the points of a curve of tone.

In:  levels and grey values of the same pixels. Out: the middle values of each. No disk, database or model.
"""

import numpy as np
from numpy.typing import NDArray

_APART = 1024.0  # more than any two grey values
_GREYS = 256

Middles = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def middle_values(level: NDArray[np.int64], values: NDArray[np.float32], levels: int) -> Middles:
    """Return the two middle values of each level (twice the same of an odd number), and how many it has.

    Args:
        level: (n,) from 0, below ``levels``.
        values: (n,) grey levels.
        levels: How many there are.

    Returns:
        The lower ones, the upper ones and the counts, (levels,); values of an empty level say nothing.
    """
    whole = np.clip(values, 0, _GREYS - 1).astype(np.uint8)
    if np.array_equal(whole, values):
        return _by_counting(level, whole, levels)
    return _by_sorting(level, values, levels)


def _by_counting(level: NDArray[np.int64], values: NDArray[np.uint8], levels: int) -> Middles:
    counts = np.bincount(level * _GREYS + values, minlength=levels * _GREYS)
    up_to = counts.reshape(levels, _GREYS).cumsum(axis=1)
    count = up_to[:, -1]
    low, high = (
        (up_to <= place[:, None]).sum(axis=1).astype(np.float64)
        for place in ((count - 1) // 2, count // 2)
    )
    return low, high, count


def _by_sorting(level: NDArray[np.int64], values: NDArray[np.float32], levels: int) -> Middles:
    count = np.bincount(level, minlength=levels)
    # In one go: levels lie further apart than grey values.
    ordered = np.sort(level * _APART + values) - np.repeat(np.arange(levels), count) * _APART
    first, last = np.cumsum(count) - count, len(values) - 1
    low, high = (
        ordered[np.clip(first + place, 0, last)] for place in ((count - 1) // 2, count // 2)
    )
    return low, high, count
