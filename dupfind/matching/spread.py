"""Take some of many pixels, spread over all: enough to tell a median by.

In:  rows of values. Out: fewer. No disk, database or model.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FOR_MEDIAN = 8000  # the median of so many is that of all to a hundredth of the deviation

Kind = TypeVar("Kind", bound=np.generic)


def spread(values: NDArray[Kind], most: int = FOR_MEDIAN) -> NDArray[Kind]:
    """Return every so many of the values along the first axis: ``most`` of them, up to twice as many.

    An odd step: even ones would meet the same column of each block of a JPEG.
    """
    return values[:: len(values) // most | 1]
