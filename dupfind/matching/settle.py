"""Which pairs deserve a closer look, and which follow from those that had one.

In:  proven pairs by row, and the scores of the looks taken so far. Out: the next pairs to look at. No
disk, database or model.

Two photos that are copies of a third, which shows all of both, are copies of each other: a group is settled
by the pairs with its hub, and costs as many looks as it has photos, not the square. A crop is no such hub:
the heads of two invoices are the same.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SURE_LOG_ODDS = 2.5  # of a pair through which others are settled
TOLD_APART = -4.0  # of a pair that was seen to differ: only a hub that is surer of both mends it
COVERED = 0.9  # share of a photo that the hub must show
PROMISING = 0.5  # probability of a proof that makes a hub


@dataclass(frozen=True)
class Looked:
    """Pairs to look at.

    Attributes:
        rows: (pairs, 2) int64, the two photos of each.
        proof: (pairs,) probability of the proof.
        covered: (pairs, 2) share of each photo that the other shows; 0 for parts of a collage.
        wanted: (pairs,) bool, whether it is worth a look at all.
    """

    rows: NDArray[np.int64]
    proof: NDArray[np.float64]
    covered: NDArray[np.float64]
    wanted: NDArray[np.bool_]


class Settling:
    """Keeps the scores: log odds of a copy, NaN where a pair was not judged."""

    def __init__(self, pairs: Looked) -> None:
        self.pairs = pairs
        self.scores = np.full(len(pairs.rows), np.nan)
        self.is_looked = np.zeros(len(pairs.rows), bool)
        self._pending = pairs.wanted.copy()
        # Of each hub the photos that it shows whole, with the score of the pair.
        self._around: dict[int, dict[int, float]] = defaultdict(dict)
        self._places: dict[tuple[int, int], int] = {
            (a, b): place for place, (a, b) in enumerate(pairs.rows.tolist())
        }

    @property
    def waiting(self) -> int:
        """How many pairs are neither looked at nor settled."""
        return int(self._pending.sum())

    def next_batch(self) -> list[int]:
        """Return the places of the pairs to look at next; none when all is settled.

        Those of the photos with most promising pairs, no two of which are such a pair themselves;
        at the end the unpromising ones.
        """
        promising = np.flatnonzero(self._pending & (self.pairs.proof >= PROMISING))
        if not len(promising):
            return np.flatnonzero(self._pending).tolist()
        beside: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in promising.tolist():
            a, b = self.pairs.rows[place].tolist()
            beside[a].append((b, place))
            beside[b].append((a, place))
        batch: list[int] = []
        seen: set[int] = set()
        for hub in sorted(beside, key=lambda row: (-len(beside[row]), row)):
            if hub not in seen:
                batch.extend(place for _, place in beside[hub])
                seen.update((hub, *(row for row, _ in beside[hub])))
        return sorted(set(batch))

    def record(self, places: Sequence[int], scores: Sequence[float]) -> None:
        """Take in the scores of the pairs looked at (NaN: nothing could be seen); settle others."""
        hubs = set()
        for place, score in zip(places, scores, strict=True):
            self.scores[place], self.is_looked[place] = score, True
            self._pending[place] = False
            a, b = self.pairs.rows[place].tolist()
            if score >= SURE_LOG_ODDS:
                for one, hub, share in zip((a, b), (b, a), self.pairs.covered[place], strict=True):
                    if share >= COVERED:
                        self._around[hub][one] = score
                        hubs.add(hub)
        for hub in sorted(hubs):
            self._settle(self._around[hub])

    def _settle(self, copies: dict[int, float]) -> None:
        """Settle the pairs among the copies of one hub, given the score of each with it."""
        rows = sorted(copies)
        for number, a in enumerate(rows):
            for b in rows[number + 1 :]:
                place = self._places.get((a, b))
                if place is None or not self.pairs.wanted[place]:
                    continue
                score, by_hub = self.scores[place], min(copies[a], copies[b])
                if score < TOLD_APART and score + by_hub < 0:
                    continue
                # Two strong edits can be hard to tell by themselves; their hub knows better.
                self.scores[place] = np.fmax(score, by_hub)
                self._pending[place] = False
