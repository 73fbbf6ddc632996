"""Joins by lists against the exact join: found, kept, gone on with, brought up to date."""

import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index import BlockTask, Join, Tables, join, join_block, self_join
from dupfind.index.kept_join import KeptJoin
from dupfind.index.lists import Lists, open_lists, same_rows
from dupfind.index.short import Short
from dupfind.options import IndexKind

K = 5
COUNT = 3000
SCENES = 300
DIMENSIONS = 32


def album(count: int = COUNT, seed: int = 0) -> NDArray[np.float16]:
    """Vectors in scenes of about ten: some near each other, most not."""
    rng = np.random.default_rng(seed)
    scenes = np.random.default_rng(99).normal(size=(SCENES, DIMENSIONS))
    vectors = scenes[rng.integers(0, SCENES, count)] + 0.4 * rng.normal(size=(count, DIMENSIONS))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def by_lists(vectors: NDArray[np.float16], folder: Path | None = None) -> Join:
    return join(vectors, K, kind=IndexKind.LISTS, folder=folder)


def pairs(neighbour: NDArray[np.int64]) -> set[tuple[int, int]]:
    rows = np.repeat(np.arange(len(neighbour)), neighbour.shape[1])
    both = np.sort(np.column_stack([rows, neighbour.ravel()])[neighbour.ravel() >= 0], axis=1)
    return set(map(tuple, both.tolist()))


def share_found(vectors: NDArray[np.float16], found: Join) -> float:
    """Of the pairs of each vector with its nearest, the share that is in the join."""
    _, exact = self_join(vectors, 1)
    wanted = pairs(exact)
    return len(wanted & pairs(found.neighbour)) / len(wanted)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_that_others_join_give_the_same_tables(tmp_path: Path) -> None:
    vectors = album()
    expected = by_lists(vectors)
    tasks: list[BlockTask] = []

    def elsewhere(todo: Sequence[BlockTask], take: Callable[[BlockTask, Tables], None]) -> None:
        tasks.extend(todo)
        for task in reversed(todo):
            take(task, join_block(task))

    found = join(vectors, K, kind=IndexKind.LISTS, folder=tmp_path / "join", elsewhere=elsewhere)
    assert [task.start for task in tasks] == [0, 500, 1000, 1500, 2000, 2500]
    np.testing.assert_array_equal(found.neighbour, expected.neighbour)
    np.testing.assert_array_equal(found.similarity, expected.similarity)
    shutil.rmtree(tmp_path / "join")
    with pytest.raises(SearchError, match="all machines reach"):
        join_block(tasks[0])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dupfind.index.kept_join.BLOCK", 500)


def test_a_join_by_lists_finds_the_nearest_and_says_how_many() -> None:
    vectors = album()
    found = by_lists(vectors)
    assert share_found(vectors, found) >= 0.99
    facts = found.facts
    assert (facts.kind, facts.count, facts.joined) == ("lists", COUNT, COUNT)
    assert 0.99 <= facts.recall <= 1.0
    assert facts.sample == 1024
    assert facts.probes < facts.lists / 2  # else it is the exact join with a detour


def test_what_lists_find_is_what_they_say() -> None:
    vectors = album()
    similarity, neighbour = (found := by_lists(vectors)).similarity, found.neighbour
    assert (neighbour != np.arange(COUNT)[:, None]).all()
    assert (np.diff(similarity, axis=1) <= 1e-6).all()
    stated = np.einsum("nd,nkd->nk", vectors.astype(float), vectors[neighbour].astype(float))
    np.testing.assert_allclose(similarity, stated, atol=2e-6)
    assert all(len(set(row)) == K for row in neighbour.tolist())


def test_short_products_find_what_products_in_full_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dupfind.index.near_lists.NEAR_LISTS", 2)
    monkeypatch.setattr("dupfind.index.short.DIRECTIONS", DIMENSIONS // 2)
    vectors = album()
    full = by_lists(vectors)
    monkeypatch.setattr("dupfind.index.near_lists.SHORT_FROM", 1)
    short = by_lists(vectors)
    assert full.facts.probes > 2
    assert (short.neighbour == full.neighbour).mean() >= 0.998
    assert (np.diff(short.similarity, axis=1) <= 1e-6).all()
    same = short.neighbour == full.neighbour
    np.testing.assert_allclose(short.similarity[same], full.similarity[same], atol=1e-6)


def test_more_neighbours_than_the_first_lists_hold_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dupfind.index.near_lists.NEAR_LISTS", 1)
    monkeypatch.setattr("dupfind.index.near_lists.SHORT_FROM", 1)
    vectors = album(400)
    found = join(vectors, 120, kind=IndexKind.LISTS)
    exact, _ = self_join(vectors, 120)
    assert found.facts.probes > 1
    assert ((found.neighbour >= 0).sum(axis=1) >= 60).all()
    assert (found.similarity <= exact + 1e-3).all()


def test_a_short_product_rules_out_only_what_is_far() -> None:
    vectors = album().astype(np.float32)
    neighbour = self_join(album(), 1)[1][:, 0]
    short = Short.of(vectors, vectors[neighbour], directions=24)
    shortened = short.shorten(vectors)
    least = np.full(COUNT, 0.9, np.float32)
    passed = np.zeros((COUNT, COUNT), bool)
    passed[short.near(shortened, shortened, least)] = True
    products = vectors @ vectors.T
    assert passed[products > 0.9].mean() >= 0.999
    assert passed[products < 0.3].mean() <= 0.02


def test_below_the_size_all_are_compared_with_all() -> None:
    vectors = album(400)
    found = join(vectors, K)
    expected = self_join(vectors, K)
    assert found.facts.kind == "exact"
    assert found.facts.recall == 1.0
    np.testing.assert_array_equal(found.similarity, expected[0])
    np.testing.assert_array_equal(found.neighbour, expected[1])


@pytest.mark.parametrize(("limit", "kind"), [(COUNT, "exact"), (COUNT - 1, "lists")])
def test_the_size_decides(monkeypatch: pytest.MonkeyPatch, limit: int, kind: str) -> None:
    monkeypatch.setattr("dupfind.index.joining.EXACT_UP_TO", limit)
    assert join(album(), K).facts.kind == kind
    assert join(album(), K, kind=IndexKind.EXACT).facts.kind == "exact"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 70])
def test_few_vectors_are_joined_by_lists_too(count: int, tmp_path: Path) -> None:
    vectors = album(count)
    expected = join(vectors, K, kind=IndexKind.EXACT)
    for folder in (None, tmp_path / "join"):
        found = by_lists(vectors, folder)
        np.testing.assert_allclose(found.similarity, expected.similarity, atol=1e-5)
        assert ((found.neighbour >= 0) == (expected.neighbour >= 0)).all()


def test_equal_vectors_find_each_other_in_lists() -> None:
    vectors = np.repeat(album(100), 30, axis=0)
    found = by_lists(vectors)
    assert (found.similarity > 0.999).all()
    assert (found.neighbour // 30 == np.arange(len(vectors))[:, None] // 30).all()
    assert (found.neighbour != np.arange(len(vectors))[:, None]).all()


def test_a_kept_join_is_not_made_again(tmp_path: Path) -> None:
    vectors = album()
    first = by_lists(vectors, tmp_path / "join")
    again = by_lists(vectors, tmp_path / "join")
    assert again.facts.joined == 0
    np.testing.assert_array_equal(again.neighbour, first.neighbour)
    np.testing.assert_array_equal(by_lists(vectors).neighbour, first.neighbour)


def test_rows_in_another_order_are_known_by_their_vectors(tmp_path: Path) -> None:
    vectors = album()
    first = by_lists(vectors, tmp_path / "join")
    order = np.random.default_rng(1).permutation(COUNT)
    again = by_lists(vectors[order], tmp_path / "join")
    assert again.facts.joined == 0
    np.testing.assert_array_equal(again.similarity, first.similarity[order])
    np.testing.assert_array_equal(order[again.neighbour], first.neighbour[order])


@pytest.mark.usefixtures("small_blocks")
def test_a_join_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, folder = album(), tmp_path / "join"
    put = KeptJoin.put

    def interrupted(kept: KeptJoin, block: NDArray[np.int64], *tables: NDArray[np.int64]) -> None:
        if len(kept.done) == 2:
            raise KeyboardInterrupt
        put(kept, block, *tables)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(KeptJoin, "put", interrupted)
        with pytest.raises(KeyboardInterrupt):
            by_lists(vectors, folder)
    found = by_lists(vectors, folder)
    assert found.facts.joined == COUNT - 2 * 500
    np.testing.assert_array_equal(found.neighbour, by_lists(vectors).neighbour)


@pytest.mark.usefixtures("small_blocks")
def test_progress_counts_up_to_all(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    join(
        album(),
        K,
        kind=IndexKind.LISTS,
        folder=tmp_path / "join",
        on_done=lambda *x: told.append(x),
    )
    assert told == [(done, COUNT) for done in range(500, COUNT + 1, 500)]


def test_a_few_new_vectors_cost_only_themselves(tmp_path: Path) -> None:
    vectors, folder = album(), tmp_path / "join"
    by_lists(vectors[:-60], folder)
    grown = by_lists(vectors, folder)
    assert grown.facts.joined == 60
    assert share_found(vectors, grown) >= 0.99
    # Old vectors have the new ones among their nearest, and their tables stay sorted and true.
    assert (grown.neighbour[:-60] >= COUNT - 60).any()
    assert (np.diff(grown.similarity, axis=1) <= 1e-6).all()
    whole = by_lists(vectors)
    assert (grown.similarity >= whole.similarity - 1e-3).mean() > 0.98
    assert by_lists(vectors, folder).facts.joined == 0


def test_vectors_that_go_leave_no_hole(tmp_path: Path) -> None:
    vectors, folder = album(), tmp_path / "join"
    by_lists(vectors, folder)
    stay = np.sort(np.random.default_rng(2).permutation(COUNT)[60:])
    left = by_lists(vectors[stay], folder)
    assert 0 < left.facts.joined < COUNT / 2  # those that had one of the gone among their nearest
    assert (left.neighbour >= 0).all()
    assert share_found(vectors[stay], left) >= 0.99


def test_many_new_vectors_make_a_new_join(tmp_path: Path) -> None:
    vectors, folder = album(), tmp_path / "join"
    by_lists(vectors[: COUNT // 2], folder)
    found = by_lists(vectors, folder)
    assert found.facts.joined == COUNT
    np.testing.assert_array_equal(found.neighbour, by_lists(vectors).neighbour)


def test_another_number_of_neighbours_makes_a_new_join(tmp_path: Path) -> None:
    vectors = album()
    by_lists(vectors, tmp_path / "join")
    more = join(vectors, K + 2, kind=IndexKind.LISTS, folder=tmp_path / "join")
    assert more.neighbour.shape == (COUNT, K + 2)
    assert more.facts.joined == COUNT


@pytest.mark.parametrize(
    "name",
    ["join.json", "vectors.npy", "homes.npy", "centroids.npy", "similarity.npy", "neighbour.npy"],
)
@pytest.mark.parametrize("damage", ["cut", "noise", "missing", "empty"])
def test_a_damaged_join_is_made_again(name: str, damage: str, tmp_path: Path) -> None:
    vectors, folder = album(700), tmp_path / "join"
    expected = by_lists(vectors, folder)
    file = folder / name
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        noise = np.random.default_rng(3).bytes(len(data) // 2)
        file.write_bytes(
            {"cut": data[: len(data) // 2], "empty": b""}.get(damage, data[: -len(noise)] + noise)
        )
    found = by_lists(vectors, folder)
    assert share_found(vectors, found) >= 0.98
    if name != "centroids.npy":  # moved centres only make lists less fitting
        np.testing.assert_array_equal(found.similarity, expected.similarity)
    assert by_lists(vectors, folder).facts.joined == 0


def test_a_join_of_another_format_is_made_again(tmp_path: Path) -> None:
    vectors, folder = album(700), tmp_path / "join"
    by_lists(vectors, folder)
    manifest = json.loads((folder / "join.json").read_text())
    (folder / "join.json").write_text(json.dumps(manifest | {"format": 0}))
    assert by_lists(vectors, folder).facts.joined == 700


def test_a_folder_that_cannot_be_made_leaves_the_lists_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        found = by_lists(album(700), tmp_path / "file" / "join")
    assert found.facts.joined == 700
    assert len(caplog.records) == 1
    assert "lists stay in memory" in caplog.text


def test_no_neighbours_are_refused() -> None:
    with pytest.raises(SearchError, match="at least 1"):
        join(album(10), 0)


def test_of_equal_vectors_each_old_one_is_taken_once() -> None:
    old = np.array([[1, 1], [1, 1], [2, 5]], np.uint64)
    new = np.array([[1, 1], [3, 3], [1, 1], [1, 1]], np.uint64)
    found = same_rows(old, new)
    assert sorted(found[[0, 2, 3]].tolist()) == [-1, 0, 1]
    assert found[1] == -1


@pytest.mark.parametrize("other", [np.zeros((5, 3), np.float16), np.zeros((6, 2), np.float32)])
def test_lists_whose_vectors_are_not_theirs_are_damaged(
    tmp_path: Path, other: NDArray[np.float16]
) -> None:
    lists = Lists(np.eye(2, dtype=np.float32), np.array([0, 2, 6]), np.zeros((6, 2), np.float16))
    lists.save(tmp_path)
    np.save(tmp_path / "vectors.npy", lists.vectors)
    assert open_lists(tmp_path).start.tolist() == [0, 2, 6]
    np.save(tmp_path / "vectors.npy", other)
    with pytest.raises(ValueError, match=r"vectors\.npy is damaged"):
        open_lists(tmp_path)
