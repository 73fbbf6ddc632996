"""A small alteration of the whole picture is none that saving makes, however small; and saving makes none."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from original_helpers import reopened, scene
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from test_bounds import of_jpeg, original, saved

from dupfind.evidence import Evidence
from dupfind.matching.advice import advise
from dupfind.matching.altered import alterations, shift
from dupfind.matching.original import judge
from dupfind.matching.quality import Look, look_at
from dupfind.matching.spots import has_spot
from dupfind.records import Advice, Photo, Reason, Relation

WHOLE = np.eye(3)
Picture = Image.Image


def curved(image: Picture, curve: Callable[[float], float]) -> Picture:
    return image.point([min(255, max(0, round(curve(value)))) for value in range(256)] * 3)


def warmer(image: Picture) -> Picture:
    pixels = np.asarray(image).astype(int) + np.array([2, 0, -2])
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


TONED: dict[str, Callable[[Picture], Picture]] = {
    "lighter": lambda image: curved(image, lambda value: value + 2),
    "darker": lambda image: curved(image, lambda value: value - 2),
    "gamma": lambda image: curved(image, lambda value: 255 * (value / 255) ** 0.98),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.03),
    "more colour": lambda image: ImageEnhance.Color(image).enhance(1.1),
    "warmer": warmer,
}
SAVED: dict[str, Callable[[Picture], Look]] = {
    "fine": lambda image: saved(image, 95),
    "usual": lambda image: saved(image, 85),
    "coarse": lambda image: saved(image, 60),
    "full colours": lambda image: saved(image, 75, subsampling=0, progressive=True),
    "half": lambda image: saved(image.resize((160, 120), Image.Resampling.LANCZOS), 90),
    "png": lambda image: look_at(np.asarray(image)),
    "twice": lambda image: saved(reopened(image, 75), 90),
}


def advice(photo: Look, copy: Look) -> tuple[Advice, tuple[Reason, ...]]:
    plain = Evidence("keypoints", relations=(Relation.REENCODED,))
    taken = Photo(1, Path("a.jpg"), "", 9, 0, 40, 30, "JPEG", None, 0)
    return advise(Relation.REENCODED, plain, judge(photo, copy, WHOLE), taken, taken)


# Less of other colours than a coarse saving rounds each place by is not told from it.
TOLD = [(kind, way) for kind in TONED for way in SAVED if (kind, way) != ("warmer", "coarse")]


@pytest.mark.parametrize(("kind", "way"), TOLD)
def test_other_tones_are_told_however_small_and_however_saved(kind: str, way: str) -> None:
    photo, pixels = original()

    advised, reasons = advice(photo, SAVED[way](TONED[kind](pixels)))

    assert advised is Advice.LOOK
    assert Reason.RECOLOURED in reasons


def grey_photo() -> tuple[Look, Picture]:
    """Return a photo that is almost grey: what its colours are changed by is little."""
    pale = ImageEnhance.Color(scene()).enhance(0.06)
    buffer = io.BytesIO()
    pale.save(buffer, "JPEG", quality=92)
    return of_jpeg(buffer.getvalue()), Image.open(buffer).convert("RGB")


@pytest.mark.parametrize("way", ["fine", "usual", "half", "png"])
def test_more_colour_of_an_almost_grey_photo_is_told(way: str) -> None:
    photo, pixels = grey_photo()
    copy = ImageEnhance.Color(pixels).enhance(2)
    assert np.abs(np.asarray(copy).astype(int) - np.asarray(pixels)).mean() < 3

    advised, reasons = advice(photo, SAVED[way](copy))

    assert advised is Advice.LOOK
    assert Reason.RECOLOURED in reasons


@pytest.mark.parametrize("way", SAVED)
def test_what_was_only_saved_is_not_altered(way: str) -> None:
    for photo, pixels in (original(), grey_photo()):
        assert advice(photo, SAVED[way](pixels))[0] is Advice.REMOVE


@pytest.mark.parametrize("quality", [60, 75, 85, 95])
@pytest.mark.parametrize("strength", [30, 60])
def test_sharpening_is_told_however_saved(quality: int, strength: int) -> None:
    photo, pixels = original()
    copy = pixels.filter(ImageFilter.UnsharpMask(1, strength, 0))

    assert Reason.SHARPER in advice(photo, saved(copy, quality))[1]


def test_a_palette_moves_tones_and_is_no_change_of_them() -> None:
    photo, pixels = original()
    seen = np.ones(photo.colour.shape[:2], bool)
    few = look_at(np.asarray(curved(pixels, lambda value: value - 2).quantize(48).convert("RGB")))
    moved = shift(photo.colour, few.colour, seen)

    assert moved is not None
    assert moved.is_done(modern=False)
    assert alterations(photo, few, moved, palette=False) == ()


def test_of_pictures_too_small_or_clipped_nothing_is_said() -> None:
    white = np.full((64, 64, 3), 255, np.uint8)
    assert shift(white, white, np.ones((64, 64), bool)) is None
    tiny = look_at(np.zeros((5, 5, 3), np.uint8))
    assert alterations(tiny, tiny, None, palette=False) == ()


def with_date(image: Picture) -> Picture:
    copy = image.copy()
    ImageDraw.Draw(copy).text((240, 215), "12/05/09", (255, 190, 60), font_size=11)
    return copy


def retouched(image: Picture) -> Picture:
    """Put a round piece of one place over another, with soft borders."""
    copy, mask = image.copy(), Image.new("L", (14, 14))
    ImageDraw.Draw(mask).ellipse((1, 1, 12, 12), 255)
    copy.paste(image.crop((30, 40, 44, 54)), (200, 120), mask.filter(ImageFilter.GaussianBlur(1)))
    return copy


def with_dark_eye(image: Picture) -> Picture:
    pixels = np.array(image)
    pixels[100:106, 150:156] = pixels[100:106, 150:156] * 0.35
    return Image.fromarray(pixels)


SPOTS = {"date": with_date, "retouched": retouched, "eye": with_dark_eye}


@pytest.mark.parametrize("way", [*SAVED, "webp", "avif"])
@pytest.mark.parametrize("kind", SPOTS)
def test_a_small_place_that_was_changed_is_told_however_saved(kind: str, way: str) -> None:
    photo, pixels = original()
    for picture, is_changed in ((SPOTS[kind](pixels), True), (pixels, False)):
        copy = SAVED[way](picture) if way in SAVED else modern(picture, way)
        assert has_spot(photo, copy) is is_changed


def modern(image: Picture, way: str) -> Look:
    return look_at(np.asarray(reopened(image, 75, way)))


def test_where_all_else_is_the_very_same_little_is_enough() -> None:
    """A PNG of a JPEG has its very pixels: what differs by a few levels in one place was put there."""
    photo, pixels = original()
    copy = np.array(pixels)
    block = copy[40:72, 200:240]
    copy[40:72, 200:240] = np.clip(block.astype(int) + 4, 0, 255)

    assert has_spot(photo, look_at(copy))
    assert advice(photo, look_at(copy))[0] is Advice.LOOK
    assert not has_spot(photo, look_at(np.asarray(pixels)))


def test_single_levels_that_another_decoder_rounds_otherwise_are_no_spot() -> None:
    photo, pixels = original()
    copy = np.array(pixels).astype(int)
    copy[::4, ::3] += np.random.default_rng(1).integers(-1, 2, (60, 107, 1))

    assert not has_spot(photo, look_at(np.clip(copy, 0, 255).astype(np.uint8)))


def test_a_spot_in_a_large_picture_is_told_and_stays() -> None:
    large = scene().resize((2400, 1800), Image.Resampling.BICUBIC)
    changed = large.copy()
    ImageDraw.Draw(changed).text((300, 1500), "12/05/09", (255, 190, 60), font_size=60)
    photo = saved(large, 92)

    assert has_spot(photo, saved(changed, 85))
    assert not has_spot(photo, saved(large, 85))
    assert advice(photo, saved(changed, 85))[0] is Advice.LOOK


def test_a_larger_picture_has_no_spot_that_could_be_told() -> None:
    small = look_at(np.asarray(scene()))
    assert not has_spot(small, look_at(np.asarray(scene().resize((640, 480)))))
