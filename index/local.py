"""Index many small codes, such as the local features of all photos, approximately.

Unlike a photo's descriptor, one local feature may be missed: each photo has a hundred of them. So the
lists are visited sparsely, products are first read from tables of four bits (product quantisation, "fast
scan"), and only the best are measured by the values themselves, one byte each, which is how they come.
"""

import math
from dataclasses import replace
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index.building import SEED, VectorIndex
from dupfind.index.lists import one_core

EXACT_UP_TO = 4_000
PROBES = 6
CODE_PARTS = 32  # of a code, each looked up in a table of 16
MEASURED = 2  # times as many as asked for are measured by their values
TRAINING_CODES_PER_LIST = 40
BLOCK_ROWS = 16_384


def build_local(codes: NDArray[np.int8]) -> VectorIndex:
    """Index rows of shape (n, dimensions), all of about one length, by their inner products.

    Raises:
        SearchError: The codes have a wrong shape or type.
    """
    _check(codes)
    count, dimensions = codes.shape
    index = faiss.IndexFlatIP(dimensions) if count <= EXACT_UP_TO else _trained(codes)
    _add(index, codes)
    return VectorIndex(index, "local", count, dimensions)


def add_local(index: VectorIndex, codes: NDArray[np.int8]) -> VectorIndex:
    """Return the index with more rows, which follow those it has; the lists stay as they are.

    Raises:
        SearchError: The codes do not fit the index.
    """
    _check(codes, dimensions=index.dimensions)
    _add(index.faiss_index, codes)
    return replace(index, count=index.count + len(codes))


def _add(index: Any, codes: NDArray[np.int8]) -> None:
    wanted = index.ntotal + len(codes)
    for start in range(0, len(codes), BLOCK_ROWS):
        index.add(codes[start : start + BLOCK_ROWS].astype(np.float32))
    if index.ntotal != wanted:
        raise SearchError(f"FAISS kept {index.ntotal} of {wanted} local features; try again")


def _trained(codes: NDArray[np.int8]) -> Any:
    count, dimensions = codes.shape
    lists = max(16, min(int(2 * math.sqrt(count)), 65_536))
    coarse = faiss.IndexFlatIP(dimensions)
    parts = math.gcd(CODE_PARTS, dimensions)
    scan = faiss.IndexIVFPQFastScan(coarse, dimensions, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
    scan.by_residual = False
    scan.cp.seed, scan.cp.spherical, scan.cp.niter = SEED, True, 8
    scan.cp.min_points_per_centroid = 1
    wanted = min(count, lists * TRAINING_CODES_PER_LIST)
    rows = np.sort(np.random.default_rng(SEED).choice(count, wanted, replace=False))
    values = faiss.IndexScalarQuantizer(
        dimensions, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
    )
    index = faiss.IndexRefine(scan, values)
    index.k_factor = MEASURED
    # The tables are learned in thousands of steps of a few microseconds each.
    with one_core():
        index.train(codes[rows].astype(np.float32))
    scan.nprobe = min(PROBES, lists)
    return index


def search_local(
    index: VectorIndex, queries: NDArray[np.int8], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find the k codes with the largest inner products with each query.

    Returns:
        ``product`` float32 and ``neighbour`` int64, both (queries, k), best first; -inf and -1 where there are
        no more neighbours.

    Raises:
        SearchError: The queries do not fit the index.
    """
    _check(queries, dimensions=index.dimensions)
    product = np.full((len(queries), k), -np.inf, np.float32)
    neighbour = np.full((len(queries), k), -1, np.int64)
    found = min(k, index.count)
    if found == 0:
        return product, neighbour
    for start in range(0, len(queries), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        block = queries[rows].astype(np.float32)
        product[rows, :found], neighbour[rows, :found] = index.faiss_index.search(block, found)
    product[neighbour < 0] = -np.inf
    return product, neighbour


def _check(codes: NDArray[np.int8], *, dimensions: int | None = None) -> None:
    wrong = codes.ndim != 2 or codes.shape[1] == 0 or codes.dtype != np.int8
    if wrong or (dimensions is not None and codes.shape[1] != dimensions):
        raise SearchError(
            f"local features are {codes.dtype} {codes.shape}; they must be int8 of shape "
            f"(n, {dimensions or 'dimensions'})"
        )
