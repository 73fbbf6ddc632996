"""What real trouble does to a library: killed processes, Ctrl-C, a full disk, two at once."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dupfind import Library
from dupfind.errors import LibraryError
from dupfind.options import IndexOptions

PHOTOS = 300
DUPFIND = [sys.executable, "-c", "from dupfind.cli import main; main()"]
# Batches of a few photos, so that there is a middle to be stopped in.
IN_SMALL_BATCHES = """
import os, signal, sys
import dupfind.flows.reading as reading
from dupfind.cli import main
from dupfind.store.store import Store

reading.BATCH_PHOTOS = 20
# As in a terminal: a shell that starts the tests in the background lets them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
# The process stops itself after its third batch, until somebody lets it go on or kills it.
STOPPING = """
batches = []
real = Store.add_batch

def stopping(*arguments, **options):
    ids = real(*arguments, **options)
    batches.append(ids)
    if len(batches) == 3:
        os.kill(os.getpid(), signal.SIGSTOP)
    return ids

Store.add_batch = stopping
"""


@pytest.fixture(scope="module")
def large_album(
    tmp_path_factory: pytest.TempPathFactory, make_picture: Callable[..., np.ndarray]
) -> Path:
    folder = tmp_path_factory.mktemp("large") / "album"
    folder.mkdir()
    base = make_picture(1, (160, 120))
    for number in range(PHOTOS):
        # Another picture each time, without the time that it takes to make one.
        turned = np.roll(base, (number % 97, number % 53, number % 3), axis=(0, 1, 2))
        Image.fromarray(turned).save(folder / f"{number}.png", compress_level=1)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / ".dupfind", device="cpu")


@pytest.fixture
def indexing(
    library: Library, large_album: Path, small_model: Path
) -> Iterator[subprocess.Popen[str]]:
    """A process that indexes the album and stands still with some of it committed."""
    program = IN_SMALL_BATCHES + STOPPING + "main()"
    command: list[str | Path] = [sys.executable, "-c", program, "index", large_album]
    command += ["--library", library.paths.root, "--model", small_model, "--device", "cpu"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        ended = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert ended.si_code == os.CLD_STOPPED, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def committed(library: Library) -> int:
    return len(library.photos())


def check_integrity(library: Library) -> None:
    connection = sqlite3.connect(library.paths.database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    left = "SELECT count(*) FROM photos LEFT JOIN vectors USING (sha256) WHERE vector IS NULL"
    assert connection.execute(left).fetchone() == (0,)
    connection.close()


def test_a_killed_index_goes_on_from_the_last_batch(
    indexing: subprocess.Popen[str], library: Library, large_album: Path, small_model: Path
) -> None:
    indexing.kill()
    indexing.communicate()
    done = committed(library)
    assert 0 < done < PHOTOS
    check_integrity(library)
    summary = library.index([large_album], IndexOptions(model=str(small_model)))
    assert (summary.unchanged, summary.new, summary.described) == (
        done,
        PHOTOS - done,
        PHOTOS - done,
    )
    check_integrity(library)
    assert [run.status for run in runs(library)] == ["running", "done"]


def runs(library: Library) -> list:
    with library.store() as store:
        return store.runs("index")


def test_ctrl_c_ends_in_one_line_and_keeps_what_is_committed(
    indexing: subprocess.Popen[str], library: Library
) -> None:
    indexing.send_signal(signal.SIGINT)
    indexing.send_signal(signal.SIGCONT)
    output, errors = indexing.communicate(timeout=60)
    assert indexing.returncode == 130
    assert output == ""
    assert errors.splitlines()[-1].startswith("Error: interrupted;")
    assert "Traceback" not in errors
    assert 0 < committed(library) < PHOTOS
    check_integrity(library)
    assert [run.status for run in runs(library)] == ["interrupted"]


def test_beside_a_writer_a_second_one_is_refused_and_readers_go_on(
    indexing: subprocess.Popen[str], library: Library, large_album: Path
) -> None:
    second = subprocess.run(
        [*DUPFIND, "index", large_album, "--library", library.paths.root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"process {indexing.pid};" in second.stderr
    assert second.stderr.count("\n") == 1
    assert len(library.query(large_album / "0.png", k=3)) == 3
    indexing.send_signal(signal.SIGCONT)
    assert indexing.wait() == 0
    assert committed(library) == PHOTOS


def limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))


def test_a_full_disk_is_one_clear_line_and_the_next_run_goes_on(
    library: Library, large_album: Path, small_model: Path
) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-c",
        IN_SMALL_BATCHES + "main()",
        "index",
        large_album,
    ]
    command += ["--library", library.paths.root, "--model", small_model, "--device", "cpu"]
    full = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=limit_file_size
    )
    assert full.returncode == 1
    assert "disk" in full.stderr
    assert full.stderr.count("\n") == 1, full.stderr
    done = committed(library)
    assert done < PHOTOS
    summary = library.index([large_album], IndexOptions(model=str(small_model)))
    assert summary.unchanged == done
    assert summary.photos == PHOTOS
    check_integrity(library)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_file_system_that_is_full_loses_nothing(
    tiny_disk: Path, large_album: Path, small_model: Path
) -> None:
    library = Library(tiny_disk / ".dupfind")
    filler = tiny_disk / "filler"
    filler.write_bytes(bytes(850_000))
    with pytest.raises(LibraryError, match="full"):
        library.index([large_album], IndexOptions(model=str(small_model)))
    filler.unlink()
    (tiny_disk / ".dupfind" / "dupfind.db").stat()
    assert committed(library) < PHOTOS
    check_integrity(library)


def test_a_reader_that_goes_away_is_no_error(
    library: Library, large_album: Path, small_model: Path
) -> None:
    few = [large_album / f"{number}.png" for number in range(40)]
    library.index(few, IndexOptions(model=str(small_model)))
    command = f"'{sys.executable}' -c 'from dupfind.cli import main; main()' "
    command += f"query '{few[0]}' --k 39 --library '{library.paths.root}' | true"
    piped = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert piped.stderr == ""


def test_photos_that_have_not_changed_are_not_opened_and_cost_two_statements_at_most(
    library: Library,
    large_album: Path,
    tmp_path: Path,
    small_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photos = 1000
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(photos):
        os.link(large_album / f"{number % PHOTOS}.png", folder / f"{number}.png")
    first = library.index([folder], IndexOptions(model=str(small_model)))
    assert (first.photos, first.described) == (photos, PHOTOS)
    statements = count_statements(monkeypatch)
    opened = note_opened(folder)
    again = library.index([folder])
    assert (again.unchanged, again.described) == (photos, 0)
    assert opened() == []
    assert 0 < len(statements) <= 2 * photos


def count_statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that each statement from now on is added to."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    return statements


def note_opened(folder: Path) -> Callable[[], list[str]]:
    """Return what tells which files of a folder were opened from now on."""
    opened: list[str] = []
    is_noting = [True]

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if is_noting and event == "open" and str(arguments[0]).startswith(f"{folder}{os.sep}"):
            opened.append(str(arguments[0]))

    def told() -> list[str]:
        is_noting.clear()  # a hook stays for good
        return opened

    sys.addaudithook(note)
    return told
