"""Find the candidate pairs of a library: by descriptors, and by votes of local features."""

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.local_index import LocalIndex
from dupfind.index import search, self_join
from dupfind.matching.pairs import (
    CANDIDATES,
    LOCAL_NEIGHBOURS,
    best_votes,
    interleave,
    local_votes,
    strongest,
)

_VOTING_PHOTOS = 100
_VOTES_KEPT = 3


def vote_candidates(local: LocalIndex, *, photos: int, k: int) -> NDArray[np.int64]:
    """Return for each photo those its local features vote for, (photos, k), -1 padded."""
    if local.index is None:
        return np.full((photos, k), -1, np.int64)
    votes = []
    for start in range(0, photos, _VOTING_PHOTOS):
        # All features of a photo vote together.
        for queries, owner in (
            (local.vectors, local.owner),
            (local.mirrored, local.owner),
            (local.negative, local.negative_owner),
        ):
            block = slice(*np.searchsorted(owner, [start, start + _VOTING_PHOTOS]))
            similarity, neighbour = search(local.index, queries[block], LOCAL_NEIGHBOURS)
            voted = local_votes(similarity, neighbour, local.owner, owner[block])
            votes.append(best_votes(*voted, k=_VOTES_KEPT * k))
    rows, columns, scores = (np.concatenate(parts) for parts in zip(*votes, strict=True))
    return strongest(rows, columns, scores, photos=photos, k=k)


def candidate_table(
    vectors: NDArray[np.float16], local: LocalIndex | None, *, k: int = CANDIDATES
) -> NDArray[np.int64]:
    """Return the candidates of each photo from both channels, (photos, k) rows, -1 padded.

    Args:
        vectors: Descriptors, float16 (photos, dimensions).
        local: The local features of the same photos, or None to go by descriptors alone.
        k: Candidates a photo.
    """
    photos = len(vectors)
    if photos < 2:
        return np.full((photos, k), -1, np.int64)
    _, near = self_join(vectors, min(k, photos - 1))
    if local is None:
        return interleave([near], k=k)
    return interleave([vote_candidates(local, photos=photos, k=k), near], k=k)
