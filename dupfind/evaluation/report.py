"""Put the figures of pairs and of groups together, as plain JSON-ready dictionaries."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.evaluation.metrics import (
    KIND_PRECISION,
    PRECISIONS,
    Scores,
    b_cubed,
    best_f1,
    hard_negatives_found,
    precision_recall_curve,
    recall_at_precision,
    recall_by_kind,
)
from dupfind.evaluation.truth import Keys, Truth


def truth_report(truth: Truth) -> dict[str, Any]:
    """Return how many files, groups, pairs of copies, neutral and look-alike pairs there are."""
    members = truth.members()
    listed = np.array(sorted(truth.hard_negatives), np.int64)
    return {
        "files": truth.count,
        "without_copy": truth.count - sum(len(rows) for rows in members),
        "groups": len(members),
        "pairs": len(truth.positives()),
        "neutral_pairs": len(truth.neutral),
        "look_alikes": hard_negatives_found(truth, listed),
    }


def figures_of_keys(truth: Truth, keys: Keys, scores: Scores) -> dict[str, Any]:
    """Return every figure of scored pairs.

    Args:
        truth: The labels.
        keys: The pairs, each once and only those that count, as ``scored_once`` gives them.
        scores: Higher is more alike, shape (pairs,).

    Returns:
        ``micro_ap``, ``micro_ap_blocks``, ``recall_at_precision`` and ``best_f1`` (with the
        look-alikes at or above each threshold) and ``recall_by_kind`` at precision 0.99.
    """
    is_copy = truth.are_copies(keys)
    positives = len(truth.positives())
    curve = precision_recall_curve(is_copy, scores, positives)

    def above(point: dict[str, Any]) -> Keys:
        threshold = point["threshold"]
        return keys[:0] if threshold is None else keys[scores >= threshold]

    def with_look_alikes(point: dict[str, Any]) -> dict[str, Any]:
        return {**point, "look_alikes": hard_negatives_found(truth, above(point))}

    points = {f"{wanted:g}": recall_at_precision(curve, wanted) for wanted in PRECISIONS}
    return {
        "predicted": len(keys),
        "true": int(is_copy.sum()),
        "recall_of_all_listed": float(is_copy.sum() / positives) if positives else 0.0,
        "micro_ap": curve.micro_ap,
        "micro_ap_blocks": curve.micro_ap_blocks,
        "recall_at_precision": {name: with_look_alikes(point) for name, point in points.items()},
        "best_f1": with_look_alikes(best_f1(curve)),
        "recall_by_kind": recall_by_kind(truth, above(points[f"{KIND_PRECISION:g}"])),
    }


def groups_report(truth: Truth, groups: Iterable[Sequence[int]]) -> dict[str, Any]:
    """Return precision, recall and F1 of the pairs that groups hold, B-cubed, and recall by kind.

    ``groups`` are lists of row numbers in ``truth``; those of fewer than two files are left out.
    """
    kept = [
        rows for rows in (np.unique(np.array(list(g), np.int64)) for g in groups) if len(rows) > 1
    ]
    keys = group_keys(truth, [rows.tolist() for rows in kept])
    positives, true = len(truth.positives()), int(truth.are_copies(keys).sum())
    return {
        "groups": len(kept),
        "files": len(np.unique(np.concatenate(kept))) if kept else 0,
        "largest": max((len(rows) for rows in kept), default=0),
        "pairs": len(keys),
        "true": true,
        "precision": true / len(keys) if len(keys) else None,
        "recall": true / positives if positives else 0.0,
        "f1": 2 * true / (len(keys) + positives) if len(keys) + positives else 0.0,
        "b_cubed": b_cubed(truth, kept),
        "look_alikes": hard_negatives_found(truth, keys),
        "recall_by_kind": recall_by_kind(truth, keys),
    }


def scored_once(
    truth: Truth, first: NDArray[np.int64], second: NDArray[np.int64], scores: Scores
) -> tuple[Keys, Scores]:
    """Return each pair that counts once, as sorted keys with the highest score of each."""
    real = first != second
    keys, scores = truth.keys(first[real], second[real]), scores[real].astype(np.float64)
    order = np.lexsort((-scores, keys))
    keys, scores = keys[order], scores[order]
    kept = truth.counted(keys)
    kept[1:] &= keys[1:] != keys[:-1]
    return keys[kept], scores[kept]


def group_keys(truth: Truth, groups: Iterable[Sequence[int]]) -> Keys:
    """Return the sorted keys of the pairs that count and that some group holds."""
    lists = [np.unique(np.array(list(group), np.int64)) for group in groups]
    found = [
        truth.keys(rows[first], rows[second])
        for rows in lists
        for first, second in [np.triu_indices(len(rows), k=1)]
    ]
    keys = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    return keys[truth.counted(keys)]
