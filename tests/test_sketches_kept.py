"""Sketches are drawn in the pass that describes, and made up for where they were not."""

from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import groups_of, save_album
from matching_helpers import photo
from PIL import Image

from dupfind import Library
from dupfind.copies.sketches import SKETCH_KIND, keypoints_per_photo, load_sketches
from dupfind.matching.sketch import MOST_KEYPOINTS, Sketch, draw_sketch
from dupfind.options import IndexOptions
from dupfind.records import Photo

NAMES = ("coffee.png", "chelsea.png")


@pytest.fixture
def album(tmp_path: Path) -> Path:
    pictures = {Path(name).stem: photo(name) for name in NAMES}
    pictures["turned"] = np.ascontiguousarray(np.rot90(photo("coffee.png")))
    save_album(tmp_path / "album", pictures)
    return tmp_path / "album"


def index(album: Path, model: Path, *, features: bool = True) -> Library:
    library = Library(album.parent / ".dupfind", device="cpu")
    library.index([album], IndexOptions(model=str(model), device="cpu", features=features))
    return library


def kept(library: Library, photos: list[Photo]) -> dict[str, bytes]:
    with library.store() as store, store.features() as cache:
        return cache.get_blobs(SKETCH_KIND, [photo.sha256 for photo in photos])


def test_photos_are_sketched_while_they_are_described(album: Path, small_model: Path) -> None:
    library = index(album, small_model)
    photos = library.photos()
    sketches = kept(library, photos)
    assert sketches.keys() == {photo.sha256 for photo in photos}
    again = draw_sketch(np.asarray(Image.open(photos[0].path)))
    assert np.array_equal(Sketch.from_bytes(sketches[photos[0].sha256]).thumb, again.thumb)


def test_no_file_is_read_again_for_its_sketch(album: Path, small_model: Path) -> None:
    library = index(album, small_model)
    photos = library.photos()
    for photo_ in photos:
        photo_.path.unlink()
    with library.store() as store, store.features() as cache:
        sketches = load_sketches(photos, cache)
    assert sketches.unreadable == 0
    assert len(sketches.table.codes) > 100


def test_what_was_only_described_catches_up(album: Path, small_model: Path) -> None:
    library = index(album, small_model, features=False)
    assert not kept(library, library.photos())
    library.cluster()
    assert len(kept(library, library.photos())) == 3
    assert groups_of(library) == [{"coffee", "turned"}]


def test_a_damaged_sketch_is_drawn_anew(album: Path, small_model: Path) -> None:
    library = index(album, small_model)
    photos = library.photos()
    whole = kept(library, photos)
    with library.store() as store, store.features() as cache:
        cache.put_blobs(SKETCH_KIND, {photos[0].sha256: b"damaged"})
        load_sketches(photos, cache)
    assert kept(library, photos) == whole


def test_a_photo_that_is_gone_has_an_empty_sketch(album: Path, small_model: Path) -> None:
    library = index(album, small_model, features=False)
    photos = library.photos()
    photos[1].path.unlink()
    with library.store() as store, store.features() as cache:
        sketches = load_sketches(photos, cache)
    assert sketches.unreadable == 1
    assert len(sketches.table.rows_of(range(1, 2))) == 0
    assert len(sketches.table.rows_of(range(2, 3))) > 0


def test_many_photos_have_fewer_keypoints_each() -> None:
    assert keypoints_per_photo(1000) == MOST_KEYPOINTS
    assert keypoints_per_photo(200_000, 12_000_000) == 60
    assert keypoints_per_photo(10**8) == 16
