"""Search an index, and join a collection with itself, in blocks: no table of n x n anywhere."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index.building import VectorIndex, build
from dupfind.index.vectors import Vectors, blocks, check_vectors
from dupfind.progress import OnDone

JOIN_ROWS = 4096
CELLS = 4_000_000  # of a result table: 48 MB, however many neighbours a row has

Similarity = NDArray[np.float32]
Neighbour = NDArray[np.int64]


def search(index: VectorIndex, queries: Vectors, k: int) -> tuple[Similarity, Neighbour]:
    """Find the k nearest vectors of each query.

    Args:
        index: From ``build`` or ``load_or_build``.
        queries: L2-normalised rows, shape (queries, dimensions).
        k: How many neighbours, at least 1; may exceed what the index holds.

    Returns:
        ``similarity`` float32 and ``neighbour`` int64, both (queries, k), best first; -inf and -1
        where there are no more neighbours.

    Raises:
        SearchError: ``k`` is below 1, or the queries do not fit the index or are not finite.
    """
    if k < 1:
        raise SearchError(f"k is {k}; ask for at least 1 neighbour")
    check_vectors(queries, dimensions=index.dimensions)
    similarity = np.full((len(queries), k), -np.inf, np.float32)
    neighbour = np.full((len(queries), k), -1, np.int64)
    found = min(k, index.count)
    if found == 0:
        return similarity, neighbour
    for start, block in blocks(queries, JOIN_ROWS):
        rows = slice(start, start + len(block))
        similarity[rows, :found], neighbour[rows, :found] = _search_block(index, block, found)
    similarity[neighbour < 0] = -np.inf
    return similarity, neighbour


def _search_block(
    index: VectorIndex, block: NDArray[np.float32], k: int
) -> tuple[Similarity, Neighbour]:
    searcher = index.for_search(k)
    try:
        similarity, neighbour = searcher.search(block, k)
    except RuntimeError as error:
        if searcher is index.faiss_index:
            raise SearchError(
                f"FAISS cannot search ({error}); free some memory and try again"
            ) from error
        index.leave_gpu(error)  # another program may have taken its memory
        similarity, neighbour = index.faiss_index.search(block, k)
    return similarity, neighbour


def self_join(
    vectors: Vectors,
    k: int,
    *,
    index: VectorIndex | None = None,
    on_done: OnDone | None = None,
) -> tuple[Similarity, Neighbour]:
    """Find the k nearest other vectors of every vector.

    Args:
        vectors: L2-normalised rows, shape (n, dimensions).
        k: How many neighbours besides the vector itself.
        index: An index of these same vectors; None builds one.
        on_done: Called with (vectors joined, vectors).

    Returns:
        ``similarity`` and ``neighbour``, both (n, k); a row never lists itself.
    """
    similarity = np.full((len(vectors), k), -np.inf, np.float32)
    neighbour = np.full((len(vectors), k), -1, np.int64)
    for start, block_similarity, block_neighbour in self_join_blocks(vectors, k, index=index):
        rows = slice(start, start + len(block_similarity))
        similarity[rows], neighbour[rows] = block_similarity, block_neighbour
        if on_done:
            on_done(rows.stop, len(vectors))
    return similarity, neighbour


def self_join_blocks(
    vectors: Vectors, k: int, *, index: VectorIndex | None = None, rows: int = JOIN_ROWS
) -> Iterator[tuple[int, Similarity, Neighbour]]:
    """Do as ``self_join`` does, a block of rows at a time: memory is ``rows`` x k, whatever n is.

    Yields:
        (first row, similarity, neighbour), the tables of shape (at most ``rows``, k); fewer rows at
        once when k is large.
    """
    if k < 1:
        raise SearchError(f"k is {k}; ask for at least 1 neighbour")
    index = _index_of(vectors, index)
    rows = max(1, min(rows, CELLS // (k + 1)))
    for start in range(0, len(vectors), rows):
        similarity, neighbour = search(index, vectors[start : start + rows], k + 1)
        yield start, *without_self(similarity, neighbour, start)


def without_self(
    similarity: Similarity, neighbour: Neighbour, start: int
) -> tuple[Similarity, Neighbour]:
    """Drop row i's own entry from tables of shape (rows, k + 1), giving (rows, k)."""
    return drop_own(similarity, neighbour, np.arange(start, start + len(neighbour)))


def drop_own(
    similarity: Similarity, neighbour: Neighbour, own_rows: NDArray[np.int64]
) -> tuple[Similarity, Neighbour]:
    """Drop each row's own entry from tables of shape (rows, k + 1), giving (rows, k).

    Among many equal vectors a row's own entry may be missing: then the last one goes.
    """
    rows, width = neighbour.shape
    own = neighbour == own_rows[:, None]
    drop = np.where(own.any(axis=1), own.argmax(axis=1), width - 1)
    keep = np.arange(width)[None, :] != drop[:, None]
    return similarity[keep].reshape(rows, width - 1), neighbour[keep].reshape(rows, width - 1)


def _index_of(vectors: Vectors, index: VectorIndex | None) -> VectorIndex:
    if index is None:
        return build(vectors)
    if index.count != len(vectors):
        raise SearchError(
            f"the index holds {index.count} vectors but {len(vectors)} are to be joined; "
            "build it from the same vectors"
        )
    return index
