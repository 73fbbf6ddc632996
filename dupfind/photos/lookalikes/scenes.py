"""The same scene again: things moved, replaced or turned, another viewpoint, the next frame.

Each function fixes a scene of a given picture; the scene then gives other pictures of it. They
return None, here or there, where a picture has nothing to change.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from dupfind.photos.edits import geometry
from dupfind.photos.edits.composite import covered
from dupfind.photos.edits.step import Matrix, Pixels, corners, resized, warped
from dupfind.photos.lookalikes.kind import Plane, Scene, relit, seen_difference
from dupfind.photos.lookalikes.things import (
    colour_areas,
    drift,
    laid,
    soft_noise,
    thing,
    without,
)

SMALLEST_PX = 48

Change = Callable[[Pixels, np.random.Generator], Pixels]


def moved_thing(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """One or two things stand elsewhere, 5 to 20% of the side away."""

    def change(shown: Pixels, content: np.random.Generator) -> Pixels:
        mask = thing(shown, content, 0.01, 0.12)
        ground = without(shown, mask)
        return laid(ground, shown, mask, move_px=drift(content, shown, 0.05, 0.2))

    return _changed(pixels, change, most=2)


def turned_thing(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]
) -> Scene | None:
    """A thing is turned or mirrored where it stands."""

    def change(shown: Pixels, content: np.random.Generator) -> Pixels:
        mask = thing(shown, content, 0.02, 0.15)
        mirrored = bool(content.random() < 0.4)
        degrees = 0.0 if mirrored else float(content.uniform(20, 340))
        return laid(without(shown, mask), shown, mask, degrees=degrees, mirrored=mirrored)

    return _changed(pixels, change, most=2)


def replaced_thing(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]
) -> Scene | None:
    """Another thing stands in the place of one: a piece of another picture, cut to its shape."""

    def change(shown: Pixels, content: np.random.Generator) -> Pixels:
        height, width = shown.shape[:2]
        mask = thing(shown, content, 0.015, 0.15)
        other = covered(_one(others, shown, content), width, height).pixels
        scale = float(content.uniform(0.8, 1.2))
        return laid(without(shown, mask), other, mask, scale=scale)

    return _changed(pixels, change, most=2)


def other_print(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """The same thing with another print: a patch in its middle shows something else."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        return None
    wide, high = (max(8, round(float(rng.uniform(0.12, 0.35)) * side)) for side in (width, height))
    middle = rng.uniform(0.35, 0.6, 2) * (height, width)
    y0, x0 = (int(max(0, at - side // 2)) for at, side in zip(middle, (high, wide), strict=True))
    soaked = float(rng.uniform(0.75, 1.0))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        shown = pixels.astype(np.float32)
        patch = covered(_one(others, pixels, content), wide, high).pixels
        light = ndimage.gaussian_filter(shown[y0 : y0 + high, x0 : x0 + wide], (5, 5, 0)) / 160
        printed = patch[: shown.shape[0] - y0, : shown.shape[1] - x0] * light.clip(0.5, 1.3)
        below = shown[y0 : y0 + high, x0 : x0 + wide]
        shown[y0 : y0 + high, x0 : x0 + wide] = below * (1 - soaked) + printed * soaked
        return shown.clip(0, 255).astype(np.uint8)

    return shoot


def part_changed(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]
) -> Scene | None:
    """A small part of it has another form: eyes shut, a mouth open, a leaf bent."""

    def change(shown: Pixels, content: np.random.Generator) -> Pixels:
        height, width = shown.shape[:2]
        reach = content.uniform(0.04, 0.11, 2) * min(height, width)
        y0, x0 = content.uniform(0.2, 0.8, 2) * (height, width)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        away = np.hypot((y - y0) / reach[0], (x - x0) / reach[1])
        weight = np.clip(1.5 - away, 0, 1) ** 0.5
        # Squeezed or spread about its middle line, and bent a little to one side.
        squeeze = float(content.choice([content.uniform(0.9, 2.5), content.uniform(-0.8, -0.5)]))
        bend = float(content.uniform(-0.5, 0.5)) * reach[1]
        return sampled(shown, x + weight * bend, y + weight * (y - y0) * squeeze)

    return _changed(pixels, change, most=2)


def near_view(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """Another viewpoint nearby: near things move by 1 to 3% of the side against far ones."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        return None
    depth = _depth(pixels, rng)
    still = Image.fromarray(depth).resize((width, height), Image.Resampling.BILINEAR)
    depth = np.asarray(still, np.float32)

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        x, y = drift(content, pixels, 0.02, 0.06)
        shift = content.uniform(-0.02, 0.02, (4, 2)) * (width, height)
        seen = _seen_from(pixels, depth, (x, y), shift)
        flat = _seen_from(pixels, np.zeros_like(depth), (x, y), shift)
        if not seen_difference(seen, flat):
            return None
        edge_y, edge_x = height * 3 // 100, width * 3 // 100
        cut = seen[edge_y : height - edge_y, edge_x : width - edge_x]
        return relit(cut, content, light=0.03, noise=2.5)

    return shoot


def next_frame(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """The next frame or the next shot of a burst: a few things moved, other light, other noise."""

    def change(shown: Pixels, content: np.random.Generator) -> Pixels:
        mask = thing(shown, content, 0.006, 0.08)
        move = drift(content, shown, 0.015, 0.08)
        degrees = float(content.normal(0, 8))
        return laid(without(shown, mask), shown, mask, move_px=move, degrees=degrees)

    still = _changed(pixels, change, most=4, least=2)
    if still is None:
        return None

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        shown = still(content, number)
        if shown is None:
            return None
        y, x = (int(value) for value in content.integers(0, 3, 2))
        return relit(shown[y : -3 + y, x : -3 + x], content, light=0.06, noise=5)

    return shoot


def fixed_camera(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]
) -> Scene | None:
    """One place, another visitor each time: 2 to 8% of the picture is what came by."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        return None

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        shown = pixels
        for _ in range(1 + int(content.random() < 0.25)):
            other = covered(_one(others, pixels[:, ::-1], content), width, height).pixels
            mask = thing(other, content, 0.03, 0.2)
            y, x = ndimage.center_of_mass(mask)
            to_y, to_x = content.uniform((0.3, 0.1), (0.85, 0.9)) * (height, width)
            size = float(content.uniform(0.55, 0.9))
            mirrored = bool(content.random() < 0.5)
            move = float(to_x - x), float(to_y - y)
            shown = laid(shown, other, mask, move_px=move, scale=size, mirrored=mirrored)
        return relit(shown, content, light=0.05, noise=4)

    return shoot


def pan(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """Up to three shots along a scene, each sharing a quarter to a half with the next one."""
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * SMALLEST_PX:
        return None
    along = int(width >= height)
    share = float(rng.uniform(0.4, 0.5))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        side = pixels.shape[along]
        start = round(number % 3 * (1 - share) / 2 * side)
        shown = np.take(pixels, range(start, start + round(share * side)), axis=along)
        high, wide = shown.shape[:2]
        box = corners((0, 0, wide, high))
        ends = box + content.uniform(-0.06, 0.06, (4, 2)) * (wide, high)
        matrix = geometry.homography(box, ends)
        turned = warped(shown, matrix, (wide, high), (0, 0, 0))
        cut = turned[high * 6 // 100 : high * 94 // 100, wide * 6 // 100 : wide * 94 // 100]
        return relit(cut, content, light=0.08, noise=4)

    return shoot


def repeated(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """Rows of nearly equal things (fruit, cartons, windows): others of their kind, moved on."""
    rows, columns = (int(value) for value in rng.integers(2, 6, 2))
    height, width = pixels.shape[:2]
    if min(height, width) < 2 * SMALLEST_PX:
        return None
    side = max(40, min(height, width) * 3 // 2 // max(rows, columns))
    things = [covered(picture, side, side).pixels for picture in (pixels, *others[:2])]
    mixture = rng.dirichlet(np.ones(len(things)))

    def shoot(content: np.random.Generator, number: int) -> Pixels:
        canvas = np.zeros(((rows + 1) * side, (columns + 1) * side, 3), np.uint8)
        for y in range(0, canvas.shape[0], side):
            for x in range(0, canvas.shape[1], side):
                chosen = things[int(content.choice(len(things), p=mixture))]
                canvas[y : y + side, x : x + side] = _one_more(chosen, content)
        y, x = (int(value) for value in content.integers(0, side, 2))
        shown = canvas[y : y + rows * side, x : x + columns * side]
        return relit(shown, content, light=0.05, noise=3)

    return shoot


def sampled(pixels: Pixels, x: Plane, y: Plane) -> Pixels:
    """Return the colours of a picture at (x, y), between its pixels; its edge goes on outside."""
    at = np.stack([y, x])
    planes = [
        ndimage.map_coordinates(pixels[..., channel], at, order=1, mode="nearest")
        for channel in range(3)
    ]
    return np.stack(planes, axis=2).astype(np.uint8)


def _changed(pixels: Pixels, change: Change, *, most: int, least: int = 1) -> Scene | None:
    """Make a scene of a change that is done ``least`` to ``most`` times and must be seen."""
    if min(pixels.shape[:2]) < SMALLEST_PX:
        return None

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        shown = pixels
        for _ in range(int(content.integers(least, most + 1))):
            shown = change(shown, content)
        return shown if seen_difference(shown, pixels) else None

    return shoot


def _one(others: Sequence[Pixels], instead: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a part of one of the other pictures, or of the one to take where there is none."""
    chosen = others[int(rng.integers(len(others)))] if others else instead
    return geometry.crop(chosen, rng, low=0.3, high=0.9).pixels


def _depth(pixels: Pixels, rng: np.random.Generator) -> Plane:
    """Invent how near each part of a shrunk picture is: areas of one colour stand as one plane."""
    classes = colour_areas(pixels)
    planes = rng.uniform(-1, 1, int(classes.max()) + 1).astype(np.float32)[classes.astype(np.int64)]
    height, width = classes.shape
    hills = soft_noise(rng, height, width, int(rng.integers(2, 5)))
    floor = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * float(rng.uniform(0, 1))
    depth = planes * float(rng.uniform(0.4, 1)) + hills * 0.6 + floor
    shared: Plane = (depth / max(float(np.abs(depth).max()), 1e-6)).astype(np.float32)
    return shared


def _seen_from(pixels: Pixels, depth: Plane, place: tuple[float, float], shift: Matrix) -> Pixels:
    """Draw a picture as seen from a moved ``place`` (x, y; in pixels), through shifted corners."""
    height, width = pixels.shape[:2]
    box = corners((0, 0, width, height))
    a, b, c, d, e, f, g, h, _ = geometry.homography(box, box + shift).ravel().astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    below = g * x + h * y + 1
    from_x, from_y = (a * x + b * y + c) / below, (d * x + e * y + f) / below
    return sampled(pixels, from_x + depth * place[0] / 2, from_y + depth * place[1] / 2)


def _one_more(tile: Pixels, rng: np.random.Generator) -> Pixels:
    """Return another thing of a kind: turned and grown a little, with other tones."""
    side = tile.shape[0]
    large = resized(tile, *(int(side * value) for value in rng.uniform(1.15, 1.4, 2)))
    y, x = (int(rng.integers(0, size - side)) for size in large.shape[:2])
    shown = Image.fromarray(large[y : y + side, x : x + side])
    if rng.random() < 0.5:
        shown = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = shown.rotate(float(rng.normal(0, 6)), Image.Resampling.BILINEAR)
    return relit(np.asarray(turned), rng, light=0.12, noise=2)
