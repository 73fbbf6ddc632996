"""Where two pictures that lie on each other disagree, and which of them shows something of its own there.

In:  two grey pictures of one shape, softened alike, and where both have pixels. Out: ``Disagreement``.
No disk, database or model.

An edit of one picture writes over it: there the edited one shows something and the other what it always
showed. Two pictures of one layout (another month's invoice, another animal before a fixed camera) differ
both ways: each shows something that the other lacks, however small.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dupfind.matching.spread import median, percentile

Floats = NDArray[np.float32]

WINDOW_PX = 15
STEP_PX = 4  # windows are counted this far apart
LOWEST_CONTRAST = 3.0  # grey levels that a window must vary by to count as textured
CONTRAST_SHARE = 0.06  # of the picture's own contrast: a soft picture still has texture
WRONG_BELOW = 0.6  # correlation of a window that disagrees, where the others are near 1
TYPICAL_FACTOR = 6.0  # in a noisy pair a window must be so much worse than the typical one
WORST_TYPICAL = 0.9
# All windows around a thing of a few pixels disagree: a smaller region is noise at the edge of a threshold.
MIN_REGION_PX = 200
FEWEST_PIXELS = 40  # to say of what tones they are
PLAIN_SLOPE = 0.25  # of a picture's contrast: a smaller slope is plain ground
DIFFERS = 0.35  # of a picture's contrast: pixels that differ by more have changed
JOIN_PX = 5


@dataclass(frozen=True)
class Region:
    """One connected place of disagreement; a and b are the two pictures.

    Attributes:
        share: Its part of the pictures' common area.
        own_a, own_b: What each shows there that the other does not explain, in units of its contrast.
        edge_a, edge_b: Mean slope of each along the outline of what changed: who has an edge there
            has something laid over.
        plain: Share of the ground around it that is plain in both.
        flat_a, flat_b: Share of what changed that is of a few tones only: a bar, a letter, a sticker.
    """

    share: float
    own_a: float
    own_b: float
    edge_a: float
    edge_b: float
    plain: float
    flat_a: float = 0.0
    flat_b: float = 0.0

    @property
    def laid_over(self) -> float:
        """How sure it is that one picture has a flat thing over the texture of the other, in [0, 1]."""
        return max(self._flat_over)

    @property
    def foreign_a(self) -> float:
        """How sure it is that the foreign thing is in a, in [0, 1]; 0.5 where nothing tells.

        It is the flat one over texture, else the one with an edge of its own around it.
        """
        over_a, over_b = self._flat_over
        total = self.edge_a + self.edge_b
        edged = 0.5 if total <= 0 else float(np.clip((self.edge_a / total - 0.35) / 0.3, 0, 1))
        return over_a + (1 - over_a - over_b) * edged

    @property
    def _flat_over(self) -> tuple[float, float]:
        """How sure it is that a, and that b, is flat over the texture of the other."""
        flat_a, flat_b = (
            float(np.clip((flat - 0.6) / 0.3, 0, 1)) for flat in (self.flat_a, self.flat_b)
        )
        return flat_a * (1 - flat_b), flat_b * (1 - flat_a)

    @property
    def on_plain(self) -> float:
        """How plain the ground is that it stands on, in [0, 1]."""
        return float(np.clip((self.plain - 0.6) / 0.3, 0, 1))


@dataclass(frozen=True)
class Disagreement:
    """How the windows of two pictures agree.

    Attributes:
        windows: How many were looked at (every ``STEP_PX``, with texture in either picture).
        textured_share: Their share of all.
        median: Median correlation of the windows.
        low: Their 5th percentile.
        agree: Share of windows with a correlation above 0.8.
        wrong: Share of windows that disagree.
        regions: The places of disagreement, the largest first.
        is_wrong: Where the windows disagree, of the pictures' shape.
    """

    windows: int
    textured_share: float
    median: float
    low: float
    agree: float
    wrong: float
    regions: tuple[Region, ...]
    is_wrong: NDArray[np.bool_]


def disagreement(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    noise: tuple[float, float] = (0.0, 0.0),
) -> Disagreement | None:
    """Compare two pictures window by window; None where there is too little texture to compare.

    Args:
        a, b: (height, width) float32 grey, of about the same sharpness, a not negative to b.
        mask: Where both have pixels.
        noise: Noise of each in grey levels; texture must exceed it.
    """
    spread_a, spread_b = (max(deviation_of(picture, mask), 8.0) for picture in (a, b))
    deviation_a, deviation_b, covariance = _moments(a, b)
    whole = cv2.blur(mask.astype(np.float32), (WINDOW_PX, WINDOW_PX)) > 0.99
    enough_a = max(LOWEST_CONTRAST, CONTRAST_SHARE * spread_a, 1.5 * noise[0])
    enough_b = max(LOWEST_CONTRAST, CONTRAST_SHARE * spread_b, 1.5 * noise[1])
    textured = whole & ((deviation_a > enough_a) | (deviation_b > enough_b))
    counted = np.zeros_like(mask)
    counted[::STEP_PX, ::STEP_PX] = True
    windows = int((textured & counted).sum())
    if windows < 30:
        return None
    correlation = covariance / np.maximum(deviation_a * deviation_b, 0.5 * enough_a * enough_b)
    values = correlation[textured & counted]
    middle = median(values)
    typical = max(1 - middle, 0.02)
    wrong = textured & (
        correlation < 1 - max(1 - WRONG_BELOW, min(TYPICAL_FACTOR * typical, WORST_TYPICAL))
    )
    laid = _Laid(a, b, spread_a, spread_b, deviation_a, deviation_b, correlation)
    regions = _regions(laid, wrong, whole)
    return Disagreement(
        windows=windows,
        textured_share=windows / max(1, int((whole & counted).sum())),
        median=middle,
        low=percentile(values, 5),
        agree=float((values > 0.8).mean()),
        wrong=float((wrong & counted).sum() / windows),
        regions=regions,
        is_wrong=wrong,
    )


def deviation_of(picture: Floats, mask: NDArray[np.bool_]) -> float:
    """Return the standard deviation within a mask; 0 where there is nothing in it."""
    return float(cv2.meanStdDev(picture, mask=mask.view(np.uint8))[1][0, 0])


def _moments(
    a: NDArray[np.float32], b: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the deviations of both and their covariance in the window around each pixel."""

    # Around their middle: the squares of float32 are exact enough there.
    a, b = a - np.float32(a.mean()), b - np.float32(b.mean())
    mean_a, mean_b = _mean(a), _mean(b)
    variance_a, variance_b = _beyond_mean(a, a, mean_a, mean_a), _beyond_mean(b, b, mean_b, mean_b)
    for variance in (variance_a, variance_b):
        np.sqrt(np.maximum(variance, 0, out=variance), out=variance)
    return variance_a, variance_b, _beyond_mean(a, b, mean_a, mean_b)


def _mean(values: Floats) -> Floats:
    return np.asarray(cv2.blur(values, (WINDOW_PX, WINDOW_PX)), np.float32)


def _beyond_mean(a: Floats, b: Floats, mean_a: Floats, mean_b: Floats) -> Floats:
    """Return the mean of the product around each pixel without the product of the means."""
    product = a * b
    found = _mean(product)
    found -= np.multiply(mean_a, mean_b, out=product)
    return found


@dataclass(frozen=True, slots=True)
class _Laid:
    """Two pictures on each other, the contrast of each in grey levels, and what their windows show."""

    a: Floats
    b: Floats
    spread_a: float
    spread_b: float
    deviation_a: Floats
    deviation_b: Floats
    correlation: Floats

    def at(self, place: tuple[slice, slice]) -> "_Laid":
        """Return a part of them."""
        return _Laid(
            self.a[place],
            self.b[place],
            self.spread_a,
            self.spread_b,
            self.deviation_a[place],
            self.deviation_b[place],
            self.correlation[place],
        )

    def own(self) -> tuple[Floats, Floats]:
        """Return what each shows around each pixel that the other does not explain."""
        unexplained = np.sqrt(np.clip(1 - np.maximum(self.correlation, 0) ** 2, 0, 1))
        return (
            self.deviation_a * unexplained / self.spread_a,
            self.deviation_b * unexplained / self.spread_b,
        )


def _regions(laid: _Laid, wrong: NDArray[np.bool_], whole: NDArray[np.bool_]) -> tuple[Region, ...]:
    joined = cv2.dilate(wrong.astype(np.uint8), np.ones((JOIN_PX, JOIN_PX), np.uint8))
    labels, _count = ndimage.label(joined)
    around = [
        (label, _wider(place, labels.shape, 8))
        for label, place in enumerate(ndimage.find_objects(labels), 1)
    ]
    large = [
        (place, inside)
        for label, place in around
        if int((inside := labels[place] == label).sum()) >= MIN_REGION_PX
    ]
    if not large:
        return ()
    tone, area = _tone(laid, whole & ~wrong), max(1, int(whole.sum()))
    regions = [_region(laid.at(place), tone, inside, whole[place], area) for place, inside in large]
    return tuple(sorted(regions, key=lambda region: -region.share))


def _region(
    laid: _Laid,
    tone: tuple[float, float],
    inside: NDArray[np.bool_],
    whole: NDArray[np.bool_],
    area: int,
) -> Region:
    """Describe one place, all arrays cut to its surroundings; ``area`` is that of the whole picture."""
    slopes = _slope(laid.a) / laid.spread_a, _slope(laid.b) / laid.spread_b
    own = laid.own()
    gain, offset = tone
    changed = inside & (np.abs(gain * laid.a + offset - laid.b) > DIFFERS * laid.spread_b)
    edges = _along_outline(changed, slopes)
    ring = (cv2.dilate(inside.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~inside & whole
    plain = (slopes[0][ring] < PLAIN_SLOPE) & (slopes[1][ring] < PLAIN_SLOPE)
    return Region(
        share=float(inside.sum()) / area,
        own_a=float(own[0][inside].mean()),
        own_b=float(own[1][inside].mean()),
        edge_a=edges[0],
        edge_b=edges[1],
        plain=float(plain.mean()) if plain.size > 20 else 0.0,
        flat_a=_flatness(laid.a[changed]),
        flat_b=_flatness(laid.b[changed]),
    )


def _tone(laid: _Laid, sound: NDArray[np.bool_]) -> tuple[float, float]:
    """Return gain and offset from a to b by a fit on the places that agree."""
    places = np.flatnonzero(sound)
    if len(places) <= 100:
        return 1.0, 0.0
    values_a, values_b = laid.a.ravel()[places[::5]], laid.b.ravel()[places[::5]]
    centred = values_a - values_a.mean()
    gain = float((centred * values_b).mean() / max(float((centred**2).mean()), 1.0))
    return gain, float(values_b.mean() - gain * values_a.mean())


def _flatness(values: NDArray[np.float32]) -> float:
    """Return the share of grey levels in the fullest four of 32 steps; 0 without enough pixels."""
    if len(values) < FEWEST_PIXELS:
        return 0.0
    steps = np.bincount(np.clip(values / 8, 0, 31).astype(np.uint8), minlength=32)
    return float(np.sort(steps)[-4:].sum() / len(values))


def _along_outline(
    changed: NDArray[np.bool_], slopes: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> tuple[float, float]:
    """Return the mean slope of each picture along the outline of what changed; zeros without any."""
    if int(changed.sum()) <= 10:
        return 0.0, 0.0
    cross = np.ones((3, 3), np.uint8)
    mask = changed.astype(np.uint8)
    outline = cv2.dilate(mask, cross) != cv2.erode(mask, cross)
    return float(slopes[0][outline].mean()), float(slopes[1][outline].mean())


def _slope(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the slope at each pixel, as Sobel's filter gives it (eight times grey levels a pixel)."""
    across, down = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _wider(place: tuple[slice, slice], shape: tuple[int, ...], by: int) -> tuple[slice, slice]:
    rows, columns = place
    return (
        slice(max(0, rows.start - by), min(shape[0], rows.stop + by)),
        slice(max(0, columns.start - by), min(shape[1], columns.stop + by)),
    )
