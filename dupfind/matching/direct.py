"""Align photos that have too few keypoints: soft, flat, pixelated or tiny pictures.

In:  local features of two photos (only their small pictures are used). Out: matrices to try.

Two cheap searches in small grey pictures: the whole of one on the whole of the other in the eight upright
turns and mirrorings, and the whole of one as a part of the other at several sizes (a crop, a tile of a
collage, a framed picture). What is found is refined by ECC (Evangelidis and Psarakis 2008).
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.features import LocalFeatures

SCENE_PX = 96
WHOLE_CORRELATION = 0.8  # of two whole pictures laid on each other
PART_CORRELATION = 0.88  # a place among many is found by chance more easily
PART_SCALES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.33)
REFINE_PX = 112
CLEARLY_BETTER = 0.7  # of what does not correlate before, at most afterwards


def direct_alignments(
    a: LocalFeatures, b: LocalFeatures
) -> Iterator[tuple[NDArray[np.float64], bool]]:
    """Yield (matrix, mirrored) of plausible alignments of a to b, the best of each search.

    The matrices map points of a to points of b, as fractions of the long sides, (3, 3) float64.
    """
    whole = _whole(a, b)
    if whole is not None:
        yield _refined(a, b, whole[0]), whole[1]
        return
    part = _part(a, b)
    if part is not None:
        yield _refined(a, b, part), False
    part = _part(b, a)
    if part is not None:
        yield np.asarray(np.linalg.inv(_refined(b, a, part)), np.float64), False


def _whole(a: LocalFeatures, b: LocalFeatures) -> tuple[NDArray[np.float64], bool] | None:
    # A negative correlates the other way round.
    scores = np.abs(a.variants @ b.variants[0]) / b.variants.shape[1]
    best = int(scores.argmax())
    if scores[best] < WHOLE_CORRELATION:
        return None
    turns, mirrored = best % 4, best >= 4
    return _turn_matrix(a.size, b.size, turns, mirrored), mirrored


def _turn_matrix(
    size_a: tuple[float, float], size_b: tuple[float, float], turns: int, mirrored: bool
) -> NDArray[np.float64]:
    """Return the map of a's frame to b's: mirrored first, then quarter turns anticlockwise."""
    unit = np.diag([1 / size_a[0], 1 / size_a[1], 1.0])
    if mirrored:
        unit = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) @ unit
    quarter = np.array([[0.0, 1, 0], [-1, 0, 1], [0, 0, 1]])
    for _ in range(turns):
        unit = quarter @ unit
    return np.asarray(np.diag([size_b[0], size_b[1], 1.0]) @ unit)


def _part(a: LocalFeatures, b: LocalFeatures) -> NDArray[np.float64] | None:
    """Search the whole of a as a part of b; its share of b's long side is one of the scales."""
    scene_px = round(SCENE_PX * b.stretch)
    scene = b.grey(scene_px)
    height, width = scene.shape
    best, found = PART_CORRELATION, None
    for scale in PART_SCALES:
        tile = a.grey(round(scale * scene_px))
        if tile.shape[0] > height or tile.shape[1] > width or tile.std() < 8:
            continue
        scores = cv2.matchTemplate(scene, tile, cv2.TM_CCOEFF_NORMED)
        _, score, _, place = cv2.minMaxLoc(scores)
        if score > best:
            best, found = score, (max(tile.shape), place)
    if found is None:
        return None
    side, (x, y) = found
    long_side = max(height, width)
    scale = side / long_side
    return np.array([[scale, 0, x / long_side], [0, scale, y / long_side], [0, 0, 1.0]])


def _refined(
    a: LocalFeatures, b: LocalFeatures, matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Let ECC improve an affine map at ``REFINE_PX``; the map as given where that says nothing new.

    In a plain gradient many maps are as good as any: a better one must be clearly better, and near.
    """
    side_a, side_b = round(REFINE_PX * a.stretch), round(REFINE_PX * b.stretch)
    grey_a, grey_b = a.grey(side_a), b.grey(side_b)
    # OpenCV counts pixels from the middle of the first one.
    scale_a, scale_b = (
        np.array([[side, 0, -0.5], [0, side, -0.5], [0, 0, 1.0]]) for side in (side_a, side_b)
    )
    pixels = scale_b @ matrix @ np.linalg.inv(scale_a)
    start = np.linalg.inv(pixels)[:2].astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 25, 1e-3)
    before = _correlation(grey_a, grey_b, start)
    try:
        _, warp = cv2.findTransformECC(
            grey_b, grey_a, start.copy(), cv2.MOTION_AFFINE, criteria, None, 5
        )
    except cv2.error:  # it says so when it does not converge
        return matrix
    inverse = np.vstack([warp.astype(np.float64), [0, 0, 1]])
    if abs(np.linalg.det(inverse)) < 1e-4 or np.abs(warp - start)[:, 2].max() > 0.15 * REFINE_PX:
        return matrix
    if 1 - _correlation(grey_a, grey_b, warp) > CLEARLY_BETTER * (1 - before):
        return matrix
    return np.asarray(np.linalg.inv(scale_b) @ np.linalg.inv(inverse) @ scale_a)


def _correlation(
    grey_a: NDArray[np.float32], grey_b: NDArray[np.float32], inverse: NDArray[np.float32]
) -> float:
    """Return how two pictures correlate where the first covers the second; ``inverse`` is b to a."""
    size = grey_b.shape[::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(grey_a, inverse, size, flags=flags)
    inside = cv2.warpAffine(np.ones_like(grey_a), inverse, size, flags=flags) > 0.99
    if int(inside.sum()) < 100:
        return 0.0
    a, b = drawn[inside] - drawn[inside].mean(), grey_b[inside] - grey_b[inside].mean()
    return float(a @ b) / max(float(np.sqrt((a @ a) * (b @ b))), 1e-3)
