"""Bring a kept join up to date: what is new or lost a neighbour is searched for, all else stays."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.index.kept_join import BLOCK, KeptJoin, make_tables, reopened
from dupfind.index.lists import Rows, arrange, homes, one_thread_each
from dupfind.index.near_lists import Tables, closer_pairs, nearest_in_lists
from dupfind.index.vectors import Vectors
from dupfind.system import written_whole

LARGEST_CHANGE = 0.1  # of a collection; beyond it all is joined anew
MOST_GROWN = 1.5  # times what the lists were made for
# New vectors also look where old ones would have looked for them.
PROBES_FOR_NEW = 2


def is_small_change(kept: KeptJoin, place: Rows) -> bool:
    """Say whether a join is worth bringing up to date.

    Args:
        kept: Whole or stopped half way; only a whole one is worth it.
        place: Of each vector of today its position in ``kept``, -1 for a new one.
    """
    new = int((place < 0).sum())
    gone = len(kept.similarity) - (len(place) - new)
    grown = max(len(place), 1) / max(kept.trained, 1)
    return (
        not kept.blocks_to_do()
        and new + gone <= LARGEST_CHANGE * len(kept.similarity)
        and 1 / MOST_GROWN <= grown <= MOST_GROWN
    )


def updated(kept: KeptJoin, vectors: Vectors, place: Rows, folder: Path) -> tuple[KeptJoin, Rows]:
    """Write the join of today's vectors in the place of the kept one.

    Args:
        kept: The join of before, of which nothing may be mapped elsewhere.
        vectors: Today's, (n, dimensions).
        place: See ``is_small_change``.
        folder: Where ``kept`` lies.

    Returns:
        The join, whole, and the row of each of its positions.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    is_new = place < 0
    home = np.empty(len(vectors), np.int64)
    home[~is_new] = kept.lists.home()[place[~is_new]]
    home[is_new] = homes(vectors[is_new], kept.lists.centroids)
    with written_whole(folder) as draft:
        draft.mkdir()
        lists, order = arrange(vectors, kept.lists.centroids, home, draft)
        lists.save(draft)
        files = make_tables(draft, len(vectors), kept.similarity.shape[1])
        now = KeptJoin(lists, kept.probes, *files, trained=kept.trained)
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        asked = _carry_over(kept, now, place, position)
        _search(now, asked)
        _insert(now, position[is_new], asked)
        now.seal()
        now.write_manifest(draft)
        for table in files:
            table.flush()
        count, k, dimensions = len(asked), kept.similarity.shape[1], vectors.shape[1]
        # Windows replaces no folder with a file that is mapped.
        kept.close()
        now.close()
        del lists, files
    result = reopened(folder, k, dimensions)
    result.updated = count
    return result, order


def _carry_over(kept: KeptJoin, now: KeptJoin, place: Rows, position: Rows) -> Rows:
    """Copy what stays true; return the positions that must be searched for."""
    moved = np.full(len(kept.similarity), -1, np.int64)
    stays = place >= 0
    moved[place[stays]] = position[stays]
    now.similarity[:], now.neighbour[:] = Tables.empty(*now.similarity.shape)
    before = np.asarray(kept.neighbour)[place[stays]]
    after = np.where(before >= 0, moved[before], -1)
    now.neighbour[position[stays]] = after
    now.similarity[position[stays]] = np.asarray(kept.similarity)[place[stays]]
    has_lost = ((before >= 0) & (after < 0)).any(axis=1)
    return np.sort(np.concatenate([position[~stays], position[stays][has_lost]]))


def _search(now: KeptJoin, asked: Rows) -> None:
    k = now.similarity.shape[1]
    parts = [asked[start : start + BLOCK // 16] for start in range(0, len(asked), BLOCK // 16)]
    with one_thread_each() as pool:
        found = pool.map(
            lambda part: nearest_in_lists(now.lists, part, k=k, probes=PROBES_FOR_NEW * now.probes),
            parts,
        )
        for part, (similarity, neighbour) in zip(parts, found, strict=True):
            now.similarity[part], now.neighbour[part] = similarity, neighbour


def _insert(now: KeptJoin, new: Rows, asked: Rows) -> None:
    """Put new vectors among the nearest of the old ones."""
    least = np.array(now.similarity[:, -1])
    least[asked] = np.inf  # they have been searched for, among the new ones too
    parts = [new[start : start + BLOCK // 16] for start in range(0, len(new), BLOCK // 16)]
    with one_thread_each() as pool:
        found = list(
            pool.map(
                lambda part: closer_pairs(
                    now.lists, part, probes=PROBES_FOR_NEW * now.probes, least=least
                ),
                parts,
            )
        )
    if found:
        vector, other, similarity = (np.concatenate(part) for part in zip(*found, strict=True))
        _merge(now, vector, other, similarity)


def _merge(now: KeptJoin, vector: Rows, other: Rows, similarity: NDArray[np.float32]) -> None:
    """Keep of each vector's old neighbours and its new ones the k nearest."""
    k = now.similarity.shape[1]
    order = np.lexsort((-similarity, vector))
    vector, other, similarity = vector[order], other[order], similarity[order]
    touched, first = np.unique(vector, return_index=True)
    rank = np.arange(len(vector)) - np.repeat(first, np.diff(np.r_[first, len(vector)]))
    keep = rank < k
    row = np.searchsorted(touched, vector[keep])
    added = Tables.empty(len(touched), k)
    added.similarity[row, rank[keep]] = similarity[keep]
    added.neighbour[row, rank[keep]] = other[keep]
    both = np.concatenate([now.similarity[touched], added.similarity], axis=1)
    names = np.concatenate([now.neighbour[touched], added.neighbour], axis=1)
    best = np.argsort(-both, axis=1, kind="stable")[:, :k]
    now.similarity[touched] = np.take_along_axis(both, best, axis=1)
    now.neighbour[touched] = np.take_along_axis(names, best, axis=1)
