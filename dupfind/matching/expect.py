"""What to expect of a cut on the probability of proofs, and the cut for what is expected.

In:  a ``Calibration`` with the scores of its examples. Out: ``Expectation``, cuts, recall by kind. No disk,
database or model.
"""

import numpy as np
from scipy.special import betaincinv

from dupfind.matching.calibrate import (
    CONFIDENCE,
    LOWEST_CUT,
    PRIOR,
    Calibration,
    Expectation,
    logistic,
    logit,
)


def expect(calibration: Calibration, cut: float, *, prior: float = PRIOR) -> Expectation:
    """Return the precision and recall to expect when pairs of probability ``cut`` or more are taken."""
    score = logit(cut) - logit(prior) + logit(PRIOR)
    copies = np.asarray(calibration.copy_scores)
    others = np.asarray(calibration.other_scores)
    found, wrong = int((copies >= score).sum()), int((others >= score).sum())
    recall = found / max(1, len(copies))
    low, high = _interval(wrong, len(others))
    if calibration.lookalike_scores:
        # Nobody knows how many look-alikes a collection has: at worst all that is no copy is one.
        alike = np.asarray(calibration.lookalike_scores)
        high = max(high, _interval(int((alike >= score).sum()), len(alike))[1])
    precision = [
        _precision(recall, rate, prior) for rate in ((wrong + 0.5) / (len(others) + 1), high, low)
    ]
    return Expectation(cut, precision[0], precision[1], precision[2], recall)


def cut_for(calibration: Calibration, precision: float, *, prior: float = PRIOR) -> float:
    """Return the lowest cut on the probability that promises ``precision``.

    The last pair taken may be a mistake ten times as often as the average one, not more; where the
    examples are too few to promise so much, the cut that promises most is taken. Whoever asks for
    more is never promised less.
    """
    lowest = max(LOWEST_CUT, 1 - 10 * (1 - precision))
    cuts = logistic(np.linspace(logit(LOWEST_CUT), logit(0.9999), 400))
    expected = [expect(calibration, float(cut), prior=prior) for cut in cuts]
    below = [found.precision for found in expected if found.cut < lowest]
    wanted = max([precision, *below])
    promised = [f.cut for f in expected if f.cut >= lowest and f.precision >= wanted]
    if promised:
        return promised[0]
    return max(expected, key=lambda found: (found.precision, -found.cut)).cut


def recall_by_kind(
    calibration: Calibration, cut: float, *, prior: float = PRIOR
) -> dict[str, float]:
    """Return for each kind of edit the share of its copies that a cut finds."""
    score = logit(cut) - logit(prior) + logit(PRIOR)
    return {
        kind: float((np.asarray(scores) >= score).mean())
        for kind, scores in calibration.scores_by_kind.items()
    }


def _precision(recall: float, false_rate: float, prior: float) -> float:
    right, wrong = prior * recall, (1 - prior) * false_rate
    return right / (right + wrong) if right + wrong > 0 else 1.0


def _interval(count: int, total: int) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a rate at ``CONFIDENCE``."""
    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return low, high
