"""Find and record the groups of copies: candidates, proofs, probabilities, groups."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import combinations, compress, product

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.calibration import find_calibration
from dupfind.copies.candidates import Candidates
from dupfind.copies.contents import Contents, load_contents, relation_of_same, told_apart
from dupfind.copies.elsewhere import MODULES, Elsewhere
from dupfind.copies.finding import Finder
from dupfind.copies.grouping import Scored, make_groups
from dupfind.copies.kept import Counts, open_kept
from dupfind.copies.looking import Judged, Looker
from dupfind.copies.presence import without_lost
from dupfind.copies.proving import Prover, open_prover
from dupfind.copies.stars import Stars
from dupfind.copies.verdicts import Verdicts, reach_verdicts
from dupfind.decisions import GroupState
from dupfind.engines import open_engine
from dupfind.engines.starting import pay
from dupfind.evidence import Evidence
from dupfind.matching.calibrate import Calibration, Expectation, shipped_calibration
from dupfind.matching.collages import mark_collages
from dupfind.matching.keep import parse_rules
from dupfind.matching.proven import Proven, follow_ups, unjoined
from dupfind.options import ClusterOptions, EngineKind
from dupfind.progress import OnProgress, stage
from dupfind.records import Advice, Group, JoinFacts, Level, Pair, Photo
from dupfind.reports.words import count, safe_name
from dupfind.store.store import Store
from dupfind.system import usable_cores

BURST_SECONDS = 10.0
PRECISIONS = (0.9, 0.99, 0.999)
FEWEST_PAIRS = 16  # for each process, that are given out unasked
NAMED = 3  # photos that a warning names
MAX_EXPANSION = 400  # pairs listed between two sets of same pictures; beyond it only with the first

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """What a clustering did. ``calibration`` says whose probabilities were used, ``note`` why.

    ``proven`` and ``looked`` count the pairs that were proven and looked at closer in this run: what
    earlier runs found is kept. ``looks`` counts the members that want a look before anything is done
    with them. ``prior`` is the estimated share of copies among the pairs that were looked at.
    ``expectation`` is None where so few are copies that no example would reach the cut: nothing can be
    promised then. ``promises`` holds ``asked``, ``cut``, ``low`` and ``high`` for each of ``PRECISIONS``.
    ``join`` says how descriptors were compared in this run, None where earlier candidates served.
    ``settled`` counts the groups of which a person keeps all, ``decided`` those of which each photo is
    kept or removed; what can be reclaimed and what wants a look is counted by these decisions too.
    """

    photos: int
    candidates: int
    pairs: int
    groups: int
    grouped_photos: int
    reclaimable_bytes: int
    looks: int
    cut: float
    expectation: Expectation | None
    calibration: str
    note: str = ""
    unreadable: int = 0
    prior: float = 0.0
    proven: int = 0
    looked: int = 0
    promises: list[dict[str, float]] = field(default_factory=list)
    settled: int = 0
    decided: int = 0
    join: JoinFacts | None = None


def cluster_photos(
    store: Store, options: ClusterOptions | None = None, on_progress: OnProgress | None = None
) -> ClusterSummary:
    """Find the groups of copies in a library and record pairs and groups in its database.

    Args:
        store: Open for writing.
        options: See ``ClusterOptions``.
        on_progress: Called with how far it is; the phases are ``features``, ``votes``,
            ``near``, ``prove``, ``look``, ``more``, ``look_more`` and ``group``.

    Raises:
        LibraryError: Nothing is indexed yet, or the database cannot be written.
        DupfindError: A keep rule does not exist.
        EngineError: Ray is missing, or parts could not be done; what is done is kept.
    """
    options = options or ClusterOptions()
    rules = parse_rules(options.keep)
    contents, lost = without_lost(load_contents(store))
    recorded = asdict(options) | {"level": str(options.level)}
    with (
        _open_elsewhere(options, store) as elsewhere,
        store.run("cluster", recorded, model_id=contents.model.id) as run,
        open_kept(store, contents.first) as kept,
        open_prover(
            store,
            contents.first,
            kept=kept,
            elsewhere=elsewhere,
            workers=options.workers,
        ) as prover,
    ):
        found = _Search(store, contents, prover, options, on_progress)
        scored = found.run()
        kept.forget_others(store.contents())
        told = stage(on_progress, "group")
        groups = list(make_groups(scored, contents, prover, options.level, rules, told))
        written, _ = store.replace_results(run.id, _records(scored, contents), groups)
        if store.has_decisions():
            groups = list(store.groups())
        summary = found.summary(scored, groups, kept.made, pairs=written, lost=lost)
        run.summary = asdict(summary)
    return summary


@contextmanager
def _open_elsewhere(options: ClusterOptions, store: Store) -> Iterator[Elsewhere | None]:
    """Start what proves and looks elsewhere: where nothing else is asked for, processes on many cores."""
    many = options.engine is EngineKind.LOCAL and pay(options.workers or usable_cores())
    kind = EngineKind.PROCESSES if many else options.engine
    with open_engine(kind, workers=options.workers, modules=MODULES) as engine:
        fewest = FEWEST_PAIRS if many else 0
        yield None if engine is None else Elsewhere(engine, store.features_file, fewest)


class _Search:
    """One search for copies; each step leaves what the next needs."""

    def __init__(
        self,
        store: Store,
        contents: Contents,
        prover: Prover,
        options: ClusterOptions,
        on_progress: OnProgress | None,
    ) -> None:
        self.store, self.contents, self.prover = store, contents, prover
        self.source = prover.source
        self.options, self.on_progress = options, on_progress
        self.calibration: Calibration = shipped_calibration()
        self.candidates = 0
        self.join: JoinFacts | None = None
        self.verdicts: Verdicts
        self.note = ""

    def run(self) -> Scored:
        """Return the scored pairs of distinct pictures."""
        workers = self.options.workers or usable_cores()
        kept = self.prover.kept
        elsewhere = self.prover.elsewhere
        with closing(
            Looker(self.contents.first, kept=kept, elsewhere=elsewhere, workers=workers)
        ) as looker:
            proven, judged = self._proven(looker)
        rows = np.array([(pair.a, pair.b) for pair in proven], np.int64).reshape(-1, 2)
        similarity = _similarities(self.contents.vectors, rows)
        self.verdicts = reach_verdicts(proven, similarity, self.calibration, judged)
        cut = self.options.threshold
        if cut is None:
            cut = self.verdicts.cut(self.options.precision)
        probability = self.verdicts.probability
        proven = self.verdicts.named(mark_collages(proven, probability >= cut), cut)
        apart = self.verdicts.apart(proven) | told_apart(self.store, self.contents.photos)
        # What cannot be read any more may be another photo by now: nothing is claimed of it.
        lost = self.unreadable
        sound = np.array([not lost & {pair.a, pair.b} for pair in proven], bool)
        return Scored(
            list(compress(proven, sound)), probability[sound], similarity[sound], cut, apart
        )

    def summary(
        self,
        scored: Scored,
        groups: Sequence[Group],
        made: Counts,
        *,
        pairs: int,
        lost: Sequence[Photo],
    ) -> ClusterSummary:
        """Sum up the run, and warn of photos that cannot be read: ``lost`` ones and those met since."""
        states = Counter(group.state for group in groups)
        return ClusterSummary(
            photos=sum(map(len, self.contents.photos)) + len(lost),
            candidates=self.candidates,
            pairs=pairs,
            groups=len(groups),
            grouped_photos=sum(len(group.members) for group in groups),
            looks=sum(
                member.advice is Advice.LOOK and member.decision is None
                for group in groups
                for member in group.members
            ),
            reclaimable_bytes=sum(group.reclaimable_bytes for group in groups),
            cut=scored.cut,
            expectation=self.verdicts.expectation(scored.cut),
            calibration=self.calibration.source,
            note=self.note,
            unreadable=_say_unreadable([*lost, *self.unreadable_photos()]),
            prior=self.verdicts.share,
            proven=made.proofs,
            looked=made.looks,
            promises=self.promises(),
            settled=states[GroupState.SETTLED],
            decided=states[GroupState.DECIDED],
            join=self.join,
        )

    @property
    def unreadable(self) -> set[int]:
        """The rows of photos whose files cannot be read any more, or hold other bytes."""
        return self.source.unreadable | self.verdicts.judged.unreadable

    def unreadable_photos(self) -> list[Photo]:
        """Return the photos that stand for those rows."""
        return [self.contents.first[row] for row in sorted(self.unreadable)]

    def promises(self) -> list[dict[str, float]]:
        """Return the cut for each of ``PRECISIONS`` and what it promises, JSON-ready."""
        cuts = [(asked, self.verdicts.cut(asked)) for asked in PRECISIONS]
        found = [(asked, cut, self.verdicts.expectation(cut)) for asked, cut in cuts]
        return [
            {"asked": asked, "cut": cut, "low": what.precision_low, "high": what.precision_high}
            for asked, cut, what in found
            if what is not None
        ]

    def _proven(self, looker: Looker) -> tuple[list[Proven], Judged]:
        if self.options.level is Level.EXACT:
            return [], looker.judge([])
        found = self._candidates()
        self.candidates, self.join = len(found.promising), found.join
        near = _similarities(self.contents.vectors, found.promising)
        stars = Stars(found.promising, near, self.prover, looker)
        told = [stage(self.on_progress, name) for name in ("prove", "look", "more", "look_more")]
        stars.prove(*told[:2])
        self._calibrate()
        tried = {(int(a), int(b)) for a, b in found.promising}
        tried |= {(pair.a, pair.b) for pair in stars.pairs}
        jobs = follow_ups(stars.pairs, self.calibration, tried, stars.judged.leads_nowhere)
        stars.prove_more(jobs, found.other, *told[2:])
        return stars.pairs, stars.judged

    def _candidates(self) -> Candidates:
        """Return the candidate pairs: where little changed, those of the last run and what is new."""
        finder = Finder(
            self.store.paths.index,
            self.contents.model.fingerprint,
            self.options.candidates,
            self.options.index_kind,
            self.options.workers or usable_cores(),
            self.on_progress,
            self.prover.elsewhere.engine if self.prover.elsewhere else None,
        )
        with self.store.features() as cache:
            return finder.find(self.contents.first, self.contents.vectors, cache)

    def _calibrate(self) -> None:
        """Use the library's calibration of proofs, or the shipped one where there is none."""
        found = find_calibration(self.store, self.contents.model.id)
        self.calibration, self.note = found.calibration, found.note


def _say_unreadable(photos: Sequence[Photo]) -> int:
    """Name photos whose files cannot be read any more, or hold other bytes; return how many."""
    if photos:
        named = ", ".join(safe_name(str(photo.path)) for photo in photos[:NAMED])
        log.warning(
            "%s could not be compared: gone, damaged or changed since the last index (%s%s); run "
            "`dupfind index` with their folders",
            count(len(photos), "photo"),
            named,
            ", ..." if len(photos) > NAMED else "",
        )
    return len(photos)


def _similarities(vectors: NDArray[np.float16], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosine similarity of pairs by row, (pairs, 2)."""
    if not len(rows):
        return np.zeros(0)
    parts = [
        np.einsum(
            "nd,nd->n",
            vectors[block[:, 0]].astype(np.float32),
            vectors[block[:, 1]].astype(np.float32),
        )
        for block in np.array_split(rows, max(1, len(rows) // 4096))
    ]
    return np.asarray(np.clip(np.concatenate(parts), -1, 1), np.float64)


def _records(scored: Scored, contents: Contents) -> Iterator[Pair]:
    """Yield the pairs of photos: of same pictures, and of all photos of two distinct ones."""
    for photos in contents.photos:
        for a, b in _bounded(combinations(photos, 2), len(photos) ** 2 // 2, photos[0]):
            low, high = sorted((a.id, b.id))
            yield Pair(low, high, 1.0, 1.0, relation_of_same(a, b))
    for pair, probability, similarity in zip(
        scored.pairs, scored.probability.tolist(), scored.similarity.tolist(), strict=True
    ):
        relation = pair.relation if probability >= scored.cut else unjoined(pair.relation)
        one, two = contents.photos[pair.a], contents.photos[pair.b]
        # The matrix is for members of groups only: for every scored pair it would double the database.
        evidence = _without_matrix(pair.evidence)
        for a, b in _bounded(product(one, two), len(one) * len(two), one[0]):
            (low, high), apart = sorted((a.id, b.id)), _seconds_apart(a, b)
            found = evidence if a.id == low else evidence.reversed()
            if apart is not None:
                found = replace(found, burst_seconds=apart)
            yield Pair(low, high, similarity, probability, relation, found)


def _without_matrix(evidence: Evidence) -> Evidence:
    return evidence if evidence.matrix is None else replace(evidence, matrix=None)


def _bounded(
    pairs: Iterator[tuple[Photo, Photo]], count: int, first: Photo
) -> Iterator[tuple[Photo, Photo]]:
    return pairs if count <= MAX_EXPANSION else (pair for pair in pairs if first in pair)


def _seconds_apart(a: Photo, b: Photo) -> float | None:
    """Return the seconds between two photos when these are so few that a burst is likely."""
    if not a.taken_at or not b.taken_at:
        return None
    try:
        apart = abs(
            (
                datetime.fromisoformat(a.taken_at) - datetime.fromisoformat(b.taken_at)
            ).total_seconds()
        )
    except (ValueError, TypeError):  # one with a time zone, one without
        return None
    return apart if apart <= BURST_SECONDS else None
