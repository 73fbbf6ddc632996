"""From scores to probabilities of this collection, a cut, and what may be promised of it.

In:  log odds of the pairs of a collection that were looked at. Out: probabilities and an ``Expectation``.
No disk, database or model.

What is expected follows from the probabilities of the pairs taken, or from how many look-alikes of this
collection came near, whichever is better known. What is promised at least goes by the worse of the two, and
looks at what can go wrong besides: a look-alike that passes. How often one does at most is known from examples
that are none by construction; how many there were to pass is counted in the collection itself: those that did
not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from dupfind.matching.calibrate import CONFIDENCE, Expectation
from dupfind.matching.judge import Judge

LOWEST_CUT, HIGHEST_CUT = 0.5, 0.9995
NEAR = 3.0  # log odds below the needed score within which a refused pair came near
WORST_PAIR = 20  # how much less sure the last pair taken may be than the average one
_CUTS = 200


@dataclass(frozen=True)
class Crowd:
    """The pairs of a collection that were judged.

    Attributes:
        scores: (n,) log odds at even numbers of copies and look-alikes.
        shares: (n,) share of copies to expect of each, by ``share``.
        doubts: (n,) by how much other pairs of the same photos speak against each, by ``together``.
    """

    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    doubts: NDArray[np.float64] | float = 0.0

    @property
    def odds(self) -> NDArray[np.float64]:
        """The log odds of each in this collection, (n,)."""
        return self.scores + np.log(self.shares / (1 - self.shares)) - self.doubts


def probabilities(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probability of each pair from its log odds in this collection."""
    return np.asarray(1 / (1 + np.exp(-odds)), np.float64)


def promise(judge: Judge, crowd: Crowd, *, cut: float) -> Expectation:
    """Return what to expect when the pairs of probability ``cut`` or more are taken.

    Args:
        judge: With the scores of its examples.
        crowd: The pairs of this collection that were judged.
        cut: On the probability.
    """
    odds = crowd.odds
    is_taken = odds >= logit(cut)
    taken, refused = int(is_taken.sum()), int((~is_taken).sum())
    needed = logit(cut) - (odds - crowd.scores)  # the score from which on each would be taken
    recall = float((1 - _below(judge.copy_scores, needed)).mean()) if len(odds) else 0.0
    expected = (
        float((1 - probabilities(odds[is_taken])).sum()),
        _passing(judge, needed[~is_taken], crowd.scores[~is_taken], odds[~is_taken]),
    )
    high = _highest_rate(judge, needed[~is_taken] if refused else needed)
    passing = high * refused / max(1 - high, 1e-6)
    precision, least = (
        max(0.0, 1 - count / taken) if taken else 1.0
        for count in (min(expected), max(expected) + passing)
    )
    return Expectation(cut, precision, least, 1.0, recall)


def _passing(
    judge: Judge,
    needed: NDArray[np.float64],
    scores: NDArray[np.float64],
    odds: NDArray[np.float64],
) -> float:
    """Return how many look-alikes are to be expected among the pairs taken, from those just refused.

    Where a collection's look-alikes are so clear that none comes near, none passes; of the examples it is known
    how many pass for each that comes near.

    Args:
        judge: With the scores of its examples.
        needed: (n,) the scores from which on each refused pair would have been taken.
        scores: (n,) of the refused pairs.
        odds: (n,) in this collection: a refused pair that is likely a copy says little of look-alikes.
    """
    is_near = scores >= needed - NEAR
    near, is_other = needed[is_near], 1 - probabilities(odds[is_near])
    known = judge.other_scores
    passing = len(known) - np.searchsorted(known, near)
    beside = np.searchsorted(known, near) - np.searchsorted(known, near - NEAR)
    return float((is_other * (passing + 0.5) / (beside + 1.0)).sum())


def _highest_rate(judge: Judge, needed: NDArray[np.float64]) -> float:
    """Return how often look-alikes reach these scores at most, by examples that are none."""
    total = len(judge.other_scores)
    if not total or not len(needed):
        return 0.0
    wrong = total * float((1 - _below(judge.other_scores, needed)).mean())
    return float(betaincinv(wrong + 1, max(1.0, total - wrong), CONFIDENCE))


def _below(known: NDArray[np.float64], needed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of sorted scores below each needed one; 1 without any."""
    if not len(known):
        return np.ones(len(needed))
    return np.asarray(np.searchsorted(known, needed) / len(known), np.float64)


def choose_cut(judge: Judge, crowd: Crowd, precision: float) -> float:
    """Return the lowest cut on the probability whose promise holds ``precision``.

    The last pair taken may be a mistake ``WORST_PAIR`` times as often as the average one, not more; where the
    collection's look-alikes leave no such cut, the one that promises most is taken.
    """
    lowest = max(LOWEST_CUT, 1 - WORST_PAIR * (1 - precision))
    cuts = 1 / (1 + np.exp(-np.linspace(logit(lowest), logit(HIGHEST_CUT), _CUTS)))
    best = float(crowd.odds.max()) if len(crowd.odds) else -np.inf
    # A cut that takes nothing promises nothing.
    taking = [float(cut) for cut in cuts if logit(float(cut)) <= best]
    if not taking:
        return lowest
    expected = [promise(judge, crowd, cut=cut) for cut in taking]
    held = [found.cut for found in expected if found.precision >= precision]
    if held:
        return held[0]
    return max(expected, key=lambda found: (found.precision, -found.cut)).cut


def logit(value: float) -> float:
    """Return the log odds of a probability in [0, 1]; at its ends those of a hair less."""
    value = min(max(value, 1e-9), 1 - 1e-9)
    return float(np.log(value / (1 - value)))
