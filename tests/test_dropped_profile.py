"""A photo with a colour profile and copies that lost it: the values are the same, the looks are not."""

import io
from pathlib import Path

import numpy as np
import pytest
from icc import SPACES, profile_of
from original_helpers import photo_of, scene, written
from PIL import Image, ImageCms, ImageEnhance

from dupfind.copies.originals import Lineage, lineages_of, with_pairs
from dupfind.evidence import Evidence, Tone
from dupfind.matching.advice import advise, may_be_harmless
from dupfind.photos.decode import FULL_SIZE_PX, decode
from dupfind.photos.details import is_profiled
from dupfind.records import Advice, Photo, Reason, Relation

WHOLE = Evidence("keypoints", matrix=(1.0, 0, 0, 0, 1, 0, 0, 0, 1))


def converted(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture as a program saves it that brings it to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    found = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert found is not None
    return Image.fromarray(np.asarray(found))


def family(folder: Path, space: str) -> dict[str, Photo]:
    """Save a photo with a profile, copies that lost it and others, by name."""
    profile = profile_of(space)
    scene(7).save(folder / "photo.jpg", quality=90, icc_profile=profile)
    with Image.open(folder / "photo.jpg") as image:
        values = Image.fromarray(np.asarray(image))
    values.save(folder / "again.jpg", quality=85)
    values.save(folder / "finer.jpg", quality=96)
    written(values).save(folder / "written.jpg", quality=90)
    ImageEnhance.Color(values).enhance(0.8).save(folder / "coloured.jpg", quality=90)
    converted(values, profile).save(folder / "converted.jpg", quality=85)
    names = ("again", "finer", "written", "converted", "photo", "coloured")
    return {name: photo_of(number, folder / f"{name}.jpg") for number, name in enumerate(names)}


def lineage_of(photos: list[Photo]) -> Lineage:
    rows = list(range(len(photos)))
    (lineage,) = lineages_of([rows], photos, lambda *_: WHOLE, lambda kept, row: kept != row)
    return lineage


@pytest.mark.parametrize("space", SPACES)
def test_the_photo_with_the_profile_comes_before_copies_that_lost_it(
    tmp_path: Path, space: str
) -> None:
    photos = family(tmp_path, space)
    names = list(photos)

    lineage = lineage_of(list(photos.values()))

    assert [names[row] for row, tier in lineage.tier.items() if tier == 0] == ["photo"]
    pair = lineage_of([photos["finer"], photos["photo"]])
    assert pair.of(1) == 0 < pair.of(0)


def test_what_lost_its_profile_is_told_so_and_not_called_recoloured(tmp_path: Path) -> None:
    photos = family(tmp_path, "Display P3")
    kept, verdicts = photos["photo"], lineage_of(list(photos.values())).verdicts
    toned = Evidence(
        "keypoints",
        relations=(Relation.RECOLOURED,),
        tones=Tone(gain=0.8, offset=2, colour_a=40, colour_b=30, colour_shift=6),
    )

    advice, reasons = {}, {}
    for row, name in enumerate(photos):
        if name != "photo":
            verdict = verdicts[4, row]
            found = advise(Relation.RECOLOURED, toned, verdict, photos[name], kept)
            advice[name], reasons[name] = found

    assert reasons["again"] == reasons["finer"] == (Reason.SAVED_AGAIN, Reason.LOST_PROFILE)
    assert advice["again"] is advice["finer"] is Advice.REMOVE
    assert Reason.LOST_PROFILE in reasons["written"]
    assert advice["written"] is advice["coloured"] is Advice.LOOK
    assert Reason.LOST_PROFILE not in reasons["converted"]
    assert not may_be_harmless(Relation.RECOLOURED, toned)
    assert may_be_harmless(Relation.RECOLOURED, toned, profiled=True)


def test_a_photo_with_a_profile_does_not_go_for_a_copy_that_lost_it(tmp_path: Path) -> None:
    photos = family(tmp_path, "Adobe RGB (1998)")
    verdict = lineage_of([photos["finer"], photos["photo"]]).verdicts[1, 0]
    assert verdict.profile == "a"

    both = [photos["finer"], photos["photo"]]
    (lineage,) = with_pairs([Lineage()], [(0, [1])], both, lambda *_: WHOLE)
    verdict = lineage.verdicts[0, 1]
    advice = advise(Relation.REENCODED, WHOLE, verdict, photos["photo"], photos["finer"])

    assert advice == (Advice.LOOK, (Reason.MORE_PROFILE,))


def test_a_profile_is_read_from_the_header_and_can_be_passed_over(tmp_path: Path) -> None:
    values = np.full((32, 48, 3), (200, 60, 40), np.uint8)
    for name, profile in (("wide", profile_of("Display P3")), ("plain", None)):
        Image.fromarray(values).save(tmp_path / f"{name}.png", icc_profile=profile)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(values).save(tmp_path / "srgb.png", icc_profile=srgb)

    assert is_profiled(tmp_path / "wide.png")
    assert not is_profiled(tmp_path / "plain.png")
    assert not is_profiled(tmp_path / "srgb.png")
    assert not is_profiled(tmp_path / "none.png")
    seen = decode(tmp_path / "wide.png", needed_px=FULL_SIZE_PX).pixels
    passed_over = decode(tmp_path / "wide.png", needed_px=FULL_SIZE_PX, use_profile=False).pixels
    assert np.abs(seen[3, 3].astype(int) - values[3, 3]).max() > 15
    np.testing.assert_array_equal(passed_over, values)
