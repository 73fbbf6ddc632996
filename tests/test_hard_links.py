"""A file with several names frees its bytes once, and only when the last name goes."""

import shutil
from pathlib import Path

from conftest import picture
from PIL import Image

from dupfind import Library
from dupfind.options import IndexOptions
from dupfind.records import Photo, freed_bytes


def test_the_bytes_of_a_file_are_freed_with_its_last_name() -> None:
    one, two, other = (1, 10), (1, 20), (-1, 3)
    assert freed_bytes([(one, 5), (two, 7)], [other]) == 12
    assert freed_bytes([(one, 5), (one, 5), (other, 2)], [two]) == 7
    assert freed_bytes([(one, 5), (two, 7)], [one]) == 7
    assert freed_bytes([], [one]) == 0


def test_files_without_a_number_are_files_of_their_own() -> None:
    a, b = (Photo(row, Path(f"/{row}"), "a" * 64, 1, 1, 1, 1, "PNG") for row in (1, 2))
    assert a.file_id != b.file_id


def test_a_hard_link_is_shown_as_one_and_frees_nothing(tmp_path: Path, small_model: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for seed, names in ((1, "ab"), (2, "cd"), (3, "e"), (4, "f")):
        Image.fromarray(picture(seed, (320, 240))).save(album / f"{names[0]}.png")
    (album / "b.png").hardlink_to(album / "a.png")
    shutil.copyfile(album / "c.png", album / "d.png")
    (album / "d2.png").hardlink_to(album / "d.png")
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([album], IndexOptions(model=str(small_model), device="cpu"))
    summary = library.cluster()
    ids = {photo.id: photo.path.stem for photo in library.photos()}
    groups = {ids[group.keep.photo_id]: group for group in library.groups()}
    copy_bytes = (album / "c.png").stat().st_size
    freed = {name: group.reclaimable_bytes for name, group in groups.items()}
    assert freed == {"a": 0, "c": copy_bytes}
    assert summary.reclaimable_bytes == copy_bytes
    with library.store() as store:  # as stored, not as read
        rows = store.db.execute("SELECT sum(reclaimable_bytes) FROM duplicate_groups")
        assert rows.fetchone()[0] == copy_bytes
    marks = {
        ids[member.photo_id]: ids[member.evidence.same_file]
        for group in groups.values()
        for member in group.members
        if member.evidence.same_file is not None
    }
    assert marks in ({"b": "a", "d2": "d"}, {"b": "a", "d": "d2"})
