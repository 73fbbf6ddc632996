"""Join a collection with itself: each vector's nearest others, exactly or list by list.

Up to ``EXACT_UP_TO`` vectors all are compared with all. Beyond, each is compared with those in the
lists nearest to it, by matrix products of whole lists; so many lists that of a sample of vectors 99.9%
find their nearest other or are found by it. With a folder the lists are mapped from there, what is
joined is written block by block, a stopped join goes on, and a later one joins only what is new.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index.building import EXACT_UP_TO, EXACT_UP_TO_ON_GPU, TIE, build, gpu_count
from dupfind.index.kept_join import KeptJoin, begin_kept, open_kept
from dupfind.index.lists import (
    SEED,
    Floats,
    Rows,
    all_cores,
    arrange,
    fingerprints,
    homes,
    one_core,
    one_thread_each,
    open_lists,
    same_rows,
    train_centroids,
)
from dupfind.index.near_lists import Tables, nearest_in_lists
from dupfind.index.searching import Neighbour, Similarity, drop_own, self_join
from dupfind.index.updating import is_small_change, updated
from dupfind.index.vectors import Vectors, check_vectors
from dupfind.options import IndexKind
from dupfind.progress import OnDone
from dupfind.records import JoinFacts

SAMPLE = 1024  # vectors whose nearest other is found exactly, to choose and to measure
FOUND_WANTED = 0.999  # of their pairs, when choosing; what is measured afterwards is told
FEWEST_PROBES = 4
_EXACT_ROWS = 16_384

log = logging.getLogger(__name__)


class BlockTask(NamedTuple):
    """Positions ``start`` to ``stop`` of the lists in a folder, to be compared with the lists near them."""

    folder: str
    start: int
    stop: int
    k: int
    probes: int


# Has blocks joined, and calls what it is given with each one and what was found for it.
Elsewhere = Callable[[Sequence[BlockTask], Callable[[BlockTask, Tables], None]], None]


@dataclass(frozen=True)
class Join:
    """Each vector's nearest others, (n, k) best first, -inf and -1 where there are fewer."""

    similarity: Similarity
    neighbour: Neighbour
    facts: JoinFacts


@dataclass(frozen=True)
class _Sample:
    """Rows, the row of the nearest other of each, its true similarity, and whether it lists the row too."""

    rows: Rows
    nearest: Rows
    similarity: Floats
    is_mutual: NDArray[np.bool_]


def join(
    vectors: Vectors,
    k: int,
    *,
    kind: IndexKind = IndexKind.AUTO,
    folder: Path | None = None,
    on_done: OnDone | None = None,
    elsewhere: Elsewhere | None = None,
) -> Join:
    """Find the k nearest other vectors of every vector.

    Args:
        vectors: L2-normalised rows, float16 or float32, (n, dimensions).
        k: How many neighbours besides the vector itself.
        kind: ``auto`` takes lists beyond ``EXACT_UP_TO`` vectors.
        folder: Where lists and what was joined are kept; None keeps nothing.
        on_done: Called with (vectors joined, vectors).
        elsewhere: Has other processes join the blocks of lists that are kept in ``folder``.

    Raises:
        SearchError: ``k`` is below 1, or the vectors have a wrong shape or type or are not finite.
    """
    if k < 1:
        raise SearchError(f"k is {k}; ask for at least 1 neighbour")
    check_vectors(vectors)
    exact_up_to = {IndexKind.EXACT: len(vectors), IndexKind.LISTS: 1}.get(kind, _exact_up_to())
    with all_cores():
        if len(vectors) <= exact_up_to:
            return _exactly(vectors, k, on_done)
        if gpu_count():  # which is faster than any order of lists
            return _by_index(vectors, k, on_done)
        return _by_lists(vectors, k, folder, on_done, elsewhere)


def join_block(task: BlockTask) -> Tables:
    """Join one block of lists that are kept in a folder, on one core.

    Raises:
        SearchError: The lists cannot be read here.
    """
    try:
        lists = open_lists(Path(task.folder))
    except (OSError, ValueError) as error:
        raise SearchError(
            f"the lists in {task.folder} cannot be read here ({error}); the library must lie in a "
            "folder that all machines reach"
        ) from error
    positions = np.arange(task.start, task.stop)
    with one_core():
        return nearest_in_lists(lists, positions, k=task.k, probes=task.probes)


def _exact_up_to() -> int:
    return EXACT_UP_TO_ON_GPU if gpu_count() else EXACT_UP_TO


def _exactly(vectors: Vectors, k: int, on_done: OnDone | None) -> Join:
    index = build(vectors, exact=True)
    similarity, neighbour = self_join(vectors, k, index=index, on_done=on_done)
    return Join(similarity, neighbour, JoinFacts("exact", len(vectors), len(vectors)))


def _by_index(vectors: Vectors, k: int, on_done: OnDone | None) -> Join:
    index = build(vectors, exact=False)
    similarity, neighbour = self_join(vectors, k, index=index, on_done=on_done)
    sample = _sample(vectors, k)
    facts = JoinFacts(
        "lists",
        len(vectors),
        len(vectors),
        index.faiss_index.nlist,
        index.probes,
        _recall(sample, similarity, neighbour),
        len(sample.rows),
    )
    return Join(similarity, neighbour, facts)


def _by_lists(
    vectors: Vectors,
    k: int,
    folder: Path | None,
    on_done: OnDone | None,
    elsewhere: Elsewhere | None,
) -> Join:
    sample = _sample(vectors, k)
    kept: KeptJoin | None = None
    order: Rows
    if folder is not None:
        try:
            kept, order = _open_or_begin(vectors, k, folder, sample)
        except OSError as error:
            log.warning("lists stay in memory: they cannot be kept in %s (%s)", folder, error)
    if kept is None:
        centroids, home = _centres(vectors)
        lists, order = arrange(vectors, centroids, home)
        kept = KeptJoin(lists, _probes(centroids, vectors, sample), *Tables.empty(len(vectors), k))
    joined = _run(kept, k, on_done, elsewhere)
    similarity, neighbour = Tables.empty(len(vectors), k)
    similarity[order] = kept.similarity
    found = np.asarray(kept.neighbour)
    neighbour[order] = np.where(found >= 0, order[found], -1)
    facts = JoinFacts(
        "lists",
        len(vectors),
        joined + kept.updated,
        kept.lists.count,
        kept.probes,
        _recall(sample, similarity, neighbour),
        len(sample.rows),
    )
    return Join(similarity, neighbour, facts)


def _open_or_begin(
    vectors: Vectors, k: int, folder: Path, sample: _Sample
) -> tuple[KeptJoin, Rows]:
    """Return the join to go on with, and the row of each of its positions."""
    found = open_kept(folder, k, vectors.shape[1])
    if found is not None:
        place = same_rows(fingerprints(found.lists.vectors), fingerprints(vectors))
        if len(place) == len(found.similarity) and (place >= 0).all():
            return found, np.argsort(place)
        if is_small_change(found, place):
            return updated(found, vectors, place, folder)
    del found  # what is mapped is about to be replaced
    centroids, home = _centres(vectors)
    probes = _probes(centroids, vectors, sample)
    return begin_kept(folder, vectors, centroids, home, k, probes)


def _centres(vectors: Vectors) -> tuple[Floats, Rows]:
    centroids = train_centroids(vectors)
    return centroids, homes(vectors, centroids)


def _run(kept: KeptJoin, k: int, on_done: OnDone | None, elsewhere: Elsewhere | None = None) -> int:
    """Join the blocks that are not joined yet; return of how many vectors."""
    todo = kept.blocks_to_do()
    total = len(kept.similarity)
    done = total - sum(len(block) for block in todo)
    joined = total - done

    def take(block: Rows, found: Tables) -> None:
        nonlocal done
        kept.put(block, *found)
        done += len(block)
        if on_done:
            on_done(done, total)

    if elsewhere and kept.folder:
        tasks = [
            BlockTask(str(kept.folder), int(block[0]), int(block[-1]) + 1, k, kept.probes)
            for block in todo
        ]
        elsewhere(tasks, lambda task, found: take(np.arange(task.start, task.stop), found))
        return joined
    search = partial(nearest_in_lists, kept.lists, k=k, probes=kept.probes)
    with one_thread_each() as pool:
        for block, found in zip(todo, pool.map(search, todo), strict=True):
            take(block, found)
    return joined


def _sample(vectors: Vectors, k: int) -> _Sample:
    """Find the nearest other of some vectors exactly, and whether these are among its k nearest."""
    count = len(vectors)
    rows = np.sort(
        np.random.default_rng(SEED).choice(count, min(SAMPLE, count), replace=False)
    ).astype(np.int64)
    best = _exact_nearest(vectors, rows, 1)
    nearest, similarity = best.neighbour[:, 0], best.similarity[:, 0]
    last = _exact_nearest(vectors, nearest, k).similarity[:, -1]
    return _Sample(rows, nearest, similarity, similarity >= last)


def _exact_nearest(vectors: Vectors, rows: Rows, k: int) -> Tables:
    queries = np.ascontiguousarray(vectors[rows], dtype=np.float32)
    best = Tables.empty(len(rows), k)
    with one_thread_each() as pool:
        search = partial(_nearest_in_block, vectors, queries, rows, k)
        for found in pool.map(search, range(0, len(vectors), _EXACT_ROWS)):
            similarity = np.concatenate([best.similarity, found.similarity], axis=1)
            neighbour = np.concatenate([best.neighbour, found.neighbour], axis=1)
            order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
            best = Tables(
                np.take_along_axis(similarity, order, axis=1),
                np.take_along_axis(neighbour, order, axis=1),
            )
    return best


def _nearest_in_block(vectors: Vectors, queries: Floats, rows: Rows, k: int, start: int) -> Tables:
    block = vectors[start : start + _EXACT_ROWS].astype(np.float32)
    width = min(k + 1, len(block))
    similarity, neighbour = faiss.knn(queries, block, width, metric=faiss.METRIC_INNER_PRODUCT)
    found = Tables.empty(len(rows), k + 1)
    found.similarity[:, :width], found.neighbour[:, :width] = similarity, neighbour + start
    return Tables(*drop_own(found.similarity, found.neighbour, rows))


def _probes(centroids: Floats, vectors: Vectors, sample: _Sample) -> int:
    """Return how many lists each vector must be compared with to find or be found by its nearest."""
    one = vectors[sample.rows].astype(np.float32) @ centroids.T
    other = vectors[sample.nearest].astype(np.float32) @ centroids.T
    at = np.arange(len(one))
    from_one = (one > one[at, other.argmax(axis=1)][:, None]).sum(axis=1)
    from_other = (other > other[at, one.argmax(axis=1)][:, None]).sum(axis=1)
    # What the other visits it keeps only if it has no k nearer ones.
    needed = np.sort(np.where(sample.is_mutual, np.minimum(from_one, from_other), from_one)) + 1
    wanted = needed[min(len(needed) - 1, int(np.ceil(FOUND_WANTED * len(needed))) - 1)]
    return int(min(max(wanted, FEWEST_PROBES), len(centroids)))


def _recall(sample: _Sample, similarity: Similarity, neighbour: Neighbour) -> float:
    """Return the share of the sample's pairs that either of the two lists (or one as near)."""
    found = similarity[sample.rows, 0] >= sample.similarity - TIE
    found |= (neighbour[sample.nearest] == sample.rows[:, None]).any(axis=1)
    return float(found.mean())
