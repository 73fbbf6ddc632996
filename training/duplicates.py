"""Group a collection's own duplicates, so that no two of them meet in one batch.

In:  a descriptor of each photo. Out: a group number for each. KoLeo and the contrastive loss push
the photos of a batch apart, which is wrong for two files that show the same picture.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from dupfind.descriptors.backbone import Model
from dupfind.training.cache import PhotoCache
from dupfind.training.heldout import describe_views
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import LIGHT

EXACT_UP_TO = 50_000
BLOCK = 1024
NEIGHBOURS = 32
SAMPLE = 256
LEAST_COSINE = 0.9
STRICTEST_COSINE = 0.999
THUMBNAIL_PX = 16
BLANK = 0.1
SEED = 11


def describe_collection(cache: PhotoCache, maker: ViewMaker, start: Model | None) -> Tensor:
    """Describe all photos by ``start``; without one, by tiny pictures: (photos, dimensions)."""
    return _describe(cache, maker, start, np.arange(len(cache)), altered=False)


def collection_groups(
    cache: PhotoCache, maker: ViewMaker, start: Model | None, descriptors: Tensor
) -> NDArray[np.int64]:
    """Number the groups of near-duplicates of a collection, (photos,).

    ``descriptors`` are those of ``describe_collection``. How alike two photos must be is measured
    on this collection: as alike as a photo and a slightly altered copy of it are in 19 of 20 cases.
    """
    rows = np.arange(len(cache))
    sample = np.random.default_rng(SEED).permutation(rows)[:SAMPLE]
    altered = _describe(cache, maker, start, sample, altered=True)
    own = (descriptors[torch.from_numpy(sample)] * altered).sum(dim=1)
    # At 1 exactly, rounding would keep equal pictures apart.
    threshold = min(max(float(own.quantile(0.05)), LEAST_COSINE), STRICTEST_COSINE)
    groups = group_alike(descriptors, threshold)
    # A chain of look-alikes is no duplicate: be stricter until no group is a large part of all.
    while np.bincount(groups).max() > _most_copies(len(cache)) and threshold < STRICTEST_COSINE:
        threshold = (1 + threshold) / 2
        groups = group_alike(descriptors, threshold)
    return groups


def _most_copies(photos: int) -> int:
    """Return how many files of one picture are believed of a collection: 20, of a small one a twelfth."""
    return max(3, min(20, photos // 12), photos // 50)


def group_alike(descriptors: Tensor, threshold: float) -> NDArray[np.int64]:
    """Put rows into one group when a chain of cosines of at least ``threshold`` joins them.

    ``descriptors`` is L2-normalised, (photos, dimensions). Up to 50,000 rows every pair is
    compared; beyond, each row with its nearest ones in an index.
    """
    count = len(descriptors)
    pairs = _all_pairs if count <= EXACT_UP_TO else _near_pairs
    first, second = pairs(descriptors, threshold)
    links = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    labels: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return labels


Edges = tuple[NDArray[np.int64], NDArray[np.int64]]


def _all_pairs(descriptors: Tensor, threshold: float) -> Edges:
    first, second = [], []
    for start in range(0, len(descriptors), BLOCK):
        similarity = descriptors[start : start + BLOCK] @ descriptors[start:].T
        rows, columns = torch.nonzero(similarity >= threshold, as_tuple=True)
        later = columns > rows
        first.append(rows[later].numpy() + start)
        second.append(columns[later].numpy() + start)
    return np.concatenate(first), np.concatenate(second)


def _near_pairs(descriptors: Tensor, threshold: float) -> Edges:
    """Link each photo to its nearest others: chains join the members of any group.

    With ``NEIGHBOURS`` links a photo, larger groups of equal pictures hang together by chains too.
    """
    from dupfind.index import build, search  # FAISS: only collections of this size need it

    vectors = descriptors.numpy().astype(np.float16)
    index = build(vectors)
    first, second = [], []
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        similarity, neighbour = search(index, block, NEIGHBOURS)
        rows, columns = np.nonzero((similarity >= threshold) & (neighbour >= 0))
        first.append(rows + start)
        second.append(neighbour[rows, columns])
    return np.concatenate(first), np.concatenate(second)


def _describe(
    cache: PhotoCache,
    maker: ViewMaker,
    start: Model | None,
    rows: NDArray[np.int64],
    *,
    altered: bool,
) -> Tensor:
    if start is not None:
        start.module.to(maker.device)
    generator = torch.Generator().manual_seed(SEED)
    px = start.spec.view_px if start else THUMBNAIL_PX
    parts = []
    for number in range(0, len(rows), BLOCK // 4):
        batch = cache.batch(rows[number : number + BLOCK // 4], maker.device)
        views = maker.render(batch, LIGHT, px, generator) if altered else maker.clean(batch, px)
        if start is None:
            flat = views.flatten(1).cpu()
            flat = flat - flat.mean(dim=1, keepdim=True)
            # The constant makes all blank pictures alike instead of leaving them nothing at all.
            flat = torch.cat([flat, torch.full((len(flat), 1), BLANK)], dim=1)
            parts.append(torch.nn.functional.normalize(flat))
        else:
            parts.append(describe_views(start.module, start.spec, views, maker.device))
    return torch.cat(parts)
