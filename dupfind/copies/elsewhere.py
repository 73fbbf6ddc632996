"""Prove pairs and look at them in other processes: photos and pairs there, results back.

What comes back is what this process would have found: the same functions work on the same photos.
"""

import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dupfind.copies.features import FeatureSource
from dupfind.copies.looking import Looker
from dupfind.copies.proving import Prover
from dupfind.engines import Engine, Part, run_all
from dupfind.matching.closer import CloserLook
from dupfind.matching.proven import Job, Proven
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

PART_PAIRS = 64
FEWEST_PAIRS = 4  # of a part, where there are few for each worker
MODULES = ("dupfind.copies.proving", "dupfind.copies.looking")  # what its processes import
PARTS_AHEAD = 8  # for each worker, before their results are taken in


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one part of the proofs gave, and the rows of photos that could not be read."""

    proven: list[Proven]
    unreadable: frozenset[int]


@dataclass(frozen=True, slots=True)
class Looks:
    """What one part of the closer looks gave: whether both photos could be read, and what was seen."""

    found: list[tuple[bool, CloserLook | None]]
    unreadable: frozenset[int]


@dataclass(frozen=True, slots=True)
class ProveTask:
    """Pairs to prove, by their rows in ``photos``; ``cache`` is the features' file on ``host``."""

    photos: tuple[Photo, ...]
    jobs: tuple[Job, ...]
    cache: str
    host: str


@dataclass(frozen=True, slots=True)
class LookTask:
    """Proven pairs to look at, by their rows in ``photos``."""

    photos: tuple[Photo, ...]
    pairs: tuple[Proven, ...]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The processes that prove and look, and where this one keeps its features.

    What has fewer than ``fewest`` pairs for each of them is done here: processes take seconds to start.
    """

    engine: Engine
    cache: Path
    fewest: int = 0

    def takes(self, pairs: int) -> bool:
        """Tell whether so many pairs are worth giving out."""
        return pairs >= self.fewest * self.engine.workers

    @property
    def chunk(self) -> int:
        """How many pairs are given out before results are taken in."""
        return PART_PAIRS * PARTS_AHEAD * self.engine.workers

    def prove(self, photos: Sequence[Photo], jobs: Sequence[Job]) -> Outcomes:
        """Prove pairs of photos by row.

        Raises:
            EngineError: Some could not be done.
        """

        def task(few: Sequence[Photo], place: dict[int, int], some: Sequence[Job]) -> Part:
            moved = tuple(
                (place[a], place[b], via and (place[via[0]], *via[1:])) for a, b, via in some
            )
            return Part(prove_part, ProveTask(tuple(few), moved, str(self.cache), _host()))

        found = self._run(photos, jobs, _rows_of_job, task)
        proven = [_renamed(pair, rows) for rows, outcomes in found for pair in outcomes.proven]
        return Outcomes(proven, _unreadable(found))

    def look(self, photos: Sequence[Photo], pairs: Sequence[Proven]) -> Looks:
        """Look closer at proven pairs.

        Raises:
            EngineError: Some could not be done.
        """

        def task(few: Sequence[Photo], place: dict[int, int], some: Sequence[Proven]) -> Part:
            moved = tuple(replace(pair, a=place[pair.a], b=place[pair.b]) for pair in some)
            return Part(look_part, LookTask(tuple(few), moved))

        found = self._run(photos, pairs, lambda pair: (pair.a, pair.b), task)
        return Looks([one for _, looks in found for one in looks.found], _unreadable(found))

    def _run(
        self,
        photos: Sequence[Photo],
        work: Sequence[Any],
        rows_of: Callable[[Any], tuple[int, ...]],
        task: Callable[[Sequence[Photo], dict[int, int], Any], Part],
    ) -> list[tuple[list[int], Any]]:
        """Return (the row of each of the part's photos, what it gave) of each part."""
        size = max(FEWEST_PAIRS, min(PART_PAIRS, len(work) // (4 * self.engine.workers)))
        shares = [work[start : start + size] for start in range(0, len(work), size)]
        rows = [sorted({row for one in share for row in rows_of(one)}) for share in shares]
        parts = [
            task([photos[row] for row in some], {row: at for at, row in enumerate(some)}, share)
            for share, some in zip(shares, rows, strict=True)
        ]
        return list(zip(rows, run_all(self.engine, parts), strict=True))


def prove_part(task: ProveTask) -> Outcomes:
    """Prove the pairs of one part."""
    photos = list(task.photos)
    with (
        BlobCache(_cache_here(task)) as cache,
        closing(FeatureSource(photos, cache, workers=1)) as source,
        closing(Prover(photos, source, workers=1)) as prover,
    ):
        proven = list(prover.prove_through(list(task.jobs)))
        return Outcomes(proven, frozenset(source.unreadable))


def look_part(task: LookTask) -> Looks:
    """Look closer at the pairs of one part."""
    with closing(Looker(task.photos, workers=1)) as looker:
        return Looks([looker.attempt(pair) for pair in task.pairs], looker.unreadable)


def _rows_of_job(job: Job) -> tuple[int, ...]:
    a, b, via = job
    return (a, b) if via is None else (a, b, via[0])


def _renamed(pair: Proven, rows: Sequence[int]) -> Proven:
    container = rows[pair.container] if pair.container >= 0 else -1
    return replace(pair, a=rows[pair.a], b=rows[pair.b], container=container)


def _unreadable(found: Sequence[tuple[list[int], Any]]) -> frozenset[int]:
    return frozenset(rows[row] for rows, given in found for row in given.unreadable)


def _cache_here(task: ProveTask) -> Path:
    """Return the library's file on its own machine; SQLite is not for network folders."""
    if task.host == _host():
        return Path(task.cache)
    return Path(tempfile.gettempdir()) / "dupfind" / "features.db"


def _host() -> str:
    return socket.gethostname()
