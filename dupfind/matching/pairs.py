"""Turn nearest-neighbour tables into candidate duplicate pairs.

In:  tables of similarity and neighbour, of whole photos (descriptors) or of their local features.
Out: for each photo its few most promising partners, then unique pairs (a, b) with a < b, for
``verify``. No disk, GPU or database.

Two channels. Descriptors see the whole photo and bear blur, tone and few keypoints; the votes of local
features see parts, and so crops, collages, screenshots and turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.config import DEFAULT_CANDIDATES
from dupfind.errors import DescriptorError
from dupfind.matching.features import (
    LocalFeatures,
    mirror_descriptors,
    negative_descriptors,
    root_sift,
)

CANDIDATES = DEFAULT_CANDIDATES
LOCAL_DIMENSIONS = 64
LOCAL_NEIGHBOURS = 20
_PCA_SAMPLE = 50_000
_SEED = 20210429


@dataclass(frozen=True)
class Projection:
    """A rotation of RootSIFT to its main directions: mean (128,) and matrix (128, dimensions)."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, descriptors: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Project SIFT descriptors, (n, 128) uint8, to unit vectors (n, dimensions) float16."""
        projected = (root_sift(descriptors) - self.mean) @ self.matrix
        length = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.asarray(projected / np.maximum(length, 1e-6), np.float16)

    def apply_mirrored(self, descriptors: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Project what the mirrored photo's descriptors would be."""
        return self.apply(mirror_descriptors(descriptors))

    def apply_negative(self, descriptors: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Project what the negative's descriptors would be."""
        return self.apply(negative_descriptors(descriptors))


def learn_projection(sample: Sequence[LocalFeatures]) -> Projection:
    """Learn the main directions of RootSIFT (PCA) on the features of some photos."""
    # Two rows of zeros: there may be no feature at all, and a spread wants two.
    stacked = np.concatenate(
        [np.zeros((2, 128), np.uint8), *(photo.descriptors for photo in sample)]
    )
    generator = np.random.default_rng(_SEED)
    rows = generator.permutation(len(stacked))[:_PCA_SAMPLE]
    values = root_sift(stacked[rows])
    mean = values.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(values - mean, rowvar=False) + 1e-6 * np.eye(128))
    matrix = np.ascontiguousarray(directions[:, ::-1][:, :LOCAL_DIMENSIONS], np.float32)
    return Projection(mean.astype(np.float32), matrix)


def local_votes(
    similarity: NDArray[np.float32],
    neighbour: NDArray[np.int64],
    owner: NDArray[np.int64],
    voter: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Let each local feature vote for the photos of its nearest features in other photos.

    A vote weighs how much nearer a feature is than the last of its k neighbours: a pattern that
    many photos have (sky, text, the chrome of a screenshot) has many near neighbours and weighs
    nothing.

    Args:
        similarity: Cosine of the features, (features, k), best first; -inf means none.
        neighbour: Row of each neighbouring feature, (features, k); -1 means none.
        owner: Photo of each indexed feature, (indexed features,).
        voter: Photo of each voting feature, (features,).

    Returns:
        Voting photo, photo voted for, and the sum of the votes, three arrays (pairs,).

    Raises:
        DescriptorError: The two tables differ in shape.

    Source: local naive Bayes nearest neighbour (McCann and Lowe 2012).
    """
    if similarity.shape != neighbour.shape:
        raise DescriptorError(
            f"similarity is {similarity.shape} but neighbour is {neighbour.shape}; "
            "both must be (features, k) from the same search"
        )
    found = neighbour >= 0
    distance = np.where(found, 2 - 2 * np.where(found, similarity, 0), 0)
    background = distance.max(axis=1, keepdims=True, initial=0)
    weight = (background - distance) / np.maximum(background, 1e-6)
    target = owner[np.maximum(neighbour, 0)]
    rows = np.broadcast_to(voter[:, None], target.shape)
    valid = found & (target != rows) & (weight > 0)
    photos = int(max(owner.max(initial=0), voter.max(initial=0))) + 1
    keys, places = np.unique(rows[valid] * photos + target[valid], return_inverse=True)
    sums = np.bincount(places, weights=weight[valid], minlength=len(keys))
    return keys // photos, keys % photos, sums.astype(np.float32)


def best_votes(
    rows: NDArray[np.int64], columns: NDArray[np.int64], scores: NDArray[np.float32], *, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Keep the k highest votes of each voting photo: what is passed on stays bounded."""
    order = np.lexsort((columns, -scores, rows))
    rows, columns, scores = rows[order], columns[order], scores[order]
    keep = np.arange(len(rows)) - np.searchsorted(rows, rows) < k
    return rows[keep], columns[keep], scores[keep]


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
