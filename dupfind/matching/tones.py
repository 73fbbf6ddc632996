"""Compare the tones of two pictures laid on each other: what was clipped, dimmed, bent or taken away.

In:  the colours of the overlap of two pictures. Out: ``Tones``. No disk, database or model.

What becomes black or white to the end loses its shades for good: where one picture is clipped and the
other has shades, the first was made from the second. Where one is clipped and the other has a single
darker shade in the same place, that one was dimmed afterwards.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest
from dupfind.matching.quality import LUMA, off_line

_BLACK, _WHITE = 4, 251
_SHADES = 12.0  # grey levels: shades that spread more were there before they were clipped
_ONE_SHADE = 3.0
_DIMMED = 8.0  # grey levels that a dimmed white lies below the end
_LEAST_SHARE = 0.004
_TEXTURE = 2.0
_TILES = 7
_GRID = 24

Colours = NDArray[np.float32]


@dataclass(frozen=True)
class Tones:
    """The tones of b against those of a.

    Attributes:
        changed: Mean difference of the colours, in grey levels.
        correlation: Of the luma; below 0 one is the negative of the other.
        lost_a, lost_b: Share of the channel values that are clipped there and have shades in the other.
        dimmed_a, dimmed_b: Share that is one shade there and clipped in the other.
        contrast: Natural logarithm of b's spread of luma over a's.
        line_a, line_b: ``quality.off_line`` of the overlap.
        uneven: How clearly b got a vignette or a light leak; negative where a did.
    """

    changed: float
    correlation: float
    lost_a: float
    lost_b: float
    dimmed_a: float
    dimmed_b: float
    contrast: float
    line_a: float
    line_b: float
    uneven: float


def tones(a: NDArray[np.uint8], b: NDArray[np.uint8], seen: NDArray[np.bool_]) -> Tones | None:
    """Compare two pictures (height, width, 3) where both are ``seen``; None where that is too little."""
    places = np.flatnonzero(seen)
    if len(places) < 400:
        return None
    soft_a, soft_b = (cv2.blur(picture, (3, 3)).astype(np.float32) for picture in (a, b))
    one, two = (picture.reshape(-1, 3).take(places, axis=0) for picture in (soft_a, soft_b))
    grey_a, grey_b = one @ LUMA, two @ LUMA
    correlation = (
        float(np.corrcoef(grey_a, grey_b)[0, 1]) if grey_a.std() > 1 < grey_b.std() else 1.0
    )
    lost_a, dimmed_b = _ends(soft_a, soft_b, seen)
    lost_b, dimmed_a = _ends(soft_b, soft_a, seen)
    spread_a, spread_b = (
        float(np.subtract(*np.percentile(grey, (95, 5)))) for grey in (grey_a, grey_b)
    )
    return Tones(
        changed=float(np.abs(one - two).mean()),
        correlation=correlation,
        lost_a=lost_a,
        lost_b=lost_b,
        dimmed_a=dimmed_a,
        dimmed_b=dimmed_b,
        contrast=float(np.log((spread_b + 2) / (spread_a + 2))),
        line_a=off_line(a.reshape(-1, 3).take(places, axis=0)),
        line_b=off_line(b.reshape(-1, 3).take(places, axis=0)),
        uneven=_uneven(soft_a @ LUMA, soft_b @ LUMA, seen),
    )


def _ends(one: Colours, two: Colours, seen: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the share of ``one`` that is clipped and not in ``two``, and that is one shade in ``two``."""
    lost = dimmed = 0.0
    shown = int(seen.sum())
    for channel in range(3):
        for clipped, end in (
            (one[..., channel] >= _WHITE, 255.0),
            (one[..., channel] <= _BLACK, 0.0),
        ):
            if np.count_nonzero(clipped) < _LEAST_SHARE * shown:
                continue
            inner = cv2.erode(
                (clipped & seen).astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0
            )
            inside = inner > 0
            share = float(inside.sum() / shown)
            if share < _LEAST_SHARE:
                continue
            other = two[..., channel]
            low, middle, high = np.percentile(other[inside], (10, 50, 90))
            if high - low > _SHADES and float(_shades(other)[inside].std()) > _TEXTURE:
                lost += share / 3
            elif high - low < _ONE_SHADE and abs(middle - end) > _DIMMED:
                dimmed += share / 3
    return lost, dimmed


def _shades(channel: Colours) -> Colours:
    """Return what is left without the slow changes of light: a leak of light is no shade of the picture."""
    return np.asarray(cv2.blur(channel, (5, 5)) - cv2.blur(channel, (31, 31)), np.float32)


def _uneven(
    grey_a: NDArray[np.float32], grey_b: NDArray[np.float32], seen: NDArray[np.bool_]
) -> float:
    """Return how clearly light of b over a falls off from the centre, or comes in from one side.

    Positive: b has the darker corners or the brighter side; negative: a.
    """
    _rows, _columns = seen.shape
    grid = (_TILES, _TILES)
    weight = cv2.resize(seen.astype(np.float32), grid, interpolation=cv2.INTER_AREA)
    even_a = _mean_at(grey_a, grey_b, seen)  # what one curve of tone explains is not uneven
    light_a, level_a, light_b = (
        cv2.resize(grey, grid, interpolation=cv2.INTER_AREA) for grey in (grey_a, even_a, grey_b)
    )
    inside = weight > 0.7
    if inside.sum() < 20:
        return 0.0
    y, x = (np.mgrid[:_TILES, :_TILES] + 0.5) / _TILES * 2 - 1
    log = np.log((light_b + 6) / (level_a + 6))[inside]
    radial, fit = _line((x**2 + y**2)[inside], log)
    if fit > 0.75 and abs(radial) > 0.1:
        return -radial * 4
    sides = light_b - light_a
    ends = [sides[:, 0].mean(), sides[:, -1].mean(), sides[0].mean(), sides[-1].mean()]
    across = max(_line(axis[inside], (light_b - level_a)[inside])[1] for axis in (x, y))
    first, other = sorted(
        ends[:2] if abs(ends[0] - ends[1]) > abs(ends[2] - ends[3]) else ends[2:], key=abs
    )[::-1]
    if across > 0.6 and abs(first) > 12 and abs(other) < 0.4 * abs(first):
        return float(np.sign(first)) * 2.0
    return 0.0


def _mean_at(
    grey: NDArray[np.float32], wanted: NDArray[np.float32], seen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return ``grey`` with the tones of ``wanted``: the mean of it at each of 32 levels."""
    level = np.clip(grey, 0, 255).astype(np.int64) // 8
    count = np.bincount(level[seen], minlength=32)
    means = np.bincount(level[seen], wanted[seen], 32) / np.maximum(count, 1)
    known = np.flatnonzero(count >= 20)
    return np.interp(grey, known * 8 + 3.5, means[known]).astype(np.float32)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return the slope of a line through points and the share of the variance that it explains."""
    x, y = x - x.mean(), y - y.mean()
    slope = float((x * y).sum() / max((x * x).sum(), 1e-9))
    return slope, float(1 - ((y - slope * x) ** 2).sum() / max((y * y).sum(), 1e-9))


def toned(a: NDArray[np.uint8], b: NDArray[np.uint8], seen: NDArray[np.bool_]) -> float:
    """Return by how many grey levels the colours of b were changed as a whole; saving changes hardly any.

    Args:
        a, b: (height, width, 3), laid on each other.
        seen: Where both show something.
    """
    size = (_GRID, _GRID)
    weight = cv2.resize(seen.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel()
    used = weight > 0.9
    if used.sum() < 40:
        return 0.0
    one, two = (
        cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        .reshape(-1, 3)[used]
        .astype(np.float64)
        for picture in (a, b)
    )
    terms = np.hstack([one, np.ones((len(one), 1))])
    kept = np.ones(len(one), bool)
    mapped = one
    for _ in range(2):
        ridge = np.diag([400.0, 400.0, 400.0, 0.1])
        part = terms[kept]
        # Towards no change where the colours do not tell.
        fit = np.linalg.solve(part.T @ part + ridge, part.T @ (two - one)[kept])
        mapped = one + terms @ fit
        off = highest(np.abs(two - mapped))
        kept = off <= max(4.0, 2.5 * float(np.median(off)))
    return float(np.sqrt(((mapped - one)[kept] ** 2).mean(axis=0).max()))
