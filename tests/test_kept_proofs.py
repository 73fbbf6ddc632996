"""What is proven is kept: a second run proves only what changed, and finds the same."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cluster_helpers import cluster_album, groups_of, save_album
from library_helpers import save_small_model, unprivileged
from matching_helpers import FILLERS, edited, photo

from dupfind import Library
from dupfind.copies.kept import PROVERS, code_version
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.progress import Step
from dupfind.records import Level
from dupfind.store.pair_cache import PairCache

# The process kills itself once it has kept the proofs of its second batch.
DYING = """
import os, signal
from dupfind.copies import kept, proving
from dupfind.cli import main

proving._CHUNK = 4
real, batches = kept.Kept.keep_proofs, []

def dying(*arguments):
    real(*arguments)
    batches.append(arguments)
    if len(batches) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

kept.Kept.keep_proofs = dying
main()
"""


@pytest.fixture(scope="module")
def clustered(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """The folder of an album that was clustered once."""
    folder = tmp_path_factory.mktemp("kept")
    pictures = {name.split(".")[0]: photo(name, 300) for name in ("astronaut.png", *FILLERS)}
    pictures |= {
        "astronaut-again": photo("astronaut.png", 260),
        "astronaut-crop": edited("astronaut.png", "crop_70").pixels,
        "moon-grey": edited("moon.png", "grey").pixels,
    }
    cluster_album(folder, pictures, small_model)
    return folder


@pytest.fixture
def library(clustered: Path, tmp_path: Path) -> Library:
    """The library of that album, to change; its photos lie where they lay."""
    shutil.copytree(clustered / ".dupfind", tmp_path / ".dupfind")
    return Library(tmp_path / ".dupfind", device="cpu")


def kept_rows(library: Library) -> list[tuple[str, str]]:
    connection = sqlite3.connect(library.paths.cache / "proofs.db")
    rows = connection.execute("SELECT kind, sha256 FROM blobs").fetchall()
    connection.close()
    return rows


def kept_proofs(library: Library) -> list[str]:
    return [pair for kind, pair in kept_rows(library) if kind.startswith("proof")]


@pytest.mark.parametrize(
    "options",
    [
        ClusterOptions(),
        ClusterOptions(precision=0.9),
        ClusterOptions(keep="smallest-resolution"),
        ClusterOptions(level=Level.SIMILAR),
    ],
    ids=["same", "precision", "keep", "level"],
)
def test_a_second_run_proves_nothing_whatever_its_options(
    library: Library, options: ClusterOptions
) -> None:
    for file in library.paths.cache.glob("features.db*"):
        file.unlink()
    summary = library.cluster(options)
    assert (summary.proven, summary.looked) == (0, 0)
    assert summary.groups >= 2


def test_a_second_run_finds_the_same_to_the_last_digit(library: Library) -> None:
    before = library.groups(), library.pairs()
    library.cluster()
    assert (library.groups(), library.pairs()) == before


def test_a_new_photo_costs_its_own_pairs(library: Library, tmp_path: Path) -> None:
    save_album(tmp_path / "more", {"new": photo("coffee.png", 300)})
    library.index([tmp_path / "more"])
    summary = library.cluster()
    assert 0 < summary.proven <= 2 * ClusterOptions().candidates
    assert summary.candidates > summary.proven


def test_a_photo_that_is_gone_leaves_the_cache(tmp_path: Path, small_model: Path) -> None:
    pictures = {"a": photo("astronaut.png", 300), "b": photo("astronaut.png", 260)}
    library, _ = cluster_album(tmp_path, pictures | {"c": photo("moon.png", 300)}, small_model)
    gone = next(found.sha256 for found in library.photos() if found.path.stem == "b")
    assert any(gone in pair for _, pair in kept_rows(library))
    (tmp_path / "album" / "b.jpg").unlink()
    library.index([tmp_path / "album"])
    library.cluster()
    assert kept_rows(library)
    assert not any(gone in pair for _, pair in kept_rows(library))


def test_a_killed_run_keeps_the_proofs_made_so_far(library: Library) -> None:
    before = library.groups(), library.pairs()
    whole = len(kept_proofs(library))
    shutil.rmtree(library.paths.cache)
    command: list[str | Path] = [sys.executable, "-c", DYING, "cluster"]
    ended = subprocess.run([*command, "--library", library.paths.root], capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    made = len(kept_proofs(library))
    assert 4 < made <= 8
    assert library.cluster().proven == whole - made
    assert (library.groups(), library.pairs()) == before


def test_a_long_batch_of_looks_is_told_of_as_it_goes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dupfind.copies.looking._CHUNK", 1)
    (library.paths.cache / "proofs.db").unlink()
    steps: list[Step] = []
    summary = library.cluster(on_progress=steps.append)
    told = [step.done for step in steps if step.phase == "look"]
    assert len(set(told)) >= summary.looked > 1
    assert told == sorted(told)
    assert told[-1] == next(step.total for step in steps if step.phase == "look")


@pytest.mark.parametrize("damage", ["deleted", "text", "cut", "garbled"])
def test_a_damaged_cache_of_proofs_is_made_anew(library: Library, damage: str) -> None:
    before = library.groups(), library.pairs()
    file = library.paths.cache / "proofs.db"
    if damage == "deleted":
        file.unlink()
    elif damage == "text":
        file.write_text("this is no database")
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    else:
        connection = sqlite3.connect(file)
        connection.execute("UPDATE blobs SET data = CAST(substr(data, 1, 20) || '{' AS BLOB)")
        connection.commit()
        connection.close()
    library.cluster()
    assert (library.groups(), library.pairs()) == before
    assert library.cluster().proven == 0


def test_a_cache_that_cannot_be_written_is_used() -> None:
    one, other = ("a" * 64, "b" * 64), ("b" * 64, "c" * 64)
    with TemporaryDirectory() as name:
        folder = Path(name)
        with PairCache(folder / "proofs.db") as cache:
            cache.put("proof", {one: b"known"})
        (folder / "proofs.db").chmod(0o444)
        folder.chmod(0o555)
        with unprivileged(folder), PairCache(folder / "proofs.db") as cache:
            cache.put("proof", {other: b"new"})
            cache.keep_only(["proof"], ["a" * 64])
            assert cache.get("proof", [one, other]) == {one: b"known", other: b"new"}
        folder.chmod(0o755)
        with PairCache(folder / "proofs.db") as cache:
            assert cache.get("proof", [one, other]) == {one: b"known"}


def test_nothing_is_kept_of_a_photo_that_could_not_be_read(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {"a": photo("astronaut.png", 300), "b": photo("astronaut.png", 260)}
    library, _ = cluster_album(tmp_path, pictures | {"c": photo("moon.png", 300)}, small_model)
    before = groups_of(library)
    assert before == [{"a", "b"}]
    shutil.rmtree(library.paths.cache)
    shutil.rmtree(library.paths.index)
    file = tmp_path / "album" / "b.jpg"
    file.rename(tmp_path / "away.jpg")
    assert library.cluster().unreadable == 1
    assert not groups_of(library)
    (tmp_path / "away.jpg").rename(file)
    library.cluster()
    assert groups_of(library) == before


def test_another_version_of_the_prover_proves_anew(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = library.cluster()
    monkeypatch.setattr("dupfind.copies.kept.code_version", lambda *_: "another")
    second = library.cluster()
    assert first.proven == 0
    assert second.proven >= second.candidates
    assert {kind for kind, _ in kept_rows(library)} == {
        "proof-another",
        "look-another",
        "clues-another",
        "order-another",
    }


@pytest.mark.parametrize("file", ["prover.py", "judge.json"])
def test_another_prover_or_another_table_beside_it_is_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    versions = []
    for place, text in enumerate("112"):
        package = f"made_{Path(file).stem}_{place}"
        (tmp_path / package).mkdir()
        for name in ("__init__.py", "prover.py", "judge.json"):
            (tmp_path / package / name).write_text(text if name == file else "0")
        versions.append(code_version(package))
    first, again, changed = versions
    assert first == again != changed


def test_the_shipped_judge_is_part_of_the_version() -> None:
    tables = {file.name for file in resources.files(PROVERS[0]).iterdir()}
    assert {"judge.json", "worth.json", "origin.json"} <= tables


def test_a_model_of_another_kind_does_not_make_proofs_anew(
    library: Library, clustered: Path, tmp_path: Path
) -> None:
    save_small_model(tmp_path / "model", width=96)
    library.index([clustered / "album"], IndexOptions(model=str(tmp_path / "model")))
    assert library.cluster().proven <= 5, "the candidates of few photos are nearly all pairs"
