"""Which photos make each batch: shuffled anew each epoch, duplicates never together."""

import numpy as np
from numpy.typing import NDArray


def epoch_batches(
    rows: NDArray[np.int64],
    *,
    batch_size: int,
    epoch: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Shuffle ``rows`` into full batches; the same for the same ``seed`` and ``epoch``.

    ``groups`` holds a group number for each photo of the cache: two photos of one group never share
    a batch, because KoLeo and the contrastive loss would push the duplicates apart. A photo that finds no
    place this epoch waits for the next.
    """
    order = np.random.default_rng((seed, epoch)).permutation(rows)
    if groups is None:
        count = len(order) // batch_size
        return list(order[: count * batch_size].reshape(count, batch_size))
    batches: list[list[int]] = []
    following: dict[int, int] = {}  # the first batch that a group has no photo in
    first_open = 0
    for row, group in zip(order.tolist(), groups[order].tolist(), strict=True):
        number = max(first_open, following.get(group, 0))
        while number < len(batches) and len(batches[number]) == batch_size:
            number += 1
        if number == len(batches):
            batches.append([])
        batches[number].append(row)
        following[group] = number + 1
        while first_open < len(batches) and len(batches[first_open]) == batch_size:
            first_open += 1
    return [np.array(batch, np.int64) for batch in batches if len(batch) == batch_size]


def different_photos(rows: NDArray[np.int64], groups: NDArray[np.int64] | None) -> int:
    """Count the photos that may share a batch: one of each group."""
    return len(rows) if groups is None else len(np.unique(groups[rows]))
