"""Proven pairs by row, and the pairs that follow from them: copies of one photo are tried together.

In:  outcomes of proofs. Out: further pairs to prove, through the photo that they share. No disk,
database or model.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import Evidence
from dupfind.matching.calibrate import SIGNALS, Calibration, shipped_calibration
from dupfind.matching.closer import CloserLook
from dupfind.matching.verify import Proof, reversed_proof
from dupfind.records import Relation

FOLLOW_UP = 0.5  # pairs of probability above it lead to the pairs beside them
MAX_FOLLOW_UPS = 30  # further partners of one photo, besides its candidates
UNALIGNED = Evidence("none")
MOSTLY_SHOWN = 0.8  # share of either photo that the other shows, else they only overlap
SAME_LAYOUT = 0.8  # share of patches at the same place, and correlation, of two variants
NO_COPIES = frozenset({Relation.VARIANT, Relation.OVERLAPPING, Relation.SIMILAR})

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


def told_apart(pair: Proven, look: CloserLook | None, *, passes: bool) -> Proven:
    """Name a pair that is no copy: a variant, two shots that overlap, or a mere look-alike.

    Args:
        pair: A pair that was refused.
        look: What the closer look found; None without one.
        passes: Whether the proof alone would have taken it for a copy.
    """
    if look is None or not passes:
        return replace(pair, relation=Relation.SIMILAR)
    if (pair.evidence.part_share or 1.0) < MOSTLY_SHOWN:
        return replace(pair, relation=Relation.OVERLAPPING)
    same_layout = look.explained_share >= SAME_LAYOUT and look.median >= SAME_LAYOUT
    return replace(pair, relation=Relation.VARIANT if same_layout else Relation.SIMILAR)


def unjoined(relation: Relation) -> Relation:
    """Return what a pair below the cut is called: no copy's relation."""
    return relation if relation in NO_COPIES else Relation.SIMILAR


def follow_ups(
    proven: Sequence[Proven],
    calibration: Calibration,
    tried: set[tuple[int, int]],
    leads_nowhere: NDArray[np.bool_] | None = None,
) -> list[Job]:
    """Return the pairs that share a proven partner and were no candidates themselves.

    A photo with many copies has more of them than it gets candidates. The frames of a series lead on only where
    they are surely copies: each of a burst would be led to all others.

    Args:
        proven: Pairs.
        calibration: Of the proofs.
        tried: Rows (a, b) of the pairs that were proven.
        leads_nowhere: (pairs,) which are frames of a series and no sure copies.
    """
    signals = np.array([pair.signals for pair in proven]).reshape(-1, len(SIGNALS))
    leads = calibration.probability(signals) >= FOLLOW_UP
    if leads_nowhere is not None:
        leads &= ~leads_nowhere
    partners: dict[int, dict[int, Proof]] = defaultdict(dict)
    for pair, is_led in zip(proven, leads.tolist(), strict=True):
        if is_led:
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


def is_likely(pair: Proven) -> bool:
    """Say whether a proof finds a pair more likely to be copies than not."""
    return bool(shipped_calibration().probability(pair.signals[None])[0] >= FOLLOW_UP)


def not_proven(pairs: NDArray[np.int64], proven: Sequence[Proven]) -> list[Proven]:
    """Return those pairs, (pairs, 2) rows, that are not among the proven ones, as without an alignment."""
    known = {(pair.a, pair.b) for pair in proven}
    nothing = np.full(len(SIGNALS), np.nan)
    return [
        Proven(a, b, Relation.SIMILAR, UNALIGNED, nothing)
        for a, b in map(tuple, pairs.tolist())
        if (a, b) not in known
    ]


def _pairs_of(rows: list[int]) -> Iterator[tuple[int, int]]:
    for place, a in enumerate(rows):
        for b in rows[place + 1 :]:
            yield a, b
