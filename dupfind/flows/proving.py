"""Prove the candidate pairs of a library, in parallel, and those that follow from what is proven."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dupfind.evidence import Evidence
from dupfind.flows.features import FeatureSource
from dupfind.matching.calibrate import SIGNALS, Calibration, signals_of
from dupfind.matching.features import LocalFeatures, use_one_thread
from dupfind.matching.relation import Side, relate
from dupfind.matching.verify import Proof, reversed_proof, verify, verify_through
from dupfind.progress import OnDone
from dupfind.records import Photo, Relation
from dupfind.store.store import Store
from dupfind.system import usable_cores

FOLLOW_UP = 0.5  # pairs of probability above it lead to the pairs beside them
MAX_FOLLOW_UPS = 30  # further partners of one photo, besides its candidates
CLEAR = 0.8  # agreement of a proof that needs no way through a third photo
UNALIGNED = Evidence("none")
_CHUNK = 64

# The partner through which to prove, and the proofs (a, partner) and (partner, b).
Via = tuple[int, Proof, Proof]
Job = tuple[int, int, Via | None]


@dataclass(frozen=True, slots=True)
class Proven:
    """A proven or rejected pair of rows a < b: what was found, and the signals of its probability.

    ``container`` is the row of the collage or page that holds the other photo, -1 for none.
    """

    a: int
    b: int
    relation: Relation
    evidence: Evidence
    signals: NDArray[np.float64]
    container: int = -1
    # For proofs through this pair; the comparison is dropped to keep memory small.
    matrix: NDArray[np.float64] | None = None

    @property
    def proof(self) -> Proof:
        """The proof without its comparison."""
        found = self.evidence
        return Proof(found.method, self.matrix, found.mirrored, found.inliers or 0)


class Prover:
    """Proves pairs of photos given by row."""

    def __init__(self, photos: list[Photo], source: FeatureSource, *, workers: int = 2) -> None:
        self.photos = photos
        self.source = source
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
        while chunk := list(islice(waiting, _CHUNK)):
            rows = sorted({row for a, b, via in chunk for row in (a, b, *(via[:1] if via else ()))})
            held = dict(zip(rows, self.source.load(rows), strict=True))
            yield from self._pool.map(lambda job, held=held: self._prove_one(held, *job), chunk)
            done += len(chunk)
            if on_done:
                on_done(done, total)

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


@contextmanager
def open_prover(store: Store, photos: list[Photo], *, workers: int = 0) -> Iterator[Prover]:
    """Open the feature cache of a library and a prover of these photos; ``workers`` 0: one a core."""
    workers = workers or usable_cores()
    with (
        store.features() as cache,
        closing(FeatureSource(photos, cache, workers=workers)) as source,
        closing(Prover(photos, source, workers=workers)) as prover,
    ):
        yield prover


def follow_ups(
    proven: list[Proven], calibration: Calibration, tried: set[tuple[int, int]]
) -> list[Job]:
    """Return the pairs that share a proven partner and were no candidates themselves.

    A photo with many copies has more of them than it gets candidates.
    """
    signals = np.array([pair.signals for pair in proven]).reshape(-1, len(SIGNALS))
    probability = calibration.probability(signals)
    partners: dict[int, dict[int, Proof]] = defaultdict(dict)
    for pair, likely in zip(proven, probability, strict=True):
        if likely >= FOLLOW_UP:
            partners[pair.a][pair.b] = pair.proof
            partners[pair.b][pair.a] = reversed_proof(pair.proof)
    found: dict[tuple[int, int], tuple[int, Proof, Proof]] = {}
    count: dict[int, int] = defaultdict(int)
    # The photo with the most proven copies is the best to go through: most likely the original.
    for middle in sorted(partners, key=lambda row: -len(partners[row])):
        for a, b in _pairs_of(sorted(partners[middle])):
            room = count[a] < MAX_FOLLOW_UPS and count[b] < MAX_FOLLOW_UPS
            if room and (a, b) not in tried and (a, b) not in found:
                first = reversed_proof(partners[middle][a])
                found[a, b] = (middle, first, partners[middle][b])
                count[a] += 1
                count[b] += 1
    return [(a, b, via) for (a, b), via in found.items()]


def _pairs_of(rows: list[int]) -> Iterator[tuple[int, int]]:
    for place, a in enumerate(rows):
        for b in rows[place + 1 :]:
            yield a, b
