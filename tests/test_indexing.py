"""Indexing again and again: new, changed, moved, touched, copied, deleted and failing files."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from library_helpers import save_small_model, unprivileged
from PIL import Image

import dupfind.flows.describing
import dupfind.flows.reading
from dupfind import Library
from dupfind.errors import LibraryError, ModelError
from dupfind.flows.indexing import IndexSummary
from dupfind.options import IndexOptions
from dupfind.photos.opening import OpenedPhoto
from dupfind.progress import Step
from dupfind.store.store import Store

PHOTOS = 6


@pytest.fixture
def album(tmp_path: Path, make_picture: Callable[..., np.ndarray]) -> Path:
    folder = tmp_path / "album"
    (folder / "sub folder").mkdir(parents=True)
    for seed in range(PHOTOS):
        place = folder / "sub folder" if seed % 2 else folder
        Image.fromarray(make_picture(seed)).save(place / f"{seed}.jpg")
    return folder


@pytest.fixture
def small(small_model: Path) -> IndexOptions:
    """Options with a model that describes quickly."""
    return IndexOptions(model=str(small_model), device="cpu")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / ".dupfind", device="cpu")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that were decoded, in the order it happened; decoding itself stays real."""
    paths: list[Path] = []
    real = dupfind.photos.decode.decode

    def counting(opened: OpenedPhoto, **options: int) -> object:
        paths.append(opened.path)
        return real(opened, **options)

    monkeypatch.setattr(dupfind.flows.describing, "decode", counting)
    return paths


def counts(summary: IndexSummary) -> dict[str, int]:
    names = ("found", "new", "changed", "moved", "unchanged", "removed", "errors", "described")
    return {name: getattr(summary, name) for name in names if getattr(summary, name)}


def paths_of(library: Library) -> set[Path]:
    return {photo.path for photo in library.photos()}


def test_a_second_index_decodes_nothing(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    first = library.index([album], small)
    assert counts(first) == {"found": PHOTOS, "new": PHOTOS, "described": PHOTOS}
    assert len(decoded) == PHOTOS
    decoded.clear()
    assert counts(library.index([album])) == {"found": PHOTOS, "unchanged": PHOTOS}
    assert decoded == []


def test_only_what_is_new_or_changed_is_decoded(
    library: Library,
    small: IndexOptions,
    album: Path,
    decoded: list[Path],
    make_picture: Callable[..., np.ndarray],
) -> None:
    library.index([album], small)
    decoded.clear()
    Image.fromarray(make_picture(50)).save(album / "0.jpg")
    Image.fromarray(make_picture(51)).save(album / "new.png")
    summary = library.index([album])
    assert counts(summary) == {
        "found": PHOTOS + 1, "new": 1, "changed": 1, "unchanged": PHOTOS - 1, "described": 2,
    }  # fmt: skip
    assert set(decoded) == {album / "0.jpg", album / "new.png"}


def test_moved_touched_and_copied_files_are_known_by_content(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    library.index([album], small)
    ids = {photo.path: photo.id for photo in library.photos()}
    decoded.clear()
    (album / "0.jpg").rename(album / "sub folder" / "moved.jpg")
    os.utime(album / "2.jpg", (1, 1))
    shutil.copyfile(album / "4.jpg", album / "copy of 4.jpg")
    summary = library.index([album])
    assert counts(summary) == {
        "found": PHOTOS + 1, "new": 1, "moved": 1, "unchanged": PHOTOS - 1,
    }  # fmt: skip
    assert decoded == []
    after = {photo.path: photo for photo in library.photos()}
    assert after[album / "sub folder" / "moved.jpg"].id == ids[album / "0.jpg"]
    assert after[album / "2.jpg"].id == ids[album / "2.jpg"]
    assert after[album / "2.jpg"].mtime_ns == 1_000_000_000
    assert after[album / "copy of 4.jpg"].sha256 == after[album / "4.jpg"].sha256
    assert after[album / "copy of 4.jpg"].width == 96
    assert counts(library.index([album])) == {"found": PHOTOS + 1, "unchanged": PHOTOS + 1}


def test_a_moved_folder_is_known_by_content(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    library.index([album], small)
    decoded.clear()
    album.rename(album.with_name("holidays"))
    summary = library.index([album.with_name("holidays")])
    assert counts(summary) == {"found": PHOTOS, "moved": PHOTOS}
    assert decoded == []
    assert len(library.photos()) == PHOTOS


def test_copies_found_in_one_run_are_decoded_once(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    for number in range(20):
        shutil.copyfile(album / "0.jpg", album / f"copy {number}.jpg")
    summary = library.index([album], small)
    assert (summary.new, summary.described) == (PHOTOS + 20, PHOTOS)
    assert len(decoded) == PHOTOS


def test_deleted_files_leave_and_come_back_without_decoding(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    library.index([album], small)
    data = (album / "0.jpg").read_bytes()
    (album / "0.jpg").unlink()
    shutil.rmtree(album / "sub folder")
    assert counts(library.index([album])) == {"found": 2, "unchanged": 2, "removed": 4}
    assert paths_of(library) == {album / "2.jpg", album / "4.jpg"}
    decoded.clear()
    (album / "0.jpg").write_bytes(data)
    assert library.index([album]).found == 3
    assert album / "0.jpg" in paths_of(library)
    assert decoded == []


def test_folders_that_are_not_named_stay_as_they_are(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    assert library.index([album / "sub folder"]).photos == PHOTOS
    library.index([album], IndexOptions(exclude=("sub folder",)))
    assert paths_of(library) == {album / "0.jpg", album / "2.jpg", album / "4.jpg"}


def test_a_bad_file_is_reported_and_tried_again_only_when_it_changes(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    good = (album / "0.jpg").read_bytes()
    (album / "0.jpg").write_bytes(good[:200])
    (album / "no photo.jpg").write_text("hello")
    (album / "notes.txt").write_text("no photo, and does not claim to be one")
    summary = library.index([album], small)
    assert (summary.found, summary.errors) == (PHOTOS - 1, 2)
    assert {error.path.name for error in library.errors()} == {"0.jpg", "no photo.jpg"}
    assert all(error.reason for error in library.errors())
    decoded.clear()
    again = library.index([album])
    assert (again.unchanged, again.errors, decoded) == (PHOTOS - 1, 2, [])
    (album / "0.jpg").write_bytes(good)
    (album / "no photo.jpg").unlink()
    mended = library.index([album])
    assert (mended.new, mended.errors) == (1, 0)
    assert library.errors() == []


def test_a_photo_that_breaks_leaves_the_library_and_is_reported(
    library: Library, small: IndexOptions, album: Path
) -> None:
    library.index([album], small)
    (album / "0.jpg").write_bytes((album / "0.jpg").read_bytes()[:150])
    assert library.index([album]).errors == 1
    assert album / "0.jpg" not in paths_of(library)
    (album / "2.jpg").write_text("now a text")
    (album / "2.jpg").rename(album / "2.txt")
    assert library.index([album]).removed == 1


def test_every_name_that_a_file_can_have_is_kept_and_opens_again(
    library: Library, small: IndexOptions, album: Path
) -> None:
    data = (album / "0.jpg").read_bytes()
    shutil.rmtree(album)
    album.mkdir()
    names = [
        b"new\nline.jpg", b"quote ' and \" and \\.jpg", b"caf\xe9.jpg", "café.jpg".encode(),
        "cafe\u0301.jpg".encode(), "🐈‍⬛.jpg".encode(), b"-rf.jpg", b"%s?x=1#y.jpg", b"no ending",
    ]  # fmt: skip
    for name in names:
        (album / os.fsdecode(name)).write_bytes(data)
    summary = library.index([album], small)
    assert (summary.found, summary.errors, summary.described) == (len(names), 0, 1)
    assert {os.fsencode(path.name) for path in paths_of(library)} == set(names)
    assert all(path.read_bytes() == data for path in paths_of(library))
    assert library.index([album]).unchanged == len(names)
    assert len(library.query(next(iter(paths_of(library))), k=50)) == len(names) - 1


def test_reference_folders_are_marked_and_unmarked(
    library: Library, small: IndexOptions, album: Path
) -> None:
    keep = album / "sub folder"
    library.index([album], replace(small, reference=(keep,)))
    marked = {photo.path.parent for photo in library.photos() if photo.is_reference}
    assert marked == {keep}
    library.index([album])
    assert not any(photo.is_reference for photo in library.photos())
    library.index([album], IndexOptions(reference=(keep,)))
    assert sum(photo.is_reference for photo in library.photos()) == 3


def test_another_model_describes_anew_and_never_mixes(
    library: Library, small: IndexOptions, album: Path, decoded: list[Path]
) -> None:
    library.index([album], small)
    save_small_model(library.paths.models / "mine", width=32)
    decoded.clear()
    summary = library.index([album], IndexOptions(model="mine"))
    assert (summary.unchanged, summary.described, summary.model) == (PHOTOS, PHOTOS, "mine")
    assert len(decoded) == PHOTOS
    with library.store() as store:
        one, two = store.models()
        assert store.vectors(one.id)[1].shape == (PHOTOS, 128)
        assert store.vectors(two.id)[1].shape == (PHOTOS, 64)
        assert store.active_model() == two
    assert library.query(album / "0.jpg", k=3)
    decoded.clear()
    assert library.index([album], small).described == 0
    assert decoded == []


def test_a_model_that_changed_under_its_name_is_not_searched(library: Library, album: Path) -> None:
    folder = library.paths.models / "mine"
    save_small_model(folder, width=32)
    library.index([album], IndexOptions(model="mine"))
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"gem_power": 3.0', '"gem_power": 4.0'))
    with pytest.raises(ModelError, match="not the one that described"):
        library.query(album / "0.jpg")
    assert library.index([album]).described == PHOTOS
    assert library.query(album / "0.jpg")


def test_a_run_that_fails_leaves_what_was_committed(
    library: Library, small: IndexOptions, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dupfind.flows.reading, "BATCH_PHOTOS", 2)
    real = Store.add_batch
    batches = []

    def fails_at_the_third(store: Store, *arguments: object, **options: object) -> list[int]:
        batches.append(arguments)
        if len(batches) == 3:
            store.db.execute("INSERT INTO nowhere VALUES (1)")
        return real(store, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_batch", fails_at_the_third)
        with pytest.raises(LibraryError, match="nowhere"):
            library.index([album], small)
    assert 2 <= len(library.photos()) < PHOTOS
    left = PHOTOS - len(library.photos())
    assert library.index([album], small).described == left


def test_a_folder_that_is_not_there_is_refused(
    library: Library, small: IndexOptions, album: Path
) -> None:
    with pytest.raises(LibraryError, match="there is no folder"):
        library.index([album / "nowhere"], small)


def test_an_unreadable_folder_is_reported_and_loses_nothing(
    open_folder: Path, small: IndexOptions, make_picture: Callable[..., np.ndarray]
) -> None:
    closed = open_folder / "album" / "closed"
    closed.mkdir(parents=True)
    Image.fromarray(make_picture(1)).save(closed / "1.jpg")
    library = Library(open_folder / ".dupfind")
    with unprivileged(open_folder):
        library.index([open_folder / "album"], small)
        closed.chmod(0)
        summary = library.index([open_folder / "album"])
        assert (summary.removed, summary.errors, summary.photos) == (0, 1, 1)
        assert [error.path for error in library.errors()] == [closed]
        closed.chmod(0o700)
        summary = library.index([open_folder / "album"])
    assert (summary.unchanged, summary.errors) == (1, 0)
    assert library.errors() == []


def test_a_photo_without_permission_is_tried_again_each_time(
    open_folder: Path, small: IndexOptions, make_picture: Callable[..., np.ndarray]
) -> None:
    photo = open_folder / "1.jpg"
    Image.fromarray(make_picture(1)).save(photo)
    library = Library(open_folder / ".dupfind")
    with unprivileged(open_folder):
        photo.chmod(0)
        assert library.index([open_folder], small).errors == 1
        assert "permission" in library.errors()[0].reason
        photo.chmod(0o600)
        assert library.index([open_folder]).new == 1


def test_a_library_that_cannot_be_written_still_answers(
    open_folder: Path, small: IndexOptions, make_picture: Callable[..., np.ndarray]
) -> None:
    photos = open_folder / "album"
    photos.mkdir()
    for seed in range(3):
        Image.fromarray(make_picture(seed)).save(photos / f"{seed}.jpg")
    library = Library(open_folder / "library")
    with unprivileged(open_folder):
        library.index([photos], small)
        library.paths.root.chmod(0o500)
        for file in library.paths.root.iterdir():
            file.chmod(0o400)
        with pytest.raises(LibraryError, match=r"cannot (write|be written)"):
            library.index([photos])
        assert len(library.query(photos / "0.jpg")) == 2
        assert len(library.photos()) == 3
        library.paths.root.chmod(0o700)


def test_progress_counts_up_to_the_total(
    library: Library, small: IndexOptions, album: Path
) -> None:
    steps: list[Step] = []
    library.index([album], small, on_progress=steps.append)
    assert {step.phase for step in steps} == {"scan", "describe"}
    assert (steps[-1].done, steps[-1].total) == (PHOTOS, PHOTOS)
    done = [step.done for step in steps if step.phase == "describe"]
    assert done == sorted(done)


def test_query_lists_the_nearest_first_and_takes_any_image(
    library: Library, small: IndexOptions, album: Path, tmp_path: Path
) -> None:
    library.index([album], small)
    outside = tmp_path / "smaller.png"
    with Image.open(album / "4.jpg") as image:
        image.resize((80, 54)).save(outside)
    matches = library.query(outside, k=3)
    assert len(matches) == 3
    assert matches[0].photo.path == album / "4.jpg"
    similarity = [match.similarity for match in matches]
    assert similarity == sorted(similarity, reverse=True)
    assert (library.paths.index / "manifest.json").is_file()
    shutil.rmtree(library.paths.index)
    assert [match.photo.path for match in library.query(outside, k=3)] == [
        match.photo.path for match in matches
    ]


def test_the_image_itself_is_no_match_but_its_copies_are(
    library: Library, small: IndexOptions, album: Path
) -> None:
    shutil.copyfile(album / "0.jpg", album / "copy.jpg")
    library.index([album], small)
    matches = library.query(album / "0.jpg", k=50)
    assert album / "0.jpg" not in {match.photo.path for match in matches}
    assert len(matches) == PHOTOS
    assert matches[0].photo.path == album / "copy.jpg"
    assert str(matches[0].relation) == "identical"


def test_a_copy_is_proven_and_comes_before_look_alikes(
    library: Library,
    small: IndexOptions,
    tmp_path: Path,
    make_picture: Callable[..., np.ndarray],
) -> None:
    (tmp_path / "large").mkdir()
    for seed in range(8):
        pixels = make_picture(seed, (400, 300))
        Image.fromarray(pixels).save(tmp_path / "large" / f"{seed}.png")
    crop = tmp_path / "crop.jpg"
    Image.fromarray(make_picture(5, (400, 300))[40:260, 60:380]).save(crop, quality=70)
    library.index([tmp_path / "large"], small)
    first, *others = library.query(crop, k=8)
    assert first.photo.path.name == "5.png"
    assert (str(first.relation), first.evidence.part) == ("cropped", "a")
    assert first.probability > 0.9
    assert {str(match.relation) for match in others} == {"similar"}
    assert all(match.probability < 0.5 for match in others)
