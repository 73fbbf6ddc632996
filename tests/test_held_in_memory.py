"""What is held in memory of photos is bounded, and what is found does not depend on the bound."""

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_helpers import cluster_album, save_album
from matching_helpers import photo
from PIL import Image

import dupfind.copies.features
import dupfind.copies.looking
import dupfind.copies.originals
from dupfind.copies.features import FeatureSource
from dupfind.copies.looks import HELD, Looks
from dupfind.photos.decode import read_known
from dupfind.photos.scan import file_sha256
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

LIMIT_BYTES = 1_000_000  # two of the photos here and a little more


def known(path: Path, number: int) -> Photo:
    with Image.open(path) as image:
        size = image.size
    return Photo(number, path, file_sha256(path), path.stat().st_size, 1, *size, "PNG")


def album_of(folder: Path, count: int) -> list[Photo]:
    """Write so many pictures of noise that has structure."""
    folder.mkdir()
    photos = []
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 255, (12, 16, 3), np.uint8)
        path = folder / f"{number:02}.png"
        Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC).save(path)
        photos.append(known(path, number))
    return photos


def test_the_latest_features_are_held_and_the_others_come_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dupfind.copies.features, "IN_MEMORY", 2)
    photos = album_of(tmp_path / "album", 5)
    with BlobCache(tmp_path / "features.db") as cache:
        source = FeatureSource(photos, cache)
        first = source.load(range(5))
        for found in photos:
            found.path.unlink()
        assert [source[row] is first[row] for row in (4, 3, 0, 1, 2)] == [
            *(True, True),
            *(False, False, False),
        ]
        again = source.load(range(5))
        source.close()
    for one, other in zip(first, again, strict=True):
        assert len(one.points) > 10
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.descriptors, other.descriptors)


def test_of_a_group_no_more_photos_are_held_than_are_compared(tmp_path: Path) -> None:
    photos = album_of(tmp_path / "album", HELD + 2)
    looks = Looks(photos)
    first = looks[0]
    for row in range(HELD):
        looks[row]
    assert looks[0] is first  # all are held, and this one is the latest again
    looks[HELD], looks[HELD + 1]
    assert len(looks.known) == HELD
    assert looks[0] is first
    assert {1, 2}.isdisjoint(row for row, _ in looks.known)
    photos[1].path.unlink()
    assert looks[1] is None


def test_little_memory_finds_what_much_memory_finds(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {}
    for name in ("coffee", "chelsea", "astronaut"):
        shown = Image.fromarray(photo(f"{name}.png", 480))
        pictures[name] = np.asarray(shown)
        pictures[f"{name}-cut"] = np.asarray(shown.crop((40, 30, 440, 290)))
        pictures[f"{name}-small"] = np.asarray(shown.resize((360, 240)))
    much, summary = cluster_album(tmp_path / "much", pictures, small_model)
    assert summary.looked >= 6

    monkeypatch.setattr(dupfind.copies.features, "IN_MEMORY", 1)
    monkeypatch.setattr(dupfind.copies.looking, "IN_MEMORY_BYTES", LIMIT_BYTES)
    monkeypatch.setattr(dupfind.copies.looks, "HELD", 1)
    decoded: list[weakref.ref[Any]] = []
    most_bytes = 0

    def watched(*arguments: Any, **options: Any) -> Any:
        nonlocal most_bytes
        picture = read_known(*arguments, **options)
        gc.collect()
        alive = {id(pixels): pixels for ref in decoded if (pixels := ref()) is not None}
        most_bytes = max(most_bytes, sum(pixels.nbytes for pixels in alive.values()))
        decoded.append(weakref.ref(picture.pixels))
        return picture

    monkeypatch.setattr(dupfind.copies.looking, "read_known", watched)
    save_album(tmp_path / "little" / "album", pictures)
    little, again = cluster_album(tmp_path / "little", pictures, small_model)
    assert len(decoded) > len(pictures)  # photos were decoded anew, for they were not held
    assert most_bytes <= LIMIT_BYTES + 2 * 2 * 480 * 320 * 3  # and what two threads look at
    assert (again.proven, again.looked) == (summary.proven, summary.looked)
    assert found(little) == found(much)


def found(library: Any) -> list[Any]:
    """Return pairs and groups by names, without ids."""
    names = {photo.id: photo.path.stem for photo in library.photos()}
    pairs = sorted(
        (names[pair.photo_a], names[pair.photo_b], pair.probability, str(pair.relation))
        for pair in library.pairs()
    )
    groups = [
        [(names[member.photo_id], member.probability, member.advice) for member in group.members]
        for group in library.groups()
    ]
    return [pairs, sorted(groups)]
