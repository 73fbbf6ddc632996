"""Tell what two pictures show beyond each other: more of the same picture, or something around it.

In:  two reduced pictures and the matrix between them. Out: ``Extent``. No disk, database or model.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
WHOLE_SHIFT = 0.006  # of a side, that a corner may lie off
NOTHING_MORE = 0.012  # share of a picture
_SEAM, _FAINT_SEAM = 2.6, 1.6
_CALM, _PLAIN = 0.4, 0.1


@dataclass(frozen=True)
class Extent:
    """What each picture shows beyond the other.

    Attributes:
        turn: The exact quarter turn or mirroring between (3 x 3, in shares) where each is all of the
            other; else None.
        outside_a, outside_b: Share of each picture that the other has not.
        around_a, around_b: How sure it is that this is something put around the other, 0 to 1.
        more_a, more_b: How sure it is that this is more of the same picture, 0 to 1.
        seam_a, seam_b: How much harsher the picture changes where the other ends (median of the sides).
        tilted: Whether one is turned by other than quarter turns, or warped.
    """

    turn: NDArray[np.float64] | None
    outside_a: float
    outside_b: float
    around_a: float
    around_b: float
    more_a: float
    more_b: float
    seam_a: float
    seam_b: float
    calm_a: float
    calm_b: float
    tilted: bool


def extent_of(a: NDArray[np.uint8], b: NDArray[np.uint8], matrix: NDArray[np.float64]) -> Extent:
    """Compare what two pictures show; ``matrix`` leads from shares of a to shares of b."""
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    quad_b = project(matrix, CORNERS)  # of a, in b
    quad_a = project(back, CORNERS)
    turn = whole_turn(quad_b)
    tilted = _tilted(quad_b)
    if turn is not None:
        return Extent(turn, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, False)
    outside_a, outside_b = (1 - _inside(quad) for quad in (quad_a, quad_b))
    seam_a, calm_a = seam(a, quad_a)
    seam_b, calm_b = seam(b, quad_b)
    around_a, more_a = _kind(outside_a, seam_a, calm_a, dark=_dark_border(a))
    around_b, more_b = _kind(outside_b, seam_b, calm_b, dark=_dark_border(b))
    return Extent(
        None,
        outside_a,
        outside_b,
        around_a,
        around_b,
        more_a,
        more_b,
        seam_a,
        seam_b,
        calm_a,
        calm_b,
        tilted,
    )


def whole_turn(quad: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the quarter turn or mirroring that takes the corners nearly to the corners; else None."""
    nearest = np.rint(quad)
    if np.abs(quad - nearest).max() > WHOLE_SHIFT or len({tuple(point) for point in nearest}) < 4:
        return None
    if nearest.min() < 0 or nearest.max() > 1:
        return None
    origin = nearest[0]
    matrix = np.eye(3)
    matrix[:2, 0], matrix[:2, 1], matrix[:2, 2] = nearest[1] - origin, nearest[3] - origin, origin
    return matrix


def _kind(outside: float, seam_here: float, calm: float, *, dark: bool) -> tuple[float, float]:
    if outside < NOTHING_MORE:
        return 0.0, 0.0
    sure = min(1.0, outside / 0.04)
    if seam_here > _SEAM or (seam_here > _FAINT_SEAM and calm < _CALM):
        return sure, 0.0
    # Nothing to see on either side of the border: a plain ground that goes on, or a plain frame.
    if calm < _PLAIN:
        return (0.4 * sure, 0.0) if dark else (0.0, 0.15 * sure)
    unsure = float(np.clip((_SEAM - seam_here) / (_SEAM - _FAINT_SEAM), 0.3, 1))
    return 0.0, sure * unsure


def _tilted(quad: NDArray[np.float64]) -> bool:
    sides = np.roll(quad, -1, axis=0) - quad
    smaller = np.abs(sides).min(axis=1) / np.maximum(np.abs(sides).max(axis=1), 1e-6)
    return bool(smaller.max() > 0.025)


def project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    mapped = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    depth = np.where(np.abs(mapped[:, 2:]) < 1e-6, 1e-6, mapped[:, 2:])
    return np.asarray(mapped[:, :2] / depth)


def _inside(quad: NDArray[np.float64]) -> float:
    """Return the share of the unit square within a convex quadrilateral."""
    hull = cv2.convexHull(quad.astype(np.float32))
    area, _ = cv2.intersectConvexConvex(hull, CORNERS.astype(np.float32))
    return float(area)


def seam(picture: NDArray[np.uint8], quad: NDArray[np.float64]) -> tuple[float, float]:
    """Return how much harsher a picture changes along a quadrilateral's sides, and how calm it is outside.

    Returns:
        The step at the border over that beside it (median of the sides inside the picture; about 1 to 1.5
        where the picture goes on), and the change outside over that inside near the border.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    size = np.array(grey.shape[::-1])
    points = quad * size - 0.5
    centre = points.mean(axis=0)
    ratios, calms = [], []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        length = np.hypot(*(end - start))
        if length < 8:
            continue
        normal = np.array([end[1] - start[1], start[0] - end[0]]) / length
        if normal @ (start - centre) < 0:
            normal = -normal
        found = _across(grey, start, end, normal)
        if found is not None:
            ratios.append(found[0])
            calms.append(found[1])
    if not ratios:
        return 0.0, 1.0
    # A line in the picture may lie on one border by chance, hardly on all.
    return sorted(ratios)[(len(ratios) - 1) // 2], float(np.median(calms))


def _across(
    grey: NDArray[np.float32],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
    normal: NDArray[np.float64],
) -> tuple[float, float] | None:
    along = np.linspace(0.04, 0.96, 96)[:, None]
    border = start * (1 - along) + end * along
    reach = np.arange(-12, 13)
    places = (border[None] + reach[:, None, None] * normal).astype(np.float32)
    values = cv2.remap(
        grey,
        places[..., 0],
        places[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=-9999,
    )
    values = np.where(values < -1, np.nan, values)
    steps = np.abs(np.diff(values, axis=0))
    enough = np.isfinite(steps).mean(axis=1) > 0.4
    at = reach[:-1] + 0.5
    near = np.abs(at) <= 4
    if not enough[(at > 0) & (at < 3)].all():
        return None
    means = np.full(len(at), np.nan)
    means[enough] = np.nanmean(steps[enough], axis=1)
    inside, outside = means[(at < -4) & enough], means[(at > 4) & enough]
    if not len(inside):
        return None
    beside = np.concatenate([inside, outside])
    ratio = float(np.nanmax(means[near])) / max(float(np.mean(beside)), 2.0)
    calm = (float(np.mean(outside)) + 0.5) / (float(np.mean(inside)) + 0.5) if len(outside) else 1.0
    return ratio, calm


def _dark_border(picture: NDArray[np.uint8]) -> bool:
    """Say whether most of a picture's border is black."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return float((border.max(axis=1) < 16).mean()) > 0.5
