"""Compare vectors with the lists near them, a list at a time: matrix products, few rows kept."""

from collections.abc import Iterator
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.index.lists import Floats, Lists, Rows
from dupfind.index.searching import drop_own


class Tables(NamedTuple):
    """The nearest others, (rows, k) best first: similarity float32, neighbour int64."""

    similarity: Floats
    neighbour: Rows

    @classmethod
    def empty(cls, rows: int, k: int) -> "Tables":
        """Return tables of nobody: -inf and -1."""
        return cls(np.full((rows, k), -np.inf, np.float32), np.full((rows, k), -1, np.int64))


def nearest_in_lists(lists: Lists, positions: Rows, *, k: int, probes: int) -> Tables:
    """Find the k nearest others of some vectors among those in the lists nearest to each.

    Args:
        lists: What is searched, and what is searched for.
        positions: Of the vectors to search for, (m,).
        k: Neighbours besides the vector itself.
        probes: How many lists each is compared with.

    Returns:
        Tables of (m, k); neighbours are positions.
    """
    queries = lists.vectors[positions].astype(np.float32)
    heap = faiss.ResultHeap(len(positions), k + 1, keep_max=True)
    for number, rows in by_list(lists, queries, probes):
        block = lists.of(number)
        similarity, found = faiss.knn(
            queries[rows], block, min(k + 1, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result_subset(rows, similarity, found + lists.start[number])
    heap.finalize()
    heap.D[heap.I < 0] = -np.inf
    return Tables(*drop_own(heap.D, heap.I, positions))


def by_list(lists: Lists, queries: Floats, probes: int) -> Iterator[tuple[int, Rows]]:
    """Yield each list that is not empty with the rows of the queries that are to be compared with it."""
    visited = lists.nearest(queries, probes)
    width = visited.shape[1]
    order = np.argsort(visited.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(visited.ravel(), minlength=lists.count))
    for number, (begin, end) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
        if end > begin and lists.start[number + 1] > lists.start[number]:
            yield number, order[begin:end] // width


def closer_pairs(
    lists: Lists, positions: Rows, *, probes: int, least: NDArray[np.float32]
) -> tuple[Rows, Rows, Floats]:
    """Find the vectors to which some new ones are closer than ``least`` says for each.

    Returns:
        Position of the vector, position of the new one, and similarity, each (pairs,).
    """
    queries = lists.vectors[positions].astype(np.float32)
    parts = []
    for number, rows in by_list(lists, queries, probes):
        begin, end = lists.start[number], lists.start[number + 1]
        similarity = queries[rows] @ lists.of(number).T
        asked, column = np.nonzero(similarity > least[begin:end])
        parts.append((column + begin, positions[rows[asked]], similarity[asked, column]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    vector, new, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return vector, new, similarity
