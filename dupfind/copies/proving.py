"""Prove pairs of a library's photos, in parallel."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dupfind.copies.features import FeatureSource
from dupfind.copies.kept import Kept
from dupfind.matching.calibrate import signals_of
from dupfind.matching.features import LocalFeatures, use_one_thread
from dupfind.matching.proven import UNALIGNED, Job, Proven, Via
from dupfind.matching.relation import Side, relate
from dupfind.matching.verify import Proof, verify, verify_through
from dupfind.progress import OnDone
from dupfind.records import Photo, Relation
from dupfind.store.store import Store
from dupfind.system import usable_cores

if TYPE_CHECKING:
    from dupfind.copies.elsewhere import Elsewhere

CLEAR = 0.8  # agreement of a proof that needs no way through a third photo
_CHUNK = 64


class Prover:
    """Proves pairs of photos given by row; what ``kept`` knows is not proven again.

    ``elsewhere`` has other processes do it.
    """

    def __init__(
        self,
        photos: list[Photo],
        source: FeatureSource,
        *,
        kept: Kept | None = None,
        elsewhere: "Elsewhere | None" = None,
        workers: int = 2,
    ) -> None:
        self.photos = photos
        self.source = source
        self.kept = kept
        self.elsewhere = elsewhere
        # Each pair has a core to itself: BLAS and OpenCV must not start threads of their own.
        self._limits = threadpool_limits(1)
        self._pool = ThreadPoolExecutor(workers, "prove", initializer=use_one_thread)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._limits.restore_original_limits()

    def prove(self, pairs: NDArray[np.int64], on_done: OnDone | None = None) -> Iterator[Proven]:
        """Yield the outcome of each pair, (pairs, 2) rows with a < b, in order."""
        jobs = ((int(a), int(b), None) for a, b in pairs)
        return self._run(jobs, len(pairs), on_done)

    def prove_through(self, jobs: list[Job], on_done: OnDone | None = None) -> Iterator[Proven]:
        """Yield the outcome of pairs that share a proven partner: itself, else through the partner."""
        return self._run(jobs, len(jobs), on_done)

    def _run(
        self,
        jobs: Iterable[Job],
        total: int,
        on_done: OnDone | None,
    ) -> Iterator[Proven]:
        waiting, done = iter(jobs), 0
        size = self.elsewhere.chunk if self.elsewhere else _CHUNK
        chunks = iter(lambda: list(islice(waiting, size)), [])
        for outcomes in self._outcomes(chunks):
            yield from outcomes
            done += len(outcomes)
            if on_done:
                on_done(done, total)

    def _outcomes(self, chunks: Iterable[list[Job]]) -> Iterator[list[Proven]]:
        """Yield the outcomes of each chunk; the next one is begun before, so that no core waits."""
        begun: _Begun | None = None
        for chunk in chunks:
            following = self._begin(chunk)
            if begun is not None:
                yield self._end(begun)
            begun = following
        if begun is not None:
            yield self._end(begun)

    def _begin(self, jobs: list[Job]) -> "_Begun":
        nothing: list[Proven | None] = [None] * len(jobs)
        known = self.kept.proofs(jobs) if self.kept else nothing
        todo = [job for job, found in zip(jobs, known, strict=True) if found is None]
        if self.elsewhere is None or not self.elsewhere.takes(len(todo)):
            return _Begun(known, todo, self._prove_here(todo))
        elsewhere = self.elsewhere.prove(self.photos, todo)
        self.source.unreadable |= elsewhere.unreadable
        return _Begun(known, todo, iter(elsewhere.proven))

    def _end(self, begun: "_Begun") -> list[Proven]:
        outcomes = list(begun.outcomes)
        if self.kept:
            # Kept before they are given away: whoever asked may be stopped.
            done = zip(begun.todo, outcomes, strict=True)
            self.kept.keep_proofs([(job, pair) for job, pair in done if self._were_read(job)])
        fresh = iter(outcomes)
        return [next(fresh) if found is None else found for found in begun.known]

    def _prove_here(self, jobs: list[Job]) -> Iterator[Proven]:
        """Have threads prove jobs; return what waits for them."""
        rows = sorted({row for a, b, via in jobs for row in (a, b, *(via[:1] if via else ()))})
        held = dict(zip(rows, self.source.load(rows), strict=True))
        return self._pool.map(lambda job: self._prove_one(held, *job), jobs)

    def _were_read(self, job: Job) -> bool:
        a, b, via = job
        return self.source.unreadable.isdisjoint((a, b) if via is None else (a, b, via[0]))

    def _prove_one(self, held: dict[int, LocalFeatures], a: int, b: int, via: Via | None) -> Proven:
        features_a, features_b = held[a], held[b]
        proof = verify(features_a, features_b)
        if via is not None and (proof.comparison is None or proof.comparison.agree < CLEAR):
            middle, first, second = via
            through = verify_through(features_a, features_b, held[middle], first, second)
            proof = max(proof, through, key=lambda found: found.strength)
        return self._outcome(a, b, proof, features_a, features_b)

    def _outcome(
        self, a: int, b: int, proof: Proof, features_a: LocalFeatures, features_b: LocalFeatures
    ) -> Proven:
        signals = signals_of(proof)
        if proof.matrix is None or proof.comparison is None:
            return Proven(a, b, Relation.SIMILAR, UNALIGNED, signals)
        photo_a, photo_b = self.photos[a], self.photos[b]
        side_a = Side(features_a, photo_a.width, photo_a.height)
        side_b = Side(features_b, photo_b.width, photo_b.height)
        relation, evidence = relate(proof, side_a, side_b)
        container = -1
        if relation is Relation.COMPOSITE:
            container = b if evidence.part == "a" else a
        return Proven(a, b, relation, evidence, signals, container, proof.matrix)


@dataclass(frozen=True, slots=True)
class _Begun:
    """Jobs that are being proven: what was known of all of them, the others, and what gives their outcomes."""

    known: list[Proven | None]
    todo: list[Job]
    outcomes: Iterator[Proven]


@contextmanager
def open_prover(
    store: Store,
    photos: list[Photo],
    *,
    kept: Kept,
    elsewhere: "Elsewhere | None" = None,
    workers: int = 0,
) -> Iterator[Prover]:
    """Open the feature cache of a library and a prover of these photos; ``workers`` 0: one a core."""
    workers = workers or usable_cores()
    with (
        store.features() as cache,
        closing(FeatureSource(photos, cache, workers=workers)) as source,
        closing(Prover(photos, source, kept=kept, elsewhere=elsewhere, workers=workers)) as prover,
    ):
        yield prover
