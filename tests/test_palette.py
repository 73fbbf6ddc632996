"""A copy in few colours was saved, also where a JPEG was made of it; a posterised or toned one was edited."""

from collections.abc import Callable

import numpy as np
import pytest
from original_helpers import reopened, scene
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from test_altered import advice, modern
from test_bounds import saved

from dupfind.matching.advice import NOT_ONLY_SAVED
from dupfind.matching.original import judge
from dupfind.matching.palette import is_palette
from dupfind.matching.quality import Look, look_at
from dupfind.matching.spots import has_spot
from dupfind.records import Advice

Picture = Image.Image
NO_DITHER, DITHER = Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG


def photo_like() -> tuple[Look, Picture]:
    """Leaves before a sky, as little coloured as most photos are; as a JPEG, and what that shows."""
    leaves = np.asarray(ImageEnhance.Color(scene()).enhance(0.45), np.float64)
    y, x = np.mgrid[:240, :320]
    sky = np.stack([90 + x / 4, 120 + y / 4, 200 - y / 3], axis=2)
    pixels = 0.6 * leaves + 0.4 * sky + np.random.default_rng(2).normal(0, 2, (240, 320, 1))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return saved(image, 92), reopened(image, 92)


def few(image: Picture, colours: int, dither: Image.Dither) -> Picture:
    chosen = image.quantize(colours, method=Image.Quantize.MEDIANCUT)
    return image.quantize(palette=chosen, dither=dither).convert("RGB")


@pytest.mark.parametrize("dither", [NO_DITHER, DITHER])
@pytest.mark.parametrize("colours", [48, 64, 128, 256])
@pytest.mark.parametrize("way", ["webp", "fine", "usual"])
def test_few_colours_are_seen_however_they_were_saved_afterwards(
    colours: int, dither: Image.Dither, way: str
) -> None:
    photo, pixels = photo_like()
    made = few(pixels, colours, dither)
    copy = {
        "webp": lambda: modern(made, "webp"),
        "fine": lambda: saved(made, 95),
        "usual": lambda: saved(made, 85),
    }[way]()

    assert is_palette(photo, copy, 0.5, 0.5)


@pytest.mark.parametrize("dither", [NO_DITHER, DITHER])
@pytest.mark.parametrize("colours", [64, 160, 256])
@pytest.mark.parametrize("quality", [85, 95])
def test_a_jpeg_of_a_copy_in_few_colours_may_go(
    quality: int, colours: int, dither: Image.Dither
) -> None:
    photo, pixels = photo_like()

    assert advice(photo, saved(few(pixels, colours, dither), quality))[0] is Advice.REMOVE


EDITED: dict[str, Callable[[Picture], Picture]] = {
    "posterised": lambda image: ImageOps.posterize(image, 3),
    "posterised to the middle": lambda image: image.point(
        [round(round(level / 51) * 51) for level in range(256)] * 3
    ),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.08),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "paler": lambda image: ImageEnhance.Color(image).enhance(0.7),
}


@pytest.mark.parametrize("kind", EDITED)
@pytest.mark.parametrize("reduced", [False, True])
def test_what_was_edited_stays_in_few_colours_too(kind: str, *, reduced: bool) -> None:
    photo, pixels = photo_like()
    edited = EDITED[kind](pixels)
    copy = few(edited, 128, DITHER) if reduced else edited

    assert advice(photo, saved(copy, 90))[0] is Advice.LOOK


@pytest.mark.parametrize("kind", ["grey", "paler", "less contrast"])
def test_little_is_much_of_a_photo_in_pale_and_dim_colours(kind: str) -> None:
    _, pixels = photo_like()
    dim = np.asarray(ImageEnhance.Color(pixels).enhance(0.3), np.float64) * 0.5 + 60
    pale = Image.fromarray(dim.astype(np.uint8))
    edited = {
        "grey": lambda: pale.convert("L").convert("RGB"),
        "paler": lambda: ImageEnhance.Color(pale).enhance(0.5),
        "less contrast": lambda: ImageEnhance.Contrast(pale).enhance(0.85),
    }[kind]()

    assert not is_palette(saved(pale, 95), saved(edited, 90), 1, 1)


def test_noise_and_a_copy_that_was_only_saved_are_in_no_fewer_colours() -> None:
    photo, pixels = photo_like()
    grain = np.random.default_rng(1).normal(0, 12, (240, 320, 3))
    noisy = np.clip(np.asarray(pixels) + grain, 0, 255).astype(np.uint8)

    assert not is_palette(photo, look_at(noisy), 0, 0)
    assert not is_palette(photo, saved(pixels, 60), 0, 0)
    assert not is_palette(
        photo, look_at(np.asarray(scene().resize((160, 120)).quantize(16).convert("RGB"))), 0, 0
    )


def test_a_date_in_a_copy_in_few_colours_is_told_from_its_dots() -> None:
    photo, pixels = photo_like()
    dated = pixels.copy()
    ImageDraw.Draw(dated).text((20, 200), "12/05/09", (255, 190, 60), font_size=16)

    assert has_spot(photo, saved(few(dated, 256, DITHER), 90), palette=True)
    assert not has_spot(photo, saved(few(pixels, 256, DITHER), 90), palette=True)


def test_the_dots_of_a_gif_are_no_noise() -> None:
    photo, pixels = photo_like()
    gif = pixels.quantize(24, method=Image.Quantize.FASTOCTREE).convert("RGB")

    saved_alone = judge(photo, look_at(np.asarray(gif)), np.eye(3)).saved
    assert saved_alone is not None
    assert saved_alone > NOT_ONLY_SAVED
