"""Every nasty file does what its list says: indexed, reported as an error, or ignored."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from conftest import as_nobody, shared_folder
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.photos.decode import decode, fit
from dupfind.photos.scan import scan
from dupfind.photos.sniff import classify
from dupfind.records import FileError, Picture

NASTY = shared_folder() / "nasty"
WITHOUT = "the shared photos are missing (set DUPFIND_SHARED)"

# Decodes each file it is given and prints by how many bytes the process grew at most.
PEAK = """
import re, sys
from pathlib import Path
from dupfind.errors import PhotoError
from dupfind.photos.decode import decode
def peak():  # not ru_maxrss: that begins with the parent's
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
for name in sys.argv[1:]:
    try:
        decode(Path(name), needed_px=160)
    except PhotoError:
        pass
print(peak() - before)
"""


class Row(NamedTuple):
    """One line of the list of nasty files."""

    file: str
    expect: str
    note: str


class Outcome(NamedTuple):
    """What became of a file: index, error or ignore."""

    what: str
    reason: str = ""
    picture: Picture | None = None


def rows() -> list[Row]:
    if not (NASTY / "expect.csv").is_file():
        return []
    with (NASTY / "expect.csv").open(encoding="utf-8", newline="") as file:
        return [Row(row["file"], row["expect"], row["note"]) for row in csv.DictReader(file)]


ALL = rows()
SAME = [row for row in ALL if row.note.startswith("same picture")]


@cache
def scanned() -> dict[Path, str]:
    """Scan the folder once: path to reason, "" for a file that was found."""
    found = scan([NASTY])
    return {each.path: each.reason if isinstance(each, FileError) else "" for each in found}


def outcome(path: Path, needed_px: int = 80) -> Outcome:
    """Take one file through what ``index`` does with it."""
    if path not in scanned():
        return Outcome("ignore")
    if scanned()[path]:
        return Outcome("error", scanned()[path])
    try:
        if classify(path) is None:
            return Outcome("ignore")
        return Outcome("index", picture=decode(path, needed_px=needed_px))
    except PhotoError as error:
        return Outcome("error", str(error))


def short_id(row: Row) -> str:
    return row.file.encode("ascii", "backslashreplace").decode()[:40]


@pytest.mark.skipif(not ALL, reason=WITHOUT)
@pytest.mark.parametrize("row", ALL, ids=short_id)
def test_a_nasty_file_does_what_the_list_says(row: Row) -> None:
    result = outcome(NASTY / row.file)
    allowed = ("index", "error", "ignore") if row.expect == "either" else (row.expect,)
    assert result.what in allowed, result.reason
    if result.what == "error":
        assert 10 < len(result.reason) < 160
        assert "\n" not in result.reason
        assert "Traceback" not in result.reason
    if result.picture is not None:
        assert result.picture.pixels.dtype == np.uint8
        assert result.picture.pixels.shape[2] == 3
        assert min(result.picture.width, result.picture.height) >= 1


@pytest.mark.skipif(not SAME, reason=WITHOUT)
@pytest.mark.parametrize("row", SAME, ids=short_id)
def test_all_copies_of_the_base_picture_look_like_it(row: Row) -> None:
    base = outcome(NASTY / "base.jpg", 1000).picture
    copy = outcome(NASTY / row.file, 1000).picture
    assert base is not None
    if copy is None and row.expect == "either":
        pytest.skip("this build does not read the format, which the list allows")
    assert copy is not None
    assert copy.width * 320 == copy.height * 480
    assert difference(base.pixels, copy.pixels) < 7  # of 255; in grey, other photos give over 40


@pytest.mark.skipif(not ALL, reason=WITHOUT)
def test_the_turned_avif_shows_the_same() -> None:
    plain = decode(NASTY / "avif/kimono.avif", needed_px=1000)
    turned = decode(NASTY / "avif/kimono_irot90.avif", needed_px=1000)
    assert (turned.width, turned.height) == (plain.width, plain.height)
    assert difference(plain.pixels, turned.pixels) < 3


@pytest.mark.skipif(not ALL, reason=WITHOUT)
def test_all_that_the_scan_finds_is_in_the_list() -> None:
    listed = {NASTY / row.file for row in ALL}
    extra = {path.name for path in set(scanned()) - listed}
    assert extra == {"expect.csv", "make_special.sh"}
    assert all(outcome(NASTY / name).what == "ignore" for name in extra)


@pytest.fixture
def special(open_folder: Path, shared_data: Path) -> Iterator[Path]:
    """The entries that do not travel in archives, made afresh in a folder open to all users."""
    script = shared_data / "nasty" / "make_special.sh"
    subprocess.run(["bash", str(script), str(open_folder)], check=True, capture_output=True)
    yield open_folder
    os.unlink(open_folder / "loop")  # noqa: PTH108


def test_special_entries(special: Path) -> None:
    """As a user who may not read everything: root would be let in."""
    results = as_nobody(special)
    assert results.pop("no_entry") == ["the folder cannot be read: no permission to read it"]
    assert results.pop("no_permission.jpg") == ["no permission to read it"] * 3
    assert "not there" in results.pop("broken_link.jpg")[0]
    [(name, reasons)] = results.items()  # no loop, no pipe, no folder.jpg
    assert os.fsencode(name) == b"not-utf8-\xff\xfe.jpg"
    assert "does not begin like any photo" in reasons[0]
    assert reasons[1] == "fine"  # its bytes can be read by that name


@pytest.mark.skipif(not ALL, reason=WITHOUT)
def test_bombs_take_no_memory() -> None:
    bombs = [str(NASTY / row.file) for row in ALL if row.file.startswith("size/")]
    bombs += [str(path) for path in (NASTY / "broken").glob("*bomb*")]
    bombs += [str(NASTY / "avif/huge_17000x17000.avif")]
    assert len(bombs) >= 12
    assert peak_growth(bombs) < 60_000_000


def peak_growth(files: list[str]) -> int:
    """Return by how many bytes a process grows at most while it decodes the files."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of memory is read from /proc, which only Linux has")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *files], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


def test_a_large_picture_is_not_copied_as_a_whole(tmp_path: Path) -> None:
    """36 megapixels with a palette: 36 MB decoded, 144 MB if it were made RGBA at once."""
    from PIL import Image

    image = Image.new("P", (6000, 6000), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    image.save(tmp_path / "a.png", transparency=0, compress_level=1)
    assert peak_growth([str(tmp_path / "a.png")]) < 90_000_000


def difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two pictures in grey at 120 px, of 255."""
    greys = [fit(pixels, 120).astype(np.float32).mean(axis=2) for pixels in (a, b)]
    assert greys[0].shape == greys[1].shape
    return float(np.abs(greys[0] - greys[1]).mean())
