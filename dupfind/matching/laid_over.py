"""Tell a picture that something was laid over from another picture on the same ground.

In:  two pictures laid on each other, grey. Out: how much of one lies under something, and whether each has
something of its own. No disk or database.

A caption or a bar over a photo hides a little of it and leaves all else to the pixel. Two pictures of one
layout do that too; but then each has a thing of its own in that place. Where one only goes on there as it
does all around, and the other is of one shade or has edges as hard as any, it is the same picture. Where
what differs has its border in both, each shows what the other lacks: another caption, another visitor.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.fine import correlation
from dupfind.matching.overlay import beyond_beside
from dupfind.matching.spread import median, percentile, spread

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

DIFFERS_LEVELS, OF_USUAL = 10.0, 6.0  # grey levels, and times what saving anew changes
MOST_USUAL = 1.0  # grey levels beyond the pixels beside: what was saved anew differs by less
ALSO_LEVELS, ALSO_SHARE = 6.0, 0.02  # no more than that differs elsewhere, and a little
MOST_PLACES, LEAST_SHARE, MOST_SHARE = 3, 0.002, 0.2
ONE_SHADE, SHADE_LEVELS = 0.95, 25  # share of a bar's pixels that lie within so many grey levels
MOSTLY_ONE_SHADE = 0.85  # of what differs: softened at its border
OTHER_SHADES = 0.9  # share that may do so in the picture beneath: else it may be a bar itself
HARD = 0.55  # times the slope of the hardest hundredth of the picture's edges
HARDER = 0.75  # natural logarithm of the slopes of letters over those of what is beneath
GOES_ON = (
    0.8  # natural logarithm of the slopes inside over those around, where a picture just goes on
)
OWN_BORDER = 0.4  # natural logarithm of the slopes along a border over those around, where it is of the picture
OWN_SHARE = 0.07  # of the border, where the one picture's slopes are clearly the harder
SAME_DRAWING = 0.75  # correlation where they differ
CLEARLY, CLEARLY_LEVELS = 1.6, 2.0  # times, and grey levels a pixel
_SPECK_PX, _PLACE_PX, _FEWEST = 12, 150, 100
_BESIDE = np.ones((3, 3), np.uint8)
_JOINED = np.ones((9, 9), np.uint8)
_AROUND = np.ones((25, 25), np.uint8)
_TONE_PIXELS = 16_000  # show the tones


@dataclass(frozen=True)
class _Compared:
    """Two pictures in the same tones, where they differ, and their slopes."""

    pictures: tuple[Grey, Grey]
    differs: Mask
    mask: Mask
    slopes: tuple[Grey, Grey]


@dataclass(frozen=True)
class Over:
    """What lies over two pictures that are the same else.

    Attributes:
        share: Of the overlap that lies under something, where only one has things of its own; else 0.0.
        both: Whether each has something of its own.
    """

    share: float = 0.0
    both: bool = False


def what_lies_over(a: Grey, b: Grey, mask: Mask) -> Over:
    """Find what lies over one of two pictures, or over both.

    Args:
        a, b: (height, width) float32 grey, laid on each other to a fraction of a pixel.
        mask: Where both have pixels.

    Returns:
        Nothing where they are not the same elsewhere.
    """
    shown = int(mask.sum())
    if shown < _FEWEST:
        return Over()
    a = _in_tones_of(a, b, mask)
    off = beyond_beside(a, b)
    usual = percentile(off.ravel()[spread(np.flatnonzero(mask))], 75)
    if usual > MOST_USUAL:
        return Over()
    differs = _without_specks(_closed((off > max(DIFFERS_LEVELS, OF_USUAL * usual)) & mask))
    if differs.sum() < LEAST_SHARE * shown:
        return Over()
    compared = _Compared((a, b), differs, mask, (_slope(a), _slope(b)))
    if _is_over_both(compared):
        return Over(both=True)
    elsewhere = (off > max(ALSO_LEVELS, 4 * usual)) & mask & ~differs
    return Over() if elsewhere.sum() > ALSO_SHARE * shown else Over(_covered(compared))


def _covered(compared: _Compared) -> float:
    """Return the share of the overlap where something lies over one of the two; 0.0 where that is not clear."""
    share = float(compared.differs.sum() / compared.mask.sum())
    places = _places(compared.differs) if share <= MOST_SHARE else []
    if not 1 <= len(places) <= MOST_PLACES:
        return 0.0
    for over in (0, 1):
        if all(_covers(compared, place, over) for place in places):
            return share
    return 0.0


def _is_over_both(compared: _Compared) -> bool:
    """Say whether what differs has its border in either picture, and parts of it in one alone."""
    if any(_is_bar(compared, over) for over in (0, 1)) or _is_same_drawing(compared):
        return False
    solid = _outlined(compared.differs)
    border = (cv2.dilate(solid, _BESIDE) > cv2.erode(solid, _BESIDE)) & compared.mask
    beside = cv2.dilate(solid, _JOINED[:5, :5]) > 0
    ring = (cv2.dilate(solid, _AROUND) > 0) & ~beside & compared.mask
    if ring.sum() < _FEWEST:
        return False
    along = [slope[border] for slope in compared.slopes]
    around = [float(slope[ring].mean()) for slope in compared.slopes]
    for own, other, usual in zip(along, along[::-1], around, strict=True):
        harder = float(np.log((own.mean() + 1) / (usual + 1)))
        alone = float((own > CLEARLY * other + CLEARLY_LEVELS).mean())
        if harder < OWN_BORDER or alone < OWN_SHARE:
            return False
    return True


def _is_same_drawing(compared: _Compared) -> bool:
    """Say whether the two go the same way where they differ: the edges of one softer than of the other."""
    one, other = (picture[compared.differs] for picture in compared.pictures)
    return correlation(one, other) > SAME_DRAWING


def _is_bar(compared: _Compared, over: int) -> bool:
    """Say whether the one picture is of one shade where they differ, and the other is not."""
    bar, beneath = (one_shade(compared.pictures[at][compared.differs]) for at in (over, 1 - over))
    return bar >= MOSTLY_ONE_SHADE and beneath < OTHER_SHADES


def _outlined(differs: Mask) -> Bytes:
    """Return the places that differ with all that lies within them: there may be the same by chance."""
    closed = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, _JOINED[:5, :5])
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(closed, outlines, -1, 1, cv2.FILLED), np.uint8)


def _in_tones_of(a: Grey, b: Grey, mask: Mask) -> Grey:
    """Return a with the contrast and brightness of b, by the pixels that agree on them."""
    places = spread(np.flatnonzero(mask), _TONE_PIXELS)
    x, y = a.ravel()[places], b.ravel()[places]
    terms = np.stack([x, np.ones_like(x)], axis=1)
    gain, offset = np.linalg.lstsq(terms, y, rcond=None)[0].tolist()
    for _ in range(2):
        away = np.abs(gain * x + offset - y)
        kept = np.flatnonzero(away < max(4.0, 3 * median(away)))
        gain, offset = np.linalg.lstsq(terms.take(kept, axis=0), y[kept], rcond=None)[0].tolist()
    return np.asarray(gain * a + offset, np.float32)


def _closed(differs: Mask) -> Bytes:
    closed = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, _BESIDE)
    return np.asarray(closed, np.uint8)


def _without_specks(closed: Bytes) -> Mask:
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= _SPECK_PX)
    return np.asarray(np.isin(labels, large[large > 0]))


def _places(differs: Mask) -> list[Mask]:
    """Return the places that differ, letters of a line joined."""
    joined = cv2.dilate(differs.astype(np.uint8), _JOINED)
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    large = np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] > _PLACE_PX) + 1
    return [np.asarray((labels == label) & differs) for label in large.tolist()]


def _covers(compared: _Compared, place: Mask, over: int) -> bool:
    """Say whether the one picture has a bar or letters in a place, where the other just goes on."""
    beneath = 1 - over
    if not _goes_on(compared, place, beneath):
        return False
    if one_shade(compared.pictures[over][place]) >= ONE_SHADE:
        return one_shade(compared.pictures[beneath][place]) < OTHER_SHADES
    grown = cv2.dilate(place.astype(np.uint8), _BESIDE) > 0
    slopes = [float(slope[grown].mean()) for slope in compared.slopes]
    elsewhere = compared.mask & ~compared.differs
    places = spread(np.flatnonzero(elsewhere), 20_000)
    hardest = percentile(np.maximum(*(slope.ravel()[places] for slope in compared.slopes)), 99)
    harder = float(np.log((slopes[over] + 1) / (slopes[beneath] + 1)))
    return slopes[over] >= HARD * hardest and harder >= HARDER


def _goes_on(compared: _Compared, place: Mask, of: int) -> bool:
    """Say whether a picture has about as much structure in a place as around it."""
    near = cv2.dilate(place.astype(np.uint8), _AROUND) > 0
    beside = cv2.dilate(compared.differs.astype(np.uint8), _BESIDE) > 0
    ring = near & ~beside & compared.mask
    if ring.sum() < _FEWEST:
        return False
    inner, outer = (float(compared.slopes[of][where].mean()) for where in (place, ring))
    return abs(float(np.log((inner + 1) / (outer + 1)))) <= GOES_ON


def one_shade(values: Grey, span: int = SHADE_LEVELS) -> float:
    """Return the share of pixels within ``span`` grey levels of each other, of the fullest such."""
    levels = np.bincount(np.clip(values, 0, 255).astype(np.uint8), minlength=256)
    return float(np.convolve(levels, np.ones(span), mode="same").max() / max(1, len(values)))


def _slope(picture: Grey) -> Grey:
    across, down = cv2.Sobel(picture, cv2.CV_32F, 1, 0), cv2.Sobel(picture, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down) / 8, np.float32)
