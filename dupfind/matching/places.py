"""Number how two pictures that show the same differ from place to place, for ``resaved``.

In:  two pictures of one size, laid on each other. Out: numbers by name. No disk, database or model.

Saving rounds everywhere, the more the more there is to see; a JPEG rounds each frequency of a block of 8 x 8 by
half a step of its table at most. What differs more than that in one place was put there.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.channels import highest
from dupfind.matching.overlay import beyond_beside, curve
from dupfind.matching.quality import BLOCK_FREQUENCIES, Look, whole_blocks
from dupfind.matching.spread import median, percentile

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCKS_PX = 1024  # long side up to which blocks are compared
BOUND_LEVELS = 2.0  # beyond half a step: decoding and the colours round too
_BLOCK = 8
_ACTIVITIES = 6  # kinds of places, by how much is going on
_BESIDE = np.ones((3, 3), np.uint8)
_JOINED = np.ones((5, 5), np.uint8)
_LEVELS = (10.0, 20.0)
_RANKS = (0, 2, 6)  # of the worst blocks, that are told
_SOFT_PX = 2.5  # colours are saved at half the size and less exactly


def of_places(a: Pixels, b: Pixels, seen: Mask) -> dict[str, float]:
    """Return how much differs in one place, over what differs where as much is going on.

    Args:
        a, b: (height, width, 3), reduced.
        seen: Where both show something.
    """
    if seen.sum() < 400:
        return {}
    away = _away(a, b, seen)
    grey = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY).astype(np.float32)
    activity = np.sqrt(np.maximum(cv2.blur(grey * grey, (7, 7)) - cv2.blur(grey, (7, 7)) ** 2, 0))
    level, usual = _usual_by_activity(activity, away, seen, percentile=90)
    values = {
        "usual": median(away[seen]),
        "flat_usual": float(usual[0]),
        "busy_usual": float(usual[-1]),
    }
    for number, least in enumerate(_LEVELS):
        marked = (away > np.maximum(least, 2 * usual[level])) & seen
        joined = cv2.morphologyEx(marked.astype(np.uint8), cv2.MORPH_CLOSE, _JOINED)
        count, labels = cv2.connectedComponents(joined, connectivity=8)
        sums = np.bincount(labels.ravel(), np.where(marked, away, 0).ravel(), count)[1:]
        values[f"place_{number}"] = float(np.log1p(sums.max(initial=0.0) / 255))
        values["places"] = float(np.log1p((sums > 255).sum()))
    return values


def of_colours(a: Pixels, b: Pixels, seen: Mask) -> dict[str, float]:
    """Return how far the colours without their luma are apart where they are averaged a little."""
    weight = cv2.blur(seen.astype(np.float32), (5, 5)) > 0.99
    if seen.sum() < 400 or not weight.any():
        return {}
    one, other = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32) for p in (a, b))
    soft, soft_other = (cv2.GaussianBlur(chroma, (0, 0), _SOFT_PX) for chroma in (one, other))
    off = highest(np.abs(soft - soft_other))
    busy = cv2.GaussianBlur(highest(np.abs(one - soft)), (0, 0), _SOFT_PX)
    return {
        "chroma_0": float(np.log1p(off[weight].max())),
        "chroma_1": float(np.log(percentile((off / (busy + 2.0))[weight], 99.9) + 0.05)),
        "chroma_usual": float(np.log1p(percentile(off[weight], 75))),
    }


def of_blocks(a: Look, b: Look) -> dict[str, float]:
    """Return how the worst blocks of 8 x 8 differ, over what differs in blocks as busy, and over b's steps."""
    one, other = _of_one_size(a.grey, b.grey)
    x, y = one.astype(np.float32), other.astype(np.float32)
    if min(y.shape) < 2 * _BLOCK:
        return {}
    values = {"sharper": 0.0}
    if a.grey.shape != y.shape:
        # Each way of reducing is a little softer or harder than another.
        fine = x - cv2.GaussianBlur(x, (0, 0), 0.7)
        by = float((fine * (y - x)).sum() / ((fine * fine).sum() + 1e-3 * fine.size))
        values["sharper"] = by
        x = np.asarray(np.clip(x + float(np.clip(by, -1, 1)) * fine, 0, 255), np.float32)
    rest = y - x
    values["shift"] = abs(median(rest))
    values |= _worst_blocks(x, rest)
    if b.table is not None and b.grey.shape == y.shape:
        values |= _beyond_steps(rest, b.table)
    return values


def _of_one_size(a: Pixels, b: Pixels) -> tuple[Pixels, Pixels]:
    """Return both as large as the smaller one, ``BLOCKS_PX`` at most."""
    wide, high = min(a.shape[::-1], b.shape[::-1], key=lambda size: size[0] * size[1])
    scale = min(1.0, BLOCKS_PX / max(wide, high))
    size = max(_BLOCK, round(wide * scale)), max(_BLOCK, round(high * scale))
    one, other = (
        grey if grey.shape[::-1] == size else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        for grey in (a, b)
    )
    return np.asarray(one, np.uint8), np.asarray(other, np.uint8)


def _worst_blocks(x: Floats, rest: Floats) -> dict[str, float]:
    worst, ratios, usual = [], [], np.zeros(_ACTIVITIES)
    # From either corner: what is at the edge is in a whole block of one of the two.
    for top, left in ((0, 0), (x.shape[0] % _BLOCK, x.shape[1] % _BLOCK)):
        part, rest_of_it = x[top:, left:], rest[top:, left:]
        mean = _mean(part)
        activity = np.sqrt(np.maximum(_mean(part * part) - mean * mean, 0))
        size = np.sqrt(_mean(rest_of_it * rest_of_it))
        level, usual = _usual_by_activity(activity, size, np.ones(size.shape, bool), percentile=80)
        worst.append(np.sort(size)[::-1][: _RANKS[-1] + 1])
        ratios.append(np.sort(size / (usual[level] + 1.0))[::-1][: _RANKS[-1] + 1])
    ordered, ratio = (np.sort(np.concatenate(found))[::-1] for found in (worst, ratios))
    values = {
        "block_usual": float(np.log1p(np.median(usual))),
        "block_flat": float(np.log1p(usual[0])),
        "block_busy": float(np.log1p(usual[-1])),
    }
    for number, rank in enumerate(_RANKS):
        at = min(rank, len(ordered) - 1)
        values[f"block_{number}"] = float(np.log1p(ordered[at]))
        values[f"ratio_{number}"] = float(np.log(ratio[at] + 0.1))
    return values


def _beyond_steps(rest: Floats, table: NDArray[np.float32]) -> dict[str, float]:
    """Return how much differs beyond what the steps of a JPEG's table explain, over its blocks."""
    frequencies = whole_blocks(rest).reshape(-1, _BLOCK * _BLOCK) @ BLOCK_FREQUENCIES
    over = np.maximum(np.abs(frequencies) - table.ravel() / 2 - BOUND_LEVELS, 0)
    size = np.sort(np.sqrt((over**2).mean(axis=1)))[::-1]
    return {
        "bound_0": float(np.log1p(size[0])),
        "bound_1": float(np.log1p(size[min(3, len(size) - 1)])),
        "bound_share": float((size > 0.5).mean()),
        "bound_usual": float(np.log1p(np.percentile(size, 90))),
    }


def _mean(values: Floats) -> Floats:
    """Return the mean of each whole block, (blocks,)."""
    return np.asarray(whole_blocks(values).mean(axis=(2, 3)).ravel(), np.float32)


def _usual_by_activity(
    activity: Floats, values: Floats, seen: Mask, *, percentile: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the kind of each place, and what is usual in each kind: never less where more is going on."""
    edges = np.quantile(activity[seen], np.linspace(0, 1, _ACTIVITIES + 1)[1:-1])
    level = np.searchsorted(edges, activity)
    found = [values[(level == kind) & seen] for kind in range(_ACTIVITIES)]
    usual = [float(np.percentile(one, percentile)) if len(one) else 0.0 for one in found]
    return level, np.maximum.accumulate(np.array(usual))


def _away(a: Pixels, b: Pixels, seen: Mask) -> Floats:
    """Return how far b's colours are from a's in b's tones, beyond what the pixels beside explain."""
    soft_a, soft_b = (cv2.GaussianBlur(p, (0, 0), 0.7).astype(np.float32) for p in (a, b))
    away = np.zeros(a.shape[:2], np.float32)
    for channel in range(3):
        x, y = soft_a[..., channel], soft_b[..., channel]
        found = curve(x[seen], y[seen])
        mapped = x if found is None else found[np.clip(x, 0, 255).astype(np.int64)]
        away = np.maximum(away, beyond_beside(mapped, y))
    return np.asarray(away, np.float32)
