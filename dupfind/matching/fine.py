"""Compare the pixels of two laid pictures band by band: a picture that is saved again keeps them.

In:  two grey pictures of one shape and where both have pixels. Out: ``Fine``. No disk, database or model.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

FINE_PX = (1.0, 2.0, 4.0, 8.0)  # borders of the bands whose pixels are correlated
MIN_PIXELS = 400
MOST_PIXELS = 60_000  # of each band, spread over the picture: more change the third digit
CALM_PIXELS = 2000  # without structure, to compare the grain in
CALM = 1.5  # times the median structure, up to which a place is calm
GRAIN_LEAST = 0.2  # grey levels in the second band, from which on there is grain to compare
GRAIN_ALIKE = 1.6  # how much stronger the grain of one may be: else one was smoothed, or got noise


Bands = tuple[float, float, float, float]


@dataclass(frozen=True)
class Fine:
    """How the pixels of two pictures agree.

    Attributes:
        bands: Correlation in four bands, the finest first, strong edges held down.
        sound: The same where the windows do not disagree: the picture beneath what was laid over it.
        grain: Correlation of the grain where nothing else is to be seen: that of a picture saved again
            is the same, that of the next frame of the same scene is not. 1 where there is none to
            compare.
    """

    bands: Bands
    sound: Bands
    grain: float


def compare_fine(
    drawn: NDArray[np.float32],
    target: NDArray[np.float32],
    mask: NDArray[np.bool_],
    is_wrong: NDArray[np.bool_],
) -> Fine:
    """Correlate the pixels of two pictures band by band: all of them, and those that do not disagree.

    In a soft or dark picture single windows show nothing; but what little there is agrees in
    hundreds of thousands of pixels of a copy, and in no other picture.

    Args:
        drawn, target: (height, width) float32 grey.
        mask: Where both have pixels.
        is_wrong: Where their windows disagree.
    """
    mask = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    sound = mask & ~is_wrong
    levels = [
        [picture, *(_soften(picture, sigma) for sigma in FINE_PX)] for picture in (drawn, target)
    ]
    one, other = ([wide - soft for wide, soft in pairwise(steps)] for steps in levels)
    structure = [np.abs(steps[2] - steps[4])[mask] for steps in levels]
    return Fine(
        bands=_bands(one, other, _places(mask)),
        sound=_bands(one, other, _places(sound)),
        grain=_grain((one[1][mask], other[1][mask]), structure),
    )


def _places(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return places of pixels within a mask, spread over all of it, ``MOST_PIXELS`` or a few more.

    Every so many, an odd number: even ones would meet the same column of each block of a JPEG.
    """
    found = np.flatnonzero(mask)
    return found[:: len(found) // MOST_PIXELS | 1]


def _bands(
    one: list[NDArray[np.float32]], other: list[NDArray[np.float32]], seen: NDArray[np.int64]
) -> Bands:
    if len(seen) < MIN_PIXELS:
        return (0.0, 0.0, 0.0, 0.0)
    a, b, c, d = (
        correlation(_limited(band.ravel()[seen]), _limited(beside.ravel()[seen]))
        for band, beside in zip(one, other, strict=True)
    )
    return a, b, c, d


def correlation(values_a: NDArray[np.float32], values_b: NDArray[np.float32]) -> float:
    """Return the correlation of two rows of values; 0 where one hardly varies."""
    a, b = values_a - values_a.mean(), values_b - values_b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 1e-3 else 0.0


def _grain(
    bands: tuple[NDArray[np.float32], NDArray[np.float32]], structure: list[NDArray[np.float32]]
) -> float:
    if len(bands[0]) < CALM_PIXELS:
        return 1.0
    calm = np.ones(len(bands[0]), bool)
    for values in structure:
        calm &= values <= CALM * float(np.median(values[::3])) + 0.1
    if int(calm.sum()) < CALM_PIXELS:
        return 1.0
    one, other = bands[0][calm], bands[1][calm]
    levels = sorted(float(np.median(np.abs(band[::3]))) / 0.6745 for band in (one, other))
    if levels[0] < GRAIN_LEAST or levels[1] > GRAIN_ALIKE * levels[0]:
        return 1.0
    return correlation(_limited(one), _limited(other))


def _limited(values: NDArray[np.float32]) -> NDArray[np.float32]:
    limit = 2 * float(np.median(np.abs(values[::3]))) + 0.3
    return np.clip(values, -limit, limit)


def _soften(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
