"""`dupfind report` on a real library: a real database, real photos, the program itself."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dupfind.config import LibraryPaths
from dupfind.evidence import Evidence
from dupfind.flows.thumbnails import make_thumbnails, side_for
from dupfind.photos.scan import file_sha256
from dupfind.records import Advice, Group, Member, Pair, Photo, Relation, ScannedFile
from dupfind.store.cache import BlobCache
from dupfind.store.photos import Batch, Content, ErrorEntry, PhotoEntry
from dupfind.store.store import Store

ODD_NAME = os.fsdecode(b"caf\xe9 [red].jpg")


def entry(path: Path) -> PhotoEntry:
    data = path.read_bytes()
    with Image.open(path) as image:
        content = Content(hashlib.sha256(data).hexdigest(), *image.size, image.format or "")
    return PhotoEntry(ScannedFile(path, len(data), 1), content)


@pytest.fixture
def library(tmp_path: Path, save_picture: Callable[..., Path]) -> Path:
    """A library of three photos, one group, and a file that failed."""
    files = [
        save_picture("album/sea.png", 1, (120, 80)),
        save_picture(f"album/{ODD_NAME}", 1, (60, 40), quality=60),
        save_picture("album/other.jpg", 2),
    ]
    bad = ErrorEntry(tmp_path / "album" / "bad.jpg", "the file is cut short")
    root = tmp_path / "library"
    with Store.open(LibraryPaths(root), write=True) as store:
        model = store.add_model("small", "f" * 64, spec={}, dimensions=4)
        first, second, third = store.add_batch(Batch([entry(file) for file in files], [bad]))
        run = store.start_run("cluster", {"level": "copy", "precision": 0.99}, model_id=model.id)
        pairs = [
            Pair(first, third, 0.3, 0.001, Relation.SIMILAR),
            Pair(first, second, 0.9, 0.999, Relation.RESIZED, Evidence(scale=0.5)),
        ]
        members = (
            Member(first, True, "original", 1.0, 1.0),
            Member(second, False, "resized", 0.9, 0.999, Evidence(scale=0.5), Advice.REMOVE),
        )
        store.replace_results(run, pairs, [Group(1, members, 0.9, files[1].stat().st_size)])
        store.finish_run(run, {})
    return root


def run(*arguments: object, library: Path) -> subprocess.CompletedProcess[bytes]:
    program = "from dupfind.cli import main; main()"
    command = [sys.executable, "-c", program, "report", "--library", library, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, timeout=60)


def test_a_person_reads_what_to_keep_and_why(library: Path) -> None:
    result = run(library=library)
    text = result.stdout.decode()
    assert result.returncode == 0, result.stderr
    assert "copy  caf\\xe9 [red].jpg" in text
    assert "Resized: scaled to 50%" in text
    assert "1 file could not be read" in text


def test_json_csv_and_pairs_tell_the_same(library: Path) -> None:
    told = json.loads(run("--json", library=library).stdout)
    assert (told["version"], told["model"], told["level"], told["precision"]) == (
        1, "small", "copy", 0.99,
    )  # fmt: skip
    paths = [member["path"] for member in told["groups"][0]["members"]]
    assert Path(paths[1]).name == ODD_NAME
    assert all(Path(path).is_file() for path in paths)
    assert told["errors"][0]["error"] == "the file is cut short"
    rows = run("--format", "csv", library=library).stdout.decode("utf-8", "surrogateescape")
    assert [row["path"] for row in csv.DictReader(io.StringIO(rows))] == paths
    lines = run("--format", "pairs", library=library).stdout.decode("utf-8", "surrogateescape")
    pairs = list(csv.DictReader(io.StringIO(lines)))
    assert [pair["relation"] for pair in pairs] == ["resized", "similar"]
    assert [pairs[0]["path_a"], pairs[0]["path_b"]] == paths


def test_the_page_is_written_with_pictures_even_when_a_photo_is_gone(
    library: Path, tmp_path: Path
) -> None:
    (tmp_path / "album" / "sea.png").unlink()
    target = tmp_path / "report.html"
    result = run("--format", "html", "-o", target, library=library)
    assert result.returncode == 0, result.stderr
    assert f"Wrote {target}" in result.stdout.decode()
    assert target.read_text("utf-8").count("data:image/webp;base64,UklGR") == 1


def test_before_cluster_there_is_one_clear_line(tmp_path: Path) -> None:
    Store.open(LibraryPaths(tmp_path / "library"), write=True).close()
    for format_ in ("terminal", "json", "csv", "pairs", "html"):
        result = run("--format", format_, "-o", "-", library=tmp_path / "library")
        assert result.returncode == 1
        assert b"run `dupfind cluster` first" in result.stderr
        assert result.stdout == b""
        assert b"Traceback" not in result.stderr


def test_a_place_that_cannot_be_written_is_one_clear_line(library: Path, tmp_path: Path) -> None:
    result = run("--json", "-o", tmp_path / "nowhere" / "report.json", library=library)
    assert result.returncode == 1
    assert result.stderr.decode().count("\n") == 1
    assert "cannot write" in result.stderr.decode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_clear_line(library: Path) -> None:
    program = "from dupfind.cli import main; main()"
    command = [sys.executable, "-c", program, "report", "--json", "--library", str(library)]
    for place in ([], ["-o", "/dev/full"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([*command, *place], stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1
        assert b"No space left on device" in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with pipes")
def test_a_reader_that_stops_early_gets_no_complaint(library: Path) -> None:
    program = "from dupfind.cli import main; main()"
    for format_ in ("json", "terminal", "pairs"):
        command = [sys.executable, "-c", program, "report", "--library", library]
        with subprocess.Popen(
            [*map(str, command), "--format", format_],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == b""


def test_thumbnails_are_small_kept_and_none_for_what_cannot_be_read(
    tmp_path: Path, save_picture: Callable[..., Path]
) -> None:
    good, bad = save_picture("wide.jpg", 3, (600, 200)), tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    known = file_sha256(good)
    photos = [
        Photo(number, path, sha256, 1, 1, 600, 200, "JPEG")
        for number, (path, sha256) in enumerate([(good, known), (bad, "b"), (good, known)])
    ]
    done: list[tuple[int, int]] = []
    with BlobCache(tmp_path / "cache.db") as cache:
        made = list(
            make_thumbnails(photos, cache, side_px=64, on_done=lambda *step: done.append(step))
        )
        good.unlink()
        again = list(make_thumbnails(photos, cache, side_px=64))
        other_size = list(make_thumbnails(photos, cache, side_px=32))
    with BlobCache(tmp_path / "other.db") as cache:  # the file holds another picture by now
        save_picture("wide.jpg", 4, (600, 200))
        assert list(make_thumbnails(photos, cache, side_px=64)) == [None, None, None]
    assert made[0] is not None
    with Image.open(io.BytesIO(made[0])) as image:
        assert image.size == (64, 21)
    assert made == [made[0], None, made[0]]
    assert again == made
    assert other_size == [None, None, None]
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_more_pictures_are_smaller_ones() -> None:
    assert side_for(100) > side_for(3000) > side_for(8000) > 100
