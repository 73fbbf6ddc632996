"""Of two pictures that differ in one place: whether one is the other with something laid over it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from original_helpers import scene
from PIL import Image, ImageDraw, ImageFilter

from dupfind.matching.closer import CloserLook, look_closer
from dupfind.matching.judge import BENEATH, REFUSED, settled
from dupfind.matching.laid_over import Over, what_lies_over
from dupfind.photos.lookalikes import make_series

Grey = NDArray[np.float32]


def caption(image: Image.Image, words: str, at: float = 0.85) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).text(
        (image.width // 2, round(image.height * at)), words, "white", anchor="mm", font_size=24,
        stroke_width=2, stroke_fill="black",
    )  # fmt: skip
    return copy


def bar(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).rectangle((100, 80, 180, 130), "black")
    return copy


def blob(image: Image.Image, seed: int) -> Image.Image:
    """A thing with shades of its own, softly edged, at a place of its own."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(40, 220, (9, 9, 3)).astype(np.uint8))
    thing = noise.resize((70, 60), Image.Resampling.BICUBIC)
    copy = image.copy()
    copy.paste(thing, (60 + 20 * seed, 70))
    return copy


def grey(image: Image.Image) -> Grey:
    return np.asarray(image.convert("L"), np.float32)


def lying(a: Image.Image, b: Image.Image) -> Over:
    one, other = grey(a), grey(b)
    mask = np.zeros(one.shape, bool)
    mask[4:-4, 4:-4] = True
    found = what_lies_over(one, other, mask), what_lies_over(other, one, mask)
    assert (found[0].share > 0) == (found[1].share > 0)  # whichever of the two it lies over
    assert found[0].both == found[1].both
    return found[0]


def measured(a: Image.Image, b: Image.Image) -> float:
    return lying(a, b).share


@pytest.mark.parametrize("change", [lambda image: caption(image, "GOOD MORNING"), bar])
def test_what_lies_over_one_of_two_same_pictures_is_found(
    change: Callable[[Image.Image], Image.Image],
) -> None:
    image = scene(8)

    assert 0.002 < measured(image, change(image)) < 0.2


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda image: caption(image, "GOOD MORNING"), lambda image: caption(image, "SLEEP WELL")),
        (lambda image: caption(image, "GOOD MORNING", 0.2), lambda image: caption(image, "BYE")),
        (lambda image: blob(image, 1), lambda image: blob(image, 2)),
        (lambda image: image, lambda image: image),
    ],
)
def test_pictures_that_each_have_a_thing_of_their_own_are_not_one_with_something_over_it(
    a: Callable[[Image.Image], Image.Image], b: Callable[[Image.Image], Image.Image]
) -> None:
    image = scene(8)

    assert measured(a(image), b(image)) == 0


def test_a_bar_over_another_shot_is_none_over_the_same_picture() -> None:
    image = scene(8)
    noise = np.random.default_rng(1).normal(0, 9, (*grey(image).shape, 3))
    shot = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))

    assert measured(shot, bar(image)) == 0


def looked(a: Image.Image, b: Image.Image) -> CloserLook:
    look = look_closer(np.asarray(a), np.asarray(b), np.eye(3))
    assert look is not None
    return look


def test_a_picture_beneath_something_is_in_no_doubt_however_the_judge_scores_it() -> None:
    image = scene(8)
    look = looked(image, caption(image, "GOOD MORNING"))

    assert look.laid_over > 0
    assert settled(look, -1.0) == BENEATH
    assert settled(look, BENEATH + 1) == BENEATH + 1


def test_the_judge_is_believed_where_nothing_lies_over_either() -> None:
    image = scene(8)
    noise = np.random.default_rng(1).normal(0, 9, (*grey(image).shape, 3))
    shot = Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))

    assert settled(looked(shot, caption(image, "NO ENTRY")), -1.0) == -1.0


def test_two_captions_on_one_template_are_two_pictures_however_the_judge_scores_them() -> None:
    image = scene(8)

    for one, other in (("ONE WAY", "NO ENTRY"), ("A LONG WAY TO GO", "STOP")):
        look = looked(caption(image, one), caption(image, other))
        assert look.over_both
        assert settled(look, 5.0) == REFUSED


@pytest.mark.parametrize("kind", ["captions", "other_print"])
def test_of_a_series_on_one_ground_no_two_are_one_picture(kind: str) -> None:
    rng = np.random.default_rng(6)
    beside = [np.asarray(scene(seed), np.uint8) for seed in (1, 2, 3)]
    series = make_series(kind, rng, 4, np.asarray(scene(8), np.uint8), other=beside)
    assert series is not None
    looks = [look_closer(series[0], other, np.eye(3)) for other in series[1:]]
    refused = [look is not None and settled(look, 5.0) == REFUSED for look in looks]

    assert len(refused) == 3
    assert all(refused)


def test_a_page_at_half_its_size_or_softer_has_nothing_of_its_own() -> None:
    page = Image.new("RGB", (320, 240), "white")
    draw = ImageDraw.Draw(page)
    for row in range(10):
        draw.text((12, 10 + 22 * row), "the same words in each line", "black", font_size=18)
    small = page.resize((160, 120), Image.Resampling.BOX)

    assert not looked(page, small).over_both
    assert not looked(page, page.filter(ImageFilter.GaussianBlur(1.2))).over_both


@pytest.mark.parametrize("change", [lambda image: caption(image, "GOOD MORNING"), bar])
@pytest.mark.parametrize("seed", [3, 8, 12])
def test_one_picture_with_something_over_it_has_nothing_of_its_own(
    seed: int, change: Callable[[Image.Image], Image.Image]
) -> None:
    image = scene(seed)

    assert not lying(image, change(image)).both


def test_one_more_line_on_a_page_is_another_page_though_it_lies_over_it() -> None:
    page = Image.new("RGB", (600, 800), "white")
    draw = ImageDraw.Draw(page)
    for row in range(12):
        draw.text((60, 60 + 50 * row), f"line {row} of the list of things", "black", font_size=24)
    more = page.copy()
    ImageDraw.Draw(more).text((60, 700), "and one line more than before", "black", font_size=24)

    assert settled(looked(page, more), 5.0) == REFUSED
