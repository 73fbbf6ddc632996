"""Tell which pictures of a group have something laid over them that most of the others lack.

In:  a ``Family``. Out: a number for each picture. No disk, database or model.

A stamp, a caption or a bar covers little of a picture, and all the rest of it may well look like the original.
But what lies under it is seen in the others: where most of those agree and one alone is clearly of another
colour, in one place, that one was written over. Small letters are lost at the size at which the colours of
all pairs are compared; each picture is compared with the group's median here, so it may be larger.
"""

from functools import reduce

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest
from dupfind.matching.family import Family, drawn_alike
from dupfind.matching.overlay import curve
from dupfind.matching.spread import median, percentile

LONG_PX = 384
FEWEST = 3  # pictures that show a place: two say nothing of who is right
CHANGED_LEVELS = 14.0
OF_USUAL = 4.0  # times what a picture differs by elsewhere
OF_MOST = 2.5  # times what most differ by in that place
WITNESS_LEVELS = 10.0  # a picture that its tones do not bring nearer to the others is no witness
SAME_TONES = 3.0  # levels by which one in the same tones differs: a curve would explain a bar of one new level
_EVERY = 2  # pixels: one in so many shows the tones
_SOME_PIXELS = 100
_BESIDE = np.ones((3, 3), np.uint8)
_JOINED = np.ones((5, 5), np.uint8)

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def overlaid(family: Family, tones_of: int) -> Floats:
    """Return for each picture how much it alone has in one place, (pictures,).

    That is the logarithm of 1 plus the sum of the differences (in white to black) over the pixels of
    the largest such place, at ``LONG_PX``: 0 for nothing, about 1 for a speck, 3 for a date. NaN where too
    few others tell.

    Args:
        family: The pictures.
        tones_of: The one to whose tones the others are brought.
    """
    count = len(family)
    result = np.full(count, np.nan, np.float32)
    drawn, shown = drawn_alike(family, LONG_PX)
    soft = [np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.uint8) for picture in drawn]
    toned = [_toned(soft[at], soft[tones_of], shown[at] & shown[tones_of]) for at in range(count)]
    witnesses = [at for at, found in enumerate(toned) if found is not None]
    if len(witnesses) < FEWEST:
        return result
    values = np.stack([found for found in toned if found is not None])
    seen = shown[witnesses]
    enough = seen.sum(axis=0) >= FEWEST
    if not enough.any():
        return result
    middle = _median(values, seen)
    away = np.stack([_away(one, middle) for one in values])
    away[~seen | ~enough] = 0
    of_most = _median(away, seen)
    for row, at in enumerate(witnesses):
        result[at] = _largest(away[row], of_most, seen[row] & enough)
    return result


def _toned(picture: Pixels, wanted: Pixels, both: Mask) -> Pixels | None:
    """Return a picture in the tones of another; None where it stays too far from it."""
    some = both[::_EVERY, ::_EVERY]
    if some.sum() < _SOME_PIXELS:
        return None
    x, y = picture[::_EVERY, ::_EVERY][some], wanted[::_EVERY, ::_EVERY][some]
    if median(highest(np.asarray(cv2.absdiff(x, y)))) <= SAME_TONES:
        return picture
    curves = [curve(*(values[:, at].astype(np.float32) for values in (x, y))) for at in range(3)]
    known = [one for one in curves if one is not None]
    if len(known) < 3:
        return None
    table = np.rint(np.stack(known, axis=1)).astype(np.uint8)
    off = cv2.absdiff(cv2.LUT(x[:, None], table[:, None]), y[:, None])
    if median(highest(np.asarray(off))) >= WITNESS_LEVELS:
        return None
    return np.asarray(cv2.LUT(picture, table[:, None]), np.uint8)


def _median(values: Pixels, seen: Mask) -> Pixels:
    """Return the lower median over the pictures that show each pixel, of (pictures, ...)."""
    hidden = ~seen if values.ndim == seen.ndim else ~seen[..., None]
    ordered = _sorted(np.where(hidden, np.uint8(255), values))
    at = np.maximum(0, (seen.sum(axis=0) - 1) // 2)
    at = at if values.ndim == seen.ndim else at[..., None]
    return np.asarray(np.take_along_axis(ordered, at[None], axis=0)[0], np.uint8)


def _sorted(values: Pixels) -> Pixels:
    """Sort along the first axis, of (pictures, ...): whole pictures at once, not pixel by pixel."""
    rows = list(values)
    for end in range(len(rows) - 1, 0, -1):
        for at in range(end):
            low, high = cv2.min(rows[at], rows[at + 1]), cv2.max(rows[at], rows[at + 1])
            rows[at], rows[at + 1] = np.asarray(low, np.uint8), np.asarray(high, np.uint8)
    return np.stack(rows)


def _away(picture: Pixels, middle: Pixels) -> Pixels:
    """Return how far a picture is from the median by more than the pixels beside explain."""
    found = [
        side
        for one, other in ((picture, middle), (middle, picture))
        for side in (
            cv2.subtract(cv2.erode(other, _BESIDE), one),
            cv2.subtract(one, cv2.dilate(other, _BESIDE)),
        )
    ]
    return highest(np.asarray(reduce(cv2.max, found), np.uint8))


def _largest(away: Pixels, of_most: Pixels, seen: Mask) -> float:
    """Return the number of the largest place that is away where most are not."""
    usual = percentile(away[seen], 90) if seen.any() else 0.0
    allowed = np.maximum(max(CHANGED_LEVELS, OF_USUAL * usual), OF_MOST * of_most)
    marked = (away > allowed) & seen
    joined = cv2.morphologyEx(marked.astype(np.uint8), cv2.MORPH_CLOSE, _JOINED)
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    if count < 2:
        return 0.0
    sums = np.bincount(labels.ravel(), np.where(marked, away, 0).ravel(), count)[1:]
    return float(np.log1p(sums.max() / 255))
