"""One file is one file: by whatever path, replaced at whatever moment, on a disk that comes and goes."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import picture
from PIL import Image

import dupfind.flows.describing
from dupfind import Library
from dupfind.cli.index import words_of_index
from dupfind.descriptors.embed import Embedder
from dupfind.descriptors.views import make_view
from dupfind.flows.indexing import IndexSummary
from dupfind.flows.models import open_model
from dupfind.options import IndexOptions
from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.scan import file_sha256

PHOTOS = 4


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    for seed in range(PHOTOS):
        save(folder / ("sub" if seed % 2 else ".") / f"{seed}.png", seed)
    return folder


@pytest.fixture
def small(small_model: Path) -> IndexOptions:
    return IndexOptions(model=str(small_model), device="cpu")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / ".dupfind", device="cpu")


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that were decoded; decoding itself stays real."""
    paths: list[Path] = []
    real = dupfind.photos.opening.open_photo

    def noting(path: Path) -> object:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(dupfind.flows.describing, "open_photo", noting)
    return paths


def save(path: Path, seed: int) -> None:
    Image.fromarray(picture(seed)).save(path)


def counts(summary: IndexSummary) -> dict[str, int]:
    names = (
        *("new", "changed", "moved", "returned", "unchanged"),
        *("removed", "away", "errors", "described"),
    )
    return {name: getattr(summary, name) for name in names if getattr(summary, name)}


def paths_of(library: Library) -> set[Path]:
    return {photo.path for photo in library.photos()}


def test_a_folder_that_is_reached_by_a_link_is_known_again(
    library: Library, small: IndexOptions, album: Path, decoding: list[Path]
) -> None:
    library.index([album], small)
    before = {photo.id: photo.path for photo in library.photos()}
    link = album.with_name("link")
    link.symlink_to(album)
    decoding.clear()
    assert counts(library.index([link])) == {"unchanged": PHOTOS}
    assert {photo.id: photo.path for photo in library.photos()} == before
    save(link / "new.png", 50)
    (album / "0.png").unlink()
    assert counts(library.index([link])) == {
        "new": 1, "unchanged": PHOTOS - 1, "removed": 1, "described": 1,
    }  # fmt: skip
    # Back by the first path: what was new by the other one is known, and stays one photo.
    assert counts(library.index([album])) == {"unchanged": PHOTOS}
    assert len(library.photos()) == PHOTOS
    assert decoding == [link / "new.png"]


def test_a_photo_that_was_edited_is_known_again_by_a_link(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    before = {photo.id: photo.path for photo in library.photos()}
    link = album.with_name("link")
    link.symlink_to(album)
    save(link / "0.png", 60)
    assert counts(library.index([link])) == {
        "changed": 1, "unchanged": PHOTOS - 1, "described": 1,
    }  # fmt: skip
    assert {photo.id: photo.path for photo in library.photos()} == before


def test_it_is_known_again_when_the_system_numbers_its_devices_anew(
    library: Library, small: IndexOptions, album: Path, decoding: list[Path]
) -> None:
    library.index([album], small)
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET device = device + 1")
        store.db.execute("UPDATE photos SET inode = 0, device = 0 WHERE id = 1")
    link = album.with_name("link")
    link.symlink_to(album)
    decoding.clear()
    assert counts(library.index([link])) == {"unchanged": PHOTOS}
    assert paths_of(library) == {album / "0.png", album / "2.png", *(album / "sub").iterdir()}
    device = album.stat().st_dev
    assert {photo.device for photo in library.photos()} == {device}
    assert decoding == []


def test_a_folder_that_a_link_was_first_for_loses_its_photos_by_its_own_path_too(
    library: Library, small: IndexOptions, album: Path
) -> None:
    link = album.with_name("link")
    link.symlink_to(album)
    library.index([link], small)
    (album / "0.png").unlink()
    assert counts(library.index([album])) == {"unchanged": PHOTOS - 1, "removed": 1}
    assert {path.parent.name for path in paths_of(library)} == {"link", "sub"}


def test_a_reference_folder_is_one_by_whatever_path(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    link = album.with_name("link")
    link.symlink_to(album)
    library.index([link], replace(small, reference=(link / "sub",)))
    marked = {photo.path.parent for photo in library.photos() if photo.is_reference}
    assert marked == {album / "sub"}


def test_two_names_of_one_file_are_two_photos_with_one_number(
    library: Library, small: IndexOptions, album: Path, decoding: list[Path]
) -> None:
    (album / "again.png").hardlink_to(album / "0.png")
    shutil.copyfile(album / "2.png", album / "copy.png")
    library.index([album], small)
    numbers = {photo.path.name: (photo.device, photo.inode) for photo in library.photos()}
    assert len(numbers) == PHOTOS + 2
    assert numbers["again.png"] == numbers["0.png"]
    assert numbers["copy.png"] != numbers["2.png"]
    decoding.clear()
    assert counts(library.index([album])) == {"unchanged": PHOTOS + 2}
    # Each of the names can go without the other.
    (album / "0.png").unlink()
    assert counts(library.index([album])) == {"unchanged": PHOTOS + 1, "removed": 1}
    assert album / "again.png" in paths_of(library)
    assert decoding == []


def test_two_rows_for_one_file_become_one(
    library: Library, small: IndexOptions, album: Path
) -> None:
    """As a library has them in which a link made each photo a copy of itself."""
    link = album.with_name("link")
    library.index([album], small)
    shutil.copytree(album, link)
    library.index([album, link])
    assert len(library.photos()) == 2 * PHOTOS
    shutil.rmtree(link)
    link.symlink_to(album)
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET device = 0, inode = 0, ctime_ns = 0")
    library.index([link])
    library.index([album])
    library.index([link])
    assert len(library.photos()) == PHOTOS


def test_an_empty_mount_point_is_said_and_loses_nothing(
    library: Library,
    small: IndexOptions,
    album: Path,
    decoding: list[Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = album.with_name("other")
    other.mkdir()
    save(other / "x.png", 77)
    library.index([album, other], small)
    ids = {photo.path: photo.id for photo in library.photos()}
    unplugged = album.with_name("unplugged")
    album.rename(unplugged)
    album.mkdir()
    (album / "README.txt").write_text("mount the disk here")
    decoding.clear()
    for _ in range(2):  # said each time
        caplog.clear()
        summary = library.index([album, other])
        assert counts(summary) == {"unchanged": 1, "away": PHOTOS}
        assert summary.away_folders == (str(album),)
        assert f"everything below {album} is gone ({PHOTOS} photos)" in caplog.text
        assert "--forget" in caplog.text
        assert paths_of(library) == {other / "x.png"}
    shutil.rmtree(album)
    unplugged.rename(album)
    caplog.clear()
    summary = library.index([album, other])
    assert counts(summary) == {"returned": PHOTOS, "unchanged": 1}
    assert summary.found == PHOTOS + 1
    assert f"0 moved, {PHOTOS} back, 1 unchanged; 0 removed" in words_of_index(summary)
    assert {photo.path: photo.id for photo in library.photos()} == ids
    assert caplog.text == ""
    assert decoding == []


def test_what_is_away_is_gone_when_its_folder_is_filled_without_it(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    kept = (album / "0.png").read_bytes()
    shutil.rmtree(album)
    album.mkdir()
    assert library.index([album]).away == PHOTOS
    (album / "0.png").write_bytes(kept)
    assert library.index([album]).removed == PHOTOS - 1
    (album / "0.png").unlink()
    assert counts(library.index([album])) == {"away": 1}
    assert counts(library.index([album], IndexOptions(forget=True))) == {"removed": 1}
    assert counts(library.index([album])) == {}


def test_another_photo_in_the_place_of_one_that_was_gone_is_new(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    (album / "0.png").unlink()
    assert counts(library.index([album])) == {"unchanged": PHOTOS - 1, "removed": 1}
    save(album / "0.png", 99)
    assert counts(library.index([album])) == {
        "new": 1, "unchanged": PHOTOS - 1, "described": 1,
    }  # fmt: skip


def test_photos_that_are_left_out_are_not_away(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    summary = library.index([album], IndexOptions(exclude=("*.png",)))
    assert counts(summary) == {"removed": PHOTOS}


def test_a_replaced_file_of_the_same_size_and_time_is_noticed(
    library: Library, small: IndexOptions, album: Path
) -> None:
    for name, seed in (("a.bmp", 1), ("b.bmp", 2)):
        save(album / name, seed)
        os.utime(album / name, (1_000_000_000, 1_000_000_000))
    library.index([album], small)
    before = (album / "a.bmp").stat()
    save(album / "a.bmp", 9)
    os.utime(album / "a.bmp", (1_000_000_000, 1_000_000_000))
    assert (album / "a.bmp").stat().st_size == before.st_size
    assert counts(library.index([album])) == {
        "changed": 1, "unchanged": PHOTOS + 1, "described": 1,
    }  # fmt: skip
    # By another file, put in its place with its time.
    shutil.copy2(album / "b.bmp", album / "c.bmp")
    (album / "c.bmp").replace(album / "a.bmp")
    assert library.index([album]).changed == 1
    assert counts(library.index([album])) == {"unchanged": PHOTOS + 2}


def check_vectors(library: Library, model: str) -> None:
    """Each descriptor and pixel hash is that of the bytes under whose hash it is kept."""
    embedder = Embedder(open_model(model, library.paths), device="cpu")
    with library.store() as store:
        active = store.active_model()
        assert active is not None
        ids, vectors = store.vectors(active.id)
        firsts = store.photos_by_id(ids.tolist())
        stored = {firsts[int(id_)].sha256: row for id_, row in zip(ids, vectors, strict=True)}
        for photo in store.photos():
            assert file_sha256(photo.path) == photo.sha256
            found = decode(photo.path, needed_px=embedder.view_px)
            assert pixels_sha256(found.pixels) == photo.pixels_sha256
            view = np.stack([make_view(found.pixels, embedder.view_px)])
            row = stored[photo.sha256]
            assert float((embedder.describe(view)[0] * row).sum()) > 0.999


def test_what_is_kept_under_a_hash_was_made_from_these_bytes(
    library: Library,
    small: IndexOptions,
    album: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file is replaced after it was hashed; an untouched second file has its old bytes."""
    shutil.copyfile(album / "0.png", album / "untouched.png")
    shutil.copyfile(album / "2.png", album / "also.png")
    real = dupfind.photos.opening.open_photo
    replaced: list[Path] = []

    def replacing(path: Path) -> object:
        if path.name in ("0.png", "untouched.png", "2.png", "also.png") and len(replaced) < 3:
            replaced.append(path)
            if path.name in ("2.png", "also.png"):
                path.write_bytes(b"no picture any more")
            else:
                save(path, 100 + len(replaced))
        return real(path)

    monkeypatch.setattr(dupfind.flows.describing, "open_photo", replacing)
    first = library.index([album], replace(small, workers=1))
    assert len(replaced) == 3
    spoilt = [path for path in replaced if path.name in ("2.png", "also.png")]
    assert first.errors == len(spoilt)
    check_vectors(library, str(small.model))
    monkeypatch.setattr(dupfind.flows.describing, "open_photo", real)
    library.index([album])
    check_vectors(library, str(small.model))
    assert len(library.photos()) == PHOTOS + 2 - len(spoilt)


def test_a_library_of_an_older_dupfind_is_looked_at_again_once(
    library: Library, small: IndexOptions, album: Path, make_picture: Callable[..., np.ndarray]
) -> None:
    frames = [Image.fromarray(make_picture(seed)) for seed in (1, 2)]
    frames[0].save(album / "a.gif", save_all=True, append_images=frames[1:])
    library.index([album], small)
    with library.store(write=True) as store:
        store.db.execute("UPDATE photos SET frames = 0, extras = '[]'")
    assert counts(library.index([album])) == {
        "unchanged": PHOTOS + 1, "described": PHOTOS + 1,
    }  # fmt: skip
    assert counts(library.index([album])) == {"unchanged": PHOTOS + 1}
    extras = {photo.path.name: (photo.frames, photo.extras) for photo in library.photos()}
    assert extras["a.gif"] == (2, ("animation",))
    assert extras["0.png"] == (1, ())
