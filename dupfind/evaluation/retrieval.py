"""The figures of descriptors alone and of neighbour tables, without any proof."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError
from dupfind.evaluation.background import normalise_pairs
from dupfind.evaluation.metrics import (
    ALL_KINDS,
    Curve,
    best_f1,
    precision_recall_curve,
    recall_at_precision,
)
from dupfind.evaluation.truth import Keys, Truth

# Micro AP of a large set ranks the best this many pairs, as DISC21 did with 500,000.
PAIRS_RANKED = 5_000_000
# Similarities in memory at once: bounded however many files there are.
BLOCK_SIMILARITIES = 4_000_000

Vectors = NDArray[np.float32]


def descriptor_report(
    vectors: Vectors, truth: Truth, *, background: Vectors | None = None
) -> dict[str, Any]:
    """Return recall@1, recall@10 of (original, copy) and micro AP of raw cosine similarity.

    recall@k: a copy asks for its original; the original is found when fewer than k files of other
    groups are at least as similar (the copy's other copies are left out of the ranking, so groups of
    any size compare). Micro AP: all pairs of files ranked together.

    Args:
        vectors: L2-normalised descriptors, float32 of shape (files, dimensions), in truth's order;
            a row of zeros stands for a file that could not be described.
        truth: The labels.
        background: How similar each file is to files that are surely no copies of it, float32 of
            shape (files,); it adds the micro AP of normalised scores.

    Returns:
        ``recall_at`` {k: {kind: {found, pairs, recall}}}, ``micro_ap``, ``micro_ap_normalised`` (None
        without ``background``), ``recall_at_precision``, ``best_f1``, and ``mean_average_precision`` by
        kind (one original sought by each copy).

    Raises:
        DescriptorError: The vectors do not have one row for each file.
    """
    if vectors.ndim != 2 or len(vectors) != truth.count:
        raise DescriptorError(
            f"vectors are {vectors.shape} but the truth names {truth.count} files; give one row for each"
        )
    ranks, copies = original_ranks(vectors, truth)
    curve = _curve(truth, *similar_pairs(vectors, truth))
    normalised = None
    if background is not None:
        scored = similar_pairs(vectors, truth, background=background)
        normalised = _curve(truth, *scored).micro_ap
    return {
        "recall_at": {str(k): _by_kind(ranks < k, copies, truth) for k in (1, 10)},
        "micro_ap": curve.micro_ap,
        "micro_ap_normalised": normalised,
        "recall_at_precision": {
            f"{wanted:g}": recall_at_precision(curve, wanted) for wanted in (0.9, 0.99)
        },
        "best_f1": best_f1(curve),
        "mean_average_precision": _mean_average_precision(ranks, copies, truth),
    }


def _curve(truth: Truth, keys: Keys, scores: NDArray[np.float64]) -> Curve:
    return precision_recall_curve(truth.are_copies(keys), scores, len(truth.positives()))


def original_ranks(vectors: Vectors, truth: Truth) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank each copy's original among the files of other groups.

    Returns:
        For each pair (original, copy) that counts: how many files of other groups are at least as
        similar to the copy as its original is, and the row of the copy. Both of shape (pairs,).
    """
    first, second = truth.rows(truth.positives())
    one_original = truth.is_original[first] != truth.is_original[second]
    first, second = first[one_original], second[one_original]
    original = np.where(truth.is_original[first], first, second)
    copy = np.where(truth.is_original[first], second, first)
    ranks = np.empty(len(copy), np.int64)
    for block in _row_blocks(len(copy), truth.count):
        similarity = vectors[copy[block]] @ vectors.T
        at_original = np.take_along_axis(similarity, original[block][:, None], axis=1)
        rival = truth.group[copy[block]][:, None] != truth.group[None, :]
        if truth.is_query.any():  # queries look among the references only
            rival &= ~truth.is_query[None, :]
        ranks[block] = ((similarity >= at_original) & rival).sum(axis=1)
    return ranks, copy


def similar_pairs(
    vectors: Vectors,
    truth: Truth,
    *,
    background: Vectors | None = None,
    limit: int = PAIRS_RANKED,
) -> tuple[Keys, NDArray[np.float64]]:
    """Return keys and cosine similarity of all pairs that count, or of the ``limit`` most similar.

    ``background`` (files,) normalises: the mean of a pair's two is taken from its cosine.
    """
    keys, scores = np.empty(0, np.int64), np.empty(0, np.float64)
    lowest = -math.inf
    for more_keys, more_scores in _blocks(vectors, truth, background):
        better = more_scores >= lowest
        keys = np.concatenate([keys, more_keys[better]])
        scores = np.concatenate([scores, more_scores[better]])
        if len(scores) > limit:
            best = np.argpartition(-scores, limit)[:limit]
            keys, scores = keys[best], scores[best]
            lowest = float(scores.min())
    return keys, scores


def _blocks(
    vectors: Vectors, truth: Truth, background: Vectors | None
) -> Iterator[tuple[Keys, NDArray[np.float64]]]:
    """Yield every pair of described files that counts once, a block of rows at a time."""
    described = vectors.any(axis=1)
    with_queries = bool(truth.is_query.any())
    rows = np.flatnonzero(described & truth.is_query if with_queries else described)
    columns = np.flatnonzero(described & ~truth.is_query) if with_queries else rows
    for block in _row_blocks(len(rows), len(columns)):
        others = columns if with_queries else columns[block.start :]
        similarity = vectors[rows[block]] @ vectors[others].T
        taken = np.ones(similarity.shape, np.bool_)
        if not with_queries:  # each pair once, no file with itself
            taken = np.triu(taken, k=1)
        at, other = np.nonzero(taken)
        first, second, scores = rows[block][at], others[other], similarity[at, other]
        if background is not None:
            scores = normalise_pairs(scores, background[first], background[second])
        keys = truth.keys(first, second)
        kept = truth.counted(keys)
        yield keys[kept], scores[kept].astype(np.float64)


def _row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut rows into slices of at most ``BLOCK_SIMILARITIES`` similarities each."""
    size = max(1, BLOCK_SIMILARITIES // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def _by_kind(
    found: NDArray[np.bool_], copies: NDArray[np.int64], truth: Truth
) -> dict[str, dict[str, Any]]:
    kinds = np.array(truth.kinds, dtype=object)[copies]
    table = {}
    for kind in [ALL_KINDS, *sorted(set(kinds.tolist()))]:
        hits = found if kind == ALL_KINDS else found[kinds == kind]
        recall = float(hits.mean()) if len(hits) else None
        table[kind] = {"found": int(hits.sum()), "pairs": len(hits), "recall": recall}
    return table


def _mean_average_precision(
    ranks: NDArray[np.int64], copies: NDArray[np.int64], truth: Truth
) -> dict[str, float]:
    """Return mAP by kind with one positive a query, by the trapezoid rule of Holidays and Copydays.

    With the only positive at rank r (from 0), precision goes from 0 (1 when r is 0) to 1 / (r + 1).

    Source: the evaluation package of INRIA Holidays (Jegou et al. 2008), used for Copydays.
    """
    precision = np.where(ranks == 0, 1.0, 0.5 / (ranks + 1.0))
    kinds = np.array(truth.kinds, dtype=object)[copies]
    names = sorted(set(kinds.tolist()))
    table = {kind: float(precision[kinds == kind].mean()) for kind in names}
    return {ALL_KINDS: float(precision.mean()), **table} if len(precision) else {}
