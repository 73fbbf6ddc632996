"""Build a FAISS index of cosine similarity: exact for small collections, inverted lists beyond.

Inverted lists store float16, which is what descriptors are: nothing is lost, half the memory saved.
The exact index stores float32 on the processor, where its matrix product is the faster, and float16 on
a GPU.
"""

import logging
import math
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import SearchError
from dupfind.index.vectors import Vectors, blocks, check_vectors

EXACT_UP_TO = 50_000
EXACT_UP_TO_ON_GPU = 2_000_000
RECALL_WANTED = 0.99
RECALL_AT = 10
RECALL_QUERIES = 256
TRAINING_VECTORS_PER_LIST = 64
GPU_LARGEST_K = 2048
TIE = 2e-4  # float16 rounds a similarity by about this much
SEED = 20210429

log = logging.getLogger(__name__)


@dataclass
class VectorIndex:
    """A FAISS index with what there is to know about it.

    ``kind`` is ``exact`` or ``lists``; ``probes`` is how many inverted lists a search visits and
    ``recall`` the share of the true ten nearest it then finds, measured when it was built (1.0
    for an exact index).
    """

    faiss_index: Any
    kind: str
    count: int
    dimensions: int
    probes: int = 0
    recall: float = 1.0
    _on_gpu: Any = None
    _gpu_failed: bool = False

    def for_search(self, k: int) -> Any:
        """Return the FAISS index to search ``k`` neighbours with: on the GPU when it can.

        Source: FAISS on a GPU allows k <= 2048, and visits at most 2048 lists.
        """
        beyond_gpu = max(k, self.probes) > GPU_LARGEST_K
        if gpu_count() == 0 or beyond_gpu or self.count == 0 or self._gpu_failed:
            return self.faiss_index
        if self._on_gpu is None:
            try:
                self._on_gpu = _move_to_gpu(self.faiss_index)
            except RuntimeError as error:  # out of memory, or a GPU that FAISS cannot use
                self.leave_gpu(error)
                return self.faiss_index
        return self._on_gpu

    def leave_gpu(self, error: RuntimeError) -> None:
        """Search on the processor from now on: slower, with the same results."""
        reason = str(error).strip().splitlines()[-1]
        log.warning("the GPU cannot search (%s); searching on the processor", reason)
        self._on_gpu, self._gpu_failed = None, True


def gpu_count() -> int:
    """Return how many GPUs FAISS can use."""
    return int(faiss.get_num_gpus())


def build(vectors: Vectors, *, exact: bool | None = None) -> VectorIndex:
    """Index vectors by cosine similarity.

    Args:
        vectors: L2-normalised rows, float16 or float32, shape (n, dimensions); n may be 0.
        exact: True compares with every vector; False uses inverted lists; None chooses by size.

    Returns:
        An index whose searches find at least 99% of the true ten nearest neighbours.

    Raises:
        SearchError: The vectors have a wrong shape or type, or a value that is not finite.
    """
    check_vectors(vectors)
    count, dimensions = vectors.shape
    if kind_of(count, exact) == "exact":
        return VectorIndex(_exact(vectors), "exact", count, dimensions)
    if count < 2:
        raise SearchError(f"inverted lists need at least 2 vectors, got {count}; use exact=True")
    index = VectorIndex(_lists(vectors), "lists", count, dimensions)
    choose_probes(index, vectors)
    return index


def kind_of(count: int, exact: bool | None = None) -> str:
    """Return which kind of index so many vectors get: ``exact`` or ``lists``; None chooses by size."""
    if exact is None:
        exact = count <= (EXACT_UP_TO_ON_GPU if gpu_count() else EXACT_UP_TO)
    return "exact" if exact else "lists"


def choose_probes(index: VectorIndex, vectors: Vectors) -> None:
    """Raise the number of lists visited until a sample of searches finds 99% of the true ten nearest."""
    generator = np.random.default_rng(SEED)
    rows = generator.choice(len(vectors), min(RECALL_QUERIES, len(vectors)), replace=False)
    queries = np.ascontiguousarray(vectors[np.sort(rows)], dtype=np.float32)
    k = min(RECALL_AT, len(vectors))
    true_kth = _exact_kth(queries, vectors, k)
    lists = int(index.faiss_index.nlist)
    probes = min(4, lists)
    while True:
        index.probes, index.faiss_index.nprobe = probes, probes
        index.recall = _recall(index.faiss_index, queries, true_kth, k)
        if index.recall >= RECALL_WANTED or probes >= lists:
            return
        probes = min(probes + max(1, probes // 4), lists)


def _exact(vectors: Vectors) -> Any:
    index = faiss.IndexFlatIP(vectors.shape[1])
    _add(index, vectors)
    return index


def _lists(vectors: Vectors) -> Any:
    count, dimensions = vectors.shape
    lists = max(1, min(int(4 * math.sqrt(count)), count // TRAINING_VECTORS_PER_LIST))
    quantizer = faiss.IndexFlatIP(dimensions)
    index = faiss.IndexIVFScalarQuantizer(
        quantizer,
        dimensions,
        lists,
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,
    )
    index.cp.seed = SEED
    index.cp.spherical = True
    generator = np.random.default_rng(SEED)
    rows = generator.choice(count, min(count, lists * TRAINING_VECTORS_PER_LIST), replace=False)
    index.train(np.ascontiguousarray(vectors[np.sort(rows)], dtype=np.float32))
    _add(index, vectors)
    return index


def _add(index: Any, vectors: Vectors) -> None:
    for _, block in blocks(vectors):
        index.add(block)


def _exact_kth(queries: NDArray[np.float32], vectors: Vectors, k: int) -> NDArray[np.float32]:
    """Return each query's true k-th highest similarity, shape (queries,), a block at a time."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    for _, block in blocks(vectors):
        both = np.concatenate([best, queries @ block.T], axis=1)
        best = np.partition(both, -k, axis=1)[:, -k:]
    return np.asarray(best.min(axis=1), np.float32)


def _recall(
    index: Any, queries: NDArray[np.float32], true_kth: NDArray[np.float32], k: int
) -> float:
    """Share of the k results that are as near as the true k-th: equal neighbours count alike."""
    similarity, _ = index.search(queries, k)
    return float((similarity >= true_kth[:, None] - TIE).mean())


def _move_to_gpu(index: Any) -> Any:
    gpus = list(range(gpu_count()))
    options = faiss.GpuMultipleClonerOptions()
    options.useFloat16 = True
    options.shard = len(gpus) > 1  # each GPU holds a part
    return faiss.index_cpu_to_gpus_list(index, co=options, gpus=gpus)
