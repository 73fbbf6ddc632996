"""Measure to a hundredth of a pixel what no smooth motion explains, where neighbours move alike: parallax.

In:  two grey pictures of one shape, one laid on the other after the last motion. Out: ``Drift``. No disk,
database or model.

Another shot from a step aside looks like a copy saved anew: near and far things lie less than a pixel from
where the smooth motion has them. A single window cannot tell that from noise; but the noise of one window knows
nothing of that of the next, and a thing that is nearer moves all of its windows.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.spread import median, spread

BLOCK_PX = 4  # side of the blocks that windows are made of: 3 x 3, the middle one weighing most
AROUND_PX = 28  # side of the square that gives the local tone and contrast
CONTRAST = 10.0  # grey levels: deviation below which contrast is not raised to that of other places
APART_BLOCKS = 3  # windows so far from each other share next to no pixel
ALIKE = 0.5  # correlation of a window, once moved, below which it shows something else
LEAST_CLEAR = 1e-2  # energy of gradients that a window is given besides, against division by none
UNSURE_PX2 = 0.02  # variance that no window is surer than: edges of things move in two ways
FARTHEST_PX = 2.0  # a window that moves further counts as one that moves so far
MOST_WINDOWS = 4000  # that the smooth motion is fitted to
LEAST_WINDOWS = 40
_ROUNDS = 5


@dataclass(frozen=True)
class Drift:
    """How windows lie apart from the smooth motion, in pixels of the frame, as root mean squares.

    Attributes:
        drift_px: As far as windows beside each other agree; 0 where they do not, or none can be compared.
        jitter_px: As far as they do not agree.
        unsure_px: As far as is to be expected of what the windows show, and how well it agrees.
    """

    drift_px: float = 0.0
    jitter_px: float = 0.0
    unsure_px: float = 0.0


@dataclass(frozen=True)
class _Windows:
    """Windows on a grid, arrays of (rows, columns).

    Attributes:
        shifts: (rows, columns, 2) how far each lies from its place, pixels.
        sure: (rows, columns, 2) inverse variance of that, along x and y; 0 where nothing can be said.
    """

    shifts: NDArray[np.float32]
    sure: NDArray[np.float32]


def drift_of(
    drawn: NDArray[np.float32], target: NDArray[np.float32], mask: NDArray[np.bool_]
) -> Drift:
    """Measure what the smooth motion left of two pictures that are equally sharp.

    Args:
        drawn, target: (height, width) float32 grey.
        mask: Where both have pixels, bool of the same shape.
    """
    inside = mask.astype(np.float32)
    windows = _windows(_evened(drawn, inside), _evened(target, inside), inside)
    if windows is None:
        return Drift()
    apart, weight = [], []
    for axis in (0, 1):
        sure = windows.sure[..., axis]
        found = _without_smooth_motion(windows.shifts[..., axis], sure / (1 + UNSURE_PX2 * sure))
        if found is None:
            return Drift()
        apart.append(np.clip(found, -FARTHEST_PX, FARTHEST_PX))
        weight.append(sure / (1 + UNSURE_PX2 * sure))
    apart_px, weights = np.stack(apart), np.stack(weight)
    total = float(weights.sum())
    own = float((weights * apart_px**2).sum()) / total
    shared = _shared(apart_px, weights)
    seen = weights > 0
    unsure = float(
        (weights[seen] / np.stack([windows.sure[..., 0], windows.sure[..., 1]])[seen]).sum()
    )
    return Drift(
        max(shared, 0.0) ** 0.5, max(own - max(shared, 0.0), 0.0) ** 0.5, (unsure / total) ** 0.5
    )


def _evened(picture: NDArray[np.float32], inside: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture with the same mean and contrast everywhere: no tone of a place counts."""
    share = np.maximum(_around(inside), np.float32(1e-3))
    shown = picture * inside
    mean = _around(shown) / share
    shown *= picture
    contrast = np.sqrt(np.maximum(_around(shown) / share - mean * mean, 0) + CONTRAST**2)
    height, width = picture.shape
    evened = np.asarray(cv2.resize(mean, (width, height), dst=shown))
    np.subtract(picture, evened, out=evened)
    evened *= inside
    evened *= cv2.resize(1 / contrast, (width, height))
    return evened


def _around(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of ``AROUND_PX`` around the middle of each block."""
    height, width = values.shape
    size = -(-width // BLOCK_PX), -(-height // BLOCK_PX)
    blocks = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    side = AROUND_PX // BLOCK_PX | 1
    return np.asarray(cv2.blur(blocks, (side, side)))


def _windows(
    one: NDArray[np.float32], other: NDArray[np.float32], inside: NDArray[np.float32]
) -> _Windows | None:
    """Measure how far each window has moved, by its gradients; None where there are too few.

    Source: Lucas and Kanade 1981, "An iterative image registration technique".
    """
    height, width = (side // BLOCK_PX for side in one.shape)
    if height * width < LEAST_WINDOWS or min(height, width) <= APART_BLOCKS:
        return None
    mean, change = (one + other) / 2, other - one
    across = cv2.Sobel(mean, -1, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(mean, -1, 0, 1, ksize=3, scale=1 / 8)
    # One product at a time: each is as large as the picture.
    xx, yy, xy, xt, yt, tt, energy = (
        _sums(values * others)
        for values, others in (
            (across, across),
            (down, down),
            (across, down),
            (across, change),
            (down, change),
            (change, change),
            (mean, mean),
        )
    )
    xx, yy = xx + LEAST_CLEAR, yy + LEAST_CLEAR
    area = xx * yy - xy * xy
    shift_x, shift_y = (xy * yt - yy * xt) / area, (xy * xt - xx * yt) / area
    left = np.maximum(tt + shift_x * xt + shift_y * yt, 0) + LEAST_CLEAR
    whole = _sums(inside) >= 0.99 * BLOCK_PX**2
    is_seen = whole & (left < 2 * (1 - ALIKE) / (1 + ALIKE) * 2 * energy)
    is_seen &= np.maximum(np.abs(shift_x), np.abs(shift_y)) < 2 * FARTHEST_PX
    if int(is_seen.sum()) < LEAST_WINDOWS:
        return None
    # What is uncertain along one axis when the other is free too.
    sure = np.stack([area / yy / left, area / xx / left], axis=2) * is_seen[..., None]
    return _Windows(np.stack([shift_x, shift_y], axis=2), np.asarray(sure, np.float32))


def _sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return weighted sums over the windows of a grid: blocks, each with its neighbours."""
    height, width = (side // BLOCK_PX for side in values.shape)
    whole = values[: height * BLOCK_PX, : width * BLOCK_PX]
    blocks = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.GaussianBlur(blocks, (3, 3), 0.85, borderType=cv2.BORDER_REFLECT_101) * BLOCK_PX**2
    )


def _without_smooth_motion(
    shifts: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Return what is left of the shifts along one axis after the quadratic motion of most windows."""
    rows, columns = shifts.shape
    y, x = np.mgrid[-0.5 : 0.5 : rows * 1j, -0.5 : 0.5 : columns * 1j].reshape(2, -1)
    design = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    seen = np.flatnonzero(weight.ravel() > 0)
    if len(seen) < LEAST_WINDOWS:
        return None
    seen = spread(seen, MOST_WINDOWS)
    terms = design[seen]
    found, given = (values.ravel()[seen].astype(np.float64) for values in (shifts, weight))
    clear = given >= median(given)
    trusted = given.copy()
    solution = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        weighted = terms * trusted[:, None]
        pull = 1e-6 * trusted.sum() * np.eye(terms.shape[1])
        solution = np.linalg.solve(weighted.T @ terms + pull, weighted.T @ found)
        apart = found - terms @ solution
        usual = max(0.03, 1.48 * median(np.abs(apart[clear])))
        trusted = np.asarray(given / (1 + (apart / (2 * usual)) ** 2), np.float64)
    return np.asarray(shifts - (design @ solution).reshape(rows, columns))


def _shared(apart_px: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the mean product of what is left of windows beside each other: noise has none.

    Args:
        apart_px, weights: (2, rows, columns), along x and y.
    """
    step, product, total = APART_BLOCKS, 0.0, 0.0
    for here, there in (
        (np.s_[:, step:], np.s_[:, :-step]),
        (np.s_[:, :, step:], np.s_[:, :, :-step]),
    ):
        both = np.sqrt(weights[here] * weights[there])
        product += float((both * apart_px[here] * apart_px[there]).sum())
        total += float(both.sum())
    return product / total if total > 0 else 0.0
