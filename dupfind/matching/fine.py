"""Compare the pixels of two laid pictures band by band: a picture that is saved again keeps them.

In:  two grey pictures of one shape and where both have pixels. Out: ``Fine``. No disk, database or model.
"""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.spread import median, spread

FINE_PX = (1.0, 2.0, 4.0, 8.0)  # borders of the bands whose pixels are correlated
HALVED_FROM_PX = 4.0  # a wider blur is made at half the size
MIN_PIXELS = 400
MOST_PIXELS = 60_000  # of each band, spread over the picture: more change the third digit
CALM_PIXELS = 500  # without structure, to compare the grain in
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
    seen = spread(np.flatnonzero(mask), MOST_PIXELS)
    one, other = (_bands(picture, seen) for picture in (drawn, target))
    bands = _agreement(one, other)
    sound = np.flatnonzero(~is_wrong.ravel()[seen])
    return Fine(
        bands=bands,
        sound=bands
        if len(sound) == len(seen)
        else _agreement(one.take(sound, axis=1), other.take(sound, axis=1)),
        grain=_grain(one, other),
    )


def _bands(picture: NDArray[np.float32], seen: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return what a picture holds in each band, the finest first, at some places: (4, n) float32."""
    levels = [picture.ravel()[seen]]
    levels += [_soften(picture, sigma).ravel()[seen] for sigma in FINE_PX]
    return np.stack([fine - soft for fine, soft in pairwise(levels)])


def _agreement(one: NDArray[np.float32], other: NDArray[np.float32]) -> Bands:
    if one.shape[1] < MIN_PIXELS:
        return (0.0, 0.0, 0.0, 0.0)
    a, b, c, d = (
        correlation(_limited(band), _limited(beside))
        for band, beside in zip(one, other, strict=True)
    )
    return a, b, c, d


def correlation(values_a: NDArray[np.float32], values_b: NDArray[np.float32]) -> float:
    """Return the correlation of two rows of values; 0 where one hardly varies."""
    a, b = values_a - values_a.mean(), values_b - values_b.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / length if length > 1e-3 else 0.0


def _grain(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    calm = np.ones(one.shape[1], bool)
    for bands in (one, other):
        structure = np.abs(bands[2] + bands[3])
        calm &= structure <= CALM * median(spread(structure)) + 0.1
    if int(calm.sum()) < CALM_PIXELS:
        return 1.0
    grain = one[1][calm], other[1][calm]
    levels = sorted(median(np.abs(spread(band))) / 0.6745 for band in grain)
    if levels[0] < GRAIN_LEAST or levels[1] > GRAIN_ALIKE * levels[0]:
        return 1.0
    return correlation(_limited(grain[0]), _limited(grain[1]))


def _limited(values: NDArray[np.float32]) -> NDArray[np.float32]:
    limit = 2 * median(np.abs(spread(values))) + 0.3
    return np.clip(values, -limit, limit)


def _soften(picture: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur a picture; by much at half its size, which differs by a twentieth of a grey level."""
    if sigma < HALVED_FROM_PX or min(picture.shape) < 4 * sigma:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    height, width = picture.shape
    half = cv2.resize(picture, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    # Halving and enlarging blur a little too: by variances of 1/4 and 3/4 of a pixel.
    soft = cv2.GaussianBlur(half, (0, 0), (sigma * sigma - 1) ** 0.5 / 2)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
