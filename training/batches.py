"""Which photos make each batch: shuffled anew each epoch, duplicates never together."""

import numpy as np
from numpy.typing import NDArray

ACCOMPANIED = 0.5


def epoch_batches(
    rows: NDArray[np.int64],
    *,
    batch_size: int,
    epoch: int,
    seed: int,
    groups: NDArray[np.int64] | None = None,
    alike: NDArray[np.int64] | None = None,
) -> list[NDArray[np.int64]]:
    """Shuffle ``rows`` into full batches; the same for the same ``seed`` and ``epoch``.

    ``groups`` holds a group number for each photo of the cache: two photos of one group never share
    a batch, because KoLeo and the contrastive loss would push the duplicates apart. A photo that finds no
    place this epoch waits for the next. ``alike`` holds the look-alikes of each photo (photos, any
    number), -1 for none: for half of the photos they follow in the same batch.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(rows)
    if alike is not None:
        order = _with_look_alikes(order, random.random(len(order)) < ACCOMPANIED, alike)
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


def _with_look_alikes(
    order: NDArray[np.int64], accompanied: NDArray[np.bool_], alike: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Let the look-alikes of the photos that are ``accompanied`` follow them."""
    waiting = dict.fromkeys(order.tolist())
    result: list[int] = []
    for row, has_company in zip(order.tolist(), accompanied.tolist(), strict=True):
        if row in waiting:
            beside = alike[row].tolist() if has_company else []
            chosen = [row, *(other for other in beside if other in waiting and other != row)]
            result += chosen
            for taken in chosen:
                del waiting[taken]
    return np.array(result, np.int64)


def different_photos(rows: NDArray[np.int64], groups: NDArray[np.int64] | None) -> int:
    """Count the photos that may share a batch: one of each group."""
    return len(rows) if groups is None else len(np.unique(groups[rows]))
