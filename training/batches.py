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
    batches: list[NDArray[np.int64]] = []
    waiting = order
    while len(waiting) >= batch_size:
        _, first = np.unique(groups[waiting], return_index=True)
        chosen = np.sort(first)[:batch_size]
        if len(chosen) < batch_size:
            break
        batches.append(waiting[chosen])
        waiting = np.delete(waiting, chosen)
    return batches
