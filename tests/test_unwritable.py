"""A library that may only be read (another's, a read-only mount, a full disk), or not even that."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cluster_helpers import groups_of, save_album
from library_helpers import NOBODY
from matching_helpers import photo
from PIL import Image

from dupfind import Library
from dupfind.errors import LibraryError
from dupfind.options import IndexOptions, MapOptions, ReportFormat, ReportOptions
from dupfind.store.cache import BlobCache

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture(scope="module")
def made(small_model: Path) -> Iterator[Path]:
    """A folder with an album and its library: indexed, clustered, with a page made of it."""
    folder = Path(tempfile.mkdtemp(prefix="dupfind-test-"))
    folder.chmod(0o755)
    small = {name: photo(f"{name}.png", 240) for name in ("coffee", "chelsea", "astronaut")}
    save_album(folder / "album", small)
    Image.fromarray(small["coffee"]).save(folder / "album" / "copy.jpg", quality=40)
    library = Library(folder / ".dupfind", device="cpu")
    library.find([folder / "album"], IndexOptions(model=str(small_model), device="cpu"))
    # All that is imported later is imported now: nobody may not be able to read the installation.
    read_all(library, folder / "album" / "coffee.jpg", folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def asked(made: Path) -> Path:
    """A photo of the album."""
    return made / "album" / "coffee.jpg"


@pytest.fixture
def root(made: Path, open_folder: Path) -> Path:
    """A copy of the library that other users can reach."""
    root = open_folder / ".dupfind"
    shutil.copytree(made / ".dupfind", root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def mounted(*options: str | Path) -> Iterator[None]:
    done = subprocess.run(["mount", *options], capture_output=True, check=False)
    if os.geteuid() != 0 or done.returncode:
        pytest.skip("mounting needs root and the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", options[-1]], check=True)


def read_all(library: Library, asked: Path, output: Path) -> list[set[str]]:
    """Use every command that only reads; return the groups."""
    assert library.query(asked, k=4)[0].photo.path.name == "copy.jpg"
    library.report(output / "page.html", ReportOptions(ReportFormat.HTML))
    assert (output / "page.html").read_text("utf-8").count("data:image") >= 2
    library.map(output / "map.html", MapOptions())
    facts = library.info()["library"]
    assert facts is not None
    assert facts["photos"] == 4
    return groups_of(library)


CACHES = ("as they are", "gone", "locked away")


def change_caches(root: Path, how: str) -> list[Path]:
    """Leave the caches, remove them or forbid to read them; return those that must stay."""
    if how == "gone":
        for name in ("cache", "index"):
            shutil.rmtree(root / name)
    files = sorted((root / "cache").glob("*.db"))
    if how == "locked away":
        (root / "index").chmod(0)
        for file in files:
            file.chmod(0)
    return files


@needs_root
@pytest.mark.parametrize("caches", CACHES)
def test_a_library_of_another_owner_can_be_read(root: Path, asked: Path, caches: str) -> None:
    kept = change_caches(root, caches)
    sizes = [file.stat().st_size for file in kept]
    output = root.parent / "out"
    output.mkdir()
    output.chmod(0o777)
    library = Library(root, device="cpu")
    with as_nobody():
        assert read_all(library, asked, output) == [{"coffee", "copy"}]
        with pytest.raises(LibraryError, match="make the folder writable"):
            library.cluster()
    assert [file.stat().st_size for file in kept] == sizes
    names = {file.stem for file in kept}
    assert names == (set() if caches == "gone" else {"features", "proofs", "thumbnails"})


@pytest.mark.parametrize("caches", CACHES[:2])
def test_a_library_on_a_read_only_mount_can_be_read(
    root: Path, asked: Path, tmp_path: Path, caches: str
) -> None:
    change_caches(root, caches)
    with mounted("--bind", root, root):
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
        library = Library(root, device="cpu")
        assert read_all(library, asked, tmp_path) == [{"coffee", "copy"}]
        with pytest.raises(LibraryError, match="make the folder writable"):
            library.index([asked.parent])


WRITE_AND_DIE = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("UPDATE photos SET is_reference = 1 WHERE id = 1")
connection.commit()
os._exit(0)
"""


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), file.open("wb", 0) as stream:
        while stream.write(bytes(512)):
            pass


def test_what_a_killed_writer_left_can_be_read_on_a_full_disk(
    made: Path, asked: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=4m", "tmpfs", disk):
        root = disk / ".dupfind"
        shutil.copytree(made / ".dupfind", root)
        subprocess.run([sys.executable, "-c", WRITE_AND_DIE, root / "dupfind.db"], check=True)
        (root / "dupfind.db-shm").unlink()
        wal = (root / "dupfind.db-wal").read_bytes()
        assert wal
        fill(disk / "filler")
        library = Library(root, device="cpu")
        assert read_all(library, asked, tmp_path) == [{"coffee", "copy"}]
        assert [found.is_reference for found in library.photos()] == [True, False, False, False]
        assert (root / "dupfind.db-wal").read_bytes() == wal
        (disk / "filler").unlink()
        library.index([asked.parent])
        assert not any(found.is_reference for found in library.photos())


@needs_root
@pytest.mark.parametrize("name", ["", "dupfind.db"])
def test_a_library_that_may_not_be_read_is_one_clear_line(root: Path, name: str) -> None:
    (root / name).chmod(0)
    library = Library(root, device="cpu")
    with as_nobody():
        for command in (library.groups, library.info, library.models):
            with pytest.raises(LibraryError, match="right to read it"):
                command()
    (root / name).chmod(0o755)
    assert library.groups()


def test_a_damaged_page_is_mended_once_and_other_bytes_are_never_given_back(
    tmp_path: Path,
) -> None:
    file = tmp_path / "features.db"
    blobs = {f"{number:064}": bytes([number]) * 3000 for number in range(40)}
    with BlobCache(file) as cache:
        cache.put_blobs("kind", blobs)
    whole = file.read_bytes()
    for damaged in (whole[:8192] + b"\xff" * 4096 + whole[12288:], whole[:20000]):
        file.write_bytes(damaged)
        with BlobCache(file) as cache:
            assert cache.get_blobs("kind", blobs).items() < blobs.items()
            cache.put_blobs("kind", blobs)
        with BlobCache(file) as cache:
            assert cache.get_blobs("kind", blobs) == blobs
    place = file.read_bytes().index(b"\x07" * 100)
    changed = bytearray(file.read_bytes())
    changed[place + 50] ^= 1  # SQLite does not notice
    file.write_bytes(changed)
    with BlobCache(file) as cache:
        assert set(blobs) - set(cache.get_blobs("kind", blobs)) == {f"{7:064}"}


def test_a_cache_of_another_shape_is_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "features.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE blobs (other)")
    connection.close()
    for expected in ({}, {"a": b"1"}):
        with BlobCache(file) as cache:
            assert cache.get_blobs("kind", ["a"]) == expected
            cache.put_blobs("kind", {"a": b"1"})


def test_what_a_file_cannot_take_is_held_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dupfind.store.cache.HELD_BYTES", 10)
    (tmp_path / "file").touch()
    with BlobCache(tmp_path / "file" / "cache.db") as cache:
        for name in "abc":
            cache.put_blobs("kind", {name: b"1234"})
        assert cache.get_blobs("kind", "abc") == {"b": b"1234", "c": b"1234"}
    with BlobCache(tmp_path / "file" / "cache.db") as cache:
        assert cache.get_blobs("kind", "abc") == {}
