"""Prove a candidate pair: align the two photos, then compare what overlaps.

In:  local features of two photos. Out: a ``Proof``; ``calibrate`` turns it into a probability and
``relation`` into words. No disk, database or model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.align import Alignment, align
from dupfind.matching.compare import Comparison, compare, project_content
from dupfind.matching.direct import direct_alignments
from dupfind.matching.features import LocalFeatures
from dupfind.matching.tile_proof import IN_TILE, TileProof, prove_in_tile

ENOUGH_AGREE = 0.5  # keypoints that align so well need no second way
ALL_AGREE = 0.95  # share of the blocks from which on nothing else is shown beside what agrees


@dataclass(frozen=True)
class Proof:
    """What was found for a pair (a, b).

    Attributes:
        method: ``keypoints``, ``tile`` (in one picture of a collage), ``direct``, ``composed`` (through a
            third photo) or ``none``.
        matrix: (3, 3) float64 from points of a to points of b in fractions of the long sides; None
            when no alignment was found.
        mirrored: Whether b shows a mirror image of a.
        inliers: Keypoints that agree with the matrix.
        matches: Matched keypoints before the geometric check.
        comparison: How the overlap agrees; None when there is none to compare.
        tile: Where only one picture of a collage was compared (method ``tile``).
    """

    method: str = "none"
    matrix: NDArray[np.float64] | None = None
    mirrored: bool = False
    inliers: int = 0
    matches: int = 0
    comparison: Comparison | None = None
    tile: TileProof | None = None

    @property
    def strength(self) -> float:
        """Order proofs of one pair: blocks with texture that agree, over those that do not."""
        if self.comparison is None:
            return -1.0
        wrong = 1 - self.comparison.agree
        return self.comparison.agree * min(self.comparison.textured, 60) - 60 * wrong


def verify(a: LocalFeatures, b: LocalFeatures) -> Proof:
    """Return the best proof for the pair: by keypoints first, directly where these do not suffice."""
    aligned = align(a, b)
    best = _by_keypoints(a, b, aligned)
    in_tile = None if aligned is None else _in_tile(a, b, aligned, best.comparison)
    if in_tile is not None:
        return in_tile
    if best.comparison is not None and best.comparison.agree >= ENOUGH_AGREE:
        return best
    for matrix, mirrored in direct_alignments(a, b):
        direct = Proof("direct", matrix, mirrored, comparison=compare(a, b, matrix))
        best = max(best, direct, key=lambda proof: proof.strength)
    return best


def verify_through(
    a: LocalFeatures, b: LocalFeatures, middle: LocalFeatures, first: Proof, second: Proof
) -> Proof:
    """Prove (a, b) through a third photo, given the proofs of (a, middle) and (middle, b).

    Strong edits of one photo share few keypoints with each other but lie well in their original;
    only what shows the third photo is compared, so two collages of it are found to share it.
    """
    if first.matrix is None or second.matrix is None:
        return Proof()
    matrix = second.matrix @ first.matrix
    matrix = matrix / matrix[2, 2]
    mirrored = first.mirrored != second.mirrored
    to_a = np.asarray(np.linalg.inv(first.matrix), np.float64)
    within = project_content(middle, a, to_a)
    through_points = first.method == second.method == "keypoints"
    lift = through_points and a.is_soft and b.is_soft
    comparison = compare(a, b, matrix, within=within, lift=lift)
    inliers = min(first.inliers, second.inliers)
    return Proof("composed", matrix, mirrored, inliers, comparison=comparison)


def reversed_proof(proof: Proof) -> Proof:
    """Return the proof of (b, a), with its matrix but without its comparison."""
    if proof.matrix is None:
        return proof
    inverse = np.linalg.inv(proof.matrix)
    return Proof(
        proof.method, inverse / inverse[2, 2], proof.mirrored, proof.inliers, proof.matches
    )


def _in_tile(
    a: LocalFeatures, b: LocalFeatures, found: Alignment, whole: Comparison | None
) -> Proof | None:
    if whole is None or whole.agree >= ALL_AGREE:
        return None
    tile = prove_in_tile(a, b, found, whole)
    return (
        None
        if tile is None
        else Proof(
            IN_TILE,
            found.matrix,
            found.mirrored,
            found.inliers,
            found.matches,
            tile.comparison,
            tile,
        )
    )


def _by_keypoints(a: LocalFeatures, b: LocalFeatures, found: Alignment | None) -> Proof:
    if found is None:
        return Proof()
    comparison = compare(a, b, found.matrix, lift=a.is_soft and b.is_soft)
    return Proof(
        "keypoints", found.matrix, found.mirrored, found.inliers, found.matches, comparison
    )
