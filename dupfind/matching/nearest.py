"""Say of each picture of a group whether the others are nearer to it than to each other.

In:  the ``Traced`` pairs of a group. Out: numbers of each picture. No disk, database or model.

Copies are made of the original and not of each other: in whatever they differ, each is nearest to it. Two
copies alone seldom tell which of them has the right colours; a third that was changed in another way does.
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.traces import TRACES, Traced, reversed_traces

Floats = NDArray[np.float64]

# Of a picture and what may be made of it: how far the second is from the first.
_DISTANCES = (
    "changed", "unexplained_b", "shared_0", "shared_1", "shared_2", "fine_0", "fine_1",
    "own_0_b", "contrast", "saturation", "brightness", "lost_b",
)  # fmt: skip
_PLACES = [TRACES.index(name) for name in _DISTANCES]
_ALIKE = [name.startswith("shared") for name in _DISTANCES]
_SIGNED = [name.startswith(("fine", "contrast", "saturation", "bright")) for name in _DISTANCES]
NEAREST = (
    *(f"farther_{name}" for name in _DISTANCES),
    *(f"nearest_{name}" for name in _DISTANCES),
)


def nearest(traced: Traced) -> Floats:
    """Return the numbers of ``NEAREST`` for each picture, (pictures, numbers); NaN where unknown.

    ``farther``: by how much the others are farther from it than from the nearest other one (median).
    ``nearest``: of how many others it is the nearest.
    """
    count = len(traced.differing)
    result = np.full((count, len(NEAREST)), np.nan)
    if count < 3:
        return result
    distances = _distances(traced, count)
    farther = distances - _of_nearest_other(distances)
    for at in range(count):
        for number, values in enumerate(farther[:, at]):
            known = values[np.isfinite(values)]
            if len(known):
                result[at, number] = np.median(known)
                result[at, len(_DISTANCES) + number] = (known <= 0).mean()
    return result


def _distances(traced: Traced, count: int) -> Floats:
    """Return how far each column is from each row, (distances, pictures, pictures); inf unknown."""
    result = np.full((len(_DISTANCES), count, count), np.inf)
    for (a, b), row in traced.pairs.items():
        for first, second, traces in ((a, b, row), (b, a, reversed_traces(row))):
            values = traces[_PLACES].astype(np.float64)
            values = np.where(_ALIKE, 1 - values, np.where(_SIGNED, np.abs(values), values))
            result[:, first, second] = np.where(np.isfinite(values), values, np.inf)
    return result


def _of_nearest_other(distances: Floats) -> Floats:
    """Return for (row, column) how far the column is from the nearest third picture; -inf unknown."""
    rows = np.arange(distances.shape[1])
    two = np.sort(distances, axis=1)[:, :2]
    first = distances.argmin(axis=1)
    is_first = first[:, None] == rows[None, :, None]
    found = np.where(is_first, two[:, 1:2], two[:, :1])
    return np.where(np.isfinite(found), found, -np.inf)
