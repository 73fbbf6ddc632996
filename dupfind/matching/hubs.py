"""Which pairs to prove first, so that most others follow: those of the photos that most others are copies of.

In:  promising pairs by row, then what was found of some. Out: the next pairs to prove, and which of the
others follow through a hub. No disk, database or model.

Two photos that are sure copies of a third, which shows all that both share, are copies of each other: they are
neither proven nor looked at. So a group of n copies costs n proofs, and not the square.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.proven import Proven
from dupfind.matching.settle import FRAMES, SERIES, SURE_LOG_ODDS, UNLIKE
from dupfind.matching.shared import Shared, share_through

FEWEST = 3  # pairs of a photo that are worth a round as its hub's
LINKS = 2  # sure copies of a hub that name a further photo, from which on it is tried with the hub
NEW_HUBS, ROUNDS = 2, 8  # rounds in which a photo may become a hub, and in which one is ended
SHOWN = 0.9  # share of what two photos share that their hub must show
SHARED = 0.6  # share of either photo that the other must show
_FLAT = 1e-9  # determinant of what leads nowhere

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Spoke:
    """A sure copy of a hub.

    Attributes:
        pair: The two.
        score: Log odds of a copy.
        to_copy: (3, 3) from shares of the hub's sides to those of the copy's.
    """

    pair: Proven
    score: float
    to_copy: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Followed:
    """A pair a < b that follows through its hub: the hub's pairs with both, and what the two share."""

    a: int
    b: int
    hub: int
    to_a: Spoke
    to_b: Spoke
    shared: Shared

    @property
    def score(self) -> float:
        """Log odds of a copy: of the less sure of the two."""
        return min(self.to_a.score, self.to_b.score)


class Hubs:
    """Gives the pairs of hubs, and takes what was found of them.

    Attributes:
        waiting: Pairs (a, b) with a < b that were neither proven nor follow.
    """

    def __init__(self, promising: NDArray[np.int64], near: NDArray[np.float64]) -> None:
        """Take in the promising pairs, (pairs, 2), and how near the two of each are, (pairs,)."""
        self.waiting: set[Pair] = {(a, b) for a, b in promising.tolist()}
        self._known = set(self.waiting)
        self._beside: dict[int, set[int]] = defaultdict(set)
        # An original is nearer to each of its copies than these are to one another.
        self._near: dict[int, float] = defaultdict(float)
        for (a, b), nearness in zip(promising.tolist(), near.tolist(), strict=True):
            for row, other in ((a, b), (b, a)):
                self._beside[row].add(other)
                self._near[row] += nearness
        self._spokes: dict[int, dict[int, Spoke]] = defaultdict(dict)
        self._unlike: dict[int, int] = defaultdict(int)
        self._recorded: set[Pair] = set()
        self._rounds = 0

    def next_batch(self) -> list[Pair]:
        """Return the pairs to prove next, sorted: of hubs that have no partner in common; none at the end."""
        self._rounds += 1
        if self._rounds > ROUNDS:
            return []
        reach = {row: self._reach(row) for row in self._beside}
        batch: set[Pair] = set()
        seen = {row for row, count in self._unlike.items() if count >= SERIES}
        # A hub that was begun is ended first: its copies need no other.
        for hub in sorted(reach, key=lambda row: (-len(self._spokes[row]), -self._near[row], row)):
            if hub not in seen and len(reach[hub]) >= self._fewest(hub):
                batch |= {_pair(hub, row) for row in reach[hub]}
                near = {hub, *self._spokes[hub], *reach[hub]}
                # Nor their partners: what is of this group is left for this hub.
                seen |= near.union(*(self._beside[row] for row in near))
        self._known |= batch
        self._take(batch)
        return sorted(batch)

    def _fewest(self, hub: int) -> float:
        """Return how many pairs must be left of a hub; after some rounds no photo becomes one any more."""
        if len(self._spokes[hub]) >= FEWEST:
            return 1
        return FEWEST if self._rounds <= NEW_HUBS else np.inf

    def _reach(self, row: int) -> set[int]:
        """Return the photos to try with a hub: its pairs, and what several of its copies name."""
        links: dict[int, int] = defaultdict(int)
        for copy in self._spokes[row]:
            for other in self._beside[copy]:
                links[other] += 1
        named = {other for other, count in links.items() if count >= LINKS}
        untried = {other for other in named if _pair(row, other) not in self._known}
        return self._beside[row] | (untried - {row})

    def record(self, pairs: Sequence[Proven], scores: Sequence[float]) -> None:
        """Take in pairs with the scores of their looks, NaN without one; each counts once."""
        for pair, score in zip(pairs, scores, strict=True):
            rows = pair.a, pair.b
            if np.isnan(score) or rows in self._recorded:
                continue
            self._recorded.add(rows)
            if score < UNLIKE and _are_frames(pair):
                for row in rows:
                    self._unlike[row] += 1
            if score >= SURE_LOG_ODDS:
                self._join(pair, score)

    def _join(self, pair: Proven, score: float) -> None:
        """Take in a sure pair; not where one is a collage, which shows other things too."""
        if pair.evidence.matrix is None or pair.container >= 0:
            return
        there = np.reshape(pair.evidence.matrix, (3, 3))
        if abs(np.linalg.det(there)) > _FLAT:
            back = np.asarray(np.linalg.inv(there), np.float64)
            self._spokes[pair.a][pair.b] = Spoke(pair, score, there)
            self._spokes[pair.b][pair.a] = Spoke(pair, score, back)

    def follow(self, pairs: Iterable[Pair]) -> list[Followed]:
        """Return those of the pairs that follow through a hub, and have them wait no longer."""
        found = [one for pair in sorted(pairs) if (one := self._followed(*pair)) is not None]
        self._take({(one.a, one.b) for one in found})
        return found

    def _followed(self, a: int, b: int) -> Followed | None:
        """Return how a pair follows through the photo with most copies that shows what the two share."""
        both = self._spokes[a].keys() & self._spokes[b].keys()
        # A photo that others are so like, but are no copies of, may be one frame of a series.
        hubs = [row for row in both if not self._unlike[row]]
        for hub in sorted(hubs, key=lambda row: (-len(self._spokes[row]), row)):
            to_a, to_b = self._spokes[hub][a], self._spokes[hub][b]
            shared = share_through(to_a.to_copy, to_b.to_copy)
            if shared is not None and _is_shown(shared):
                return Followed(a, b, hub, to_a, to_b, shared)
        return None

    def _take(self, pairs: set[Pair]) -> None:
        self.waiting -= pairs
        for a, b in pairs:
            self._beside[a].discard(b)
            self._beside[b].discard(a)


def _are_frames(pair: Proven) -> bool:
    """Say whether each of two shows at least half of the other."""
    shares = pair.evidence.crop_share, pair.evidence.part_share
    return pair.container < 0 and all(share is None or share >= FRAMES for share in shares)


def _is_shown(shared: Shared) -> bool:
    return max(shared.share_a, shared.share_b) >= SHARED and shared.shown >= SHOWN


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
