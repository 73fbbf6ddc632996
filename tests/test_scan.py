"""Scanning: every file once, odd names, links, loops, and nothing that is not a file is opened."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import as_nobody

from dupfind.errors import PhotoError
from dupfind.photos.scan import ScanOptions, file_sha256, scan
from dupfind.records import FileError, ScannedFile


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(folder: Path, *folders: Path, exclude: tuple[str, ...] = ()) -> list[str]:
    """Scan, and return the paths that were found, relative to ``folder``, sorted."""
    found = list(scan(folders or [folder], ScanOptions(exclude)))
    assert all(isinstance(entry, ScannedFile) for entry in found), found
    return sorted(str(entry.path.relative_to(folder)) for entry in found)


def errors(folder: Path) -> dict[str, str]:
    return {e.path.name: e.reason for e in scan([folder]) if isinstance(e, FileError)}


def test_every_file_is_found_with_its_properties(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", b"12345")
    touch(tmp_path / "below" / "further" / "b.png")
    os.utime(tmp_path / "a.jpg", ns=(1_600_000_000_123_456_789,) * 2)
    found = {entry.path.name: entry for entry in scan([tmp_path])}
    there = (tmp_path / "a.jpg").stat()
    assert found["a.jpg"] == ScannedFile(
        tmp_path / "a.jpg", 5, 1_600_000_000_123_456_789,
        there.st_ctime_ns, there.st_dev, there.st_ino,
    )  # fmt: skip
    assert found["b.png"].path == tmp_path / "below" / "further" / "b.png"


def test_a_relative_folder_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "album" / "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert [entry.path for entry in scan([Path("album")])] == [tmp_path / "album" / "a.jpg"]


@pytest.mark.parametrize(
    "folder",
    [".git", ".dupfind", ".Trash-1000", "@eaDir", "$RECYCLE.BIN", "System Volume Information"],
)
def test_hidden_and_system_folders_are_passed_over(tmp_path: Path, folder: str) -> None:
    touch(tmp_path / folder / "a.jpg")
    touch(tmp_path / "b.jpg")
    assert names(tmp_path) == ["b.jpg"]


def test_a_hidden_folder_that_is_given_is_scanned(tmp_path: Path) -> None:
    touch(tmp_path / ".private" / "a.jpg")
    assert names(tmp_path, tmp_path / ".private") == [".private/a.jpg"]


def test_hidden_files_and_sidecars_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path / "._a.jpg")
    touch(tmp_path / ".b.jpg")
    assert names(tmp_path) == []


def test_a_library_under_another_name_is_not_scanned(tmp_path: Path) -> None:
    touch(tmp_path / "my library" / "dupfind.db")
    touch(tmp_path / "my library" / "cache" / "thumbnail.jpg")
    touch(tmp_path / "a.jpg")
    assert names(tmp_path) == ["a.jpg"]


def test_of_an_apple_library_only_the_originals_count(tmp_path: Path) -> None:
    touch(tmp_path / "Photos.photoslibrary" / "originals" / "0" / "a.heic")
    touch(tmp_path / "Photos.photoslibrary" / "resources" / "derivatives" / "a_small.jpg")
    assert names(tmp_path) == ["Photos.photoslibrary/originals/0/a.heic"]


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        ((), ["a.jpg", "raw/b.jpg", "raw/thumbs/c.gif", "sub/raw/d.jpg"]),
        (("*.gif",), ["a.jpg", "raw/b.jpg", "sub/raw/d.jpg"]),
        (("raw",), ["a.jpg"]),
        (("raw/",), ["a.jpg"]),
        (("raw/*",), ["a.jpg", "sub/raw/d.jpg"]),
        (("**/raw/*",), ["a.jpg"]),
        (("sub/raw/d.jpg",), ["a.jpg", "raw/b.jpg", "raw/thumbs/c.gif"]),
        (("[ab].jpg", "thumbs"), ["sub/raw/d.jpg"]),
        (("A.JPG",), ["a.jpg", "raw/b.jpg", "raw/thumbs/c.gif", "sub/raw/d.jpg"]),
        (("", "/"), ["a.jpg", "raw/b.jpg", "raw/thumbs/c.gif", "sub/raw/d.jpg"]),
    ],
)
def test_exclude_globs(tmp_path: Path, globs: tuple[str, ...], left: list[str]) -> None:
    for name in ("a.jpg", "raw/b.jpg", "raw/thumbs/c.gif", "sub/raw/d.jpg"):
        touch(tmp_path / name)
    assert names(tmp_path, exclude=globs) == left


def test_an_exclude_glob_may_be_a_whole_path(tmp_path: Path) -> None:
    touch(tmp_path / "old" / "a.jpg")
    touch(tmp_path / "new" / "old" / "b.jpg")
    assert names(tmp_path, exclude=(str(tmp_path / "old"),)) == ["new/old/b.jpg"]


def test_the_same_and_nested_folders_are_scanned_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "below" / "b.jpg")
    below = tmp_path / "below"
    assert names(tmp_path, below, tmp_path, tmp_path, below) == ["a.jpg", "below/b.jpg"]


def test_single_files_may_be_given(tmp_path: Path) -> None:
    a, b = touch(tmp_path / "a.jpg"), touch(tmp_path / "below" / "b.jpg")
    assert names(tmp_path, a, a) == ["a.jpg"]
    assert names(tmp_path, b, tmp_path) == ["a.jpg", "below/b.jpg"]


ODD_NAMES = [
    "with space.jpg",
    " leading.jpg",
    "trailing .jpg",
    "-dash.jpg",
    'it\'s "quoted".jpg',
    "new\nline.jpg",
    "tab\there.jpg",
    "emoji 😀🏖.jpg",
    "U\u0308ni NFD u\u0308.jpg",
    "日本語.jpg",
    "[x]*?.jpg",
    "<b>&amp;.jpg",
    "%20#.jpg",
    "x" * 250 + ".jpg",
    os.fsdecode(b"not-utf8-\xff\xfe.jpg"),
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_come_back_and_open_again(tmp_path: Path, name: str) -> None:
    try:
        touch(tmp_path / "folder" / name, name.encode("utf-8", "surrogateescape"))
    except OSError as error:
        pytest.skip(f"this file system does not take the name: {error}")
    [found] = scan([tmp_path])
    assert isinstance(found, ScannedFile)
    assert found.path.read_bytes() == os.fsencode(name)
    assert len(file_sha256(found.path)) == 64


def test_loops_of_links_end_and_nothing_comes_twice(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "below" / "b.jpg")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "below" / "up").symlink_to("..")
    (tmp_path / "again").symlink_to("below")
    assert names(tmp_path) == ["a.jpg", "below/b.jpg"]
    assert names(tmp_path, tmp_path / "loop", tmp_path) in (
        ["a.jpg", "below/b.jpg"],
        ["loop/a.jpg", "loop/below/b.jpg"],
    )


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "deep" / "a.jpg")
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "link").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path, tmp_path / "album") == ["album/link/deep/a.jpg"]


def test_a_file_and_a_link_to_it_are_one_photo(tmp_path: Path) -> None:
    """Otherwise the link would be kept as a duplicate and the only photo be put away."""
    touch(tmp_path / "album" / "z" / "a.jpg")
    (tmp_path / "album" / "a-link.jpg").symlink_to("z/a.jpg")
    assert names(tmp_path, tmp_path / "album") == ["album/z/a.jpg"]


def test_links_to_a_file_that_is_not_scanned_itself_count_once(tmp_path: Path) -> None:
    touch(tmp_path / "album" / ".store" / "0815")
    (tmp_path / "album" / "a.jpg").symlink_to(".store/0815")
    (tmp_path / "album" / "b.jpg").symlink_to(".store/0815")
    assert names(tmp_path, tmp_path / "album") in (["album/a.jpg"], ["album/b.jpg"])


def test_a_broken_link_is_an_error_when_it_should_be_a_photo(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "missing.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    (tmp_path / "notes").symlink_to(tmp_path / "missing.txt")
    reasons = errors(tmp_path)
    assert reasons.keys() == {"gone.jpg", "circle.jpg"}
    assert "not there" in reasons["gone.jpg"]
    assert "back to itself" in reasons["circle.jpg"]


def test_pipes_and_sockets_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "to-pipe.jpg").symlink_to("pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.jpg"))
        assert names(tmp_path) == []


def test_a_missing_folder_is_an_error_and_the_rest_goes_on(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    found = list(scan([tmp_path / "missing", tmp_path]))
    assert [type(entry) for entry in found] == [FileError, ScannedFile]
    assert found[0].path == tmp_path / "missing"


def test_a_file_that_vanishes_during_the_scan_is_an_error(tmp_path: Path) -> None:
    paths = [touch(tmp_path / f"{number}.jpg") for number in range(5)]
    running = scan([tmp_path])
    first = next(running)
    for path in paths:
        path.unlink()
    rest = list(running)
    assert isinstance(first, ScannedFile)
    assert len(rest) == 4
    assert all(isinstance(e, FileError) and "no longer there" in e.reason for e in rest)


def test_what_may_not_be_read_is_an_error(open_folder: Path) -> None:
    touch(open_folder / "secret.jpg").chmod(0)
    touch(open_folder / "closed" / "a.jpg").parent.chmod(0)
    results = as_nobody(open_folder)
    assert results["secret.jpg"] == ["no permission to read it"] * 3
    assert results["closed"] == ["the folder cannot be read: no permission to read it"]


class Failing:
    """A real entry of a real folder whose ``method`` fails as a bad disk or server makes it."""

    def __init__(self, entry: os.DirEntry[str], method: str, number: int) -> None:
        self._entry, self._method, self._number = entry, method, number

    def __getattr__(self, name: str) -> object:
        if name == self._method and self._entry.name == "bad.jpg":
            return self._fail
        return getattr(self._entry, name)

    def _fail(self, **_: object) -> None:
        raise OSError(self._number, os.strerror(self._number), self._entry.path)


@pytest.mark.parametrize("method", ["is_symlink", "is_dir", "is_file", "stat"])
@pytest.mark.parametrize(
    "number",
    [errno.ENAMETOOLONG, errno.EIO, errno.ESTALE, errno.EACCES, errno.ELOOP, errno.ENOTCONN],
    ids=lambda number: errno.errorcode[number],
)
def test_no_trouble_with_one_entry_ends_a_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, number: int
) -> None:
    for name in ("a.jpg", "bad.jpg", "below/c.jpg"):
        touch(tmp_path / name)
    (tmp_path / "link.jpg").symlink_to(touch(tmp_path.parent / f"{tmp_path.name}-target"))
    real = os.scandir

    @contextmanager
    def failing(folder: str) -> Iterator[Iterator[object]]:
        with real(folder) as entries:
            yield (Failing(entry, method, number) for entry in entries)

    monkeypatch.setattr("dupfind.photos.scan.os.scandir", failing)
    found = list(scan([tmp_path]))
    (error,) = (entry for entry in found if isinstance(entry, FileError))
    assert error.path == tmp_path / "bad.jpg"
    assert 10 < len(error.reason) < 100
    good = {entry.path.name for entry in found if isinstance(entry, ScannedFile)}
    assert good == {"a.jpg", "c.jpg", "link.jpg"}


def test_a_folder_that_fails_in_the_middle_loses_only_its_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad/a.jpg", "bad/b.jpg", "good/c.jpg"):
        touch(tmp_path / name)
    real = os.scandir

    @contextmanager
    def failing(folder: str) -> Iterator[Iterator[object]]:
        def rows(entries: Iterator[os.DirEntry[str]]) -> Iterator[object]:
            yield next(entries)
            if folder.endswith("bad"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            yield from entries

        with real(folder) as entries:
            yield rows(entries)

    monkeypatch.setattr("dupfind.photos.scan.os.scandir", failing)
    found = list(scan([tmp_path]))
    assert [entry.path.name for entry in found if isinstance(entry, FileError)] == ["bad"]
    assert len([entry for entry in found if isinstance(entry, ScannedFile)]) == 2


def test_a_path_that_the_system_does_not_take_is_an_error_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path / "near.jpg")
    here = os.open(tmp_path, os.O_RDONLY)
    try:
        for _ in range(45):  # 45 x 121 is more than PATH_MAX
            os.mkdir("d" * 120, dir_fd=here)
            below = os.open("d" * 120, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("far.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        found = list(scan([tmp_path]))
    finally:
        os.close(here)
    assert [entry.path.name for entry in found if isinstance(entry, ScannedFile)] == ["near.jpg"]
    reasons = [entry.reason for entry in found if isinstance(entry, FileError)]
    assert len(reasons) == 1
    assert "name too long" in reasons[0]


# In a process of its own: in ours the tables of the interpreter may happen to grow meanwhile.
PEAK = """
import sys, tracemalloc
from pathlib import Path
from dupfind.photos.scan import scan
tracemalloc.start()
count = sum(1 for _ in scan([Path(sys.argv[1])]))
print(count, tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"{number}.jpg").touch()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, check=True, text=True
    )
    count, peak_bytes = (int(word) for word in done.stdout.split())
    assert count == 5000
    # All 5000 at once take 1.7 MB; pathlib's table of names may double once, which is 0.4 MB.
    assert peak_bytes < 700_000


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    path = touch(tmp_path / "a", b"abc")
    assert file_sha256(path).startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")
    with pytest.raises(PhotoError, match="no longer there"):
        file_sha256(tmp_path / "b")
