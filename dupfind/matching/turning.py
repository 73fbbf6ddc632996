"""Turn a picture by quarters."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Value = TypeVar("_Value", np.uint8, np.float32)


def turned(grey: NDArray[_Value], turn: NDArray[np.float64]) -> NDArray[_Value]:
    """Return a picture turned by quarters and mirrored as ``turn`` (3 x 3, in shares) says."""
    linear = np.rint(turn[:2, :2]).astype(int)
    if linear[0, 0] == 0:
        grey = grey.T
        linear = linear[:, ::-1]
    if linear[0, 0] < 0:
        grey = grey[:, ::-1]
    if linear[1, 1] < 0:
        grey = grey[::-1]
    return np.ascontiguousarray(grey)
