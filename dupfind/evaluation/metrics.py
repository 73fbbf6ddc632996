"""The figures of scored pairs and of groups, by definition.

Positives are all unordered pairs of files of one group: P of them. Predictions are unordered pairs,
ranked together by falling score. A pair that is not predicted counts as never found.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.evaluation.truth import Keys, Truth

PRECISIONS = (0.9, 0.99, 0.999, 1.0)
KIND_PRECISION = 0.99
ALL_KINDS = "(all)"

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Precision and recall after each distinct score, highest first: three arrays of one shape.

    Only there can a user put a threshold: pairs of equal score stand or fall together.
    ``micro_ap`` ranks false pairs first among equal scores; ``micro_ap_blocks`` takes each block of
    equal scores as one step.
    """

    threshold: Scores
    precision: Scores
    recall: Scores
    micro_ap: float
    micro_ap_blocks: float


def precision_recall_curve(is_copy: NDArray[np.bool_], scores: Scores, positives: int) -> Curve:
    """Rank predictions and follow precision and recall.

    Args:
        is_copy: Whether each predicted pair is one of copies, shape (pairs,).
        scores: Higher is more alike, any unit, shape (pairs,).
        positives: How many pairs of copies there are, predicted or not.

    Source: micro AP of the Image Similarity Challenge (DISC21, arXiv 2106.09672): the sum over
    ranks of precision times the rise in recall, all queries ranked together.
    """
    # Among equal scores false pairs come first, so that a constant score earns nothing.
    order = np.lexsort((is_copy, -scores))
    ranked, scores = is_copy[order], scores[order]
    hits = np.cumsum(ranked)
    precision = hits / np.arange(1, len(ranked) + 1)
    recall = hits / positives if positives else np.zeros(len(ranked))
    last = np.ones(len(scores), np.bool_)
    last[:-1] = scores[1:] != scores[:-1]
    return Curve(
        threshold=scores[last],
        precision=precision[last],
        recall=recall[last],
        micro_ap=_area(precision, recall),
        micro_ap_blocks=_area(precision[last], recall[last]),
    )


def micro_ap(is_copy: NDArray[np.bool_], scores: Scores, positives: int) -> float:
    """Return the micro average precision, in [0, 1] (see ``precision_recall_curve``)."""
    return precision_recall_curve(is_copy, scores, positives).micro_ap


def recall_at_precision(curve: Curve, precision: float) -> dict[str, float | None]:
    """Return the point of highest recall whose precision is at least ``precision``.

    ``recall`` is 0 and the rest None where no threshold reaches it; of several points with the same
    recall, the one with the highest threshold.
    """
    good = np.flatnonzero((curve.precision >= precision) & (curve.recall > 0))
    return _point(curve, int(good[np.argmax(curve.recall[good])]) if len(good) else None)


def best_f1(curve: Curve) -> dict[str, float | None]:
    """Return the point of highest F1 over all thresholds, with its ``f1``."""
    total = curve.precision + curve.recall
    product = 2 * curve.precision * curve.recall
    f1 = np.divide(product, total, out=np.zeros_like(total), where=total > 0)
    if not f1.any():
        return {"f1": 0.0, **_point(curve, None)}
    best = int(np.argmax(f1))
    return {"f1": float(f1[best]), **_point(curve, best)}


def recall_by_kind(truth: Truth, found: Keys) -> dict[str, dict[str, dict[str, Any]]]:
    """Count the found pairs of copies by the kind of alteration.

    ``from_original`` counts pairs (an original, a file of that kind), ``any`` all pairs of copies with
    a file of that kind, once for each of its kinds. Each cell is {found, pairs, recall}.
    """
    keys = truth.positives()
    hit = np.isin(keys, found)
    first, second = truth.rows(keys)
    names, kind = np.unique(np.array(truth.kinds, dtype=object), return_inverse=True)
    one_original = truth.is_original[first] != truth.is_original[second]
    altered = np.where(truth.is_original[first], second, first)
    table = {ALL_KINDS: {"from_original": _cell(hit[one_original]), "any": _cell(hit)}}
    for number, name in enumerate(names):
        holds = (kind[first] == number) | (kind[second] == number)
        from_original = one_original & (kind[altered] == number)
        if holds.any():
            table[str(name)] = {
                "from_original": _cell(hit[from_original]),
                "any": _cell(hit[holds]),
            }
    return table


def hard_negatives_found(truth: Truth, found: Keys) -> dict[str, int]:
    """Count the look-alike pairs among ``found``: all of them, and for each reason."""
    reasons = sorted({reason for reason in truth.hard_negatives.values() if reason})
    counts = {"all": 0, **dict.fromkeys(reasons, 0)}
    listed = set(found.tolist())
    for key, reason in truth.hard_negatives.items():
        if key in listed:
            counts["all"] += 1
            if reason:
                counts[reason] += 1
    return counts


def b_cubed(truth: Truth, groups: Sequence[NDArray[np.int64]]) -> dict[str, float]:
    """Return B-cubed precision, recall and F1 of a grouping, averaged over all labelled files.

    A file in no predicted group stands alone, and so does a distractor in the truth.

    Source: Bagga and Baldwin 1998; Amigo et al. 2009 (a file in several groups counts its union).
    """
    said = _partners(groups)
    true = _partners(truth.members())
    precision = recall = float(truth.count - len(said.keys() | true.keys()))  # alone in both
    for row in said.keys() | true.keys():
        mine, copies = said.get(row, {row}), true.get(row, {row})
        right = len(mine & copies)
        precision += right / len(mine)
        recall += right / len(copies)
    precision, recall = precision / truth.count, recall / truth.count
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall),
    }


def _partners(groups: Iterable[NDArray[np.int64]]) -> dict[int, set[int]]:
    """Return for each file in a group the files that some group holds with it, itself included."""
    partners: dict[int, set[int]] = {}
    for group in groups:
        members = group.tolist()
        for row in members:
            partners.setdefault(row, set()).update(members)
    return partners


def _area(precision: Scores, recall: Scores) -> float:
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def _point(curve: Curve, at: int | None) -> dict[str, float | None]:
    if at is None:
        return {"recall": 0.0, "precision": None, "threshold": None}
    return {
        "recall": float(curve.recall[at]),
        "precision": float(curve.precision[at]),
        "threshold": float(curve.threshold[at]),
    }


def _cell(hit: NDArray[np.bool_]) -> dict[str, Any]:
    found, pairs = int(hit.sum()), len(hit)
    return {"found": found, "pairs": pairs, "recall": found / pairs if pairs else None}
