"""The same page with other words, letters or digits; the same picture with another caption.

Writing is found as small runs of ink, dark on light or light on dark, on plain ground. What is
written anew is taken from the page itself, so that its type, size and colour stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dupfind.photos.edits.drawing import fitted_size_px, pasted, strong_colour, text_image
from dupfind.photos.edits.step import Pixels, resized
from dupfind.photos.lookalikes.kind import Plane, Scene, grey, seen_difference
from dupfind.photos.lookalikes.paper import sentence

INK_LEVELS = 45
FEWEST, MOST = 6, 500
LETTER_PX = (6, 64)


@dataclass(frozen=True, slots=True)
class Writing:
    """The writing on a page: its boxes (n, 4) as y0, x0, y1, x1, and the page without it."""

    boxes: NDArray[np.int64]
    ground: Pixels


def other_words(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """A part of the words (3 to 60 in 100) stand for others: the page's own, elsewhere."""
    return _rewritten(pixels, written(pixels, words=True))


def other_letters(
    pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]
) -> Scene | None:
    """Some letters or digits are others: from three of them to more than half."""
    return _rewritten(pixels, written(pixels, words=False))


def captions(pixels: Pixels, rng: np.random.Generator, others: Sequence[Pixels]) -> Scene | None:
    """One template with another text each time, in the same place and type."""
    height, width = pixels.shape[:2]
    places = rng.permutation([0.03, 0.45, 0.8])[: int(rng.integers(1, 3))]
    colour, outline = strong_colour(rng), bool(rng.random() < 0.7)
    tall = float(rng.uniform(0.07, 0.15)) * height
    upper = bool(rng.random() < 0.5)

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        shown = pixels
        for place in places:
            line = sentence(content, int(content.integers(2, 6)))
            line = line.upper() if upper else line
            size = fitted_size_px(line, width * 0.92, tall)
            layer = text_image(line, size, colour, outline=outline)
            shown = pasted(shown, layer, (width - layer.width) // 2, round(place * height))
        return shown if seen_difference(shown, pixels) else None

    return shoot


def written(pixels: Pixels, *, words: bool) -> Writing | None:
    """Find the words (or the single letters) of a page; None where there is hardly any writing."""
    ink, ground = _ink(pixels)
    boxes = _boxes(ink)
    if words and len(boxes):
        # The space between letters is narrower than this part of their height, that between words wider.
        gap = max(3, round(0.45 * float(np.median(boxes[:, 2] - boxes[:, 0]))))
        boxes = _boxes(ndimage.maximum_filter1d(ink, gap, axis=1))
    if len(boxes) < FEWEST:
        return None
    boxes = boxes[:: 1 + len(boxes) // MOST]
    high, wide = (boxes[:, 2:] - boxes[:, :2]).T
    right = (high >= LETTER_PX[0]) & (high <= LETTER_PX[1]) & (wide >= 3) & (wide <= 12 * high)
    if not words:
        right &= wide <= 1.6 * high
    boxes = boxes[right & _plain(pixels, ink, boxes)]
    return Writing(boxes, ground) if len(boxes) >= FEWEST else None


def _boxes(ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the box (n, 4) of each connected piece of ink that is no speck."""
    labels, _ = ndimage.label(ink)
    boxes = [(y.start, x.start, y.stop, x.stop) for y, x in ndimage.find_objects(labels)]
    found = np.array(boxes, np.int64).reshape(-1, 4)
    return found[found[:, 2] - found[:, 0] >= LETTER_PX[0] - 2]


def _ink(pixels: Pixels) -> tuple[NDArray[np.bool_], Pixels]:
    """Return where ink is (height, width), and the page as it is without ink."""
    brightness = grey(pixels)
    side = max(9, min(31, max(pixels.shape[:2]) // 24)) | 1
    dark = _closing(brightness, side) - brightness
    light = brightness + _closing(-brightness, side)
    dark_on_light = dark.mean() <= light.mean() if abs(dark.mean() - light.mean()) > 1 else True
    sign = 1 if dark_on_light else -1
    ink: NDArray[np.bool_] = (dark if dark_on_light else light) > INK_LEVELS
    planes = [
        _closing(sign * pixels[..., channel].astype(np.float32), side) for channel in range(3)
    ]
    return ink, (sign * np.stack(planes, axis=2)).astype(np.uint8)


def _closing(plane: Plane, side: int) -> Plane:
    """Fill the dark spots of a plane that are narrower than ``side``."""
    for reach in (ndimage.maximum_filter1d, ndimage.minimum_filter1d):
        for axis in (0, 1):
            plane = reach(plane, side, axis=axis)
    return plane


def _plain(pixels: Pixels, ink: NDArray[np.bool_], boxes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which boxes lie on plain ground: around their ink the picture hardly varies."""
    brightness = grey(pixels)
    near_ink = ndimage.maximum_filter(ink, 3)
    plain = np.zeros(len(boxes), bool)
    for row, (y0, x0, y1, x1) in enumerate(boxes.tolist()):
        area = slice(max(0, y0 - 2), y1 + 2), slice(max(0, x0 - 2), x1 + 2)
        around = brightness[area][~near_ink[area]]
        plain[row] = len(around) > 0 and float(np.std(around)) < 14
    return plain


def _rewritten(pixels: Pixels, writing: Writing | None) -> Scene | None:
    """Make a scene that puts other writing of the page into some of its boxes."""
    if writing is None:
        return None

    def shoot(content: np.random.Generator, number: int) -> Pixels | None:
        count = len(writing.boxes)
        share = float(np.exp(content.uniform(np.log(0.03), np.log(0.6))))
        page = pixels.copy()
        for row in content.permutation(count)[: max(3, round(share * count))].tolist():
            source = _alike(writing, row, content)
            if source is not None:
                _copy_writing(page, pixels, writing, source, row)
        return page if seen_difference(page, pixels, share=0) else None

    return shoot


def _alike(writing: Writing, row: int, rng: np.random.Generator) -> int | None:
    """Return another box of about the same height, width and ground, or None."""
    high, wide = (writing.boxes[:, 2:] - writing.boxes[:, :2]).T
    corner = writing.ground[writing.boxes[:, 0], writing.boxes[:, 1]].astype(np.int64)
    fits = np.abs(high - high[row]) <= max(1.0, 0.2 * high[row])
    fits &= np.abs(wide - wide[row]) <= max(2.0, 0.3 * wide[row])
    fits &= np.abs(corner - corner[row]).max(axis=1) < 40
    fits[row] = False
    rows = np.flatnonzero(fits)
    return int(rows[rng.integers(len(rows))]) if len(rows) else None


def _copy_writing(page: Pixels, pixels: Pixels, writing: Writing, source: int, row: int) -> None:
    """Write what stands in box ``source`` into box ``row``: its ink on that box's ground."""
    height, width = page.shape[:2]
    y0, x0, y1, x1 = _grown(writing.boxes[row], height, width)
    from_y0, from_x0, from_y1, from_x1 = _grown(writing.boxes[source], height, width)
    piece = pixels[from_y0:from_y1, from_x0:from_x1].astype(np.float32)
    ink = piece - writing.ground[from_y0:from_y1, from_x0:from_x1]
    fitted = resized((ink / 2 + 128).clip(0, 255).astype(np.uint8), x1 - x0, y1 - y0)
    ground = writing.ground[y0:y1, x0:x1].astype(np.float32)
    page[y0:y1, x0:x1] = (ground + (fitted.astype(np.float32) - 128) * 2).clip(0, 255)


def _grown(box: NDArray[np.int64], height: int, width: int) -> tuple[int, int, int, int]:
    y0, x0, y1, x1 = box.tolist()
    return max(0, y0 - 1), max(0, x0 - 1), min(height, y1 + 1), min(width, x1 + 1)
