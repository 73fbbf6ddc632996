"""Turn nearest-neighbour tables into candidate duplicate pairs.

In:  tables of similarity and neighbour, of whole photos (descriptors) or of their local features.
Out: for each photo its few most promising partners, then unique pairs (a, b) with a < b, for
``verify``. No disk, GPU or database.

Two channels. Descriptors see the whole photo and bear blur, tone and few keypoints; the votes of local
features see parts, and so crops, collages, screenshots and turns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dupfind.config import DEFAULT_CANDIDATES

CANDIDATES = DEFAULT_CANDIDATES


def strongest(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    photos: int,
    k: int,
) -> NDArray[np.int64]:
    """Return the k best columns of each row, (photos, k) best first, -1 where there are fewer.

    A pair counts for both of its photos, with the higher of its two scores.
    """
    both_rows = np.concatenate([rows, columns])
    both_columns = np.concatenate([columns, rows])
    both_scores = np.concatenate([scores, scores])
    order = np.lexsort((both_columns, -both_scores, both_rows))
    both_rows, both_columns = both_rows[order], both_columns[order]
    _, first = np.unique(both_rows * photos + both_columns, return_index=True)
    first.sort()
    both_rows, both_columns = both_rows[first], both_columns[first]
    rank = np.arange(len(both_rows)) - np.searchsorted(both_rows, both_rows)
    table = np.full((photos, k), -1, np.int64)
    keep = rank < k
    table[both_rows[keep], rank[keep]] = both_columns[keep]
    return table


def interleave(tables: Sequence[NDArray[np.int64]], *, k: int) -> NDArray[np.int64]:
    """Merge candidate tables of several channels by rank, without repeats: (photos, k), -1 padded.

    Args:
        tables: Each (photos, any k), best first, -1 where there are fewer; the first leads.
        k: How many candidates a photo gets.
    """
    width = max(table.shape[1] for table in tables)
    photos = len(tables[0])
    stacked = np.full((photos, width, len(tables)), -1, np.int64)
    for channel, table in enumerate(tables):
        stacked[:, : table.shape[1], channel] = table
    merged = stacked.reshape(photos, -1)
    repeated = np.zeros(merged.shape, bool)
    for column in range(1, merged.shape[1]):
        repeated[:, column] = (merged[:, :column] == merged[:, column : column + 1]).any(axis=1)
    order = np.argsort(repeated | (merged < 0), axis=1, kind="stable")[:, :k]
    chosen = np.take_along_axis(np.where(repeated, -1, merged), order, axis=1)
    result = np.full((photos, k), -1, np.int64)
    result[:, : chosen.shape[1]] = chosen
    return result


def unique_pairs(candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the unordered pairs of a candidate table, (pairs, 2) with a < b, sorted by a."""
    rows = np.repeat(np.arange(len(candidates)), candidates.shape[1])
    columns = candidates.reshape(-1)
    valid = (columns >= 0) & (columns != rows)
    pairs = np.column_stack([rows, columns])[valid]
    if not len(pairs):
        return np.zeros((0, 2), np.int64)
    return np.unique(np.sort(pairs, axis=1), axis=0)
