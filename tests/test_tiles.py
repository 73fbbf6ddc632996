"""The pictures of a collage: found by the seams between them, each with keypoints of its own."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from matching_helpers import edited, photo
from numpy.typing import NDArray

from dupfind.matching.inset import Inset
from dupfind.matching.sketch import MOST_KEYPOINTS, SKETCH_KEYPOINTS, draw_sketch
from dupfind.matching.tiles import find_tiles

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def sized(name: str, wide: int, high: int) -> Pixels:
    return np.asarray(cv2.resize(photo(name), (wide, high), interpolation=cv2.INTER_AREA), np.uint8)


def collage(boxes: list[Box], size: int, colour: int = 255) -> Pixels:
    """Put a photo into each box (left, top, right, bottom) of a square."""
    canvas = np.full((size, size, 3), colour, np.uint8)
    for name, (left, top, right, bottom) in zip(NAMES, boxes, strict=False):
        canvas[top:bottom, left:right] = sized(name, right - left, bottom - top)
    return canvas


def grid(columns: list[int], rows: list[int], gap: int) -> list[Box]:
    """Return the boxes between lines at columns and rows, with a gap around each line."""
    return [
        (left + gap, top + gap, right - gap, bottom - gap)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def overlap(found: Inset, box: Box) -> float:
    wide = min(found.right, box[2]) - max(found.left, box[0])
    high = min(found.bottom, box[3]) - max(found.top, box[1])
    both = max(0, wide) * max(0, high)
    own = (found.right - found.left) * (found.bottom - found.top)
    return both / (own + (box[2] - box[0]) * (box[3] - box[1]) - both)


@pytest.mark.parametrize("gap", [0, 5])
@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ([0, 300, 600], [0, 300, 600]),
        ([0, 220, 600], [0, 350, 600]),
        ([0, 600], [0, 200, 400, 600]),
        ([0, 280, 600], [0, 600]),
    ],
    ids=["four", "uneven", "strips", "two"],
)
def test_each_picture_of_a_collage_is_found(columns: list[int], rows: list[int], gap: int) -> None:
    boxes = grid(columns, rows, gap)
    found = find_tiles(collage(boxes, 600))
    assert len(found) == len(boxes)
    for box in boxes:
        assert max(overlap(one, box) for one in found) > 0.85


def test_what_a_seam_cuts_off_is_cut_again() -> None:
    boxes = [(0, 0, 600, 300), (0, 300, 250, 600), (250, 300, 600, 600)]
    found = find_tiles(collage(boxes, 600))
    assert [max(overlap(one, box) for one in found) > 0.85 for box in boxes] == [True] * 3
    assert overlap(found[0], boxes[0]) > 0.85  # the largest first


@pytest.mark.parametrize("name", [*NAMES, "coins.png"])
def test_a_photo_is_no_collage(name: str) -> None:
    assert find_tiles(photo(name)) == []


def test_a_border_or_a_letterbox_makes_no_collage() -> None:
    framed = cv2.copyMakeBorder(photo("coffee.png"), 30, 30, 30, 30, cv2.BORDER_CONSTANT)
    assert find_tiles(np.asarray(framed, np.uint8)) == []
    assert find_tiles(np.full((200, 300, 3), 90, np.uint8)) == []


def test_the_sketch_of_a_collage_has_keypoints_of_each_picture() -> None:
    boxes = grid([0, 300, 600], [0, 300, 600], 0)
    found = draw_sketch(collage(boxes, 600))
    assert SKETCH_KEYPOINTS + 48 < len(found) <= MOST_KEYPOINTS
    for name, (left, top, right, bottom) in zip(NAMES[:3], boxes[:3], strict=True):
        alone = draw_sketch(sized(name, 300, 300))
        codes = [sketch.codes.astype(np.float32) for sketch in (alone, found)]
        cosine = codes[0] @ codes[1].T / np.outer(*(np.linalg.norm(c, axis=1) for c in codes))
        x, y = (found.points * 600).T
        inside = (x > left - 4) & (x < right + 4) & (y > top - 4) & (y < bottom + 4)
        assert inside[cosine.argmax(axis=1)[cosine.max(axis=1) > 0.97]].sum() >= 15


def test_most_collages_of_the_edits_are_seen_as_such() -> None:
    pictures = [edited(name, "collage_2x2", seed).pixels for name in NAMES for seed in range(3)]
    assert sum(len(find_tiles(picture)) >= 2 for picture in pictures) >= 9
