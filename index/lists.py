"""Vectors in inverted lists, in the order of the lists, in memory or mapped from a folder.

Vectors that lie near each other lie in one list, or in lists that are near each other. A join then
compares whole lists by matrix products, which are ten times as fast as looking at vectors one by one.
"""

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dupfind.index.vectors import Vectors, blocks
from dupfind.system import usable_cores

SEED = 20210429
TRAINING_VECTORS_PER_LIST = 64
# More and smaller lists find as much for as many comparisons, and cost more to make and to visit.
LISTS_PER_ROOT = 2
ROUNDS = 8  # of k-means
VECTORS_FILE = "vectors.npy"
HOMES_FILE = "homes.npy"
CENTROIDS_FILE = "centroids.npy"

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Lists:
    """Vectors by list: ``vectors[start[i] : start[i + 1]]`` are those of list i.

    ``centroids`` float32 (lists, dimensions), L2-normalised; ``start`` int64 (lists + 1,);
    ``vectors`` float16 (n, dimensions). What stands where is a position; callers know rows.
    """

    centroids: Floats
    start: Rows
    vectors: NDArray[np.float16]

    @property
    def count(self) -> int:
        """How many lists there are."""
        return len(self.centroids)

    def home(self) -> Rows:
        """Return the list of each position, ascending, int64 (n,)."""
        return np.repeat(np.arange(self.count), np.diff(self.start))

    def of(self, number: int) -> Floats:
        """Return the vectors of one list, float32."""
        return self.vectors[self.start[number] : self.start[number + 1]].astype(np.float32)

    def nearest(self, queries: Floats, probes: int) -> Rows:
        """Return the numbers of the lists nearest to each query, (queries, probes), nearest first."""
        quantizer = faiss.IndexFlatIP(self.centroids.shape[1])
        quantizer.add(self.centroids)
        found: Rows = quantizer.search(queries, min(probes, self.count))[1]
        return found

    def save(self, folder: Path) -> None:
        """Write all but the vectors, which ``arrange`` writes.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        np.save(folder / CENTROIDS_FILE, self.centroids)
        np.save(folder / HOMES_FILE, self.home().astype(np.int32))


def open_lists(folder: Path) -> Lists:
    """Map what ``arrange`` and ``save`` wrote.

    Raises:
        OSError: A file is missing.
        ValueError: A file is damaged.
    """
    centroids = np.load(folder / CENTROIDS_FILE)
    home = np.load(folder / HOMES_FILE)
    vectors = np.load(folder / VECTORS_FILE, mmap_mode="r")
    if home.min() < 0 or home.max() >= len(centroids) or (np.diff(home) < 0).any():
        raise ValueError(f"{folder / HOMES_FILE} is damaged")
    if vectors.shape != (len(home), centroids.shape[1]) or vectors.dtype != np.float16:
        raise ValueError(f"{folder / VECTORS_FILE} is damaged")
    return Lists(centroids, _starts(home, len(centroids)), vectors)


def train_centroids(vectors: Vectors, lists: int | None = None) -> Floats:
    """Return the centres of lists for these vectors, by spherical k-means on a sample."""
    count, dimensions = vectors.shape
    lists = lists or max(
        1, min(int(LISTS_PER_ROOT * math.sqrt(count)), count // TRAINING_VECTORS_PER_LIST)
    )
    means = faiss.Kmeans(
        dimensions,
        lists,
        niter=ROUNDS,
        seed=SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=TRAINING_VECTORS_PER_LIST,
    )
    wanted = min(count, lists * TRAINING_VECTORS_PER_LIST)
    rows = np.random.default_rng(SEED).choice(count, wanted, replace=False)
    means.train(np.ascontiguousarray(vectors[np.sort(rows)], dtype=np.float32))
    return np.asarray(means.centroids, np.float32)


def homes(vectors: Vectors, centroids: Floats) -> Rows:
    """Return the nearest centre of each vector, int64 (n,)."""
    quantizer = faiss.IndexFlatIP(centroids.shape[1])
    quantizer.add(centroids)
    found = [quantizer.search(block, 1)[1][:, 0] for _, block in blocks(vectors)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def arrange(
    vectors: Vectors, centroids: Floats, home: Rows, folder: Path | None = None
) -> tuple[Lists, Rows]:
    """Put vectors in the order of their lists.

    Args:
        vectors: L2-normalised rows, (n, dimensions).
        centroids: From ``train_centroids``.
        home: The list of each row.
        folder: Where to write and map them; None keeps them in memory.

    Returns:
        The lists, and the row of each position.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    order = np.argsort(home, kind="stable")
    target: NDArray[np.float16]
    if folder is None:
        target = np.empty(vectors.shape, np.float16)
    else:
        target = make_file(folder / VECTORS_FILE, np.dtype(np.float16), vectors.shape)
    for start in range(0, len(order), 16_384):
        target[start : start + 16_384] = vectors[order[start : start + 16_384]]
    if isinstance(target, np.memmap):
        target.flush()
    return Lists(centroids, _starts(home[order], len(centroids)), target), order


def make_file(file: Path, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    """Make a .npy file of this shape, its space taken now, and map it for writing.

    Raises:
        OSError: The disk is full: later, a mapped write to a full disk would end the process.
    """
    with file.open("wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        np.lib.format.write_array_header_2_0(stream, {**header, "shape": shape})
        left = math.prod(shape) * dtype.itemsize
        while left > 0:
            left -= stream.write(bytes(min(left, 1 << 24)))
    mapped: np.memmap[Any, Any] = np.load(file, mmap_mode="r+")
    return mapped


def fingerprints(vectors: Vectors) -> NDArray[np.uint64]:
    """Return 128 bits that know each vector by its bytes, (n, 2): equal vectors have equal ones."""
    parts = [
        b"".join(hashlib.blake2b(row, digest_size=16).digest() for row in block.astype(np.float16))
        for _, block in blocks(vectors)
    ]
    return np.frombuffer(b"".join(parts), np.uint64).reshape(-1, 2)


def same_rows(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> Rows:
    """Return for each new fingerprint which old one is the same, -1 for none; each old one once."""
    if not len(old) or not len(new):
        return np.full(len(new), -1, np.int64)
    both, is_new = np.concatenate([old, new]), np.repeat([0, 1], [len(old), len(new)])
    order = np.lexsort((is_new, both[:, 1], both[:, 0]))
    begins = np.r_[True, (both[order][1:] != both[order][:-1]).any(axis=1)]
    begins |= np.r_[True, is_new[order][1:] != is_new[order][:-1]]
    content = np.cumsum(np.r_[True, (both[order][1:] != both[order][:-1]).any(axis=1)])
    at = np.arange(len(order))
    rank = at - np.maximum.accumulate(np.where(begins, at, 0))  # among the equal ones of its side
    key = np.empty(len(order), np.int64)
    key[order] = content * (rank.max() + 1) + rank
    _, in_old, in_new = np.intersect1d(key[: len(old)], key[len(old) :], return_indices=True)
    found = np.full(len(new), -1, np.int64)
    found[in_new] = in_old
    return found


@contextmanager
def one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """Give a pool of threads, one for each core, in which no library starts threads of its own.

    Many small products by one thread each are faster than each by all threads, which wait for each other.
    """
    with (
        threadpool_limits(1, user_api="blas"),
        ThreadPoolExecutor(
            usable_cores(), "join", initializer=faiss.omp_set_num_threads, initargs=(1,)
        ) as pool,
    ):
        yield pool


@contextmanager
def all_cores() -> Iterator[None]:
    """Let FAISS use all cores, whatever it was limited to for work that has its own threads."""
    with _cores(usable_cores()):
        yield


@contextmanager
def one_core() -> Iterator[None]:
    """Let FAISS and BLAS use this thread alone: in many small steps more threads wait for each other."""
    with _cores(1), threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def _cores(count: int) -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _starts(home: NDArray[np.integer[Any]], lists: int) -> Rows:
    starts = np.zeros(lists + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(home, minlength=lists))
    return starts
