"""Clustering with other processes and on a Ray cluster: the same tables, whoever is lost."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from cluster_helpers import save_album
from engine_helpers import indexed, photos_of, results_of
from engine_helpers import save_album as save_plain_album
from matching_helpers import FILLERS, edited, photo

from dupfind import ClusterOptions, EngineError, EngineKind, IndexKind, Library
from dupfind.engines import Done, Part, run_all
from dupfind.engines.on_ray import RayEngine
from dupfind.engines.processes import ProcessesEngine

WITHOUT = "`pip install 'dupfind[ray]'` for the tests of Ray"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """An album of two families and some single photos, described and not yet clustered."""
    folder = tmp_path_factory.mktemp("engines")
    pictures = {"astronaut": photo("astronaut.png"), "chelsea": photo("chelsea.png")}
    pictures |= {
        f"{name}-{edit}": edited(f"{name}.png", edit).pixels
        for name, edit in (("astronaut", "crop_70"), ("astronaut", "flip"), ("chelsea", "grey"))
    }
    pictures |= {name.split(".")[0]: photo(name) for name in FILLERS}
    save_album(folder / "album", pictures)
    indexed(folder / "lib", folder / "album", small_model)
    return folder


def clustered(folder: Path, place: Path, **options: Any) -> Library:
    """Cluster a copy of the described library."""
    shutil.copytree(folder / "lib", place)
    library = Library(place, device="cpu")
    library.cluster(ClusterOptions(**options))
    return library


@pytest.fixture(scope="module")
def local(folder: Path) -> Library:
    return clustered(folder, folder / "local", workers=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray cluster of two workers on this machine."""
    pytest.importorskip("ray", reason=WITHOUT)
    with closing(RayEngine()):  # who comes after finds it running
        yield


def test_processes_write_the_same_tables(
    tmp_path: Path, folder: Path, local: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is proven or looked at in this process.
    monkeypatch.delattr("dupfind.copies.proving.Prover._prove_one")
    monkeypatch.delattr("dupfind.copies.looking.Looker._look_at")
    library = clustered(folder, tmp_path / "lib", engine=EngineKind.PROCESSES, workers=2)
    found = results_of(library)
    assert len(found["duplicate_groups"]) == 2
    assert found == results_of(local)


@pytest.mark.usefixtures("cluster")
def test_a_ray_cluster_writes_the_same_tables(tmp_path: Path, folder: Path) -> None:
    kind = IndexKind.LISTS
    on_ray = clustered(folder, tmp_path / "ray", engine=EngineKind.RAY, index_kind=kind)
    assert results_of(on_ray) == results_of(clustered(folder, tmp_path / "l", index_kind=kind))
    assert len(results_of(on_ray)["duplicate_groups"]) == 2


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:port"])
def test_a_cluster_that_does_not_answer_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    ray = pytest.importorskip("ray", reason=WITHOUT)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(EngineError, match=f"{address} does not start or answer .*RAY_ADDRESS"):
        RayEngine()


@pytest.mark.usefixtures("cluster")
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs what only Unix has")
def test_a_ray_worker_is_killed_in_the_middle_and_one_is_slow(
    tmp_path: Path, small_model: Path
) -> None:
    pytest.importorskip("pyarrow", reason=WITHOUT)
    album, place = save_plain_album(tmp_path / "album"), tmp_path / "shards"
    local = indexed(tmp_path / "local", album, small_model)
    trouble = threading.Thread(target=kill_one_hold_one, args=(place,))
    trouble.start()
    on_ray = indexed(
        tmp_path / "ray", album, small_model, engine=EngineKind.RAY, shards=str(place),
        shard_photos=2,
    )  # fmt: skip
    trouble.join()
    assert photos_of(on_ray) == photos_of(local)
    assert len(list(place.glob("*.parquet"))) == 10


def kill_one_hold_one(place: Path) -> None:
    """Kill one Ray worker at its work and stop another one until all shards but its own are there."""
    until = time.monotonic() + 120
    busy: list[psutil.Process] = []
    while len(busy) < 2 and time.monotonic() < until:
        busy = [one for one in psutil.process_iter(["name"]) if "ray::_attempt" in one.info["name"]]
        time.sleep(0.002)
    killed, held = busy[:2]
    killed.kill()
    held.suspend()
    while len(list(place.glob("*.parquet"))) < 9 and time.monotonic() < until:
        time.sleep(0.01)
    held.resume()


def test_a_process_that_is_lost_again_and_again_fails_its_part_only() -> None:
    parts = [Part(signal.raise_signal, signal.SIGKILL), Part(abs, -3)]
    with closing(ProcessesEngine(2)) as engine:
        found = dict(engine.run(parts))
    assert "its process was lost 3 times" in str(found[0])
    assert found[1] == Done(3)


def test_a_cache_that_cannot_be_opened_is_done_without(
    tmp_path: Path, folder: Path, local: Library
) -> None:
    shutil.copytree(folder / "lib", tmp_path / "lib")
    library = Library(tmp_path / "lib", device="cpu")
    features = tmp_path / "lib" / "cache" / "features.db"
    features.unlink(missing_ok=True)
    features.mkdir()
    library.cluster(ClusterOptions(engine=EngineKind.PROCESSES, workers=2))
    assert results_of(library) == results_of(local)


def test_parts_that_cannot_be_done_are_said_after_the_others_are_done(tmp_path: Path) -> None:
    parts = [Part(os.listdir, str(tmp_path / "nowhere")), Part(abs, -3)]
    done: list[tuple[int, int]] = []
    with (
        closing(ProcessesEngine(1)) as engine,
        pytest.raises(EngineError, match=r"1 of 2 parts .*No such file.*what is done is kept"),
    ):
        run_all(engine, parts, lambda place, value: done.append((place, value)))
    assert done == [(1, 3)]
