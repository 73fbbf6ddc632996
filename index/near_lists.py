"""Compare vectors with the lists near them, a list at a time: matrix products, few rows kept."""

from collections.abc import Iterator
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.index.lists import Floats, Lists, Rows
from dupfind.index.searching import drop_own
from dupfind.index.short import Short

SHORT_FROM = 4096  # vectors searched for at once, for which short products pay
NEAR_LISTS = 12  # of each, measured in full: what is found there says what is near enough
STAGE_GROWS = 8  # times as many lists in each stage as in all before


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
    visited = lists.nearest(queries, probes)
    near = visited.shape[1] if len(positions) < SHORT_FROM else NEAR_LISTS
    found = _measured(lists, queries, visited[:, :near], k + 1)
    if near < visited.shape[1]:
        found = _with_far(lists, queries, visited, found)
    return Tables(*drop_own(*found, positions))


def _measured(lists: Lists, queries: Floats, visited: Rows, k: int) -> Tables:
    """Return the k nearest of the lists that each query visits, by products in full."""
    heap = faiss.ResultHeap(len(queries), k, keep_max=True)
    for number, rows in by_list(lists, visited):
        block = lists.of(number)
        similarity, found = faiss.knn(
            queries[rows], block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result_subset(rows, similarity, found + lists.start[number])
    heap.finalize()
    heap.D[heap.I < 0] = -np.inf
    return Tables(heap.D, heap.I)


def _with_far(lists: Lists, queries: Floats, visited: Rows, found: Tables) -> Tables:
    """Return what was found among the first lists that each query visits, and what is nearer in the others.

    These are visited in stages: what one finds lets the next measure less.
    """
    short = _learned(lists, queries, found)
    short_queries = short.shorten(queries)
    first, most = NEAR_LISTS, visited.shape[1]
    while first < most:
        stop = min(most, STAGE_GROWS * first)
        least = found.similarity[:, -1]
        parts = [
            _nearer(lists, number, rows, queries, short_queries, short, least)
            for number, rows in by_list(lists, visited[:, first:stop])
        ]
        found, first = _merged(found, *map(np.concatenate, zip(*parts, strict=True))), stop
    return found


def _learned(lists: Lists, queries: Floats, found: Tables) -> Short:
    """Return short products that suit vectors and the last that was found for each."""
    last = np.maximum((found.neighbour >= 0).sum(axis=1) - 1, 0)
    neighbour = found.neighbour[np.arange(len(last)), last]
    return Short.of(queries, lists.vectors[neighbour].astype(np.float32))


def _nearer(
    lists: Lists,
    number: int,
    rows: Rows,
    queries: Floats,
    short_queries: Floats,
    short: Short,
    least: Floats,
) -> tuple[Rows, Rows, Floats]:
    """Return the queries to which vectors of a list are nearer than ``least``, their positions, how near."""
    block = lists.of(number)
    asked, column = short.near(short_queries[rows], short.shorten(block), least[rows])
    asked = rows[asked]
    similarity = np.einsum("nd,nd->n", queries[asked], block[column])
    nearer = similarity > least[asked]
    return asked[nearer], column[nearer] + lists.start[number], similarity[nearer]


def _merged(found: Tables, asked: Rows, position: Rows, similarity: Floats) -> Tables:
    """Return tables with more pairs of a row and a position."""
    width = found.similarity.shape[1]
    order = np.lexsort((-similarity, asked))
    asked, position, similarity = asked[order], position[order], similarity[order]
    rank = np.arange(len(asked)) - np.searchsorted(asked, asked)
    keep = rank < width
    added = Tables.empty(len(found.similarity), width)
    added.similarity[asked[keep], rank[keep]] = similarity[keep]
    added.neighbour[asked[keep], rank[keep]] = position[keep]
    both = np.concatenate([found.similarity, added.similarity], axis=1)
    names = np.concatenate([found.neighbour, added.neighbour], axis=1)
    best = np.argsort(-both, axis=1, kind="stable")[:, :width]
    return Tables(np.take_along_axis(both, best, axis=1), np.take_along_axis(names, best, axis=1))


def by_list(lists: Lists, visited: Rows) -> Iterator[tuple[int, Rows]]:
    """Yield each list that is not empty with the rows of the queries that visit it.

    ``visited`` are the numbers of the lists that each query visits, (queries, any).
    """
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
    for number, rows in by_list(lists, lists.nearest(queries, probes)):
        begin, end = lists.start[number], lists.start[number + 1]
        similarity = queries[rows] @ lists.of(number).T
        asked, column = np.nonzero(similarity > least[begin:end])
        parts.append((column + begin, positions[rows[asked]], similarity[asked, column]))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    vector, new, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return vector, new, similarity
