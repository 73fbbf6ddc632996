"""Find how one photo lies in another: matched keypoints, then the transform that most agree on.

In:  local features of two photos. Out: an ``Alignment`` or None.

A SIFT keypoint has a place, a size and a direction, so each single match already proposes a whole
similarity transform (Lowe 2004): every proposal is tried, which is exact and repeatable where RANSAC
draws at random. The best one is refined to an affine map and, where the data allow, a homography.
"""

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.features import LocalFeatures

RATIO = 0.85  # of the nearest to the second nearest distance (Lowe's test)
MAX_PROPOSALS = 120
# Tolerances as fractions of ``features.WORKING_PX``.
LOOSE = 0.04  # of a proposal: sizes and angles are rough
TIGHT = 0.0085  # of the refined transform: 3.4 px of 400
MIN_INLIERS = 5
MIN_FOR_HOMOGRAPHY = 16


@dataclass(frozen=True)
class Alignment:
    """Where photo a lies in photo b.

    Attributes:
        matrix: (3, 3) float64: maps points of a to points of b, both as fractions of the long side.
        mirrored: Whether b shows a mirror image of a.
        inliers: Matches that agree with the matrix, each keypoint counted once.
        matches: Matches before the geometric check.
        points_a, points_b: (inliers, 2) float32, the places of the inliers.
    """

    matrix: NDArray[np.float64]
    mirrored: bool
    inliers: int
    matches: int
    points_a: NDArray[np.float32]
    points_b: NDArray[np.float32]


def align(a: LocalFeatures, b: LocalFeatures) -> Alignment | None:
    """Return the alignment of a to b with the most inliers, plain or mirrored; None without one."""
    plain = align_as(a, b, mirrored=False)
    if plain is None:
        return align_as(a, b, mirrored=True)
    return align_as(a, b, mirrored=True, least=plain.inliers + 1) or plain


def align_as(
    a: LocalFeatures, b: LocalFeatures, *, mirrored: bool, least: int = MIN_INLIERS
) -> Alignment | None:
    """Return the best alignment of a to b as a plain or as a mirror image; None below ``least`` inliers."""
    rows_a, rows_b, ratio = match(a, b, mirrored=mirrored)
    if len(rows_a) < least:  # no more of them can agree
        return None
    best = np.argsort(ratio, kind="stable")[:MAX_PROPOSALS]
    places_a, places_b = _places(a), _places(b)
    proposals = _proposals(a, b, rows_a[best], rows_b[best], mirrored=mirrored)
    points_a, points_b = places_a[rows_a], places_b[rows_b]
    matrix = _most_agreed(proposals, points_a, points_b)
    refined = _refine(matrix, points_a, points_b)
    if refined is None:
        return None
    keep = _unique(rows_a, rows_b, _errors(refined, points_a, points_b) < TIGHT)
    if len(keep) < least:
        return None
    rows_a, rows_b = rows_a[keep], rows_b[keep]
    whole = (
        np.diag([1 / b.stretch, 1 / b.stretch, 1]) @ refined @ np.diag([a.stretch, a.stretch, 1])
    )
    return Alignment(whole, mirrored, len(keep), len(points_a), a.points[rows_a], b.points[rows_b])


def _places(photo: LocalFeatures) -> NDArray[np.float32]:
    """Return the places of the keypoints in units of ``WORKING_PX``: the tolerances are pixels of it."""
    return photo.points * np.float32(photo.stretch)


def match(
    a: LocalFeatures, b: LocalFeatures, *, mirrored: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Match keypoints of a to their nearest in b and keep the distinctive ones (ratio test).

    Returns:
        Rows of a, rows of b, and the ratio of the two nearest distances; each of shape (matches,).
    """
    empty = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32)
    if len(a) < 2 or len(b) < 2:
        return empty
    similarity = (a.mirrored_root if mirrored else a.root) @ b.root.T
    ratio_ba, nearest_a = _ratio(np.ascontiguousarray(similarity.T))
    ratio_ab, nearest_b = _ratio(similarity)
    # Both directions count: a small part seen large has its keypoints once among many.
    rows_a = np.flatnonzero(ratio_ab < RATIO)
    rows_b = np.flatnonzero(ratio_ba < RATIO)
    both_a = np.concatenate([rows_a, nearest_a[rows_b]])
    both_b = np.concatenate([nearest_b[rows_a], rows_b])
    ratios = np.concatenate([ratio_ab[rows_a], ratio_ba[rows_b]])
    pairs, first = np.unique(both_a * len(b) + both_b, return_index=True)
    return pairs // len(b), pairs % len(b), ratios[first]


def transform(matrix: NDArray[np.float64], points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Map (n, 2) points by a (3, 3) homography."""
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    depth = mapped[:, 2:]
    return np.asarray(mapped[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth))


def _ratio(similarity: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return nearest by second nearest distance, and the nearest, of each row; overwrites the table."""
    nearest = similarity.argmax(axis=1)
    rows = np.arange(len(similarity))
    first = similarity[rows, nearest]
    similarity[rows, nearest] = -1
    second = similarity.max(axis=1)
    # Unit vectors: squared distance is 2 - 2 * similarity.
    ratio = np.sqrt(np.maximum(1 - first, 1e-6) / np.maximum(1 - second, 1e-6))
    return ratio, nearest


def _proposals(
    a: LocalFeatures,
    b: LocalFeatures,
    rows_a: NDArray[np.intp],
    rows_b: NDArray[np.intp],
    *,
    mirrored: bool,
) -> NDArray[np.float64]:
    """Return one similarity transform for each match, (matches, 2, 3)."""
    sign = -1.0 if mirrored else 1.0
    sizes_a, sizes_b = a.sizes[rows_a] * a.stretch, b.sizes[rows_b] * b.stretch
    scale = sizes_b / np.maximum(sizes_a, 1e-6)
    angle = np.deg2rad(b.angles[rows_b] - sign * a.angles[rows_a])
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # A mirror image is a reflection of y followed by a turn: directions change their sign first.
    linear = np.stack([np.stack([cos, -sin * sign], -1), np.stack([sin, cos * sign], -1)], -2)
    moved = np.einsum("nij,nj->ni", linear, _places(a)[rows_a])
    return np.concatenate([linear, (_places(b)[rows_b] - moved)[..., None]], axis=-1)


def _most_agreed(
    proposals: NDArray[np.float64], points_a: NDArray[np.float32], points_b: NDArray[np.float32]
) -> NDArray[np.float64]:
    maps = proposals.astype(np.float32)
    points = np.vstack([points_a.T, np.ones(len(points_a), np.float32)])
    # (matches, matches) for each axis, by plain matrix products: this is where much of the time goes.
    squared = (maps[:, 0] @ points - points_b[:, 0]) ** 2
    squared += (maps[:, 1] @ points - points_b[:, 1]) ** 2
    # A match that lies closer says more: 1 at no distance, 0 at the tolerance.
    support = np.maximum(1 - squared / np.float32(LOOSE**2), 0).sum(axis=1)
    return np.vstack([proposals[int(support.argmax())], [0.0, 0.0, 1.0]])


def _refine(
    matrix: NDArray[np.float64], points_a: NDArray[np.float32], points_b: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    """Fit an affine map, then a homography, to the matches within a tolerance that tightens."""
    best: NDArray[np.float64] | None = None
    for tolerance in (LOOSE, 0.02, 0.012, TIGHT):
        inside = _errors(matrix, points_a, points_b) < tolerance
        if inside.sum() < MIN_INLIERS:
            break
        fitted = _affine(points_a[inside], points_b[inside])
        if fitted is None:
            break
        matrix = best = fitted
    if best is None:
        return None
    return _with_perspective(best, points_a, points_b)


def _affine(
    points_a: NDArray[np.float32], points_b: NDArray[np.float32]
) -> NDArray[np.float64] | None:
    design = np.column_stack([points_a, np.ones(len(points_a))]).astype(np.float64)
    normal = design.T @ design
    if np.linalg.cond(normal) > 1e9:
        return None
    solution = np.linalg.solve(normal, design.T @ points_b)
    most, least = _stretch(solution[:2])
    # A map that squeezes one direction more than threefold is a fit to chance matches.
    if least < 1e-3 or most / least > 3:
        return None
    return np.vstack([solution.T, [0.0, 0.0, 1.0]])


def _stretch(linear: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return by how much a (2, 2) map stretches at most and at least: its singular values."""
    (a, b), (c, d) = linear.tolist()
    turn, shear = math.hypot(a + d, b - c), math.hypot(a - d, b + c)
    return (turn + shear) / 2, abs(turn - shear) / 2


def _with_perspective(
    affine: NDArray[np.float64], points_a: NDArray[np.float32], points_b: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return a homography where it explains clearly more matches than the affine map."""
    inside = _errors(affine, points_a, points_b) < 0.02
    if inside.sum() < MIN_FOR_HOMOGRAPHY:
        return affine
    matrix, _ = cv2.findHomography(
        points_a[inside].astype(np.float64), points_b[inside].astype(np.float64), cv2.RHO, TIGHT
    )
    if matrix is None or np.abs(matrix[2, :2]).max() > 0.8:
        return affine
    before = int((_errors(affine, points_a, points_b) < TIGHT * 0.6).sum())
    after = int((_errors(matrix, points_a, points_b) < TIGHT * 0.6).sum())
    return np.asarray(matrix, np.float64) if after > 1.1 * before + 2 else affine


def _errors(
    matrix: NDArray[np.float64], points_a: NDArray[np.float32], points_b: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the larger of the distances in a and in b, in fractions of the long side, (n,)."""
    there = np.linalg.norm(transform(matrix, points_a) - points_b, axis=1)
    # Distances in the frame where the overlap is larger: a tiny tile must not accept everything.
    zoom = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    return np.asarray(there * max(1.0, min(1.0 / max(zoom, 1e-3), 3.0)))


def _unique(
    rows_a: NDArray[np.intp], rows_b: NDArray[np.intp], inside: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Keep one match for each keypoint of either photo: repeated patterns count once."""
    rows = np.flatnonzero(inside)
    rows = rows[np.unique(rows_a[rows], return_index=True)[1]]
    return rows[np.unique(rows_b[rows], return_index=True)[1]]
