"""From scores to probabilities of this collection, a cut, and what may be promised of it.

In:  log odds of the pairs of a collection that were looked at. Out: probabilities and an ``Expectation``.
No disk, database or model.

What is expected follows from the probabilities of the pairs that are taken. What is promised at least looks at
what can go wrong: a look-alike that passes. How often one does at most is known from examples that are none by
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
WORST_PAIR = 20  # how much less sure the last pair taken may be than the average one
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


def probabilities(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of each pair from its log odds in this collection."""
    return np.asarray(1 / (1 + np.exp(-odds)), np.float64)


def promise(judge: Judge, odds: NDArray[np.float64], *, cut: float, share: float) -> Expectation:
    """Return what to expect when the pairs looked at of probability ``cut`` or more are taken.

    Args:
        judge: With the scores of its examples.
        odds: (n,) log odds in this collection of its pairs that were looked at.
        cut: On the probability.
        share: Of copies among those that their proof lets pass.
    """
    score = logit(cut) - logit(share)
    is_taken = odds >= logit(cut)
    taken, refused = int(is_taken.sum()), int((~is_taken).sum())
    recall = float((judge.copy_scores >= score).mean()) if len(judge.copy_scores) else 0.0
    expected = float((1 - probabilities(odds[is_taken])).sum())
    wrong, total = int((judge.other_scores >= score).sum()), len(judge.other_scores)
    high = float(beta.ppf(CONFIDENCE, wrong + 1, max(1, total - wrong)))
    passing = high * refused / max(1 - high, 1e-6)
    precision, least = (
        max(0.0, 1 - count / taken) if taken else 1.0 for count in (expected, expected + passing)
    )
    return Expectation(cut, precision, least, 1.0, recall)


def choose_cut(judge: Judge, odds: NDArray[np.float64], precision: float, *, share: float) -> float:
    """Return the lowest cut on the probability whose promise holds ``precision``.

    The last pair taken may be a mistake ``WORST_PAIR`` times as often as the average one, not more; where the
    collection's look-alikes leave no such cut, the one that promises most is taken.
    """
    lowest = max(LOWEST_CUT, 1 - WORST_PAIR * (1 - precision))
    cuts = 1 / (1 + np.exp(-np.linspace(logit(lowest), logit(HIGHEST_CUT), _CUTS)))
    best = float(odds.max()) if len(odds) else -np.inf
    # A cut that takes nothing promises nothing.
    taking = [float(cut) for cut in cuts if logit(float(cut)) <= best]
    if not taking:
        return lowest
    expected = [promise(judge, odds, cut=cut, share=share) for cut in taking]
    held = [found.cut for found in expected if found.precision >= precision]
    if held:
        return held[0]
    return max(expected, key=lambda found: (found.precision, -found.cut)).cut


def logit(value: float) -> float:
    """Return the log odds of a probability in [0, 1]; at its ends those of a hair less."""
    value = min(max(value, 1e-9), 1 - 1e-9)
    return float(np.log(value / (1 - value)))
