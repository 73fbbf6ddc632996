"""The picture on a page: found where it is one, with keypoints of its own."""

import numpy as np
import pytest
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dupfind.matching.align import align, transform
from dupfind.matching.features import MAX_KEYPOINTS, extract
from dupfind.matching.inset import find_inset, only_new
from dupfind.matching.sketch import MOST_KEYPOINTS, SKETCH_KEYPOINTS, Sketch, draw_sketch

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]

PAGE_PX, LINE_PX = 600, 18


def page(*, dark: bool = False) -> Pixels:
    """A screen full of lines of words, with a bar of colour at its top."""
    image = Image.new("RGB", (PAGE_PX, PAGE_PX), (22, 24, 28) if dark else (250, 250, 248))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, PAGE_PX, 36), (30, 90, 200))
    words = "the quick brown fox jumps over the lazy dog and naps 0123456789 "
    for line, top in enumerate(range(50, PAGE_PX - LINE_PX, LINE_PX)):
        text = (words * 3)[line % 7 : line % 7 + 88]
        ink = (230, 230, 232) if dark else (30, 30, 34)
        draw.text((14, top), text, ink, ImageFont.load_default(12))
    return np.asarray(image)


def placed(picture: Pixels, on: Pixels, left: int, top: int) -> tuple[Pixels, Box]:
    """Put a picture on a page: the page, and its box."""
    height, width = picture.shape[:2]
    changed = on.copy()
    changed[top : top + height, left : left + width] = picture
    return changed, (left, top, left + width, top + height)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, wide) * max(0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png"])
@pytest.mark.parametrize("place", [(40, 90), (330, 360)])
def test_the_picture_on_a_page_is_found(name: str, dark: bool, place: tuple[int, int]) -> None:
    pixels, box = placed(photo(name, 200), page(dark=dark), *place)
    found = find_inset(pixels)
    assert found is not None
    assert overlap((found.left, found.top, found.right, found.bottom), box) > 0.85


def test_a_larger_flat_bar_hides_no_picture() -> None:
    pixels, box = placed(photo("chelsea.png", 120), page(), 200, 300)
    pixels[:80] = (30, 90, 200)
    found = find_inset(pixels)
    assert found is not None
    assert overlap((found.left, found.top, found.right, found.bottom), box) > 0.85


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "coffee.png", "brick.png"])
def test_a_photo_is_no_page(name: str) -> None:
    assert find_inset(photo(name)) is None


def test_a_page_of_words_shows_no_picture_and_a_large_one_is_seen_as_it_is() -> None:
    assert find_inset(page()) is None
    large = placed(photo("chelsea.png", 480), page(), 60, 60)[0]
    assert find_inset(large) is None
    assert find_inset(np.full((300, 400, 3), 255, np.uint8)) is None


def test_the_picture_on_a_page_has_its_own_keypoints_in_its_place() -> None:
    picture = photo("chelsea.png", 150)
    pixels, box = placed(picture, page(), 330, 380)
    found, alone = extract(pixels), extract(picture)
    inside = inside_of(box, found.points * PAGE_PX)
    assert inside.sum() > MAX_KEYPOINTS / 2
    assert len(found) <= 2 * MAX_KEYPOINTS + 5  # SIFT gives a few more than it was asked for
    assert (np.diff(found.sizes) <= 0).all()
    seen = align(alone, found)
    assert seen is not None
    assert seen.inliers >= 100
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) / max(
        width, height
    )
    moved = transform(seen.matrix, corners) * PAGE_PX
    wanted = np.array([(box[x], box[y]) for x, y in ((0, 1), (2, 1), (2, 3), (0, 3))])
    assert np.abs(moved - wanted).max() < 2.0


def test_a_sketch_has_more_keypoints_for_the_picture_on_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = photo("chelsea.png", 150)
    pixels, box = placed(picture, page(), 330, 380)
    found = draw_sketch(pixels)
    assert SKETCH_KEYPOINTS + 24 < len(found) <= MOST_KEYPOINTS
    assert (np.diff(found.sizes) <= 0).all()
    assert inside_of(box, found.points * PAGE_PX).sum() >= 40
    assert nearest(draw_sketch(picture), found) >= 25
    monkeypatch.setattr("dupfind.matching.sketch.find_parts", lambda _pixels: [])
    assert nearest(draw_sketch(picture), draw_sketch(pixels)) <= 10


@pytest.mark.parametrize("far", [0.0, 5.0])
@pytest.mark.parametrize("times", [1.0, 2.0, 0.5])
def test_what_is_in_one_place_and_as_large_is_one_keypoint(far: float, times: float) -> None:
    places, sizes = np.array([[10, 10], [90, 90]], np.float32), np.array([10, 10], np.float32)
    known = np.array([[10 + far, 10]], np.float32)
    new = only_new(places, sizes, known, np.array([10 * times], np.float32))
    assert new.tolist() == ([1] if far == 0 and times == 1 else [0, 1])
    assert only_new(places, sizes, known[:0], sizes[:0]).tolist() == [0, 1]


def test_a_picture_on_an_empty_page_takes_what_the_page_leaves() -> None:
    empty = np.full((PAGE_PX, PAGE_PX, 3), 250, np.uint8)
    pixels, box = placed(photo("coffee.png", 150), empty, 60, 300)
    found = draw_sketch(pixels)
    alone = draw_sketch(photo("coffee.png", 150))
    assert len(found) >= 0.9 * len(alone)
    assert inside_of(box, found.points * PAGE_PX).mean() > 0.95


def inside_of(box: Box, points: NDArray[np.float32]) -> NDArray[np.bool_]:
    low, high = np.array(box[:2]) - 3, np.array(box[2:]) + 3
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def nearest(one: Sketch, other: Sketch) -> int:
    """Return how many codes of one have nearly the same code in the other."""
    codes = [sketch.codes.astype(np.float32) for sketch in (one, other)]
    cosine = codes[0] @ codes[1].T / np.outer(*(np.linalg.norm(c, axis=1) for c in codes))
    return int((cosine.max(axis=1) > 0.9).sum())
