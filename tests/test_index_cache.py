"""The index on disk is a cache: used when it fits, built again when not, never in the way."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index import VectorIndex, build, load_or_build, search
from dupfind.index import cache as cache_module
from dupfind.options import IndexKind

MODEL = "a" * 64


def unit_vectors(count: int, seed: int = 0) -> NDArray[np.float16]:
    vectors = np.random.default_rng(seed).normal(size=(count, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def ids(count: int) -> NDArray[np.int64]:
    return np.arange(count, dtype=np.int64) * 3 + 5


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often an index is really built (and build it)."""
    built: list[int] = []

    def counted(vectors: NDArray[np.float16], *, exact: bool | None = None) -> VectorIndex:
        built.append(len(vectors))
        return build(vectors, exact=exact)

    monkeypatch.setattr(cache_module, "build", counted)
    return built


def test_a_second_run_reads_the_index_and_finds_the_same(tmp_path: Path, builds: list[int]) -> None:
    vectors = unit_vectors(50)
    first = load_or_build(tmp_path / "index", ids(50), vectors, MODEL)
    second = load_or_build(tmp_path / "index", ids(50), vectors, MODEL)
    assert builds == [50]
    for one, other in zip(search(first, vectors, 4), search(second, vectors, 4), strict=True):
        np.testing.assert_array_equal(one, other)
    assert {path.name for path in (tmp_path / "index").iterdir()} == {
        "manifest.json",
        "vectors.faiss",
    }


def test_the_kind_that_is_asked_for_is_built_and_kept(tmp_path: Path, builds: list[int]) -> None:
    kinds = (IndexKind.LISTS, IndexKind.LISTS, IndexKind.EXACT, IndexKind.AUTO)
    found = [
        load_or_build(tmp_path, ids(200), unit_vectors(200), MODEL, kind=kind) for kind in kinds
    ]
    assert [index.kind for index in found] == ["lists", "lists", "exact", "exact"]
    assert found[1].recall == found[0].recall >= 0.99
    assert len(builds) == 2
    one = load_or_build(tmp_path, ids(1), unit_vectors(1), MODEL, kind=IndexKind.LISTS)
    assert one.kind == "exact"  # there is nothing to put into lists


def test_other_ids_vectors_or_models_build_it_again(tmp_path: Path, builds: list[int]) -> None:
    vectors = unit_vectors(50)
    changed = vectors.copy()
    changed[49, 15] += np.float16(0.25)
    load_or_build(tmp_path, ids(50), vectors, MODEL)
    load_or_build(tmp_path, ids(50) + 1, vectors, MODEL)
    load_or_build(tmp_path, ids(50) + 1, changed, MODEL)
    load_or_build(tmp_path, ids(50) + 1, changed, "b" * 64)
    load_or_build(tmp_path, ids(49), vectors[:49], "b" * 64)
    assert builds == [50, 50, 50, 50, 49]


def test_another_version_of_faiss_builds_it_again(
    tmp_path: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(9)
    load_or_build(tmp_path, ids(9), vectors, MODEL)
    monkeypatch.setattr(faiss, "__version__", "0.0.1")
    load_or_build(tmp_path, ids(9), vectors, MODEL)
    assert builds == [9, 9]


@pytest.mark.parametrize("name", ["vectors.faiss", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "missing", "noise", "folder"])
def test_a_damaged_file_builds_it_again(
    tmp_path: Path, builds: list[int], name: str, damage: str
) -> None:
    vectors = unit_vectors(20)
    load_or_build(tmp_path, ids(20), vectors, MODEL)
    file = tmp_path / name
    content = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "missing":
        middle = len(content) // 2
        file.write_bytes(
            {
                "cut": content[:middle],
                "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
                "empty": b"",
                "noise": os.urandom(300),
            }[damage]
        )
    index = load_or_build(tmp_path, ids(20), vectors, MODEL)
    assert builds == [20, 20]
    assert search(index, vectors, 1)[1][:, 0].tolist() == list(range(20))
    if damage != "folder":
        load_or_build(tmp_path, ids(20), vectors, MODEL)
        assert builds == [20, 20]


@pytest.mark.parametrize("text", ["[]", "3", '{"format": 1}', "null"])
def test_a_manifest_of_another_kind_builds_it_again(
    tmp_path: Path, builds: list[int], text: str
) -> None:
    vectors = unit_vectors(5)
    load_or_build(tmp_path, ids(5), vectors, MODEL)
    (tmp_path / "manifest.json").write_text(text)
    load_or_build(tmp_path, ids(5), vectors, MODEL)
    assert builds == [5, 5]


def test_a_folder_that_cannot_be_written_just_keeps_no_index(
    tmp_path: Path, builds: list[int]
) -> None:
    # A file where the folder should be: refuses writing to root too, as a mode would not.
    (tmp_path / "index").write_text("in the way")
    vectors = unit_vectors(5)
    index = load_or_build(tmp_path / "index", ids(5), vectors, MODEL)
    assert search(index, vectors, 1)[1][:, 0].tolist() == list(range(5))
    load_or_build(tmp_path / "index", ids(5), vectors, MODEL)
    assert builds == [5, 5]
    assert (tmp_path / "index").read_text() == "in the way"


@pytest.mark.parametrize("count", [0, 1])
def test_tiny_collections_are_kept_too(tmp_path: Path, builds: list[int], count: int) -> None:
    vectors = unit_vectors(count)
    load_or_build(tmp_path, ids(count), vectors, MODEL)
    again = load_or_build(tmp_path, ids(count), vectors, MODEL)
    assert builds == [count]
    assert again.count == count


def test_inverted_lists_keep_their_probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dupfind.index.building.EXACT_UP_TO", 500)
    monkeypatch.setattr("dupfind.index.building.EXACT_UP_TO_ON_GPU", 500)
    vectors = unit_vectors(2000)
    built = load_or_build(tmp_path, ids(2000), vectors, MODEL)
    read = load_or_build(tmp_path, ids(2000), vectors, MODEL)
    assert built.kind == read.kind == "lists"
    assert read.faiss_index.nprobe == read.probes == built.probes > 0
    assert read.recall == built.recall
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["count"], manifest["kind"]) == (2000, "lists")


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    vectors = unit_vectors(5)
    vectors[2] = np.nan
    with pytest.raises(SearchError, match="vector 2"):
        load_or_build(tmp_path, ids(5), vectors, MODEL)
    assert not list(tmp_path.iterdir())


def test_the_file_is_read_for_its_digest_only_when_it_looks_new(
    tmp_path: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    digests: list[str] = []
    digest = hashlib.file_digest

    def counted(file: BinaryIO, name: str) -> object:
        digests.append(name)
        return digest(file, name)  # type: ignore[arg-type]

    vectors = unit_vectors(20)
    load_or_build(tmp_path / "first", ids(20), vectors, MODEL)
    monkeypatch.setattr(hashlib, "file_digest", counted)
    load_or_build(tmp_path / "first", ids(20), vectors, MODEL)
    assert digests == []
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    for _ in range(2):
        load_or_build(tmp_path / "second", ids(20), vectors, MODEL)
    assert len(digests) == 1, "a copied library is looked at once"
    assert builds == [20]
