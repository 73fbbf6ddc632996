"""From scores to probabilities of this collection, a cut, and what may be promised of it.

In:  log odds of the pairs of a collection that were looked at. Out: probabilities and an ``Expectation``.
No disk, database or model.

What can go wrong is a look-alike that passes. How often one does is known from examples that are none by
construction; how many there were to pass is counted in the collection itself: those that did not.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from dupfind.matching.calibrate import CONFIDENCE, Expectation
from dupfind.matching.judge import Judge

CLEAR_LOG_ODDS = 2.2  # pairs above it are counted when the share of copies is estimated
LEAST_PRIOR, MOST_PRIOR = 0.05, 0.95
LOWEST_CUT, HIGHEST_CUT = 0.5, 0.9995
_CUTS = 200


def estimate_share(judge: Judge, scores: NDArray[np.float64]) -> float:
    """Return the share of copies among the pairs looked at, from their log odds (n,).

    Clear copies are counted, and the count is set right by how many of the examples are as clear.

    Source: Forman 2008, "Quantifying counts and costs via classification".
    """
    if not len(scores):
        return 0.5
    found = float((judge.copy_scores >= CLEAR_LOG_ODDS).mean())
    wrong = float((judge.other_scores >= CLEAR_LOG_ODDS).mean())
    counted = float((scores >= CLEAR_LOG_ODDS).mean())
    return float(np.clip((counted - wrong) / max(found - wrong, 0.1), LEAST_PRIOR, MOST_PRIOR))


def probabilities(scores: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the probability of each pair from its log odds, in a collection with this share of copies."""
    return np.asarray(1 / (1 + np.exp(-(scores + logit(share)))), np.float64)


def promise(judge: Judge, scores: NDArray[np.float64], *, cut: float, share: float) -> Expectation:
    """Return what to expect when the pairs looked at of probability ``cut`` or more are taken.

    Args:
        judge: With the scores of its examples.
        scores: (n,) log odds of the collection's pairs that were looked at.
        cut: On the probability.
        share: From ``estimate_share``.
    """
    score = logit(cut) - logit(share)
    wrong, total = int((judge.other_scores >= score).sum()), len(judge.other_scores)
    taken = int((scores >= score).sum())
    refused = len(scores) - taken
    recall = float((judge.copy_scores >= score).mean()) if len(judge.copy_scores) else 0.0
    tail = (1 - CONFIDENCE) / 2
    high = float(beta.ppf(1 - tail, wrong + 1, max(1, total - wrong)))
    low = float(beta.ppf(tail, wrong, total - wrong + 1)) if wrong else 0.0
    precision, least, most = (
        _precision(rate, taken, refused) for rate in ((wrong + 0.5) / (total + 1), high, low)
    )
    return Expectation(cut, precision, least, most, recall)


def choose_cut(
    judge: Judge, scores: NDArray[np.float64], precision: float, *, share: float
) -> float:
    """Return the lowest cut on the probability whose promise holds ``precision``.

    The last pair taken may be a mistake ten times as often as the average one, not more; where the
    collection's look-alikes leave no such cut, the one that promises most is taken.
    """
    lowest = max(LOWEST_CUT, 1 - 10 * (1 - precision))
    cuts = 1 / (1 + np.exp(-np.linspace(logit(lowest), logit(HIGHEST_CUT), _CUTS)))
    expected = [promise(judge, scores, cut=float(cut), share=share) for cut in cuts]
    held = [found.cut for found in expected if found.precision >= precision]
    if held:
        return held[0]
    return max(expected, key=lambda found: (found.precision, -found.cut)).cut


def logit(value: float) -> float:
    """Return the log odds of a probability in [0, 1]; at its ends those of a hair less."""
    value = min(max(value, 1e-9), 1 - 1e-9)
    return float(np.log(value / (1 - value)))


def _precision(rate: float, taken: int, refused: int) -> float:
    """Return the share of right ones among those taken, when look-alikes pass at a rate."""
    wrong = rate * refused / max(1 - rate, 1e-6)
    return max(0.0, 1 - wrong / taken) if taken else 1.0
