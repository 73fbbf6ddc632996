"""Star skies, snow and other dim or soft pictures: found when they are saved again, and only then."""

from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of
from numpy.typing import NDArray
from PIL import Image
from test_wide_photos import odds, saved

from dupfind.matching.calibrate import shipped_calibration, signals_of
from dupfind.matching.features import LocalFeatures, extract
from dupfind.matching.judge import LOOK_FROM
from dupfind.matching.same_tones import laid_by_tones
from dupfind.matching.verify import verify

Pixels = NDArray[np.uint8]
SIZE = (800, 600)


def star_sky(sky: int, frame: int = 0, shift: tuple[int, int] = (0, 0)) -> Pixels:
    """Return a frame of a dim sky: the stars are those of the sky, the noise is the frame's own."""
    width, height = SIZE
    rng = np.random.default_rng(sky)
    plane = np.repeat(np.linspace(7, 14, height, dtype=np.float32)[:, None], width, axis=1)
    star = np.array([[1.0, 0.6], [0.6, 0.3]], np.float32)
    for x, y, light in rng.uniform((20, 20, 15), (width - 22, height - 22, 120), (180, 3)):
        left, top = int(x) + shift[0], int(y) + shift[1]
        plane[top : top + 2, left : left + 2] += light * star
    noise = np.random.default_rng(1000 * sky + frame).normal(0, 2, (height, width, 3))
    return np.clip(plane[..., None] + noise, 0, 255).astype(np.uint8)


def snow(seed: int) -> Pixels:
    """Return a bright field with dunes of a grey level or two, and a little noise."""
    width, height = SIZE
    rng = np.random.default_rng(seed)
    dunes = Image.fromarray(rng.normal(238, 2.2, (15, 20)).astype(np.float32))
    plane = np.asarray(dunes.resize(SIZE, Image.Resampling.BICUBIC))
    return np.clip(plane[..., None] + rng.normal(0, 0.8, (height, width, 3)), 0, 255).astype(
        np.uint8
    )


def copies(pixels: Pixels) -> dict[str, Pixels]:
    picture = Image.fromarray(pixels)
    return {
        "jpeg": saved(picture, 92),
        "crop": saved(picture.crop((30, 20, 760, 570))),
        "turned": saved(picture.transpose(Image.Transpose.ROTATE_90)),
    }


def likely(a: Pixels, b: Pixels) -> float:
    """Return the probability of the proof alone."""
    signals = signals_of(verify(extract(a), extract(b)))
    return float(shipped_calibration().probability(signals[None])[0])


@pytest.mark.parametrize("name", ["jpeg", "crop", "turned"])
def test_a_star_sky_that_is_saved_again_is_found(name: str) -> None:
    sky = star_sky(1)
    copy = copies(sky)[name]
    assert likely(sky, copy) > LOOK_FROM
    assert odds(sky, copy) > 2


def test_other_frames_of_one_sky_and_other_skies_are_no_copies() -> None:
    sky = star_sky(1)
    for other in (star_sky(1, frame=1), star_sky(1, frame=2, shift=(9, 4)), star_sky(2)):
        assert odds(sky, saved(Image.fromarray(other), 92)) < 0


@pytest.mark.parametrize("name", ["jpeg", "crop", "turned"])
def test_snow_is_laid_on_itself_by_its_dunes(name: str) -> None:
    field = snow(3)
    assert likely(field, copies(field)[name]) > 0.8
    assert likely(field, snow(4)) < LOOK_FROM


def test_softness_survives_the_cache_and_a_photo_with_texture_is_not_soft() -> None:
    for pixels, is_soft in ((star_sky(1), True), (np.asarray(_pattern()), False)):
        found = LocalFeatures.from_bytes(extract(pixels).to_bytes())
        assert found.is_soft is is_soft
        assert len(found) > 100


def _pattern() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)


def test_star_skies_are_grouped_by_frame(tmp_path: Path, small_model: Path) -> None:
    pictures = {f"sky-{frame}": star_sky(1, frame) for frame in range(2)}
    pictures |= {f"sky-0-{name}": copy for name, copy in copies(pictures["sky-0"]).items()}
    pictures |= {f"other-{sky}": star_sky(sky) for sky in range(2, 5)}
    library, _ = cluster_album(tmp_path, pictures, small_model)
    assert groups_of(library) == [{"sky-0", "sky-0-jpeg", "sky-0-crop", "sky-0-turned"}]


def clear_sky(seed: int, *, noise: float = 1.5) -> Pixels:
    """Return a sky without a cloud: light that runs smoothly over it, and the grain of a camera."""
    width, height = SIZE
    rng = np.random.default_rng(seed)
    slopes = rng.uniform(-60, 60, (2, 1, 1, 1)) * rng.uniform(0.6, 1, (2, 1, 1, 3))
    middle = rng.uniform(110, 150, 3)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j][..., None]
    glow = np.exp(-((y - rng.uniform(-0.4, 0.4)) ** 2 + (x - rng.uniform(-0.4, 0.4)) ** 2) * 9)
    light = middle + slopes[0] * y + slopes[1] * x + 40 * glow
    return np.clip(light + rng.normal(0, noise, light.shape), 0, 255).astype(np.uint8)


def sky_copies(sky: Pixels) -> dict[str, Pixels]:
    picture = Image.fromarray(sky)
    return {"coarse": saved(picture, 50), "half": saved(picture.resize((400, 300)), 80)}


@pytest.mark.parametrize("name", ["coarse", "half"])
def test_a_clear_sky_without_its_grain_is_known_by_its_light(name: str) -> None:
    for seed in range(1, 5):
        sky = clear_sky(seed)
        assert odds(sky, sky_copies(sky)[name]) >= 2.5


def test_other_skies_are_no_copies_though_nothing_is_to_be_seen_in_them() -> None:
    for seed in range(1, 5):
        other = saved(Image.fromarray(clear_sky(seed + 10)), 50)
        assert odds(clear_sky(seed), other) < 0
        assert odds(clear_sky(seed), other[::-1, ::-1]) < 0


def test_the_next_frame_of_a_clear_sky_has_a_grain_of_its_own() -> None:
    light = clear_sky(1, noise=0).astype(np.float32)
    one, other = (
        np.clip(light + np.random.default_rng(seed).normal(0, 2, light.shape), 0, 255)
        for seed in (1, 2)
    )
    frames = one.astype(np.uint8), other.astype(np.uint8)
    assert odds(*frames) < 0
    assert laid_by_tones(*frames, np.eye(3)) is None
    assert laid_by_tones(frames[0], saved(Image.fromarray(frames[0]), 92), np.eye(3)) is not None


def test_a_sky_of_another_exposure_and_a_cut_of_it_are_not_known_by_their_light() -> None:
    sky = clear_sky(2)
    brighter = saved(Image.fromarray(np.clip(sky * 1.04, 0, 255).astype(np.uint8)), 50)
    cut = saved(Image.fromarray(sky).crop((80, 60, 720, 540)), 50)
    to_cut = np.array([[1.25, 0, -0.125], [0, 1.25, -0.09375], [0, 0, 1]])
    assert laid_by_tones(sky, saved(Image.fromarray(sky), 50), np.eye(3)) is not None
    assert laid_by_tones(sky, brighter, np.eye(3)) is None
    assert laid_by_tones(sky, cut, to_cut) is None


def test_nothing_is_the_same_light_where_there_is_none_to_compare() -> None:
    white = np.full((300, 400, 3), 255, np.uint8)
    assert laid_by_tones(white, white, np.eye(3)) is None


def test_a_coarse_cut_of_a_clear_sky_is_not_ruled_out() -> None:
    """What cannot be known speaks for nothing: it does not contradict what is known of both."""
    for seed in range(1, 5):
        sky = clear_sky(seed)
        cut = Image.fromarray(sky).crop((40, 30, 760, 570)).resize((500, 375))
        assert odds(sky, saved(cut, 50)) > -1
        assert odds(clear_sky(seed + 10), saved(cut, 50)) < -2
