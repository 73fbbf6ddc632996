"""Find the pairs of a library that are worth a proof: by descriptors, and by votes of keypoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.local_index import LocalIndex
from dupfind.engines import Engine, Part, run_all
from dupfind.index import BlockTask, Join, Tables, join, join_block, one_thread_each
from dupfind.matching.pairs import CANDIDATES, interleave, strongest, unique_pairs
from dupfind.matching.voting import SketchTable, Votes, compare_sketches
from dupfind.matching.worth import (
    WORTH_SIGNALS,
    beside_signals,
    ground_signals,
    shipped_worth,
    worth_signals,
)
from dupfind.options import IndexKind
from dupfind.progress import OnDone
from dupfind.records import JoinFacts

SURE = 3.0  # first log odds from which on a pair is proven without another score
NEAR_CUT = 1.5  # third log odds above the cut, below which a photo has one try
FEWEST_KEYPOINTS = 16  # of a sketch that says something by not agreeing
SOFT_TRIES = 3  # pairs of a soft photo that are proven whatever the scores say
BESIDE_PAIRS = 512  # matched by one core at a time
FEW = 100  # photos; fewer are no background to measure a pair against: all their candidates are proven


@dataclass(frozen=True)
class Candidates:
    """Pairs of photos by row, each (pairs, 2) int64 with a < b.

    ``promising`` are worth a proof; ``other`` were the nearest but are not. ``join`` says how descriptors
    were compared, None where they were not.
    """

    promising: NDArray[np.int64]
    other: NDArray[np.int64]
    join: JoinFacts | None = None


@dataclass(frozen=True)
class Joining:
    """How to compare descriptors: ``index.join`` says what each means; ``engine``: who joins lists."""

    kind: IndexKind = IndexKind.AUTO
    folder: Path | None = None
    on_done: OnDone | None = None
    engine: Engine | None = None

    def join(self, vectors: NDArray[np.float16], k: int) -> Join:
        """Join a collection of at least two photos.

        Raises:
            EngineError: Some blocks could not be done; the others are kept.
        """
        most = min(k, len(vectors) - 1)
        return join(
            vectors,
            most,
            kind=self.kind,
            folder=self.folder,
            on_done=self.on_done,
            elsewhere=self._blocks if self.engine else None,
        )

    def _blocks(
        self, tasks: Sequence[BlockTask], take: Callable[[BlockTask, Tables], None]
    ) -> None:
        if self.engine is not None:
            parts = [Part(join_block, task) for task in tasks]
            run_all(self.engine, parts, lambda place, found: take(tasks[place], found))


def find_candidates(
    vectors: NDArray[np.float16],
    local: LocalIndex,
    *,
    k: int = CANDIDATES,
    joining: Joining | None = None,
    on_done: OnDone | None = None,
) -> Candidates:
    """Return the candidate pairs of a collection.

    Args:
        vectors: Descriptors, float16 (photos, dimensions).
        local: The keypoints of the same photos.
        k: Partners of a photo by the first score, and as many by votes and descriptors, at most; partners
            that count it among theirs come on top.
        joining: How descriptors are compared.
        on_done: Called with (photos that have voted, photos).
    """
    photos = len(vectors)
    none = np.zeros((0, 2), np.int64)
    if photos < 2:
        return Candidates(none, none)
    votes = local.votes(on_done)
    how = joining or Joining()
    joined = how.join(vectors, k)
    near = joined.neighbour
    if photos < FEW:
        return Candidates(_nearest(votes, near, k), none, joined.facts)
    return replace(choose(votes, near, local.table, vectors, k=k), join=joined.facts)


def choose(
    votes: Votes,
    near: NDArray[np.int64],
    table: SketchTable,
    vectors: NDArray[np.float16],
    *,
    k: int,
    new: NDArray[np.bool_] | None = None,
) -> Candidates:
    """Choose among the pairs that votes and descriptors name.

    Args:
        votes: Of all photos, or of the new ones.
        near: (photos, any) rows of the nearest by descriptor, -1 where there are fewer.
        table: The sketches of all photos that stand in such a pair.
        vectors: (photos, dimensions).
        k: See ``find_candidates``.
        new: Where given, only pairs with one of these photos (photos,) are looked at.
    """
    photos = len(vectors)
    pairs = _with_new(pairs_of(votes, near, photos), new)
    is_kept, odds = worth_a_proof(pairs, votes, table, vectors)
    kept, scores = pairs[is_kept], odds[is_kept].astype(np.float32)
    best = unique_pairs(strongest(kept[:, 0], kept[:, 1], scores, photos=photos, k=k))
    # Among many look-alikes the nearest by either source alone may be the copy.
    nearest = _with_new(_nearest(votes, near, k), new)
    hopeless = _without(nearest, kept, photos)
    promising = np.unique(np.concatenate([best, _without(nearest, hopeless, photos)]), axis=0)
    return Candidates(promising, hopeless)


def named_rows(votes: Votes, near: NDArray[np.int64], new: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the photos that stand in a named pair with a new one, ascending."""
    return np.unique(_with_new(pairs_of(votes, near, len(new)), new))


def _with_new(pairs: NDArray[np.int64], new: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    return pairs if new is None else pairs[new[pairs].any(axis=1)]


def worth_a_proof(
    pairs: NDArray[np.int64],
    votes: Votes,
    table: SketchTable,
    vectors: NDArray[np.float16],
    *,
    background: NDArray[np.float16] | None = None,
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which pairs pass all scores, and the first log odds of each.

    The surest need no other score, and soft pictures have no third: their keypoints are too few to agree.
    Where both are as soft nothing but the descriptor can speak: the nearest few of each are tried.
    ``matching.worth_signals`` says what is weighed.
    """
    worth = shipped_worth()
    signals = worth_signals(pairs, votes, table.thumbs, vectors, background)
    odds = worth.first.log_odds(signals)
    near = signals[:, WORTH_SIGNALS.index("nearness")]
    tells = np.diff(table.start)[pairs] >= FEWEST_KEYPOINTS
    keep = _pass_scores(pairs, signals, odds, table, np.asarray(tells.all(axis=1)))
    soft = np.flatnonzero(~tells.any(axis=1))
    keep[soft] |= _nearest_few(pairs[soft], near[soft], len(vectors))
    return keep, odds


def _nearest_few(
    pairs: NDArray[np.int64], near: NDArray[np.float32], photos: int
) -> NDArray[np.bool_]:
    """Return which pairs are among the ``SOFT_TRIES`` nearest of either photo."""
    best = strongest(pairs[:, 0], pairs[:, 1], near, photos=photos, k=SOFT_TRIES)
    return np.asarray(
        (best[pairs[:, 0]] == pairs[:, 1:]).any(axis=1)
        | (best[pairs[:, 1]] == pairs[:, :1]).any(axis=1)
    )


def _pass_scores(
    pairs: NDArray[np.int64],
    signals: NDArray[np.float32],
    odds: NDArray[np.float64],
    table: SketchTable,
    tells: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return which pairs pass all scores; ``tells``, (pairs,): whose sketches have a third."""
    worth = shipped_worth()
    keep = odds >= worth.first.cut
    unsure = np.flatnonzero(keep & (odds < SURE))
    signals = np.column_stack([signals[unsure], ground_signals(pairs[unsure], table.thumbs)])
    is_near = worth.second.log_odds(signals) >= worth.second.cut
    keep[unsure] = is_near
    is_unsure = is_near & tells[unsure]
    unsure = unsure[is_unsure]
    beside = _beside(table, pairs[unsure])
    third = worth.third.log_odds(np.column_stack([signals[is_unsure], beside]))
    keep[unsure] = _passing(pairs[unsure], third - worth.third.cut, table.photos)
    return np.asarray(keep)


def _passing(
    pairs: NDArray[np.int64], above: NDArray[np.float64], photos: int
) -> NDArray[np.bool_]:
    """Return which pairs pass, by how far their third log odds lie ``above`` the cut.

    The more photos, the more pairs come near to it by chance: of those only the best of each photo pass.
    """
    near = (above >= 0) & (above < NEAR_CUT)
    best = np.full(photos, np.inf)
    best[pairs[near]] = -np.inf
    for side in (0, 1):
        np.maximum.at(best, pairs[near, side], above[near])
    is_best = (above[:, None] >= best[pairs]).any(axis=1)
    return (above >= NEAR_CUT) | (near & is_best)


def _beside(table: SketchTable, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    """Match the sketches of pairs with each other, on all cores."""
    blocks = np.array_split(pairs, 1 + len(pairs) // BESIDE_PAIRS)
    with one_thread_each() as pool:
        found = pool.map(partial(compare_sketches, table), blocks)
        return np.concatenate([beside_signals(agreement) for agreement in found])


def nearest_pairs(
    vectors: NDArray[np.float16], local: LocalIndex, *, k: int = CANDIDATES
) -> NDArray[np.int64]:
    """Return the pairs of each photo with its nearest by either source, promising or not."""
    if len(vectors) < 2:
        return np.zeros((0, 2), np.int64)
    return _nearest(local.votes(), Joining().join(vectors, k).neighbour, k)


def _nearest(votes: Votes, near: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the pairs of each photo with the k that most votes and descriptors name."""
    photos = len(near)
    voted = strongest(votes.voter, votes.target, votes.weight, photos=photos, k=k)
    return unique_pairs(interleave([voted, near], k=k))


def pairs_of(votes: Votes, near: NDArray[np.int64], photos: int) -> NDArray[np.int64]:
    """Return every pair that a vote or a descriptor names, sorted."""
    low, high = np.minimum(votes.voter, votes.target), np.maximum(votes.voter, votes.target)
    nearest = unique_pairs(near)
    keys = np.unique(np.concatenate([low * photos + high, nearest[:, 0] * photos + nearest[:, 1]]))
    return np.column_stack([keys // photos, keys % photos])


def _without(pairs: NDArray[np.int64], others: NDArray[np.int64], photos: int) -> NDArray[np.int64]:
    keys, taken = (some[:, 0] * photos + some[:, 1] for some in (pairs, others))
    return pairs[~np.isin(keys, taken)]
