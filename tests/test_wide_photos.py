"""Very wide and very tall pictures: saved again, halved, cut, and told from others of their kind."""

import io
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image

from dupfind.matching.calibrate import shipped_calibration, signals_of
from dupfind.matching.closer import look_closer
from dupfind.matching.features import MAX_KEYPOINTS, LocalFeatures, extract
from dupfind.matching.judge import look_signals, settled, shipped_judge
from dupfind.matching.sizes import long_side, stretch
from dupfind.matching.verify import verify

Pixels = NDArray[np.uint8]
PHOTOS = ("coffee.png", "chelsea.png", "astronaut.png")
OTHERS = ("rocket.jpg", "coins.png", "moon.png")


def strip(width: int, height: int, photos: tuple[str, ...] = PHOTOS) -> Pixels:
    """Lay photos side by side until the strip is full, each drawn a little wider than the last."""
    canvas, left = Image.new("RGB", (width, height)), 0
    for number in range(width):
        if left >= width:
            break
        picture = Image.fromarray(photo(photos[number % len(photos)]))
        share = (1 + 0.1 * number) * height / picture.height
        drawn = picture.resize((max(1, round(picture.width * share)), height))
        canvas.paste(drawn, (left, 0))
        left += drawn.width
    return np.asarray(canvas)


def saved(picture: Image.Image, quality: int = 85) -> Pixels:
    """Save a picture as JPEG and read it again."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def copies(pixels: Pixels) -> dict[str, Pixels]:
    """Return copies of a wide picture: saved again, at half the size, its left half, turned."""
    picture = Image.fromarray(pixels)
    width, height = picture.size
    return {
        "jpeg": saved(picture),
        "half": saved(picture.resize((width // 2, height // 2)), quality=92),
        "left": saved(picture.crop((0, 0, width // 2, height))),
        "turned": saved(picture.transpose(Image.Transpose.ROTATE_90)),
    }


def odds(a: Pixels, b: Pixels) -> float:
    """Return the judge's log odds of two pictures; those of nothing where they do not align."""
    proof = verify(extract(a), extract(b))
    look = None if proof.matrix is None else look_closer(a, b, proof.matrix)
    if look is None:
        return -9.0
    first = float(shipped_calibration().log_odds(signals_of(proof)[None])[0])
    return settled(look, float(shipped_judge().log_odds(look_signals(look, first)[None])[0]))


@pytest.mark.parametrize("size", [(640, 40), (728, 90), (2600, 200), (6000, 100)], ids=str)
def test_copies_of_a_wide_picture_are_copies(size: tuple[int, int]) -> None:
    wide = strip(*size)
    for name, copy in copies(wide).items():
        assert odds(wide, copy) > 2, name


@pytest.mark.parametrize("size", [(640, 40), (2600, 200)], ids=str)
def test_another_wide_picture_is_no_copy(size: tuple[int, int]) -> None:
    assert odds(strip(*size), strip(*size, OTHERS)) < -3


def test_an_ordinary_picture_is_worked_on_at_the_usual_size() -> None:
    for shape in ((400, 400), (3000, 4000, 3), (1080, 1920), (300, 900)):
        assert stretch(shape) == 1
        assert long_side(shape, 400) == 400
    assert max(extract(photo("coffee.png")).picture.shape) == 224


def test_the_short_side_keeps_its_pixels_until_the_area_is_bounded() -> None:
    for width in range(910, 8100, 60):
        sides = long_side((300, width), 400), long_side((width, 300), 400)
        assert sides[0] == sides[1]
        assert abs(sides[0] * 300 / width - 400 / 3) < 1
    for width in (8100, 20_000, 300_000):
        side = long_side((300, width), 400)
        assert abs(side * side * 300 / width - 3 * 400 * 400) < 3000


def test_a_wide_picture_has_more_keypoints_and_survives_the_cache() -> None:
    found = extract(strip(6000, 100))
    assert MAX_KEYPOINTS < len(found) <= 4 * MAX_KEYPOINTS + 1
    again = LocalFeatures.from_bytes(found.to_bytes())
    assert again.stretch == found.stretch > 8
    # A pixel is a 4,000th part of the long side here.
    assert np.abs(again.points - found.points).max() < 1e-5


def test_wide_pictures_are_grouped_with_their_copies_only(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {"one": strip(3000, 120), "two": strip(3000, 120, OTHERS)}
    tall = np.ascontiguousarray(np.rot90(strip(4000, 200, ("brick.png", *OTHERS[::-1]))))
    pictures |= {"tall": tall, "tall-half": tall[::2, ::2]}
    pictures |= {f"one-{name}": copy for name, copy in copies(pictures["one"]).items()}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    found = sorted(groups_of(library), key=len)
    assert found[0] == {"tall", "tall-half"}
    assert found[1] == {"one", "one-jpeg", "one-half", "one-left", "one-turned"}
