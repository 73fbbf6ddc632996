"""Compare the fine structure of two pictures of one size that show the same: lost, or put on top.

In:  two grey pictures laid on each other. Out: ``Sharpness``. No disk, database or model.

A picture made from another by blurring or coarse saving has less of the finest structure; one that was
sharpened, or got noise, has more, and is the worse one too. What tells them apart: noise is white, the same in
flat places, and not in the other picture; a sharpened edge is as much stronger at all fine scales, while
what a blur takes away grows and grows towards the finest.
"""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.spread import median, percentile

WINDOW_PX = 640
_SIGMAS_PX = (0.5, 1.0, 2.0, 4.0)  # what lies between two of them is a band, from fine to coarse
_BLOCK_PX = 17
_STEP_PX = 8
_SOME_BLOCKS = 12
_HARDEST, _HARD_LEVELS, _SOME_PIXELS = 97.0, 4.0, 40  # percentile, grey levels, pixels
Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Sharpness:
    """The fine structure of b against that of a; medians over the blocks that show the same in both.

    Attributes:
        finest, fine, middle: Natural logarithm of the amplitude of b over that of a, in bands up to
            about 1, 2 and 4 px, without what all bands have in common.
        shared: Share of the finest structure that is the same in both, in [0, 1].
        noise_a, noise_b: Grey levels (rms) in the flattest blocks of what the other has not.
        white_a, white_b: How white that is: 1 as noise, less for the structure of pictures.
        flat_a, flat_b: Share of neighbouring pixels that are the same.
        even_a, even_b: How evenly it is spread: 1 as strong in flat blocks as in busy ones.
    """

    finest: float
    fine: float
    middle: float
    shared: float
    noise_a: float
    noise_b: float
    white_a: float
    white_b: float
    even_a: float
    even_b: float
    flat_a: float
    flat_b: float


def sharpness(a: Grey, b: Grey) -> Sharpness | None:
    """Compare two grey pictures of the same shape, b with a's tones; None where nothing tells."""
    a, b = (_window(grey) for grey in (a, b))
    bands_a, bands_b = _bands(a), _bands(b)
    energy_a, energy_b = ([_mean(band * band) for band in bands] for bands in (bands_a, bands_b))
    common = [_mean(one * two) for one, two in zip(bands_a, bands_b, strict=True)]
    coarse = common[3] / np.sqrt(energy_a[3] * energy_b[3] + 1)
    same = coarse > 0.85
    activity = energy_a[3] + energy_b[3]
    if same.sum() < _SOME_BLOCKS:
        return None
    busy = same & (activity >= np.percentile(activity[same], 50)) & (activity > 8)
    if busy.sum() < _SOME_BLOCKS:
        return None
    level = median(np.log(energy_b[3][busy] / energy_a[3][busy])) / 2

    def ratio(band: int) -> float:
        logs = np.log((energy_b[band][busy] + 0.3) / (energy_a[band][busy] + 0.3)) / 2
        return median(logs) - level

    shared = median(common[0][busy] / np.sqrt(energy_a[0][busy] * energy_b[0][busy] + 0.3))
    noise_a = _noise(energy_a, energy_b, common, activity, same)
    noise_b = _noise(energy_b, energy_a, common, activity, same)
    return Sharpness(
        ratio(0),
        ratio(1),
        ratio(2),
        shared,
        noise_a[0],
        noise_b[0],
        noise_a[1],
        noise_b[1],
        noise_a[2],
        noise_b[2],
        _flat(a),
        _flat(b),
    )


def hardest_edges(a: NDArray[np.uint8], b: Grey) -> float:
    """Return the strength of b's edges over a's where a's are hardest; 1 where a has none."""
    fine_a, fine_b = (
        window - cv2.GaussianBlur(window, (0, 0), 1.0)
        for window in (_window(a.astype(np.float32)), _window(b))
    )
    strength = np.abs(fine_a)
    hard = strength >= max(_HARD_LEVELS, percentile(strength, _HARDEST))
    if hard.sum() < _SOME_PIXELS:
        return 1.0
    return float((fine_a[hard] * fine_b[hard]).sum() / (fine_a[hard] ** 2).sum())


def _window(grey: Grey) -> Grey:
    size = [min(WINDOW_PX, side) for side in grey.shape]
    top, left = ((side - part) // 2 for side, part in zip(grey.shape, size, strict=True))
    return grey[top : top + size[0], left : left + size[1]]


def _bands(grey: Grey) -> list[Grey]:
    soft = [grey, *(cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _SIGMAS_PX)]
    return [finer - softer for finer, softer in itertools.pairwise(soft)]


def _mean(values: Grey) -> Grey:
    blurred = cv2.blur(values, (_BLOCK_PX, _BLOCK_PX))
    return np.asarray(blurred[_STEP_PX::_STEP_PX, _STEP_PX::_STEP_PX], np.float32)


def _noise(
    energy: list[Grey],
    other_energy: list[Grey],
    common: list[Grey],
    activity: Grey,
    same: NDArray[np.bool_],
) -> tuple[float, float, float]:
    """Return strength, whiteness and evenness of what the other picture does not explain."""
    rests = [
        np.maximum(energy[band] - common[band] ** 2 / (other_energy[band] + 0.5), 0)
        for band in range(3)
    ]
    low, high = np.percentile(activity[same], (20, 80))
    flat, busy = same & (activity <= low), same & (activity >= high)
    finest, fine = (median(rest[flat]) for rest in rests[:2])
    strength = (finest + fine) ** 0.5
    white = finest / (fine + 0.05)
    even = strength / max((median(rests[0][busy]) + median(rests[1][busy])) ** 0.5, 0.5)
    return strength, white, even


def _flat(grey: Grey) -> float:
    return (
        float(
            (np.abs(np.diff(grey, axis=1)) < 1.5).mean()
            + (np.abs(np.diff(grey, axis=0)) < 1.5).mean()
        )
        / 2
    )
