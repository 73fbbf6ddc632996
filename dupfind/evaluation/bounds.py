"""What limits the result: pairs that were never candidates, or pairs whose proof failed."""

import numpy as np
from numpy.typing import NDArray

from dupfind.evaluation.metrics import ALL_KINDS
from dupfind.evaluation.truth import Keys, Truth

FOUND, NOT_PROVEN, NOT_CANDIDATE = "found", "not_proven", "not_candidate"


def bounds_report(truth: Truth, found: Keys, candidates: Keys) -> dict[str, dict[str, int]]:
    """Sort every pair of copies by its fate, over all and by kind.

    Args:
        truth: The labels.
        found: Keys of the pairs that the result holds (in one group).
        candidates: Keys of the pairs that were looked at, whatever came of it.

    Returns:
        {kind: {pairs, found, not_proven, not_candidate}}: a pair that is not found either was looked
        at and its proof failed, or was never looked at. A pair of two kinds counts for both.
    """
    keys = truth.positives()
    is_found = np.isin(keys, found)
    looked_at = np.isin(keys, candidates) & ~is_found
    fates = {FOUND: is_found, NOT_PROVEN: looked_at, NOT_CANDIDATE: ~is_found & ~looked_at}
    first, second = truth.rows(keys)
    kinds = np.array(truth.kinds, dtype=object)
    table = {ALL_KINDS: _count(fates, np.ones(len(keys), np.bool_))}
    for kind in sorted(set(truth.kinds)):
        holds: NDArray[np.bool_] = (kinds[first] == kind) | (kinds[second] == kind)
        if holds.any():
            table[kind] = _count(fates, holds)
    return table


def _count(fates: dict[str, NDArray[np.bool_]], where: NDArray[np.bool_]) -> dict[str, int]:
    counts = {name: int((fate & where).sum()) for name, fate in fates.items()}
    return {"pairs": int(where.sum()), **counts}
