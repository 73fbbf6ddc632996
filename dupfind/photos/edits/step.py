"""The parts that every edit is made of: an edit, its result, and where the original ended up.

All coordinates are continuous pixels with (0, 0) at the upper left corner of the upper left
pixel; a ``matrix`` is 3 x 3 and takes homogeneous (x, y, 1) of the original to the edited picture.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.records import Relation

Pixels = NDArray[np.uint8]
Matrix = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Step:
    """What one edit made of a picture.

    ``pixels`` are uint8 (height, width, 3); ``matrix`` takes the original's pixels there;
    ``window`` (x0, y0, x1, y1) is the part of the edited picture in which the original can be
    seen, None for all of it; ``details`` are the strengths that were drawn.
    """

    pixels: Pixels
    matrix: Matrix = field(default_factory=lambda: np.eye(3))
    window: Box | None = None
    details: dict[str, Any] = field(default_factory=dict)


Apply = Callable[[Pixels, np.random.Generator, Sequence[Pixels]], Step]


@dataclass(frozen=True, slots=True)
class Edit:
    """One kind of alteration: its name, the relation it leads to, and what does it.

    ``others`` is how many further pictures it puts beside or behind the original.
    """

    name: str
    relation: Relation
    apply: Apply
    others: int = 0


@dataclass(frozen=True, slots=True)
class EditedPicture:
    """An altered copy, with the truth about it.

    ``parameters`` is JSON-ready: ``matrix`` (3 x 3 rows, original pixels to edited pixels),
    ``scale`` (edited pixels for one of the original), ``degrees`` (clockwise, in (-180, 180]),
    ``mirrored``, ``box`` (x0, y0, x1, y1 of the original that is still there, as shares of its
    sides), ``share`` (of the original's area that is still there), ``area`` (share of the edited
    picture that the original takes up), and the strengths that were drawn.
    """

    pixels: Pixels
    name: str
    relation: Relation
    parameters: dict[str, Any]


def alone(edit: Callable[..., Step], **strengths: Any) -> Apply:
    """Make an ``Apply`` of a function (pixels, rng, **strengths) that needs no other picture."""

    def apply(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
        return edit(pixels, rng, **strengths)

    return apply


def chain(*edits: Apply) -> Apply:
    """Make one ``Apply`` of several, done in turn."""

    def apply(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Step:
        result = Step(pixels)
        for edit in edits:
            result = _joined(result, edit(result.pixels, rng, others))
        return result

    return apply


def truth_of(original: Pixels, step: Step) -> dict[str, Any]:
    """Work out what an edit did from its matrix and window (see ``EditedPicture``)."""
    height, width = original.shape[:2]
    new_height, new_width = step.pixels.shape[:2]
    window = step.window or (0.0, 0.0, float(new_width), float(new_height))
    seen = clipped(project(inverse(step.matrix), corners(window)), width, height)
    linear = _linear_part(step.matrix, width / 2, height / 2)
    determinant = float(np.linalg.det(linear))
    # Of a mirrored picture the turn is the one that remains after flipping it left to right.
    upright = linear @ np.diag([-1.0, 1.0]) if determinant < 0 else linear
    shares = seen / np.array([width, height])
    area = polygon_area(project(step.matrix, seen)) / (new_width * new_height)
    return {
        "matrix": step.matrix.tolist(),
        "scale": math.sqrt(abs(determinant)),
        "degrees": math.degrees(math.atan2(upright[1, 0], upright[0, 0])),
        "mirrored": determinant < 0,
        "box": [*shares.min(axis=0).tolist(), *shares.max(axis=0).tolist()],
        "share": min(1.0, polygon_area(seen) / (width * height)),
        "area": min(1.0, area),
        **step.details,
    }


def scaling(x: float, y: float) -> Matrix:
    """Return the matrix that scales by x and y."""
    return np.diag([x, y, 1.0])


def moving(x: float, y: float) -> Matrix:
    """Return the matrix that moves by (x, y) pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def inverse(matrix: Matrix) -> Matrix:
    """Return the matrix that leads back."""
    return np.linalg.inv(matrix).astype(np.float64)


def project(matrix: Matrix, points: Matrix) -> Matrix:
    """Take points (n, 2) through a 3 x 3 matrix."""
    homogeneous = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    projected: Matrix = homogeneous[:, :2] / homogeneous[:, 2:]
    return projected


def corners(box: Box) -> Matrix:
    """Return the corners (4, 2) of (x0, y0, x1, y1), clockwise."""
    x0, y0, x1, y1 = box
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)


def clipped(polygon: Matrix, width: float, height: float) -> Matrix:
    """Return the part of a convex polygon (n, 2) inside (0, 0, width, height).

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", 1974.
    """
    for axis, sign, limit in ((0, 1, 0.0), (0, -1, -width), (1, 1, 0.0), (1, -1, -height)):
        kept: list[Matrix] = []
        inside = sign * polygon[:, axis] - limit
        for index in range(len(polygon)):
            before, here = inside[index - 1], inside[index]
            if (before < 0) != (here < 0):
                part = before / (before - here)
                kept.append(polygon[index - 1] + part * (polygon[index] - polygon[index - 1]))
            if here >= 0:
                kept.append(polygon[index])
        if not kept:
            return np.zeros((1, 2))
        polygon = np.array(kept)
    return polygon


def polygon_area(polygon: Matrix) -> float:
    """Return the area of a polygon (n, 2)."""
    x, y = polygon[:, 0], polygon[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Scale pixels to (height, width, 3)."""
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def warped(pixels: Pixels, matrix: Matrix, size: tuple[int, int], fill: tuple[int, ...]) -> Pixels:
    """Draw pixels through ``matrix`` onto a new picture of (width, height) filled with ``fill``."""
    back = np.linalg.inv(matrix)
    back /= back[2, 2]
    image = Image.fromarray(pixels).transform(
        size,
        Image.Transform.PERSPECTIVE,
        back.ravel()[:8].tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=fill,
    )
    return np.asarray(image)


def _joined(first: Step, second: Step) -> Step:
    """Put two steps one after the other."""
    window = second.window
    if first.window is not None:
        height, width = second.pixels.shape[:2]
        points = clipped(project(second.matrix, corners(first.window)), width, height)
        low, high = points.min(axis=0), points.max(axis=0)
        seen = second.window or (0.0, 0.0, float(width), float(height))
        window = (
            max(float(low[0]), seen[0]),
            max(float(low[1]), seen[1]),
            min(float(high[0]), seen[2]),
            min(float(high[1]), seen[3]),
        )
    details = {**first.details, **second.details}
    return Step(second.pixels, second.matrix @ first.matrix, window, details)


def _linear_part(matrix: Matrix, x: float, y: float) -> Matrix:
    """Return the 2 x 2 derivative of a projection at (x, y)."""
    middle = matrix @ np.array([x, y, 1.0])
    derivative: Matrix = (
        matrix[:2, :2] * middle[2] - np.outer(middle[:2], matrix[2, :2])
    ) / middle[2] ** 2
    return derivative
