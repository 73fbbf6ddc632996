"""What no smooth motion explains, where neighbours move alike: another viewpoint, and no copy."""

import cv2
import numpy as np
import pytest
from matching_helpers import photo
from numpy.typing import NDArray

from dupfind.matching.closer import look_closer
from dupfind.matching.parallax import Drift, drift_of
from dupfind.photos.edits import apply_edit
from dupfind.photos.edits.step import EditedPicture
from dupfind.photos.lookalikes import make_series

Pixels = NDArray[np.uint8]


def grey(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)


def moved(picture: NDArray[np.float32], by_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture with each pixel taken so far to the right of its place."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return np.asarray(
        cv2.remap(picture, x + by_px, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    )


def noisy(picture: NDArray[np.float32], levels: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(3).normal(0, levels, picture.shape)
    return np.asarray(picture + noise, np.float32)


def squares(shape: tuple[int, int], px: float) -> NDArray[np.float32]:
    """Return planes of two depths, as a chess board has them."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.asarray(np.where((y // 60 + x // 60) % 2 == 1, px / 2, -px / 2), np.float32)


def drift(drawn: NDArray[np.float32], target: NDArray[np.float32]) -> Drift:
    return drift_of(drawn, target, np.ones(target.shape, bool))


@pytest.mark.parametrize("apart_px", [0.3, 0.6, 1.0])
def test_planes_that_lie_parts_of_a_pixel_apart_are_measured(apart_px: float) -> None:
    target = grey(photo("coffee.png", 400))
    found = drift(moved(target, squares(target.shape, apart_px)), noisy(target, 3))
    # Each plane lies half of it to its side of the smooth motion.
    assert found.drift_px == pytest.approx(apart_px / 2, rel=0.4)


def test_noise_moves_windows_and_not_their_neighbours() -> None:
    target = grey(photo("coffee.png", 400))
    found = drift(noisy(target, 12), target)
    assert found.drift_px < 0.04
    assert found.jitter_px > 2 * found.drift_px


def test_a_bend_of_all_of_the_picture_is_no_parallax() -> None:
    target = grey(photo("coffee.png", 400))
    x = np.linspace(-1, 1, target.shape[1], dtype=np.float32)[None]
    bend = np.repeat(0.5 * x * x, len(target), axis=0)
    assert drift(moved(target, bend), target).drift_px < 0.03


def test_other_light_is_no_parallax() -> None:
    target = grey(photo("coffee.png", 400))
    lit = target * np.linspace(0.6, 1.1, target.shape[1], dtype=np.float32) + 12
    assert drift(lit, target).drift_px < 0.02


def test_where_nothing_can_be_compared_nothing_is_measured() -> None:
    flat = np.full((300, 300), 90, np.float32)
    assert drift(flat, flat).drift_px == 0
    small = grey(photo("coffee.png", 400))[:20, :20]
    assert drift(small, small) == Drift()
    assert drift_of(small, small, np.zeros(small.shape, bool)) == Drift()


@pytest.mark.parametrize(
    "edit", ["jpeg_medium", "shrink_half", "crop_85", "sharpen", "perspective", "brighter", "webp"]
)
def test_copies_have_less_of_it_than_another_viewpoint(edit: str) -> None:
    rng = np.random.default_rng(5)
    shown = photo("coffee.png", 400)
    views = make_series("near_view", rng, 3, shown) or []
    copied = apply_edit(edit, shown, rng)
    copy = look_closer(shown, copied.pixels, in_fractions(copied, shown))
    assert copy is not None
    assert len(views) == 3
    for view in views[1:]:
        other = look_closer(shown, view, np.eye(3))
        assert other is not None
        assert other.drift_px > 2 * copy.drift_px


def in_fractions(copied: EditedPicture, shown: Pixels) -> NDArray[np.float64]:
    """Return an edit's matrix from fractions of one long side to fractions of the other."""
    before, after = (max(pixels.shape[:2]) for pixels in (shown, copied.pixels))
    matrix = np.array(copied.parameters["matrix"], np.float64)
    return np.diag([1 / after, 1 / after, 1]) @ matrix @ np.diag([before, before, 1.0])
