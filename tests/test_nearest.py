"""In a group the original is what copies that were changed in different ways are nearest to."""

from pathlib import Path

import numpy as np
from original_helpers import noisy, photo_of, scene, written
from PIL import Image, ImageFilter

from dupfind.copies.looks import Looks
from dupfind.copies.originals import compare, lay, lineages_of
from dupfind.evidence import Evidence
from dupfind.matching.nearest import NEAREST, nearest

AS_IT_IS = Evidence("keypoints", matrix=tuple(np.eye(3).ravel().tolist()))


def toned(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("RGB"))[..., [1, 2, 0]])


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def soft(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(1))


def test_the_right_colours_are_those_that_copies_changed_in_other_ways_have(tmp_path: Path) -> None:
    first = tmp_path / "a.jpg"
    scene(8).save(first, quality=75)
    pixels = Image.open(first).convert("RGB")
    photos = [photo_of(0, first)]
    for number, change in enumerate((toned, written, soft, noisy, grey), 1):
        path = tmp_path / f"{number}.jpg"
        change(pixels).convert("RGB").save(path, quality=97)
        photos.append(photo_of(number, path))
    rows = [1, 2, 3, 0, 4, 5]
    compared = compare(lay(rows, photos, lambda *_: AS_IT_IS), Looks(photos))

    found = nearest(compared.traced)[:, NEAREST.index("nearest_changed")]

    assert compared.rows[int(found.argmax())] == 0
    (lineage,) = lineages_of([rows], photos, lambda *_: AS_IT_IS, lambda *_: False)
    assert [row for row, tier in lineage.tier.items() if tier == 0] == [0]


def test_of_two_photos_no_third_tells_which_is_nearest(tmp_path: Path) -> None:
    for name in "ab":
        scene().save(tmp_path / f"{name}.jpg")
    photos = [photo_of(number, tmp_path / f"{name}.jpg") for number, name in enumerate("ab")]
    traced = compare(lay([0, 1], photos, lambda *_: AS_IT_IS), Looks(photos)).traced

    assert np.isnan(nearest(traced)).all()
