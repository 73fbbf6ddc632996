"""Say how much two photos show of each other by way of a third, and how much of that the third shows.

In:  what leads from the third photo to both. Out: shares. No disk, database or model.

Two crops of one picture are copies where a third crop, a sure copy of both, shows all that they share. The
heads of two invoices do not show the rest of the pages.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import Box
from dupfind.matching.extent import CORNERS, project, whole_turn

Matrix = NDArray[np.float64]
Quad = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shared:
    """What photos a and b share, by way of a third one.

    Attributes:
        matrix: (3, 3) from shares of a's sides to those of b's.
        share_a, share_b: How much of each photo the other shows.
        box_a, box_b: Where that lies: left, top, right, bottom as shares.
        shown: How much of it the third photo shows.
    """

    matrix: Matrix
    share_a: float
    share_b: float
    box_a: Box
    box_b: Box
    shown: float


def share_through(to_a: Matrix, to_b: Matrix) -> Shared | None:
    """Return what two photos share, given what leads from shares of a third to theirs; None if nothing."""
    to_a, to_b = snapped(to_a), snapped(to_b)
    matrix = to_b @ np.linalg.inv(to_a)
    back = np.asarray(np.linalg.inv(matrix), np.float64)
    whole = _hull(CORNERS)
    a_in_b, b_in_a = _hull(project(matrix, CORNERS)), _hull(project(back, CORNERS))
    in_b, in_a = _common(a_in_b, whole), _common(b_in_a, whole)
    if in_a is None or in_b is None:
        return None
    by_third = _common(in_b, _hull(project(to_b, CORNERS)))
    shown = 0.0 if by_third is None else _area(by_third) / _area(in_b)
    return Shared(matrix / matrix[2, 2], _area(in_a), _area(in_b), _box(in_a), _box(in_b), shown)


def snapped(matrix: Matrix) -> Matrix:
    """Return the exact turn where each of two photos is all of the other: no error is handed on then."""
    turn = whole_turn(project(matrix, CORNERS))
    return matrix if turn is None else turn


def _hull(points: NDArray[np.float64]) -> Quad:
    return np.asarray(cv2.convexHull(points.astype(np.float32)), np.float32).reshape(-1, 2)


def _common(one: Quad, other: Quad) -> Quad | None:
    area, common = cv2.intersectConvexConvex(one, other)
    return None if area <= 1e-6 or common is None else _hull(common.reshape(-1, 2))


def _area(quad: Quad) -> float:
    return float(cv2.contourArea(quad))


def _box(quad: Quad) -> Box:
    (left, top), (right, bottom) = np.clip((quad.min(axis=0), quad.max(axis=0)), 0, 1).tolist()
    return left, top, right, bottom
