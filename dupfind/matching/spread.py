"""Take some of many pixels, spread over all: enough to tell a median by.

In:  rows of values. Out: fewer, or where the middle of them lies. No disk, database or model.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FOR_MEDIAN = 8000  # the median of so many is that of all to a hundredth of the deviation

Kind = TypeVar("Kind", bound=np.generic)


def spread(values: NDArray[Kind], most: int = FOR_MEDIAN) -> NDArray[Kind]:
    """Return every so many of the values along the first axis: ``most`` of them, up to twice as many.

    An odd step: even ones would meet the same column of each block of a JPEG.
    """
    return values[:: len(values) // most | 1]


def median(values: NDArray[Any]) -> float:
    """Return what ``np.median`` does of one value or more, none of them NaN, without its detours."""
    half = values.size // 2
    if values.size % 2:
        return float(np.partition(values, half, axis=None)[half])
    part = np.partition(values, (half - 1, half), axis=None)
    return float(part[half - 1 : half + 1].mean())


def percentile(values: NDArray[Any], percent: float) -> float:
    """Return what ``np.percentile`` does of one value or more, none of them NaN, without its detours."""
    place = (values.size - 1) * (percent / 100)
    low = int(place)
    if low == values.size - 1:
        return float(values.max())
    part, share = np.partition(values, (low, low + 1), axis=None), place - low
    step = part[low + 1] - part[low]
    return float(part[low + 1] - step * (1 - share) if share >= 0.5 else part[low] + step * share)
