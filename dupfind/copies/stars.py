"""Prove the promising pairs of a library around hubs: most pairs of a group follow from those of its hub."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.looking import Judged, Looker
from dupfind.copies.proving import Prover
from dupfind.matching.composed import Sides, composed
from dupfind.matching.hubs import Hubs, Pair
from dupfind.matching.proven import Job, Proven, not_proven
from dupfind.progress import OnDone


class Stars:
    """Proves, looks closer, and keeps what was found.

    Attributes:
        pairs: All that were proven or follow, in the order in which the looker got them.
        judged: What is held of them.
    """

    def __init__(
        self,
        promising: NDArray[np.int64],
        near: NDArray[np.float64],
        prover: Prover,
        looker: Looker,
    ) -> None:
        """Take in the promising pairs, (pairs, 2), and how near the descriptors of each are, (pairs,)."""
        self.pairs: list[Proven] = []
        self._hubs = Hubs(promising, near)
        self._prover, self._looker = prover, looker
        self._total = len(promising)
        self.judged: Judged = looker.judge([])

    def prove(self, on_proven: OnDone | None = None, on_looked: OnDone | None = None) -> None:
        """Prove all promising pairs that follow from no others, the hubs' first, and look at them."""
        while batch := self._hubs.next_batch():
            self._prove(batch, on_proven)
            self.judged = self._looker.judge(self.pairs[-len(batch) :], of_hubs=True)
            self._record()
            self.follow(self._hubs.waiting)
        rest = sorted(self._hubs.waiting)
        self._prove(rest, on_proven)
        self.judged = self._looker.judge(self.pairs[len(self.pairs) - len(rest) :], on_looked)
        self._record()

    def follow(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Take in those of the pairs that follow from others, and return them."""
        followed = self._hubs.follow(pairs)
        photos = self._prover.photos
        sides = [
            [Sides(photos[row].width, photos[row].height) for row in (one.a, one.b)]
            for one in followed
        ]
        more = [composed(one, *both) for one, both in zip(followed, sides, strict=True)]
        self._looker.follow(more, [one.score for one in followed])
        self.pairs += more
        return {(one.a, one.b) for one in followed}

    def prove_more(
        self,
        jobs: Sequence[Job],
        others: NDArray[np.int64],
        on_proven: OnDone | None = None,
        on_looked: OnDone | None = None,
    ) -> None:
        """Prove the jobs that follow from no others, and look at them; ``others`` are not proven at all."""
        followed = self.follow((a, b) for a, b, _ in jobs)
        left = [job for job in jobs if job[:2] not in followed]
        more = list(self._prover.prove_through(left, on_proven))
        more += not_proven(others, self.pairs + more)
        self.pairs += more
        self.judged = self._looker.judge(more, on_looked)

    def _prove(self, pairs: Sequence[Pair], on_done: OnDone | None) -> None:
        before = self._total - len(self._hubs.waiting) - len(pairs)

        def tell(done: int, _: int) -> None:
            if on_done:
                on_done(min(max(0, before) + done, self._total), self._total)

        rows = np.array(pairs, np.int64).reshape(-1, 2)
        self.pairs += self._prover.prove(rows, tell)

    def _record(self) -> None:
        """Tell the hubs what was looked at; what follows from others leads no further."""
        scores = np.where(self.judged.is_looked, self.judged.scores, np.nan)
        self._hubs.record(self.pairs, scores.tolist())
