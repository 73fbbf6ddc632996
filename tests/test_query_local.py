"""Queries by local features: what a photo is a part of, and what is a part of it."""

from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from cluster_helpers import cluster_album, save_album
from matching_helpers import photo
from numpy.typing import NDArray
from PIL import Image

from dupfind import Library
from dupfind.copies import asking
from dupfind.copies.features import FEATURES_KIND
from dupfind.flows import querying
from dupfind.options import IndexOptions
from dupfind.records import Relation

Pixels = NDArray[np.uint8]
NAMES = ("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "coins.png", "gravel.png")


@pytest.fixture
def one_by_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let descriptors name a single photo, so that the others come from local features."""
    monkeypatch.setattr(querying, "SHORTLIST", 1)
    monkeypatch.setattr(querying, "SHORTLIST_PER_MATCH", 0)


def square(name: str) -> Pixels:
    return np.ascontiguousarray(cv2.resize(photo(name), (320, 320)), np.uint8)


def collage(folder: Path) -> Path:
    """Save a collage of two of the album's photos and two others."""
    cells = [square(name) for name in ("rocket.jpg", "coffee.png", "chelsea.png", "camera.png")]
    pixels = np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])
    save_album(folder, {"collage": pixels})
    return folder / "collage.jpg"


@pytest.mark.usefixtures("one_by_descriptor")
def test_a_collage_finds_its_photos_once_the_library_is_clustered(
    tmp_path: Path, small_model: Path
) -> None:
    asked = collage(tmp_path)
    library, _ = cluster_album(tmp_path, {Path(n).stem: square(n) for n in NAMES}, small_model)
    found = [match for match in library.query(asked, k=4) if match.probability > 0.9]
    assert {match.photo.path.stem for match in found} == {"coffee", "chelsea"}
    assert {match.relation for match in found} == {Relation.COMPOSITE}
    assert len(library.query(asked, k=9)) <= len(NAMES), "nothing is listed twice"


@pytest.mark.usefixtures("one_by_descriptor")
def test_what_is_kept_is_only_a_cache(tmp_path: Path, small_model: Path) -> None:
    asked = collage(tmp_path)
    library, _ = cluster_album(tmp_path, {Path(n).stem: square(n) for n in NAMES}, small_model)
    kept = library.paths.index / "local"
    assert {path.name for path in kept.iterdir()} == {
        "candidates",
        "manifest.json",
        "owners.npz",
        "vectors.faiss",
    }
    whole = (kept / "owners.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04 nothing"):
        (kept / "owners.npz").write_bytes(damaged)
        assert len(library.query(asked, k=1)) == 1
    (kept / "owners.npz").write_bytes(whole)
    index = (kept / "vectors.faiss").read_bytes()
    (kept / "vectors.faiss").write_bytes(index[:-9])
    assert len(library.query(asked, k=1)) == 1


@pytest.mark.usefixtures("one_by_descriptor")
def test_photos_that_are_gone_or_new_do_no_harm(tmp_path: Path, small_model: Path) -> None:
    asked = collage(tmp_path)
    library, _ = cluster_album(tmp_path, {Path(n).stem: square(n) for n in NAMES}, small_model)
    (tmp_path / "album" / "coffee.jpg").unlink()
    save_album(tmp_path / "album", {"rocket": square("rocket.jpg")})
    library.index([tmp_path / "album"], IndexOptions(model=str(small_model), device="cpu"))
    again = Library(library.paths.root, device="cpu")
    found = {match.photo.path.stem for match in again.query(asked, k=4) if match.probability > 0.9}
    assert "chelsea" in found
    assert "coffee" not in found


def test_of_many_photos_only_the_promising_are_proven(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FEW", 30)
    cuts = {
        f"{Path(name).stem}{row}{column}": square(name)[row * 106 :, column * 160 :][:106, :160]
        for name in NAMES
        for row, column in product(range(3), range(2))
    } | {"whole": square("coffee.png"), "other": square("rocket.jpg")}
    library, _ = cluster_album(tmp_path, cuts, small_model)
    Image.fromarray(square("rocket.jpg")[20:300, 10:290]).save(tmp_path / "asked.jpg", quality=50)
    contents = {photo.path.stem: photo.sha256 for photo in library.photos()}
    (library.paths.cache / "features.db").unlink()
    best, *others = library.query(tmp_path / "asked.jpg", k=10)
    assert best.photo.path.stem == "other"
    assert best.probability > 0.9
    assert {match.relation for match in others} <= {Relation.SIMILAR}
    with library.store() as store, store.features() as cache:
        read = cache.get_blobs(FEATURES_KIND, contents.values())
    assert contents["other"] in read
    assert len(read) < 12, "of the thirty nearest and the ten voted for"
