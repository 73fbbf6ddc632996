"""Of photos that look alike but for a little thing on one of them: which is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from original_helpers import photo_of, scene
from PIL import Image, ImageDraw, ImageFilter

from dupfind.copies.originals import Lineage, lineages_of
from dupfind.evidence import Evidence
from dupfind.matching.family import lay_out
from dupfind.matching.overlaid import overlaid
from dupfind.matching.quality import look_at
from dupfind.records import Photo

WHOLE = Evidence("keypoints", matrix=tuple(np.eye(3).ravel().tolist()))


def stamped(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).text((image.width * 0.7, image.height * 0.9), "2019-08-04", "orange",
                              font_size=round(image.height / 18))  # fmt: skip
    return copy


def censored(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).rectangle((150, 90, 200, 110), "black")
    return copy


COPIES = {
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1)),
    "brighter": lambda image: image.point(lambda level: min(255, level + 25)),
    "again": lambda image: image,
    "reduced": lambda image: image.resize((160, 120), Image.Resampling.BICUBIC),
}


def ordered(photos: list[Photo]) -> Lineage:
    rows = list(reversed(range(len(photos))))
    (lineage,) = lineages_of([rows], photos, lambda *_: WHOLE, lambda *_: False)
    return lineage


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
@pytest.mark.parametrize("change", [stamped, censored])
def test_a_photo_that_was_written_over_is_never_kept_whatever_the_clean_one_is_saved_as(
    tmp_path: Path, ending: str, change: Callable[[Image.Image], Image.Image]
) -> None:
    before, first = tmp_path / "before.jpg", tmp_path / f"0.{ending}"
    scene(8).save(before, quality=80)
    Image.open(before).save(first, quality=90)
    pixels = Image.open(first).convert("RGB")
    photos = [photo_of(0, first)]
    for number, make in enumerate((change, *COPIES.values()), 1):
        path = tmp_path / f"{number}.jpg"
        make(pixels).save(path, quality=92)
        photos.append(photo_of(number, path))

    lineage = ordered(photos)

    # Saved again at a higher quality and nothing else, it shows the same.
    clean = {0, 2 + list(COPIES).index("again")}
    assert {row for row, tier in lineage.tier.items() if tier == 0} <= clean


def test_what_one_alone_has_in_one_place_is_measured() -> None:
    image = scene(8)
    looks = [look_at(np.asarray(one)) for one in (image, stamped(image), image, image)]

    found = overlaid(lay_out(looks, [np.eye(3)] * 4, 0), 0)

    assert found[1] > 2
    assert np.delete(found, 1).tolist() == [0, 0, 0]


def test_a_bar_of_a_colour_that_nothing_else_has_is_not_taken_for_other_tones() -> None:
    """A curve of tones may turn black into whatever the bar hides, where nothing else is black."""
    night = Image.fromarray((np.asarray(scene(8)) // 6 + 40).astype(np.uint8))
    barred = night.copy()
    ImageDraw.Draw(barred).rectangle((110, 80, 165, 160), "black")
    looks = [look_at(np.asarray(one)) for one in (night, barred, night, night)]

    found = overlaid(lay_out(looks, [np.eye(3)] * 4, 0), 0)

    assert found[1] > 4
    assert np.delete(found, 1).tolist() == [0, 0, 0]


def test_two_pictures_do_not_tell_which_of_them_was_written_over() -> None:
    image = scene(8)
    looks = [look_at(np.asarray(one)) for one in (image, stamped(image))]

    assert np.isnan(overlaid(lay_out(looks, [np.eye(3)] * 2, 0), 0)).all()


@pytest.mark.parametrize("by", [1.5, 2])
def test_an_enlarged_copy_comes_after_what_it_was_made_from(tmp_path: Path, by: float) -> None:
    image = scene(9)
    image.save(tmp_path / "0.jpg", quality=90)
    size = (round(image.width * by), round(image.height * by))
    image.resize(size, Image.Resampling.BICUBIC).save(tmp_path / "1.jpg", quality=95)

    lineage = ordered([photo_of(row, tmp_path / f"{row}.jpg") for row in (0, 1)])

    assert lineage.tier == {0: 0, 1: 1}


def test_an_enlargement_of_what_was_saved_coarsely_before_is_told_too(tmp_path: Path) -> None:
    """Its source has the noise of its blocks beyond what the enlargement shows."""
    scene(9).save(tmp_path / "0.jpg", quality=60)
    saved = Image.open(tmp_path / "0.jpg")
    saved.resize((480, 360), Image.Resampling.LANCZOS).save(tmp_path / "1.jpg", quality=95)

    lineage = ordered([photo_of(row, tmp_path / f"{row}.jpg") for row in (0, 1)])

    assert lineage.tier == {0: 0, 1: 1}


@pytest.mark.parametrize("by", [0.5, 0.7])
def test_a_reduced_copy_comes_after_what_it_was_made_from(tmp_path: Path, by: float) -> None:
    image = scene(9)
    image.save(tmp_path / "0.jpg", quality=90)
    size = (round(image.width * by), round(image.height * by))
    image.resize(size, Image.Resampling.LANCZOS).save(tmp_path / "1.jpg", quality=95)

    lineage = ordered([photo_of(row, tmp_path / f"{row}.jpg") for row in (0, 1)])

    assert lineage.tier == {0: 0, 1: 1}
