"""Tell small alterations of a whole picture from what saving rounds: other tones or colours, sharper details.

In:  two looks that show the same the same way round. Out: what was done. No disk, database or model.

Saving rounds each place by itself, up or down: over hundreds of places nothing of it is left but a small share.
What was done to the picture is the same everywhere: brighter tones or stronger colours follow from what stands
there, and fine details are all stronger by the same factor. So a change counts however small it is, if it is
more than what the places differ by besides. The limits are what copies of photos reach that were only saved,
in all kinds of formats and qualities, once or several times.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest, lowest
from dupfind.matching.quality import BLOCK_FREQUENCIES, Look, whole_blocks
from dupfind.matching.spots import has_spot
from dupfind.records import Reason

Pixels = NDArray[np.uint8]
Values = NDArray[np.float64]

LIGHT_LEVELS = 0.5  # that saving, however often, moves the luma of all places by; dearer ways less
CHROMA_LEVELS = 0.3  # and the chroma
CHROMA_MODERN = 0.7  # of WebP and AVIF, which save colours less exactly
OVER_NOISE = 1.1  # times what the places differ by besides
OVER_NOISE_CHROMA = 1.2  # a JPEG of an AVIF reaches 1.19
ALIKE_LEVELS = 1.2  # that places of one colour may be rounded by, all the same way
SHARPER = (1.025, 1.065)  # times as strong, middle and fine details
PALETTE = 0.05  # more of the pixels in few colours: a palette moves tones too
SOME_PALETTE = 0.02  # and single places
_CELL_PX = 8
_ALIKE_WITHIN = 2.0  # levels
_FEWEST_CELLS = 30
_DARKEST, _LIGHTEST = 4, 251  # what is beyond was or will be clipped
_CLEAR_OF_ENDS = 0.02
_OUTLIER_LEVELS, _OUTLIER = 1.5, 3.0
_TOWARDS_NONE = np.diag([100.0, 100.0, 100.0, 0.1])  # where colours are too alike to tell a slope
_BANDS = ((3, 4), (5, 7))  # of frequencies, by the sum of their places
_STRONG_LEVELS, _STRONG_STEPS = 12.0, 1.5
_FEWEST_STRONG = 300
_SURE = 4.0  # standard errors
_COMMON = 256
_SEEN_PX = 1024  # of the middle, whose details are compared


@dataclass(frozen=True)
class Shift:
    """How the tones of a picture were moved as a whole.

    Attributes:
        light, colour: Levels of luma, and of that chroma that moved more.
        light_noise, colour_noise: Levels that the places differ by besides.
        light_alike, colour_alike: Root of the chance that two places have the same luma, the same chroma: those
            are rounded the same way.
    """

    light: float
    colour: float
    light_noise: float
    colour_noise: float
    light_alike: float
    colour_alike: float

    def is_done(self, *, modern: bool) -> bool:
        """Whether this is more than saving does; ``modern``: as WebP or AVIF."""
        most = max(LIGHT_LEVELS, OVER_NOISE * self.light_noise, ALIKE_LEVELS * self.light_alike)
        if self.light > most:
            return True
        least = CHROMA_MODERN if modern else CHROMA_LEVELS
        over = OVER_NOISE_CHROMA * self.colour_noise
        return self.colour > max(least, over, ALIKE_LEVELS * self.colour_alike)


def alterations(a: Look, b: Look, moved: Shift | None, *, palette: bool) -> tuple[Reason, ...]:
    """Return what was done to b, as a whole or in one spot, that no saving does.

    Args:
        a, b: The two.
        moved: How the tones were moved as a whole.
        palette: Whether b is in few colours, which moves tones and single places too.
    """
    found = []
    fewer = 1.0 if palette else _common(b.sample) - _common(a.sample)
    if moved is not None and moved.is_done(modern=b.modern) and fewer <= PALETTE:
        found.append(Reason.RECOLOURED)
    if has_spot(a, b, palette=fewer > SOME_PALETTE):
        found.append(Reason.CHANGED)
    if is_sharpened(a, b):
        found.append(Reason.SHARPER)
    return tuple(found)


def shift(a: Pixels, b: Pixels, seen: NDArray[np.bool_]) -> Shift | None:
    """Measure by how much b's tones follow from a's otherwise than unchanged; None of too small pictures.

    Args:
        a, b: (height, width, 3), laid on each other.
        seen: Where both show something.
    """
    ends = (lowest(np.minimum(a, b)) <= _DARKEST) | (highest(np.maximum(a, b)) >= _LIGHTEST)
    used = _cells((ends | ~seen).astype(np.float32)) < _CLEAR_OF_ENDS
    if used.sum() < _FEWEST_CELLS:
        return None
    one, two = (
        _cells(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb).astype(np.float32))[used].astype(
            np.float64
        )
        for picture in (a, b)
    )
    moved, rest = _followed(one, two - one)
    size, noise = np.sqrt((moved**2).mean(axis=0)), rest.std(axis=0)
    return Shift(
        float(size[0]), float(size[1:].max()), float(noise[0]), float(noise[1:].max()),
        _alike(one[:, :1]), _alike(one[:, 1:]),
    )  # fmt: skip


def _alike(colours: Values) -> float:
    _, counts = np.unique(np.rint(colours / _ALIKE_WITHIN), axis=0, return_counts=True)
    return float(np.sqrt((counts**2).sum()) / counts.sum())


def _cells(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    half = _CELL_PX // 2
    means = cv2.blur(picture, (_CELL_PX, _CELL_PX))
    return np.asarray(means[half::_CELL_PX, half::_CELL_PX], np.float32)


def _followed(colours: Values, apart: Values) -> tuple[Values, Values]:
    """Return what of ``apart`` follows from the colours, and the rest, both without outliers, (cells, 3)."""
    terms = np.hstack([colours - colours.mean(axis=0), np.ones((len(colours), 1))])
    kept = np.ones(len(terms), bool)
    moved = np.zeros_like(apart)
    for _ in range(3):
        part = terms[kept]
        slopes = np.linalg.solve(part.T @ part + _TOWARDS_NONE, part.T @ apart[kept])
        moved = terms @ slopes
        off = highest(np.abs(apart - moved))
        kept = off <= max(_OUTLIER_LEVELS, _OUTLIER * float(np.median(off)))
    return moved[kept], (apart - moved)[kept]


def _common(pixels: Pixels) -> float:
    """Return the share of the pixels that have one of the most frequent colours."""
    red, green, blue = (pixels >> 2).astype(np.int64).T
    counts = np.bincount(red << 12 | green << 6 | blue)
    counts = counts[counts > 0]  # a table of nothing but zeros is slow to part
    most = counts if len(counts) <= _COMMON else np.partition(counts, -_COMMON)[-_COMMON:]
    return float(most.sum() / counts.sum())


def is_sharpened(a: Look, b: Look) -> bool:
    """Say whether all fine details of b are stronger than those of a, which is as large."""
    if a.grey.shape != b.grey.shape or min(b.grey.shape) < _CELL_PX:
        return False
    one, two = (_frequencies(_middle(look.grey)) for look in (a, b))
    steps = np.zeros(len(BLOCK_FREQUENCIES)) if b.table is None else b.table.ravel()
    return all(
        _gain(one, two, steps, band) > least for band, least in zip(_BANDS, SHARPER, strict=True)
    )


def _middle(grey: Pixels) -> Pixels:
    top, left = (max(0, side - _SEEN_PX) // 16 * 8 for side in grey.shape)
    return grey[top : top + _SEEN_PX, left : left + _SEEN_PX]


def _frequencies(grey: Pixels) -> NDArray[np.float32]:
    blocks = whole_blocks(grey.astype(np.float32))
    return np.asarray(blocks.reshape(-1, len(BLOCK_FREQUENCIES)) @ BLOCK_FREQUENCIES, np.float32)


def _gain(
    one: NDArray[np.float32],
    two: NDArray[np.float32],
    steps: NDArray[np.float32] | Values,
    band: tuple[int, int],
) -> float:
    """Return how many times as strong the strong frequencies of a band are at least; 0 where few are."""
    places = np.add.outer(np.arange(_CELL_PX), np.arange(_CELL_PX)).ravel()
    inside = (places >= band[0]) & (places <= band[1])
    x, y = one[:, inside].ravel(), two[:, inside].ravel()
    least = np.maximum(_STRONG_LEVELS, _STRONG_STEPS * steps[inside])
    strong = np.abs(x) > np.tile(least, len(one))
    if strong.sum() < _FEWEST_STRONG:
        return 0.0
    x, y = x[strong].astype(np.float64), y[strong].astype(np.float64)
    gain = float((x @ y) / (x @ x))
    error = float((y - gain * x).std() / np.sqrt(x @ x))
    return gain - _SURE * error
