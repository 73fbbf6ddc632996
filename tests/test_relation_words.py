"""Relations that are near one another: a page, a frame or a crop; warped or not; more, less, other colours."""

from functools import cache

import cv2
import numpy as np
import pytest
from matching_helpers import features, photo, side
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from dupfind.evidence import Evidence, Tone
from dupfind.matching.features import extract
from dupfind.matching.relation import relate
from dupfind.matching.verify import verify
from dupfind.records import Relation

NAME = "coffee.png"


def related(pixels: NDArray[np.uint8]) -> tuple[Relation, Evidence]:
    proof = verify(features(NAME), extract(pixels))
    assert proof.matrix is not None
    return relate(proof, side(photo(NAME)), side(pixels))


def on_a_page(share: float, *, text: bool) -> NDArray[np.uint8]:
    """Put the photo on a page of its own shape, of which it takes ``share``, amid text or nothing."""
    inside = Image.fromarray(photo(NAME))
    width, height = (round(length / share**0.5) for length in inside.size)
    page = Image.new("RGB", (width, height), "white")
    if text:
        draw = ImageDraw.Draw(page)
        for top in range(3, height, 9):
            draw.text((3, top), "lorem ipsum dolor sit amet consectetur " * 4, "black")
    page.paste(inside, ((width - inside.width) // 2, (height - inside.height) // 2))
    return np.asarray(page)


@pytest.mark.parametrize("share", [0.66, 0.74])
def test_a_page_of_text_holds_a_photo_and_a_plain_border_frames_it(share: float) -> None:
    relation, evidence = related(on_a_page(share, text=True))
    assert relation is Relation.COMPOSITE
    assert evidence.part == "a"
    relation, evidence = related(on_a_page(share, text=False))
    assert relation is Relation.EDITED
    assert evidence.frame == "b"


@pytest.mark.parametrize("axis", ["left", "above"])
def test_text_on_one_side_of_a_photo_makes_a_page_of_it(axis: str) -> None:
    inside = Image.fromarray(photo(NAME))
    width, height = inside.size
    offset = (round(0.4 * width), 0) if axis == "left" else (0, round(0.4 * height))
    page = Image.new("RGB", (width + offset[0], height + offset[1]), "white")
    draw = ImageDraw.Draw(page)
    for top in range(3, page.height, 9):
        draw.text((3, top), "lorem ipsum dolor sit amet consectetur " * 4, "black")
    page.paste(inside, offset)
    relation, evidence = related(np.asarray(page))
    assert relation is Relation.COMPOSITE
    assert evidence.part == "a"


def test_a_little_text_around_most_of_a_page_is_a_frame_too() -> None:
    relation, evidence = related(on_a_page(0.86, text=True))
    assert relation is Relation.EDITED
    assert evidence.frame == "b"


@cache
def warped(by: float) -> NDArray[np.uint8]:
    pixels = photo(NAME)
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    shift = np.array([[by, by / 2], [-by / 3, 0], [0, -by / 2], [by / 2, 0]], np.float32) * width
    matrix = cv2.getPerspectiveTransform(corners + shift, corners)
    found: NDArray[np.uint8] = cv2.warpPerspective(pixels, matrix, (width, height)).astype(np.uint8)
    return found


def test_only_what_was_bent_is_called_warped() -> None:
    relation, evidence = related(warped(0.12))
    assert evidence.warped
    assert relation is Relation.EDITED
    relation, evidence = related(np.asarray(Image.fromarray(photo(NAME)).resize((300, 200))))
    assert not evidence.warped
    assert relation is Relation.RESIZED


@pytest.mark.parametrize(("factor", "more"), [(1.7, 1), (0.45, -1)])
def test_more_and_less_colour_are_told_apart(factor: float, more: int) -> None:
    coloured = np.asarray(ImageEnhance.Color(Image.fromarray(photo(NAME))).enhance(factor))
    relation, evidence = related(coloured)
    assert relation is Relation.RECOLOURED
    assert evidence.tones is not None
    assert evidence.tones.recolours
    assert evidence.tones.colourfulness == more
    assert evidence.tones.reversed().colourfulness == -more
    assert not evidence.grey


def test_other_colours_are_neither_more_nor_less() -> None:
    hue, saturation, value = Image.fromarray(photo(NAME)).convert("HSV").split()
    turned = hue.point([(level + 90) % 256 for level in range(256)])
    relation, evidence = related(
        np.asarray(Image.merge("HSV", (turned, saturation, value)).convert("RGB"))
    )
    assert relation is Relation.RECOLOURED
    assert evidence.tones is not None
    assert evidence.tones.recolours
    assert evidence.tones.colourfulness == 0


def test_tones_are_judged_at_their_limits() -> None:
    same = Tone(1.0, 0.0, 60.0, 60.0, 0.0)
    assert not same.differs
    assert (same.contrast, same.brightness, same.colourfulness) == (0, 0, 0)
    assert Tone(-1.0, 255.0, 60.0, 60.0, 0.0).is_negative
    assert Tone(2.0, -128.0, 60.0, 60.0, 0.0).contrast == 1
    assert Tone(0.5, 64.0, 60.0, 60.0, 0.0).contrast == -1
    assert Tone(1.0, 60.0, 60.0, 60.0, 0.0).brightness == 1
    assert Tone(1.0, -60.0, 60.0, 60.0, 0.0).brightness == -1
    assert Tone(1.0, 0.0, 60.0, 0.0, 0.0).loses_colour
