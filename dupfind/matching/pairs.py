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
_MOST_GROUPS = 1 << 32  # whose number and a weight fit into 64 bits


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


def heaviest_first(groups: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the order of rows by group, in each the heaviest first; equal ones stay as they stand.

    Args:
        groups: (n,) whole numbers.
        weight: (n,) none of them negative.
    """
    above = groups - groups.min(initial=0)
    if above.max(initial=0) >= _MOST_GROUPS:
        return np.lexsort((-weight, groups))
    # One sort instead of two: the bits of numbers that are not negative stand in their order.
    lightness = np.int64(0x7FFFFFFF) - weight.astype(np.float32).view(np.int32)
    return np.argsort(above << 31 | lightness, kind="stable")


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
