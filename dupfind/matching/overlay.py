"""Tell which of two pictures that agree but in places was written over there.

In:  two reduced pictures laid on each other. Out: a vote. No disk, database or model.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.levels import middle_values
from dupfind.matching.spread import median

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

CHANGED_LEVELS = 16.0
_BESIDE = np.ones((3, 3), np.uint8)
_STRIPE_PX = 32  # rows that stay in a processor's cache
TONE_PIXELS = 20_000  # looked at for a curve of tone


def changed_mask(a: Pixels, b: Pixels, seen: Mask) -> Mask:
    """Return where two pictures differ by more than one curve of tone a channel explains.

    A difference that a pixel beside it explains is none: saving, scaling and laying move edges.
    """
    blur_a, blur_b = (cv2.GaussianBlur(p, (0, 0), 1.0).astype(np.float32) for p in (a, b))
    difference = np.zeros(a.shape[:2], np.float32)
    for channel in range(3):
        x, y = blur_a[..., channel], blur_b[..., channel]
        curve_of = curve(x[seen], y[seen])
        if curve_of is None:
            continue
        mapped = curve_of[np.clip(x, 0, 255).astype(np.int64)]
        difference = np.maximum(difference, beyond_beside(mapped, y))
    difference[~seen] = 0
    usual = median(difference[seen]) if seen.any() else 0.0
    return np.asarray(difference > max(CHANGED_LEVELS, 5 * usual))


def beyond_beside(a: Floats, b: Floats) -> Floats:
    """Return by how much two pictures, (height, width), differ that no pixel beside either explains."""
    off = np.empty_like(a)
    for top in range(0, len(a), _STRIPE_PX):
        first, end = max(0, top - 1), top + _STRIPE_PX
        beyond = _beyond_beside(a[first : end + 1], b[first : end + 1])
        off[top:end] = beyond[top - first : end - first]
    return off


def _beyond_beside(a: Floats, b: Floats) -> Floats:
    off = np.zeros_like(a)
    for one, other in ((a, b), (b, a)):
        low, high = cv2.erode(one, _BESIDE), cv2.dilate(one, _BESIDE)
        cv2.max(off, cv2.subtract(low, other, dst=low), dst=off)
        cv2.max(off, cv2.subtract(other, high, dst=high), dst=off)
    return off


def curve(values_a: Floats, values_b: Floats) -> Floats | None:
    """Return the median of b at each of 256 levels of a, (256,); None where a has one level only."""
    step = max(1, len(values_a) // TONE_PIXELS)
    level = np.clip(values_a[::step], 0, 255).astype(np.int64) // 8
    _low, middles, counts = middle_values(level, values_b[::step], 32)
    known = np.flatnonzero(counts >= 20)
    if len(known) < 2:
        return None
    return np.asarray(np.interp(np.arange(256), known * 8 + 4, middles[known]), np.float32)


def changed_in(changed: Mask, seen: Mask) -> tuple[float, float]:
    """Return the share of what both show that differs, and the share of its largest region."""
    opened = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _count, _labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    largest = int(stats[1:, cv2.CC_STAT_AREA].max()) if len(stats) > 1 else 0
    shown = max(1, int(seen.sum()))
    return float(opened.sum() / shown), largest / shown


def written_over(a: Pixels, b: Pixels, seen: Mask, changed: Mask, *, moved: bool = True) -> float:
    """Return how clearly b was written over where they differ: positive for b, negative for a.

    ``moved`` also asks whether what stands there was copied from elsewhere in the picture.
    """
    mask = cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    share = mask.mean()
    if share < 0.0004 or mask.sum() < 25:
        return 0.0
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:6] + 1
    slopes = [_slope(p) for p in (a, b)]
    total, weight = 0.0, 0.0
    for label in order:
        area = float(stats[label, cv2.CC_STAT_AREA])
        if area < 20:
            continue
        region = (labels == label).astype(np.uint8)
        score = _region(slopes, region, mask, seen)
        if moved:
            score += _moved(a, b, stats[label])
        total += score * area**0.5
        weight += area**0.5
    return total / weight if weight else 0.0


def _slope(picture: Pixels) -> Floats:
    grey = cv2.GaussianBlur(
        cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.7
    )
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8
    return np.asarray(np.hypot(dx, dy), np.float32)


def _region(slopes: list[Floats], region: Pixels, mask: Pixels, seen: Mask) -> float:
    kernel = np.ones((5, 5), np.uint8)
    border = (cv2.dilate(region, kernel) - cv2.erode(region, kernel, borderValue=1)) > 0
    inner = region > 0
    ring = (
        (cv2.dilate(region, np.ones((17, 17), np.uint8)) > 0)
        & (cv2.dilate(mask, kernel) == 0)
        & seen
    )
    a, b = slopes
    edge = float(np.log((b[border].mean() + 1) / (a[border].mean() + 1)))
    if ring.sum() < 20:
        return edge
    odd = [abs(float(np.log((s[inner].mean() + 0.7) / (s[ring].mean() + 0.7)))) for s in (a, b)]
    return 0.5 * edge + 1.5 * (odd[1] - odd[0])


def _moved(a: Pixels, b: Pixels, box: NDArray[np.int32]) -> float:
    """Return whether what stands in a box is found elsewhere in b (1) or in a (-1): copied over."""
    left, top, wide, high = box[:4]
    if min(wide, high) < 12 or wide * high > 0.15 * a.shape[0] * a.shape[1]:
        return 0.0
    y, x = top + high // 5, left + wide // 5
    inner = np.s_[y : top + high - high // 5, x : left + wide - wide // 5]
    if any(picture[inner].std() < 8 for picture in (a, b)):
        return 0.0
    scores = []
    for picture in (a, b):
        found = cv2.matchTemplate(picture, picture[inner], cv2.TM_CCOEFF_NORMED)
        found[max(0, y - 6) : y + 7, max(0, x - 6) : x + 7] = 0
        scores.append(float(found.max()))
    return 2.0 * float(np.clip((scores[1] - scores[0]) / 0.2, -1, 1)) if max(scores) > 0.93 else 0.0
