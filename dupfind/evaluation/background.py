"""Score normalisation: measure a similarity against how similar to everything a photo is.

Fog, sky and text are close to thousands of others; for them a high cosine says little.

Source: DISC21 (arXiv 2106.09672) and SSCD (2202.10261): s' = s - beta * mean similarity to
background images. They have a separate set for it; within one collection the ranks beyond
any plausible group of copies serve, or the copies themselves would count as background.
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError

FIRST_RANK = 20
RANKS = 10


def background_similarity(
    similarity: NDArray[np.float32], *, first_rank: int = FIRST_RANK, ranks: int = RANKS
) -> NDArray[np.float32]:
    """Return how similar each photo is to photos that are surely not its copies.

    Args:
        similarity: From ``dupfind.index.self_join``: shape (photos, k), best first, -inf where
            there is no neighbour.
        first_rank: Neighbours before this rank (from 0) may be copies and are left out.
        ranks: How many ranks to average from there on.

    Returns:
        float32 of shape (photos,). Where a photo has fewer neighbours than ``first_rank``: 0, which
        normalises nothing.

    Raises:
        DescriptorError: The table has fewer than ``first_rank`` + ``ranks`` columns.
    """
    wanted = first_rank + ranks
    if first_rank < 0 or ranks < 1 or similarity.ndim != 2 or similarity.shape[1] < wanted:
        raise DescriptorError(
            f"similarity is {similarity.shape} but ranks {first_rank} to {wanted} are needed; "
            f"search at least {max(wanted, 1)} neighbours"
        )
    window = similarity[:, first_rank:wanted]
    there = np.isfinite(window)
    total = np.where(there, window, 0).sum(axis=1, dtype=np.float64)
    mean = total / np.maximum(there.sum(axis=1), 1)
    return np.asarray(mean, np.float32)


def normalise_pairs(
    similarity: NDArray[np.float32],
    background_a: NDArray[np.float32],
    background_b: NDArray[np.float32],
    *,
    beta: float = 1.0,
) -> NDArray[np.float32]:
    """Return each pair's similarity less ``beta`` times the mean background of its two photos.

    Args:
        similarity: Cosine of each pair, shape (pairs,).
        background_a: Of each pair's first photo, from ``background_similarity``, shape (pairs,).
        background_b: Of its second photo, shape (pairs,).
        beta: Weight of the background; 0 changes nothing.

    Raises:
        DescriptorError: The three differ in shape.
    """
    if not similarity.shape == background_a.shape == background_b.shape:
        raise DescriptorError(
            f"similarity is {similarity.shape}, the backgrounds {background_a.shape} and "
            f"{background_b.shape}; give one value a pair in each"
        )
    return np.asarray(similarity - beta * (background_a + background_b) / 2, np.float32)
