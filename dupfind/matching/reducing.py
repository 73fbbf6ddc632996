"""Reduce a picture as another one was: by the way of reducing, of the usual ones, that fits best.

In:  two grey pictures. Out: the larger one at the size of the smaller. No disk, database or model.

Source: the filters are those of Pillow (which widen with the factor) and OpenCV (which do not, but for areas).
"""

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
_FITTED_PX = 384  # of the smaller picture's middle, in which the ways are compared


def reduced_as(large: Pixels, small: Pixels) -> Floats:
    """Return the larger picture at the size of the smaller, reduced by the way that comes nearest."""
    away = {name: _away(large, small, way) for name, way in _WAYS.items()}
    best = _WAYS[min(away, key=away.__getitem__)]
    return np.clip(best(large, small.shape[:2], (0, small.shape[0])), 0, 255)


def _away(large: Pixels, small: Pixels, way: "Way") -> float:
    """Return the mean difference in a strip of the middle."""
    high = small.shape[0]
    top = max(0, high - _FITTED_PX) // 2
    rows = (top, min(high, top + _FITTED_PX))
    return float(np.abs(way(large, small.shape[:2], rows) - small[slice(*rows)]).mean())


# Gives rows (first, behind the last) of a picture reduced to (height, width).
Way = Callable[[Pixels, tuple[int, int], tuple[int, int]], Floats]


def _by_filter(kernel: Callable[[Floats], Floats], support: float) -> Way:
    def way(large: Pixels, size: tuple[int, int], rows: tuple[int, int]) -> Floats:
        down = _taps(large.shape[0], size[0], kernel, support)
        across = _taps(large.shape[1], size[1], kernel, support)
        first, behind = rows
        part = (down[0][first:behind], down[1][first:behind])
        return _along_rows(_along_rows(large.astype(np.float32), *part).T, *across).T

    return way


def _by_opencv(interpolation: int) -> Way:
    def way(large: Pixels, size: tuple[int, int], rows: tuple[int, int]) -> Floats:
        found = cv2.resize(large, size[::-1], interpolation=interpolation)
        return np.asarray(found[slice(*rows)], np.float32)

    return way


def _taps(
    count: int, wanted: int, kernel: Callable[[Floats], Floats], support: float
) -> tuple[NDArray[np.int64], Floats]:
    """Return which of ``count`` pixels make each of ``wanted`` ones, and their weights, (wanted, taps)."""
    scale = max(1.0, count / wanted)
    centre = (np.arange(wanted) + 0.5) * count / wanted
    reach = math.ceil(support * scale)
    places = np.floor(centre)[:, None].astype(np.int64) + np.arange(-reach, reach + 1)
    weights = kernel(((places + 0.5 - centre[:, None]) / scale).astype(np.float32))
    weights = np.where((places >= 0) & (places < count), weights, 0)
    return np.clip(places, 0, count - 1), (weights / weights.sum(axis=1, keepdims=True)).astype(
        np.float32
    )


def _along_rows(values: Floats, places: NDArray[np.int64], weights: Floats) -> Floats:
    made = np.zeros((len(places), values.shape[1]), np.float32)
    for tap in range(places.shape[1]):
        if weights[:, tap].any():
            made += weights[:, tap, None] * values[places[:, tap]]
    return made


def _box(x: Floats) -> Floats:
    return np.where((x > -0.5) & (x <= 0.5), np.float32(1), np.float32(0))


def _triangle(x: Floats) -> Floats:
    return np.asarray(np.maximum(0, 1 - np.abs(x)), np.float32)


def _hamming(x: Floats) -> Floats:
    return np.where(np.abs(x) < 1, np.sinc(x) * (0.54 + 0.46 * np.cos(np.pi * x)), 0)


def _cubic(x: Floats) -> Floats:
    x = np.abs(x)
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0))


def _lanczos(x: Floats) -> Floats:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_WAYS: dict[str, Way] = {
    "area": _by_opencv(cv2.INTER_AREA),
    "box": _by_filter(_box, 0.5),
    "triangle": _by_filter(_triangle, 1),
    "hamming": _by_filter(_hamming, 1),
    "cubic": _by_filter(_cubic, 2),
    "lanczos": _by_filter(_lanczos, 3),
    "linear, not widened": _by_opencv(cv2.INTER_LINEAR),
    "cubic, not widened": _by_opencv(cv2.INTER_CUBIC),
}
