"""Edits that move pixels: scale, stretch, crop, turn, flip, tilt."""

import math

import numpy as np

from dupfind.photos.edits.step import (
    Box,
    Matrix,
    Pixels,
    Step,
    corners,
    moving,
    project,
    resized,
    scaling,
    warped,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
SMALLEST_PX = 1


def resize(pixels: Pixels, rng: np.random.Generator, *, low: float, high: float) -> Step:
    """Scale both sides by a factor from ``low`` to ``high``."""
    factor = float(rng.uniform(low, high))
    return resize_to(pixels, factor, factor)


def thumbnail(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Shrink to a longer side of 96 to 192 px."""
    factor = min(1.0, float(rng.uniform(96, 192)) / max(pixels.shape[:2]))
    return resize_to(pixels, factor, factor)


def stretch(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Scale one side only, by 0.7 to 0.9 or 1.1 to 1.35."""
    factor = float(rng.uniform(0.7, 0.9) if rng.random() < 0.5 else rng.uniform(1.1, 1.35))
    return resize_to(pixels, *((factor, 1.0) if rng.random() < 0.5 else (1.0, factor)))


def squeeze(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Scale one side only, to 0.45 to 0.65 of it: much further than ``stretch``."""
    factor = float(rng.uniform(0.45, 0.65))
    return resize_to(pixels, *((factor, 1.0) if rng.random() < 0.5 else (1.0, factor)))


def resize_to(pixels: Pixels, x: float, y: float) -> Step:
    """Scale the width by ``x`` and the height by ``y``."""
    height, width = pixels.shape[:2]
    new_width, new_height = max(SMALLEST_PX, round(width * x)), max(SMALLEST_PX, round(height * y))
    matrix = scaling(new_width / width, new_height / height)
    return Step(resized(pixels, new_width, new_height), matrix)


def crop(pixels: Pixels, rng: np.random.Generator, *, low: float, high: float) -> Step:
    """Keep a share of the area from ``low`` to ``high``, at any place, the sides a little uneven."""
    share = float(rng.uniform(low, high))
    wide = min(1.0, max(share, math.sqrt(share) * float(np.exp(rng.uniform(-0.25, 0.25)))))
    return _crop_at(pixels, wide, share / wide, rng.random(), rng.random())


def crop_centre(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Keep the middle, 45 to 85% of the area."""
    side = math.sqrt(float(rng.uniform(0.45, 0.85)))
    return _crop_at(pixels, side, side, 0.5, 0.5)


def crop_corner(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Keep one corner, 45 to 85% of the area."""
    side = math.sqrt(float(rng.uniform(0.45, 0.85)))
    return _crop_at(pixels, side, side, int(rng.integers(2)), int(rng.integers(2)))


def crop_side(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Cut 10 to 35% off one side."""
    keep, end = float(rng.uniform(0.65, 0.9)), int(rng.integers(2))
    if rng.random() < 0.5:
        return _crop_at(pixels, keep, 1.0, end, 0.0)
    return _crop_at(pixels, 1.0, keep, 0.0, end)


def crop_aspect(pixels: Pixels, rng: np.random.Generator, *, aspect: float) -> Step:
    """Cut to width : height = ``aspect``, as apps do; anywhere near the middle."""
    height, width = pixels.shape[:2]
    ratio = aspect * height / width
    place = float(rng.uniform(0.3, 0.7))
    return _crop_at(pixels, min(1.0, ratio), min(1.0, 1 / ratio), place, place)


def turn(pixels: Pixels, rng: np.random.Generator, *, quarters: int) -> Step:
    """Turn clockwise by quarters of a circle."""
    height, width = pixels.shape[:2]
    turned = np.ascontiguousarray(np.rot90(pixels, -quarters))
    matrix = np.eye(3)
    for _ in range(quarters):
        matrix = np.array([[0.0, -1.0, height], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) @ matrix
        height, width = width, height
    return Step(turned, matrix)


def flip(pixels: Pixels, rng: np.random.Generator, *, upside_down: bool = False) -> Step:
    """Mirror left to right, or top to bottom."""
    height, width = pixels.shape[:2]
    if upside_down:
        return Step(np.ascontiguousarray(pixels[::-1]), moving(0, height) @ scaling(1, -1))
    return Step(np.ascontiguousarray(pixels[:, ::-1]), moving(width, 0) @ scaling(-1, 1))


def tilt(
    pixels: Pixels,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    fill: tuple[int, int, int] = BLACK,
) -> Step:
    """Turn by ``low`` to ``high`` degrees either way; all stays visible, the corners are filled."""
    degrees = float(rng.uniform(low, high) * rng.choice([-1, 1]))
    height, width = pixels.shape[:2]
    return _whole(pixels, _about_centre(width, height, _turning(degrees)), fill)


def tilt_cropped(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Turn by 1 to 15 degrees and cut the largest rectangle of the same shape without corners."""
    degrees = float(rng.uniform(1, 15) * rng.choice([-1, 1]))
    height, width = pixels.shape[:2]
    sine, cosine = abs(math.sin(math.radians(degrees))), math.cos(math.radians(degrees))
    keep = 1 / (cosine + sine * max(width / height, height / width))
    size = max(SMALLEST_PX, int(width * keep)), max(SMALLEST_PX, int(height * keep))
    matrix = moving((size[0] - width) / 2, (size[1] - height) / 2)
    matrix = matrix @ _about_centre(width, height, _turning(degrees))
    return Step(warped(pixels, matrix, size, BLACK), matrix)


def shear(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Slant sideways or upwards by up to 0.25, corners filled."""
    slant = float(rng.uniform(0.08, 0.25) * rng.choice([-1, 1]))
    matrix = np.eye(3)
    matrix[(0, 1) if rng.random() < 0.5 else (1, 0)] = slant
    return _whole(pixels, matrix, BLACK if rng.random() < 0.5 else WHITE)


def affine(pixels: Pixels, rng: np.random.Generator) -> Step:
    """Turn, slant and stretch a little, all at once."""
    height, width = pixels.shape[:2]
    matrix = _turning(float(rng.uniform(-12, 12))) @ scaling(
        float(rng.uniform(0.85, 1.15)), float(rng.uniform(0.85, 1.15))
    )
    matrix[0, 1] += float(rng.uniform(-0.12, 0.12))
    return _whole(pixels, _about_centre(width, height, matrix), BLACK)


def perspective(pixels: Pixels, rng: np.random.Generator, *, strength: float = 0.15) -> Step:
    """Move each corner inwards by up to ``strength`` of the sides, as seen from aside."""
    height, width = pixels.shape[:2]
    start = corners((0, 0, width, height))
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    shift = rng.uniform(0.1, 1.0, (4, 2)) * strength * np.array([width, height])
    matrix = homography(start, start + inwards * shift)
    fill = BLACK if rng.random() < 0.5 else WHITE
    return Step(warped(pixels, matrix, (width, height), fill), matrix)


def homography(start: Matrix, end: Matrix) -> Matrix:
    """Return the 3 x 3 matrix that takes four points (4, 2) to four others."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(start.tolist(), end.tolist(), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solved = np.linalg.solve(np.array(rows), end.ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def cropped_to(pixels: Pixels, box: Box) -> Step:
    """Cut (x0, y0, x1, y1), in pixels, out of a picture."""
    height, width = pixels.shape[:2]
    x0 = min(max(0, round(box[0])), max(0, width - SMALLEST_PX))
    y0 = min(max(0, round(box[1])), max(0, height - SMALLEST_PX))
    x1, y1 = max(x0 + SMALLEST_PX, round(box[2])), max(y0 + SMALLEST_PX, round(box[3]))
    return Step(pixels[y0:y1, x0:x1].copy(), moving(-x0, -y0))


def _crop_at(pixels: Pixels, wide: float, high: float, right: float, down: float) -> Step:
    """Keep shares of the two sides; ``right`` and ``down`` in [0, 1] say where."""
    height, width = pixels.shape[:2]
    x0, y0 = right * (1 - wide) * width, down * (1 - high) * height
    return cropped_to(pixels, (x0, y0, x0 + wide * width, y0 + high * height))


def _turning(degrees: float) -> Matrix:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _about_centre(width: float, height: float, matrix: Matrix) -> Matrix:
    return moving(width / 2, height / 2) @ matrix @ moving(-width / 2, -height / 2)


def _whole(pixels: Pixels, matrix: Matrix, fill: tuple[int, int, int]) -> Step:
    """Draw through ``matrix`` onto a picture just large enough to show all."""
    height, width = pixels.shape[:2]
    moved = project(matrix, corners((0, 0, width, height)))
    low, high = moved.min(axis=0), moved.max(axis=0)
    size = math.ceil(high[0] - low[0]), math.ceil(high[1] - low[1])
    matrix = moving(-low[0], -low[1]) @ matrix
    return Step(warped(pixels, matrix, size, fill), matrix)
