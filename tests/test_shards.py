"""Photos described in shards: by commands, by processes that are lost, on full disks, in object stores."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from engine_helpers import PICTURES, indexed, photos_of, save_album

from dupfind import EngineError, EngineKind, IndexOptions, Library
from dupfind.cli import cli
from dupfind.engines import Place

pytest.importorskip("pyarrow", reason="`pip install 'dupfind[ray]'` for the tests of shards")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_album(tmp_path_factory.mktemp("shards") / "album")


@pytest.fixture(scope="module")
def local(album: Path, small_model: Path) -> Library:
    return indexed(album.parent / "local", album, small_model)


def plan(root: Path, album: Path, model: Path, place: str) -> str:
    """Plan shards of four for an array of commands; return what is said."""
    with pytest.raises(EngineError) as caught:
        indexed(root, album, model, engine=EngineKind.ARRAY, shards=place, shard_photos=4)
    return str(caught.value)


def run_shards(place: str, *numbers: int) -> None:
    for number in numbers:
        done = CliRunner().invoke(cli, ["shard", place, str(number)])
        assert done.exit_code == 0, done.output


def take_in(root: Path, album: Path, model: Path, place: str) -> Library:
    return indexed(root, album, model, engine=EngineKind.ARRAY, shards=place, shard_photos=4)


def manifests(place: Path) -> list[Path]:
    return sorted(file for file in place.glob("*.json") if len(file.name) == 25)


def test_an_array_of_commands_finds_what_one_process_finds(
    tmp_path: Path, album: Path, local: Library, small_model: Path
) -> None:
    place = tmp_path / "shards"
    said = plan(tmp_path / "lib", album, small_model, str(place))
    assert f"5 shards to describe: run `dupfind shard {place} N` for each N from 0 to 4" in said
    run_shards(str(place), 4, 1, 0, 2, 3, 1)
    library = take_in(tmp_path / "lib", album, small_model, str(place))
    assert photos_of(library) == photos_of(local)
    again = library.index([album], IndexOptions(model=str(small_model), shards=str(place)))
    assert (again.unchanged, again.described) == (PICTURES + 1, 0)


def test_a_shard_is_a_parquet_file_that_others_read(
    tmp_path: Path, album: Path, local: Library, small_model: Path
) -> None:
    import pyarrow.parquet

    plan(tmp_path / "lib", album, small_model, str(tmp_path / "shards"))
    run_shards(str(tmp_path / "shards"), 0)
    (file,) = (tmp_path / "shards").glob("*.parquet")
    rows = pyarrow.parquet.read_table(file).to_pylist()
    assert len({row["path"] for row in rows}) == 4
    known = photos_of(local)
    for row in rows:
        stands = known.get(os.fsdecode(row["path"]), (None,) * 10)  # a file that is no picture
        assert stands == row["error"] or stands[9] == row["vector"]


@pytest.mark.parametrize("harm", ["lost", "cut short", "without its manifest"])
def test_only_the_shard_that_is_missing_is_described_again(
    harm: str, tmp_path: Path, album: Path, local: Library, small_model: Path
) -> None:
    place = tmp_path / "shards"
    plan(tmp_path / "lib", album, small_model, str(place))
    run_shards(str(place), *range(5))
    harmed = manifests(place)[2]
    rows = harmed.with_suffix(".parquet")
    if harm == "cut short":
        rows.write_bytes(rows.read_bytes()[:-10])
    else:
        harmed.unlink()
        if harm == "lost":
            rows.unlink()
    others = {file: file.stat().st_mtime_ns for file in manifests(place) if file != harmed}
    assert "1 shard to describe" in plan(tmp_path / "lib", album, small_model, str(place))
    run_shards(str(place), 0)
    assert photos_of(take_in(tmp_path / "lib", album, small_model, str(place))) == photos_of(local)
    assert all(file.stat().st_mtime_ns == then for file, then in others.items())


def test_a_photo_that_changed_since_its_shard_is_read_anew(
    tmp_path: Path, small_model: Path
) -> None:
    album, place = save_album(tmp_path / "album"), str(tmp_path / "shards")
    plan(tmp_path / "lib", album, small_model, place)
    run_shards(place, *range(5))
    (album / "05.jpg").write_bytes((album / "06.jpg").read_bytes())
    (album / "07.jpg").unlink()
    library = Library(tmp_path / "lib", device="cpu")
    library.index([album], IndexOptions(model=str(small_model), shards=place))
    assert photos_of(library) == photos_of(indexed(tmp_path / "fresh", album, small_model))


def test_other_settings_make_other_shards(tmp_path: Path, album: Path, small_model: Path) -> None:
    place = str(tmp_path / "shards")
    plan(tmp_path / "lib", album, small_model, place)
    run_shards(place, *range(5))
    with pytest.raises(EngineError, match="5 shards to describe"):
        indexed(
            tmp_path / "lib", album, small_model, engine=EngineKind.ARRAY, shards=place,
            shard_photos=4, features=False,
        )  # fmt: skip


def test_what_is_wrong_with_a_plan_is_one_clear_line(
    tmp_path: Path, album: Path, small_model: Path
) -> None:
    place = str(tmp_path / "shards")
    done = CliRunner().invoke(cli, ["shard", place, "0"])
    assert done.exit_code == 1
    assert f"there is no plan in {place}" in done.output
    plan(tmp_path / "lib", album, small_model, place)
    done = CliRunner().invoke(cli, ["shard", place, "5"])
    assert "has the shards 0 to 4, not 5" in done.output


@pytest.mark.parametrize(("missing", "engine"), [("ray", "ray"), ("pyarrow", "array")])
def test_without_the_extra_one_line_says_what_to_install(
    missing: str, engine: str, tmp_path: Path, album: Path, small_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place = str(tmp_path / "shards")
    plan(tmp_path / "lib", album, small_model, place)
    monkeypatch.setitem(sys.modules, missing, None)
    words = [
        "index",
        str(album),
        "--model",
        str(small_model),
        "--engine",
        engine,
        "--shards",
        place,
    ]
    done = CliRunner().invoke(cli, [*words, "--library", str(tmp_path / "lib")])
    if missing == "pyarrow":
        done = CliRunner().invoke(cli, ["shard", place, "0"])
    assert done.exit_code == 1
    assert "pip install 'dupfind[ray]'" in done.output


def once(found: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act in another thread as soon as something is so."""

    def watch() -> None:
        until = time.monotonic() + 120
        while not found() and time.monotonic() < until:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs what only Unix has")
def test_one_process_is_killed_and_one_is_slow(
    tmp_path: Path, album: Path, local: Library, small_model: Path
) -> None:
    place = tmp_path / "shards"
    held: list[int] = []

    def kill_one_hold_one() -> None:
        one, other = (int(child.pid or 0) for child in multiprocessing.active_children()[:2])
        os.kill(one, signal.SIGKILL)
        os.kill(other, signal.SIGSTOP)
        held.append(other)

    killer = once(lambda: len(multiprocessing.active_children()) == 2, kill_one_hold_one)
    # The other process must do all shards but the one that is held up.
    waker = once(lambda: len(manifests(place)) >= 9, lambda: os.kill(held[0], signal.SIGCONT))
    library = indexed(
        tmp_path / "lib", album, small_model, engine=EngineKind.PROCESSES, shards=str(place),
        shard_photos=2, workers=2,
    )  # fmt: skip
    killer.join()
    waker.join()
    assert photos_of(library) == photos_of(local)
    assert len(manifests(place)) == 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which one shard has room and five have not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_said_and_costs_only_what_has_no_room(
    tmp_path: Path, small_disk: Path, album: Path, local: Library, small_model: Path
) -> None:
    plan(tmp_path / "lib", album, small_model, str(small_disk))
    failed = []
    for number in range(5):
        done = CliRunner().invoke(cli, ["shard", str(small_disk), str(number)])
        if done.exit_code:
            failed.append(number)
            assert "No space left on device" in done.output
            assert "make room there" in done.output
    assert 0 < len(failed) < 5
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    plan(tmp_path / "lib", album, small_model, str(small_disk))
    run_shards(str(small_disk), *range(len(failed)))
    library = take_in(tmp_path / "lib", album, small_model, str(small_disk))
    assert photos_of(library) == photos_of(local)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server on this machine that speaks as Amazon's S3 does."""
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    import s3fs

    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    yield "s3://bucket/some/shards"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_shards_in_an_object_store(
    tmp_path: Path, bucket: str, album: Path, local: Library, small_model: Path
) -> None:
    plan(tmp_path / "lib", album, small_model, bucket)
    run_shards(bucket, *range(5))
    Place(bucket).remove(Place(bucket).names(".parquet")[0].replace("parquet", "json"))
    assert "1 shard to describe" in plan(tmp_path / "lib", album, small_model, bucket)
    run_shards(bucket, 0)
    assert photos_of(take_in(tmp_path / "lib", album, small_model, bucket)) == photos_of(local)


def test_an_address_that_nothing_can_open_is_one_clear_line(
    tmp_path: Path, album: Path, small_model: Path
) -> None:
    with pytest.raises(EngineError, match="nosuch://bucket cannot be opened"):
        indexed(tmp_path, album, small_model, engine=EngineKind.PROCESSES, shards="nosuch://bucket")
