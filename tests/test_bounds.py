"""What saving another picture gives lies within the steps of the JPEG; what was edited does not."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from original_helpers import noisy, reopened, scene, written
from PIL import Image, ImageEnhance, ImageFilter

from dupfind.evidence import Evidence
from dupfind.matching.advice import advise
from dupfind.matching.bounds import beyond
from dupfind.matching.clues import Clue, Verdict
from dupfind.matching.original import judge
from dupfind.matching.quality import Look, look_at
from dupfind.matching.reducing import reduced_as
from dupfind.matching.resaved import WRITTEN_OVER
from dupfind.photos.details import read_details
from dupfind.records import Advice, Photo, Reason, Relation

WHOLE = np.eye(3)
FILTERS = Image.Resampling


def saved(image: Image.Image, quality: int, **options: int) -> Look:
    """Save as a JPEG, and look at what comes back."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, **options)
    return of_jpeg(buffer.getvalue())


def original() -> tuple[Look, Image.Image]:
    """Return a photo as it was taken, and the pixels that copies are made of."""
    buffer = io.BytesIO()
    scene().save(buffer, "JPEG", quality=95)
    with Image.open(buffer) as image:
        return of_jpeg(buffer.getvalue()), image.convert("RGB")


def of_jpeg(data: bytes) -> Look:
    with Image.open(io.BytesIO(data)) as image:
        table = np.array(image.quantization[0], np.float32).reshape(8, 8)  # type: ignore[attr-defined]
        return look_at(np.asarray(image.convert("RGB")), table=table)


def grey(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.convert("L"))


@pytest.mark.parametrize("quality", [10, 25, 50, 75, 90])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_copy_that_was_only_saved_is_within_its_steps(quality: int, subsampling: int) -> None:
    photo, pixels = original()

    verdict = judge(photo, saved(pixels, quality, subsampling=subsampling), WHOLE)

    assert verdict.within


def test_a_copy_that_another_program_saved_is_within_its_steps() -> None:
    photo, pixels = original()
    flipped = np.asarray(pixels)[..., ::-1]
    done, data = cv2.imencode(".jpg", flipped, [cv2.IMWRITE_JPEG_QUALITY, 40])
    assert done

    assert judge(photo, of_jpeg(data.tobytes()), WHOLE).within


def with_noise(image: Image.Image, levels: float) -> Image.Image:
    noise = np.random.default_rng(4).normal(0, levels, (image.height, image.width, 3))
    pixels = np.asarray(image, np.float64) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


BENEATH: dict[str, Callable[[Image.Image], Image.Image]] = {
    "noise": lambda image: with_noise(image, 3),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(1, 30, 0)),
    "soft": lambda image: image.filter(ImageFilter.GaussianBlur(0.5)),
}


@pytest.mark.parametrize("quality", [15, 30, 50])
@pytest.mark.parametrize("kind", BENEATH)
def test_what_was_done_beneath_a_coarse_saving_is_not_within(kind: str, quality: int) -> None:
    photo, pixels = original()

    assert not judge(photo, saved(BENEATH[kind](pixels), quality), WHOLE).within


@pytest.mark.parametrize("quality", [15, 30])
def test_noise_beneath_a_coarse_saving_does_not_go(quality: int) -> None:
    photo, pixels = original()
    verdict = judge(photo, saved(with_noise(pixels, 3), quality), WHOLE)

    assert advice_of(verdict) is Advice.LOOK


@pytest.mark.parametrize("first", [50, 70])
@pytest.mark.parametrize("quality", [75, 85])
def test_a_webp_that_was_saved_as_a_jpeg_may_go(first: int, quality: int) -> None:
    """It rounds by steps of its own, which looks like chance, and adds no noise."""
    photo, pixels = original()
    copy = saved(reopened(pixels, first, "WEBP"), quality)

    assert advice_of(judge(photo, copy, WHOLE)) is Advice.REMOVE


@pytest.mark.parametrize("quality", [70, 80, 90])
def test_noise_that_is_the_same_in_plain_places_and_in_busy_ones_does_not_go(quality: int) -> None:
    photo = saved(scene(5), 92)
    copy = saved(with_noise(reopened(scene(5), 92), 12), quality)

    assert advice_of(judge(photo, copy, WHOLE)) is Advice.LOOK


def advice_of(verdict: Verdict) -> Advice:
    taken = Photo(1, Path("a.jpg"), "", 9, 0, 40, 30, "JPEG", None, 0)
    plain = Evidence("keypoints", relations=(Relation.REENCODED,))
    return advise(Relation.REENCODED, plain, verdict, taken, taken)[0]


@pytest.mark.parametrize("quality", [15, 30, 60])
def test_a_sibling_of_the_kept_one_is_on_the_right_side_of_every_border(quality: int) -> None:
    """The kept one's own steps move the borders, and that is no noise."""
    kept = saved(scene(), 85)
    copy = saved(scene(), quality)

    found = beyond(kept, copy, kept.colour, np.ones(kept.colour.shape[:2], bool))
    assert found is not None
    assert found.misrounded < 0.005
    assert not found.is_disturbed


@pytest.mark.parametrize("first", [82, 88, 92])
@pytest.mark.parametrize("quality", [50, 75, 85])
def test_a_saving_before_the_last_is_no_noise(first: int, quality: int) -> None:
    """It puts frequencies on the wrong side of a border too, but all of one value or none."""
    photo, pixels = original()
    copy = saved(reopened(pixels, first), quality)

    found = beyond(photo, copy, photo.colour, np.ones(photo.colour.shape[:2], bool))
    assert found is not None
    assert not found.is_disturbed


@pytest.mark.parametrize(
    ("twice", "saved", "altered", "may_go"),
    [
        (True, 0.5, (), True),
        (True, -0.5, (), False),
        (True, 0.5, (Reason.SHARPER,), False),
        (False, 0.5, (), False),
    ],
)
def test_what_a_saving_before_the_last_leaves_is_no_noise(
    saved: float, altered: tuple[Reason, ...], *, twice: bool, may_go: bool
) -> None:
    verdict = Verdict({}, {Clue.NOISY: 4.0}, edges=0.9, saved=saved, twice=twice, altered=altered)
    taken = Photo(1, Path("a.jpg"), "", 9, 0, 40, 30, "JPEG", None, 0)
    plain = Evidence("keypoints", relations=(Relation.REENCODED,))
    advised = advise(Relation.REENCODED, plain, verdict, taken, taken)[0]
    assert advised is (Advice.REMOVE if may_go else Advice.LOOK)


REDUCERS: dict[str, Callable[[NDArray[np.uint8], tuple[int, int]], NDArray[np.uint8]]] = {
    **{
        f.name.lower(): lambda p, size, f=f: np.asarray(Image.fromarray(p).resize(size, f))  # type: ignore[misc]
        for f in (FILTERS.BOX, FILTERS.BILINEAR, FILTERS.HAMMING, FILTERS.BICUBIC, FILTERS.LANCZOS)
    },
    "area": lambda p, size: np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_AREA), np.uint8),
    "linear": lambda p, size: np.asarray(cv2.resize(p, size, interpolation=cv2.INTER_LINEAR), np.uint8),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCERS)
@pytest.mark.parametrize("size", [(160, 120), (251, 188)])
def test_the_way_of_reducing_is_found(name: str, size: tuple[int, int]) -> None:
    large = grey(scene())
    small = REDUCERS[name](large, size)

    found = reduced_as(large, small)

    off = np.abs(found - small)
    assert off.mean() < 0.6
    assert np.percentile(off, 99.5) <= 2.5


@pytest.mark.parametrize("name", REDUCERS)
def test_a_copy_that_was_only_reduced_is_within_its_steps(name: str) -> None:
    photo, pixels = original()
    small = Image.fromarray(REDUCERS[name](np.asarray(pixels), (200, 150)))

    assert judge(photo, saved(small, 85), WHOLE).within


def patched(image: Image.Image) -> Image.Image:
    copy = image.copy()
    copy.paste(image.crop((20, 20, 32, 32)), (200, 120))
    return copy


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "text": written,
    "patch of 12 px": patched,
    "noise": noisy,
    "brighter": lambda image: image.point([min(255, value + 6) for value in range(256)] * 3),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.08),
    "sharper": lambda image: ImageEnhance.Sharpness(image).enhance(1.6),
    "colour": lambda image: ImageEnhance.Color(image).enhance(1.25),
    "turned about": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


@pytest.mark.parametrize("kind", EDITS)
@pytest.mark.parametrize("quality", [50, 85])
@pytest.mark.parametrize("size", [(320, 240), (200, 150)])
def test_an_edited_copy_is_beyond(kind: str, quality: int, size: tuple[int, int]) -> None:
    photo, pixels = original()
    copy = EDITS[kind](pixels).resize(size, FILTERS.BICUBIC)

    assert not judge(photo, saved(copy, quality), WHOLE).within


def test_a_small_place_that_is_beyond_speaks_against_saving_alone() -> None:
    photo, pixels = original()
    for quality, size in ((50, (320, 240)), (85, (320, 240)), (85, (200, 150))):
        copy = saved(patched(pixels).resize(size, FILTERS.LANCZOS), quality)
        found = judge(photo, copy, WHOLE).saved
        assert found is not None
        assert found <= WRITTEN_OVER


def test_of_other_formats_larger_copies_and_grey_files_nothing_is_said(tmp_path: Path) -> None:
    photo, pixels = original()
    assert not judge(photo, look_at(np.asarray(pixels)), WHOLE).within
    larger = saved(pixels.resize((640, 480)), 90)
    assert not judge(photo, larger, WHOLE).within
    plain = scene().convert("L")
    plain.save(tmp_path / "grey.jpg", quality=90)
    details = read_details(tmp_path / "grey.jpg", width=320, height=240)
    assert details.one_channel
    grey_file = replace(look_at(details.pixels, table=details.table), one_channel=True)
    assert not judge(saved(plain.convert("RGB"), 95), grey_file, WHOLE).within


def test_what_is_within_may_go_whatever_rounding_looks_like() -> None:
    photo = Photo(1, Path("a.jpg"), "", 9, 0, 40, 30, "JPEG", None, 0)
    plain = Evidence("keypoints", relations=(Relation.REENCODED,))
    looks_changed = Verdict(
        {Clue.SOFTER: 2.0}, {Clue.NOISY: 3.0}, changed_share=0.004, toned=2.2, edges=0.9, saved=0.4
    )

    def advice(verdict: Verdict) -> tuple[Advice, tuple[Reason, ...]]:
        return advise(Relation.REENCODED, plain, verdict, photo, photo)

    assert advice(looks_changed)[0] is Advice.LOOK
    assert advice(replace(looks_changed, within=True)) == (Advice.REMOVE, (Reason.SAVED_AGAIN,))
    lost = replace(looks_changed, within=True, profile="a")
    assert advice(lost) == (Advice.REMOVE, (Reason.SAVED_AGAIN, Reason.LOST_PROFILE))
    assert advice(replace(looks_changed, within=True, saved=-2.5))[0] is Advice.LOOK
    assert advice(replace(looks_changed, within=True, edges=0.1))[0] is Advice.LOOK


def test_dots_of_a_palette_are_no_finer_structure() -> None:
    photo = Photo(1, Path("a.gif"), "", 9, 0, 40, 30, "GIF", None, 0)
    plain = Evidence("keypoints", relations=(Relation.REENCODED,))
    dotted = Verdict(
        {Clue.ENLARGED: 6.0, Clue.SOFTER: 2.0}, {Clue.STEPS: 7.0}, edges=1.1, saved=-0.5
    )
    assert advise(Relation.REENCODED, plain, dotted, photo, photo)[0] is Advice.REMOVE
    few = replace(dotted, against_b={Clue.STEPS: 1.0})
    assert advise(Relation.REENCODED, plain, few, photo, photo)[0] is Advice.LOOK
