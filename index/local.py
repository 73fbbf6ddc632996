"""Index many small vectors, such as the local features of all photos, approximately.

Unlike a photo's descriptor, one local feature may be missed: each photo has a hundred of them. So the
lists are visited sparsely and the values stored in one byte each.
"""

import math

import faiss
import numpy as np

from dupfind.errors import SearchError
from dupfind.index.building import SEED, VectorIndex, build
from dupfind.index.vectors import Vectors, blocks, check_vectors

EXACT_UP_TO = 4_000
PROBES = 6
TRAINING_VECTORS_PER_LIST = 40


def build_local(vectors: Vectors) -> VectorIndex:
    """Index L2-normalised rows of shape (n, dimensions) in one byte a value.

    Raises:
        SearchError: The vectors have a wrong shape or type, or a value that is not finite.
    """
    check_vectors(vectors)
    count, dimensions = vectors.shape
    if count <= EXACT_UP_TO:
        return build(vectors, exact=True)
    lists = max(16, min(int(4 * math.sqrt(count)), 65_536))
    index = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(dimensions),
        dimensions,
        lists,
        faiss.ScalarQuantizer.QT_8bit,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.seed, index.cp.spherical, index.cp.niter = SEED, True, 8
    index.cp.min_points_per_centroid = 1
    wanted = min(count, lists * TRAINING_VECTORS_PER_LIST)
    rows = np.sort(np.random.default_rng(SEED).choice(count, wanted, replace=False))
    index.train(np.ascontiguousarray(vectors[rows], dtype=np.float32))
    for _, block in blocks(vectors):
        index.add(block)
    if index.ntotal != count:
        raise SearchError(f"FAISS kept {index.ntotal} of {count} local features; try again")
    index.nprobe = min(PROBES, lists)
    return VectorIndex(index, "local", count, dimensions, probes=index.nprobe)
