"""Searches and joins against brute force, on ordinary and on hostile vectors."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import faiss
import numpy as np
import pytest
from numpy.typing import DTypeLike, NDArray

from dupfind.errors import SearchError
from dupfind.index import VectorIndex, build, search, self_join, self_join_blocks
from dupfind.index.building import EXACT_UP_TO, EXACT_UP_TO_ON_GPU, gpu_count, kind_of
from dupfind.index.searching import without_self

DIMENSIONS = 24


def unit_vectors(count: int, seed: int = 0, spread: float = 1.0) -> NDArray[np.float32]:
    """Vectors in clumps of about four; a small ``spread`` makes the clumps tight."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 4), DIMENSIONS))
    vectors = centres[rng.integers(0, len(centres), count)]
    vectors = vectors + spread * rng.normal(size=vectors.shape)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def brute_force(
    vectors: NDArray[Any], queries: NDArray[Any], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    every = queries.astype(np.float64) @ vectors.astype(np.float64).T
    order = np.argsort(-every, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(every, order, axis=1), order


def assert_same_neighbours(
    similarity: NDArray[np.float32],
    neighbour: NDArray[np.int64],
    vectors: NDArray[Any],
    queries: NDArray[Any],
) -> None:
    """Similarities must be the true ones; neighbours may only differ where they tie."""
    expected, _ = brute_force(vectors, queries, similarity.shape[1])
    np.testing.assert_allclose(similarity, expected, atol=2e-6)
    stated = np.einsum("qd,qkd->qk", queries.astype(np.float64), vectors[neighbour].astype(float))
    np.testing.assert_allclose(similarity, stated, atol=2e-6)
    assert all(len(set(row)) == len(row) for row in neighbour.tolist())


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("k", [1, 7, 100])
@pytest.mark.parametrize("queries", [1, 19, 300])
def test_a_search_finds_what_brute_force_finds(dtype: DTypeLike, k: int, queries: int) -> None:
    vectors = unit_vectors(500).astype(dtype)
    asked = unit_vectors(queries, seed=1).astype(dtype)
    similarity, neighbour = search(build(vectors), asked, k)
    assert (similarity.dtype, neighbour.dtype) == (np.dtype(np.float32), np.dtype(np.int64))
    assert_same_neighbours(similarity, neighbour, vectors, asked)


def test_more_neighbours_than_vectors_leave_the_rest_empty() -> None:
    vectors = unit_vectors(3)
    similarity, neighbour = search(build(vectors), vectors, 5)
    assert (neighbour[:, 3:] == -1).all()
    assert np.isneginf(similarity[:, 3:]).all()
    assert sorted(neighbour[0, :3]) == [0, 1, 2]


def test_lists_begin_beyond_the_size_that_is_searched_whole() -> None:
    limit = EXACT_UP_TO_ON_GPU if gpu_count() else EXACT_UP_TO
    assert (kind_of(limit), kind_of(limit + 1)) == ("exact", "lists")
    assert (kind_of(limit, False), kind_of(limit + 1, True)) == ("lists", "exact")


def test_an_empty_index_answers_with_nobody() -> None:
    index = build(np.empty((0, DIMENSIONS), np.float16))
    similarity, neighbour = search(index, unit_vectors(2), 4)
    assert (neighbour == -1).all()
    assert np.isneginf(similarity).all()
    assert index.count == 0


def test_no_queries_give_empty_tables() -> None:
    similarity, neighbour = search(build(unit_vectors(5)), unit_vectors(5)[:0], 4)
    assert similarity.shape == neighbour.shape == (0, 4)


def test_vectors_that_do_not_lie_together_in_memory_are_searched_alike() -> None:
    vectors = unit_vectors(600)
    strided, backwards = vectors[::2], np.asfortranarray(vectors[::2])
    assert not strided.flags.c_contiguous
    expected = search(build(np.ascontiguousarray(strided)), strided, 5)
    for index in (build(strided), build(backwards)):
        similarity, _ = search(index, backwards, 5)
        np.testing.assert_allclose(similarity, expected[0], atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 300])
@pytest.mark.parametrize("k", [1, 4, 10])
def test_a_join_finds_the_others_and_never_the_row_itself(count: int, k: int) -> None:
    vectors = unit_vectors(count)
    similarity, neighbour = self_join(vectors, k)
    assert similarity.shape == neighbour.shape == (count, k)
    for row in range(count):
        others = np.delete(np.arange(count), row)
        expected, _ = brute_force(vectors[others], vectors[row : row + 1], k)
        found = min(k, count - 1)
        np.testing.assert_allclose(similarity[row, :found], expected[0], atol=2e-6)
        assert row not in neighbour[row]
        assert (neighbour[row, found:] == -1).all()
        assert (neighbour[row, :found] >= 0).all()


def test_equal_vectors_are_each_others_neighbours() -> None:
    vectors = np.repeat(unit_vectors(3), 40, axis=0)
    similarity, neighbour = self_join(vectors, 10)
    np.testing.assert_allclose(similarity, 1.0, atol=1e-6)
    assert (neighbour // 40 == np.arange(120)[:, None] // 40).all()
    assert (neighbour != np.arange(120)[:, None]).all()
    assert all(len(set(row)) == 10 for row in neighbour.tolist())


def test_a_join_in_blocks_gives_the_same_table() -> None:
    vectors = unit_vectors(105)
    whole = self_join(vectors, 4)
    blocks = list(self_join_blocks(vectors, 4, rows=10))
    assert [start for start, _, _ in blocks] == list(range(0, 105, 10))
    np.testing.assert_allclose(
        np.concatenate([block for _, block, _ in blocks]), whole[0], atol=1e-6
    )
    assert (np.concatenate([block for _, _, block in blocks]) == whole[1]).all()


@pytest.mark.parametrize(("k", "rows"), [(3, [10, 10, 5]), (99, [1] * 25)])
def test_a_block_has_fewer_rows_when_each_has_many_neighbours(
    monkeypatch: pytest.MonkeyPatch, k: int, rows: list[int]
) -> None:
    monkeypatch.setattr("dupfind.index.searching.CELLS", 40)
    blocks = list(self_join_blocks(unit_vectors(25), k))
    assert [len(neighbour) for _, _, neighbour in blocks] == rows


def test_a_missing_own_entry_drops_the_last_one() -> None:
    similarity = np.array([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]], np.float32)
    neighbour = np.array([[5, 10, 7], [5, 6, 7]])
    kept_similarity, kept = without_self(similarity, neighbour, 10)
    assert kept.tolist() == [[5, 7], [5, 6]]
    np.testing.assert_array_equal(kept_similarity, np.array([[0.9, 0.7], [0.9, 0.8]], np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_values_that_are_not_finite_are_refused_with_their_row(
    value: float, dtype: DTypeLike
) -> None:
    vectors = unit_vectors(40).astype(dtype)
    index = build(vectors)
    vectors[17, 3] = value
    calls: list[Callable[[], Any]] = [
        lambda: build(vectors),
        lambda: search(index, vectors, 3),
        lambda: self_join(vectors, 3),
    ]
    for call in calls:
        with pytest.raises(SearchError, match=r"vector 17 .* NaN or infinite"):
            call()


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros(5, np.float32),
        np.zeros((2, 3, 4), np.float32),
        np.zeros((2, 0), np.float32),
        np.zeros((2, 3), np.int64),
        np.array([["a", "b"]]),
    ],
)
def test_arrays_that_are_no_vectors_are_refused(vectors: NDArray[Any]) -> None:
    with pytest.raises(SearchError, match="must be float16 or float32"):
        build(vectors)


def test_queries_of_other_dimensions_are_refused() -> None:
    index = build(unit_vectors(4))
    with pytest.raises(SearchError, match=f"12 dimensions but the index has {DIMENSIONS}"):
        search(index, np.zeros((1, 12), np.float32), 1)


def test_fewer_than_one_neighbour_is_refused() -> None:
    vectors = unit_vectors(4)
    with pytest.raises(SearchError, match="at least 1"):
        search(build(vectors), vectors, 0)
    with pytest.raises(SearchError, match="at least 1"):
        self_join(vectors, 0)


def test_an_index_of_other_vectors_is_refused_for_a_join() -> None:
    with pytest.raises(SearchError, match="holds 4 vectors but 5"):
        self_join(unit_vectors(5), 2, index=build(unit_vectors(4)))


@pytest.fixture(scope="module")
def lists_index() -> tuple[NDArray[np.float16], VectorIndex]:
    vectors = unit_vectors(6000, spread=0.5).astype(np.float16)
    return vectors, build(vectors, exact=False)


def test_inverted_lists_reach_the_recall_they_promise(
    lists_index: tuple[NDArray[np.float16], VectorIndex],
) -> None:
    vectors, index = lists_index
    assert index.kind == "lists"
    assert index.recall >= 0.99
    assert index.probes < index.faiss_index.nlist  # else it is brute force with a detour
    queries = unit_vectors(200, seed=7, spread=0.5).astype(np.float16)
    on_held = vectors[np.random.default_rng(3).choice(6000, 300, replace=False)]
    for asked, wanted in ((on_held, 0.98), (queries, 0.9)):
        similarity, _ = search(index, asked, 10)
        expected, _ = brute_force(vectors, asked, 10)
        assert (similarity >= expected[:, -1:] - 3e-4).mean() >= wanted


def test_a_join_through_inverted_lists_agrees_with_the_exact_one(
    lists_index: tuple[NDArray[np.float16], VectorIndex],
) -> None:
    vectors, index = lists_index
    exact, _ = self_join(vectors, 5)
    similarity, neighbour = self_join(vectors, 5, index=index)
    assert (np.abs(similarity - exact) < 1e-3).mean() > 0.98
    assert (neighbour != np.arange(len(vectors))[:, None]).all()


def test_equal_vectors_in_inverted_lists_all_come_back() -> None:
    vectors = np.repeat(unit_vectors(40), 50, axis=0)
    similarity, _ = self_join(vectors, 20, index=build(vectors, exact=False))
    assert (similarity > 0.999).mean() > 0.99


def test_inverted_lists_of_one_vector_are_refused() -> None:
    with pytest.raises(SearchError, match="at least 2"):
        build(unit_vectors(1), exact=False)


def test_a_gpu_that_cannot_be_used_leaves_the_search_to_the_processor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if faiss.get_num_gpus():
        pytest.skip("the GPU of this machine can be used")
    vectors = unit_vectors(300)
    expected = self_join(vectors, 5)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)  # FAISS itself then finds no device 0
    index = build(vectors)
    with caplog.at_level(logging.WARNING):
        found = self_join(vectors, 5, index=index)
    np.testing.assert_array_equal(found[1], expected[1])
    assert [record.message for record in caplog.records if "on the processor" in record.message]
    assert len(caplog.records) == 1


class Failing:
    """A search on a GPU that runs out of memory half way, as FAISS says it."""

    def search(self, block: NDArray[np.float32], k: int) -> None:
        raise RuntimeError("trace\nError: out of memory")


def test_a_gpu_that_fails_in_a_search_leaves_this_and_later_ones_to_the_processor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = unit_vectors(300)
    index = build(vectors)
    expected = search(build(vectors), vectors[:20], 5)
    monkeypatch.setattr("dupfind.index.building.gpu_count", lambda: 1)
    monkeypatch.setattr("dupfind.index.building._move_to_gpu", lambda _: Failing())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            found = search(index, vectors[:20], 5)
            np.testing.assert_array_equal(found[1], expected[1])
            np.testing.assert_array_equal(found[0], expected[0])
    assert [record.message for record in caplog.records] == [
        "the GPU cannot search (Error: out of memory); searching on the processor"
    ]


def test_a_processor_that_cannot_search_is_one_clear_error() -> None:
    index = replace(build(unit_vectors(30)), faiss_index=Failing())
    with pytest.raises(
        SearchError, match=r"(?s)FAISS cannot search .*out of memory.*free some memory"
    ):
        search(index, unit_vectors(2), 5)


@pytest.mark.gpu
@pytest.mark.parametrize("exact", [True, False])
def test_a_gpu_finds_the_same_neighbours(exact: bool) -> None:
    if faiss.get_num_gpus() == 0:
        pytest.skip("needs a GPU that FAISS can use")
    vectors = unit_vectors(6000, spread=0.5).astype(np.float16)
    index = build(vectors, exact=exact)
    for k in (5, 3000):  # more than the GPU can do: goes to the processor
        similarity, _ = search(index, vectors[:50], k)
        expected, _ = brute_force(vectors, vectors[:50], k)
        assert (np.abs(similarity[:, :5] - expected[:, :5]) < 2e-3).mean() > 0.98
