"""Which pairs deserve a closer look, and which follow from those that had one.

In:  proven pairs by row, and the scores of the looks taken so far. Out: the next pairs to look at. No
disk, database or model.

Two photos that are copies of a third, which shows all of both, are copies of each other: a group is settled
by the pairs with its hub, and costs as many looks as it has photos, not the square. A crop is no such hub:
the heads of two invoices are the same. Nor is a thumbnail: it looks like a copy of two frames of one scene.

The frames of a burst have no hub: each lies on all others and is a copy of none. But the proof of a copy is
better than that of another frame. So of each photo the pairs with the best proofs are looked at first; where
several of these were told apart, for both photos of a pair, the pair follows from them: a series too costs as
many looks as it has photos, times a few.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

import numpy as np
from numpy.typing import NDArray

SURE_LOG_ODDS = 2.5  # of a pair through which others are settled
COVERED = 0.9  # share of a photo that the hub must show
COARSER = 0.8  # side of a hub, as a share of the side of both photos, below which it shows less than these
PROMISING = 0.5  # probability of a proof that makes a hub
UNLIKE = 1.0  # log odds of a look below which two photos count as two frames of a series
FRAMES = 0.5  # share that each of two frames of a series shows of the other; a collage is none
SERIES = 3  # better proofs of a photo that were told apart, from which on its other pairs are too


@dataclass(frozen=True)
class Looked:
    """Pairs to look at.

    Attributes:
        rows: (pairs, 2) int64, the two photos of each.
        proof: (pairs,) probability of the proof.
        covered: (pairs, 2) share of each photo that the other shows; 0 for parts of a collage.
        wanted: (pairs,) bool, whether it is worth a look at all.
        sides_px: (pairs, 2) how large each photo is, as far as a look sees it.
    """

    rows: NDArray[np.int64]
    proof: NDArray[np.float64]
    covered: NDArray[np.float64]
    wanted: NDArray[np.bool_]
    sides_px: NDArray[np.float64]

    def first(self, count: int) -> "Looked":
        """Return so many of them."""
        return Looked(
            self.rows[:count],
            self.proof[:count],
            self.covered[:count],
            self.wanted[:count],
            self.sides_px[:count],
        )

    def joined(self, more: "Looked") -> "Looked":
        """Return these pairs and then the others."""
        return Looked(
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.proof, more.proof]),
            np.concatenate([self.covered, more.covered]),
            np.concatenate([self.wanted, more.wanted]),
            np.concatenate([self.sides_px, more.sides_px]),
        )


class _Series:
    """How the best pairs of each photo were told apart: what the photo's other pairs follow from."""

    def __init__(self) -> None:
        self._proofs: dict[int, list[float]] = defaultdict(list)  # the best proof last
        self._scores: dict[int, list[float]] = defaultdict(list)

    def add(self, row: int, proof: float, score: float) -> None:
        """Take in a pair of a photo that was told apart: the probability of its proof, and its score."""
        insort(self._proofs[row], proof)
        self._scores[row].append(score)

    def bar(self, row: int) -> float:
        """Return the proof below which a pair of this photo is one of its series; -inf without a series."""
        proofs = self._proofs.get(row, ())
        return proofs[-SERIES] if len(proofs) >= SERIES else -np.inf

    def bar_of(self, a: int, b: int) -> float:
        """Return the proof below which a pair of these two is one of both their series."""
        return min(self.bar(a), self.bar(b))

    def score(self, a: int, b: int) -> float:
        """Return the mean score of what was told apart from either photo."""
        return float(np.mean(self._scores[a] + self._scores[b]))


class Settling:
    """Keeps the scores: log odds of a copy, NaN where a pair was not judged.

    Attributes:
        is_looked: Which pairs were looked at themselves, (pairs,) bool.
    """

    def __init__(self, pairs: Looked) -> None:
        self.pairs = pairs.first(0)
        self.scores = np.zeros(0)
        self.is_looked, self._pending, self._are_frames = np.zeros((3, 0), bool)
        # Of each hub the photos that it shows whole, with the score of the pair.
        self._around: dict[int, dict[int, float]] = defaultdict(dict)
        self._hubs: dict[int, set[int]] = defaultdict(set)
        self._places: dict[tuple[int, int], int] = {}
        self._series = _Series()
        self._looks: dict[int, int] = defaultdict(int)
        self._sides_px: dict[int, float] = {}
        self.extend(pairs)

    def extend(self, more: Looked, scores: NDArray[np.float64] | None = None) -> None:
        """Take in further pairs; those among the copies of a known hub are settled at once.

        ``scores`` are given for those that follow from others, (pairs,): they need no look.
        """
        before, none = len(self.scores), np.zeros(len(more.rows), bool)
        unknown = np.full(len(none), np.nan)
        self.pairs = self.pairs.joined(more)
        self.scores = np.append(self.scores, unknown if scores is None else scores)
        self.is_looked = np.append(self.is_looked, none)
        self._pending = np.append(self._pending, more.wanted if scores is None else none)
        self._are_frames = self.pairs.covered.min(axis=1, initial=1.0) >= FRAMES
        self._places.update(
            {(a, b): before + place for place, (a, b) in enumerate(more.rows.tolist())}
        )
        self._sides_px.update(
            zip(more.rows.ravel().tolist(), more.sides_px.ravel().tolist(), strict=True)
        )
        for hub in sorted(self._around):
            self._settle(hub)

    @property
    def wanted(self) -> int:
        """How many pairs are worth a look."""
        return int(self.pairs.wanted.sum())

    @property
    def waiting(self) -> int:
        """How many pairs are neither looked at nor settled."""
        return int(self._pending.sum())

    def in_series(self) -> NDArray[np.bool_]:
        """Return which pairs were told apart, (pairs,), where both photos are frames of a series."""
        return self.leads_nowhere() & (self.scores < UNLIKE)

    def leads_nowhere(self) -> NDArray[np.bool_]:
        """Return which pairs, (pairs,), are of two frames of a series and no sure copies."""
        found = self._are_frames & (self.scores < SURE_LOG_ODDS)
        for place in np.flatnonzero(found).tolist():
            a, b = self.pairs.rows[place].tolist()
            found[place] = self._series.bar_of(a, b) > -np.inf
        return found

    def next_batch(self, *, of_hubs: bool = False) -> list[int]:
        """Return the places of the pairs to look at next; none when all is settled.

        Those of the photos with most promising pairs, no two of which are such a pair themselves, the best
        proofs first; at the end the unpromising ones in the same way.

        Args:
            of_hubs: Whether promising pairs alone are asked for, and none of a photo that is in a series.
        """
        self._follow_series()
        promising = self._pending & (self.pairs.proof >= PROMISING)
        if of_hubs and not promising.any():
            return []
        beside: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for place in np.flatnonzero(promising if promising.any() else self._pending).tolist():
            a, b = self.pairs.rows[place].tolist()
            beside[a].append((b, place))
            beside[b].append((a, place))
        batch: list[int] = []
        seen: set[int] = set()
        # A hub that was begun is ended first: its copies need no other.
        around = {row: self._around.get(row, {}) for row in beside}
        for hub in sorted(beside, key=lambda row: self._rank(row, beside[row])):
            if hub in seen:
                continue
            in_series = of_hubs and self._series.bar(hub) > -np.inf
            best = [] if in_series else self._best_of(hub, beside[hub])
            batch.extend(best)
            if best or in_series:
                seen.update((hub, *around[hub], *(row for row, _ in beside[hub])))
        return sorted(set(batch))

    def _rank(self, row: int, beside: Sequence[tuple[int, int]]) -> tuple[float, ...]:
        """Return what orders hubs: most copies first, then most pairs, then all but the small ones."""
        usual_px = median_low([self._sides_px[other] for other, _ in beside])
        is_small = self._sides_px[row] < COARSER * usual_px
        return -len(self._around.get(row, {})), -len(beside), is_small, row

    def _best_of(self, hub: int, beside: Sequence[tuple[int, int]]) -> list[int]:
        """Return the places of a hub's next pairs: as many more as were looked at, by their proofs.

        None of its series: whether they need a look is up to their other photo.
        """
        bar = self._series.bar(hub)
        places = [
            place
            for _, place in beside
            if self.pairs.proof[place] >= bar or not self._are_frames[place]
        ]
        places.sort(key=lambda place: (-self.pairs.proof[place], place))
        return places[: max(SERIES, self._looks[hub])]

    def record(self, places: Sequence[int], scores: Sequence[float]) -> None:
        """Take in the scores of the pairs looked at (NaN: nothing could be seen); settle others."""
        hubs: set[int] = set()
        for place, score in zip(places, scores, strict=True):
            self.scores[place], self.is_looked[place] = score, True
            self._pending[place] = False
            a, b = self.pairs.rows[place].tolist()
            for row in (a, b):
                self._looks[row] += 1
                if score < UNLIKE and self._are_frames[place]:
                    self._series.add(row, float(self.pairs.proof[place]), score)
            if score >= SURE_LOG_ODDS:
                for one, hub, share in zip((a, b), (b, a), self.pairs.covered[place], strict=True):
                    if share >= COVERED:
                        self._around[hub][one] = score
                        self._hubs[one].add(hub)
                        hubs.add(hub)
            for hub in sorted(self._hubs[a] & self._hubs[b]):
                self._settle_pair(hub, a, b)
        for hub in sorted(hubs):
            self._settle(hub)

    def _follow_series(self) -> None:
        """Tell apart the pairs that both of their photos have likelier ones told apart than."""
        for place in np.flatnonzero(self._pending & self._are_frames).tolist():
            a, b = self.pairs.rows[place].tolist()
            if self.pairs.proof[place] < self._series.bar_of(a, b):
                self.scores[place] = self._series.score(a, b)
                self._pending[place] = False

    def _settle(self, hub: int) -> None:
        """Settle the pairs among the copies of one hub, given the score of each with it."""
        rows = sorted(self._around[hub])
        for number, a in enumerate(rows):
            for b in rows[number + 1 :]:
                self._settle_pair(hub, a, b)

    def _settle_pair(self, hub: int, a: int, b: int) -> None:
        """Settle two copies of a hub that were not seen themselves: what was seen of a pair stands.

        A hub would only hide it. Each frame of a scene has a pair with another frame that comes near a copy.
        """
        place = self._places.get((a, b))
        if place is None or not self.pairs.wanted[place]:
            return
        score, sides_px = self.scores[place], self._sides_px
        if self.is_looked[place] and np.isfinite(score):
            return
        by_hub = min(self._around[hub][a], self._around[hub][b])
        if sides_px[hub] < COARSER * min(sides_px[a], sides_px[b]) and not score + by_hub >= 0:
            return  # what it does not show is seen by a look of their own
        self.scores[place] = np.fmax(score, by_hub)
        self._pending[place] = False
