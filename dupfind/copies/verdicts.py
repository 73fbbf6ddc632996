"""From proven pairs to verdicts: the proof, the closer look, and what the collection makes of both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.looking import Judged
from dupfind.matching.calibrate import SIGNALS, UNPROVEN, Calibration, Expectation, estimate_prior
from dupfind.matching.judge import shipped_judge
from dupfind.matching.promise import Crowd, choose_cut, logit, probabilities, promise
from dupfind.matching.proven import Proven, told_apart
from dupfind.matching.share import estimate_share, shares_by_crowd, shares_by_series
from dupfind.matching.together import doubts

UNSEEN = 0.85  # the highest probability of a proof that no closer look could confirm
PROOF_PASSES = 0.5  # probability of a proof from which on a refused pair is worth a name of its own
DOUBTED = 0.05  # probability of a proof below which hardly any pair is a copy
APART = 0.05  # a pair that was looked at and is less probable is told apart: never in one group


@dataclass(frozen=True)
class Verdicts:
    """What is held of proven pairs, arrays of one length.

    Attributes:
        likely: Probability by the proof alone.
        probability: Probability after the closer look.
        judged: The closer looks and their scores.
        crowd: The pairs that were judged by a look, their own or their hub's.
        share: Estimated share of copies among these.
    """

    likely: NDArray[np.float64]
    probability: NDArray[np.float64]
    judged: Judged
    crowd: Crowd
    share: float

    def cut(self, precision: float) -> float:
        """Return the cut on the probability that promises ``precision``."""
        return choose_cut(shipped_judge(), self.crowd, precision)

    def expectation(self, cut: float) -> Expectation | None:
        """Return what to expect of a cut; None where no pair reaches it: nothing can be said then."""
        if not (self.crowd.odds >= logit(cut)).any():
            return None
        return promise(shipped_judge(), self.crowd, cut=cut)

    def named(self, proven: Sequence[Proven], cut: float) -> list[Proven]:
        """Return the pairs, those that were refused by their own names (variant, overlapping)."""
        return [
            told_apart(
                pair,
                self.judged.looks.get(place),
                passes=bool(self.likely[place] >= PROOF_PASSES),
            )
            if self.probability[place] < cut
            else pair
            for place, pair in enumerate(proven)
        ]

    def apart(self, proven: Sequence[Proven]) -> frozenset[tuple[int, int]]:
        """Return the rows of the pairs that were told apart though their proof had passed."""
        seen = self.judged.is_looked | self.judged.in_series
        told = seen & (self.probability < APART) & (self.likely >= PROOF_PASSES)
        return frozenset((proven[p].a, proven[p].b) for p in np.flatnonzero(told).tolist())


def reach_verdicts(
    proven: Sequence[Proven],
    similarity: NDArray[np.float64],
    calibration: Calibration,
    judged: Judged,
) -> Verdicts:
    """Say how probable each pair is one of copies.

    Args:
        proven: The pairs.
        similarity: (pairs,) cosine similarity of their descriptors.
        calibration: Of the proofs.
        judged: What closer looks said of the same pairs.
    """
    signals = np.array([pair.signals for pair in proven]).reshape(-1, len(SIGNALS))
    prior = estimate_prior(calibration, signals)
    likely = calibration.probability(signals, prior=prior)
    is_judged = np.isfinite(judged.scores)
    scores = judged.scores[is_judged]
    rows = np.array([(pair.a, pair.b) for pair in proven], np.int64).reshape(-1, 2)
    # Those that their proof nearly ruled out are another crowd, with fewer copies among them.
    shares = shares_by_crowd(scores, likely[is_judged] >= DOUBTED)
    crowd = Crowd(scores, shares_by_series(scores, rows[is_judged], shares))
    is_whole = np.array([pair.container < 0 for pair in proven], bool)[is_judged]
    crowd = replace(crowd, doubts=doubts(crowd.odds, scores, rows[is_judged], is_whole))
    # Without an alignment there is no proof: such pairs stand last, in order of similarity.
    unseen = np.maximum(np.minimum(likely, UNSEEN), UNPROVEN * np.clip(similarity, 0, 1))
    probability = unseen.copy()
    probability[is_judged] = probabilities(crowd.odds)
    return Verdicts(likely, probability, judged, crowd, estimate_share(scores))
