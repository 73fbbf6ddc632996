"""Find the candidate pairs of a library: by descriptors, and by votes of local features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.flows.features import FeatureSource, OnDone, features_per_photo
from dupfind.index import build_local, search, self_join
from dupfind.matching.features import LocalFeatures
from dupfind.matching.pairs import (
    CANDIDATES,
    LOCAL_DIMENSIONS,
    LOCAL_NEIGHBOURS,
    Projection,
    best_votes,
    interleave,
    learn_projection,
    local_votes,
    strongest,
)

LOCAL_BUDGET = 12_000_000  # indexed local features in all: 0.8 GB at one byte a dimension
_PROJECTION_SAMPLE = 400
_VOTING_PHOTOS = 100
_VOTES_KEPT = 3
_NEGATIVE_FEATURES = 96


@dataclass(frozen=True)
class LocalIndex:
    """The projected local features of a collection.

    ``vectors`` is float16 (features, dimensions), ``mirrored`` the same for the mirrored photos,
    ``owner`` int64 (features,) the row of the photo each belongs to. ``negative`` and
    ``negative_owner`` are those of the photos' negatives, of a few features each: negatives are rare.
    """

    projection: Projection
    vectors: NDArray[np.float16]
    mirrored: NDArray[np.float16]
    owner: NDArray[np.int64]
    negative: NDArray[np.float16]
    negative_owner: NDArray[np.int64]
    per_photo: int


def collect_local(source: FeatureSource, on_done: OnDone | None = None) -> LocalIndex:
    """Read the local features of all photos and keep the largest of each, projected."""
    photos = len(source.photos)
    per_photo = features_per_photo(photos, LOCAL_BUDGET)
    spread = np.unique(np.linspace(0, max(0, photos - 1), _PROJECTION_SAMPLE).astype(np.int64))
    projection = learn_projection(source.load(spread[spread < photos].tolist()))
    plain = np.empty((photos * per_photo, LOCAL_DIMENSIONS), np.float16)
    mirrored = np.empty_like(plain)
    owner = np.empty(photos * per_photo, np.int64)
    negatives = [np.empty((0, LOCAL_DIMENSIONS), np.float16)]
    end = 0
    for row, features in source.stream(on_done):
        taken = slice(end, end + min(per_photo, len(features)))
        end = taken.stop
        plain[taken], mirrored[taken] = project(projection, features, per_photo)
        negatives.append(projection.apply_negative(features.descriptors[:_NEGATIVE_FEATURES]))
        owner[taken] = row
    rows = np.repeat(np.arange(len(negatives) - 1), [len(some) for some in negatives[1:]])
    return LocalIndex(
        projection,
        plain[:end],
        mirrored[:end],
        owner[:end],
        np.concatenate(negatives),
        rows,
        per_photo,
    )


def project(
    projection: Projection, features: LocalFeatures, per_photo: int
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Return the projected descriptors of the largest keypoints, plain and mirrored."""
    largest = features.descriptors[:per_photo]
    return projection.apply(largest), projection.apply_mirrored(largest)


def vote_candidates(local: LocalIndex, *, photos: int, k: int) -> NDArray[np.int64]:
    """Return for each photo those its local features vote for, (photos, k), -1 padded."""
    if len(local.owner) < 2:
        return np.full((photos, k), -1, np.int64)
    index = build_local(local.vectors)
    votes = []
    for start in range(0, photos, _VOTING_PHOTOS):
        # All features of a photo vote together.
        for queries, owner in (
            (local.vectors, local.owner),
            (local.mirrored, local.owner),
            (local.negative, local.negative_owner),
        ):
            block = slice(*np.searchsorted(owner, [start, start + _VOTING_PHOTOS]))
            similarity, neighbour = search(index, queries[block], LOCAL_NEIGHBOURS)
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
