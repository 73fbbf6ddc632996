"""Prove that a collage shows a photo: what is compared is the one picture of it in which the keypoints lie.

In:  two photos that many keypoints align and that disagree as a whole. Out: ``TileProof``. No disk, database
or model.

A strip of a collage shows a part of a photo, and beside it begins another picture. Laid on each other they
share what the strip shows; compared with all that the photo covers, the other strips would speak against it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import Box, Which
from dupfind.matching.align import Alignment, transform
from dupfind.matching.compare import Comparison, compare, swapped
from dupfind.matching.features import COMPARE_PX, LocalFeatures

IN_TILE = "tile"  # the method of such a proof
LEAST_INLIERS = 8  # in the picture
MOST_OF_THEM = 0.7  # of all inliers, and of all that agrees
CLEAR = 0.8  # share of its blocks that must agree
SAME_PLACE = 0.5  # of two boxes: what they have in common over what either covers
COVERED = 0.8  # share of the picture that the photo must cover
WHOLE = 0.97  # share of both that is laid on the other: the one is no page with the other on it
LEAST_OTHER = 0.05  # share of the blocks in which each shows something of its own
INSIDE_PX = 1.5  # of the small picture: a seam is found to a pixel


@dataclass(frozen=True)
class TileProof:
    """Which of two photos is a collage, and where in it the other one is shown.

    Attributes:
        collage: Of a and b.
        box: The picture, as shares of the collage's sides.
        share: How much of the collage's content the picture is.
        comparison: How the two agree there.
    """

    collage: Which
    box: Box
    share: float
    comparison: Comparison


def prove_in_tile(
    a: LocalFeatures, b: LocalFeatures, found: Alignment, whole: Comparison
) -> TileProof | None:
    """Compare a photo with the picture of a collage that shows it; None where neither is one of that photo.

    Args:
        a, b: The two.
        found: How they lie on each other.
        whole: How all that both cover compares.
    """
    if found.inliers < LEAST_INLIERS or not _is_one_of_several(whole):
        return None
    if (shown := _shown_in(a, b, found.matrix, found.points_a, whole)) is not None:
        return TileProof("a", *shown)
    back = np.asarray(np.linalg.inv(found.matrix), np.float64)
    if (shown := _shown_in(b, a, back / back[2, 2], found.points_b, whole)) is not None:
        box, share, comparison = shown
        return TileProof("b", box, share, swapped(comparison))
    return None


def _shown_in(
    collage: LocalFeatures,
    photo: LocalFeatures,
    matrix: NDArray[np.float64],
    points: NDArray[np.float32],
    whole: Comparison,
) -> tuple[Box, float, Comparison] | None:
    """Return the largest picture in a collage that is a photo's, its share, and how the two compare."""
    shares = points / np.array(collage.size, np.float32)
    for box in collage.tiles:
        inside = int(((shares >= box[:2]) & (shares <= box[2:])).all(axis=1).sum())
        if inside < max(LEAST_INLIERS, MOST_OF_THEM * len(points)):
            continue
        if _has_seams_there(photo, _moved(box, collage, photo, matrix)):
            continue
        within = _mask(box, collage)
        comparison = compare(collage, photo, matrix, within=within)
        share = float((within & collage.content).sum() / max(1, collage.content.sum()))
        covered = comparison is not None and comparison.share_a >= COVERED * share
        if comparison is not None and covered and _is_all(comparison, whole):
            return box, share, comparison
    return None


def _is_one_of_several(whole: Comparison) -> bool:
    """Say whether something else is shown beside a picture: in what is as large, a part was changed."""
    return min(whole.share_a, whole.share_b) < WHOLE and whole.two_sided >= LEAST_OTHER


def _is_all(tile: Comparison, whole: Comparison) -> bool:
    """Say whether a picture agrees, and next to nothing beside it does: else the two are no such pair."""
    agreeing = whole.agree * whole.textured
    return tile.agree >= CLEAR and tile.agree * tile.textured >= MOST_OF_THEM * agreeing


def _has_seams_there(photo: LocalFeatures, box: Box) -> bool:
    """Say whether a photo has seams where a collage has them: then it is the layout that both share."""
    return any(_in_common(box, other) >= SAME_PLACE for other in photo.tiles)


def _in_common(one: Box, other: Box) -> float:
    """Return the area that two boxes share over that which either covers."""
    wide, high = (
        min(one[2 + axis], other[2 + axis]) - max(one[axis], other[axis]) for axis in (0, 1)
    )
    both = max(0.0, wide) * max(0.0, high)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / max(sum(areas) - both, 1e-6)


def _moved(box: Box, one: LocalFeatures, other: LocalFeatures, matrix: NDArray[np.float64]) -> Box:
    """Return the box in the other photo that holds what a box of the one shows, in shares of the sides."""
    corners = np.array([(box[x], box[y]) for x in (0, 2) for y in (1, 3)]) * one.size
    places = transform(matrix, corners.astype(np.float32)) / np.array(other.size)
    left, top = np.clip(places.min(axis=0), 0, 1).tolist()
    right, bottom = np.clip(places.max(axis=0), 0, 1).tolist()
    return left, top, right, bottom


def _mask(box: Box, collage: LocalFeatures) -> NDArray[np.bool_]:
    """Return where in the small picture of a collage one of its pictures is, without its very edge."""
    height, width = collage.picture.shape[:2]
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    down = (rows > box[1] * height + INSIDE_PX) & (rows < box[3] * height - INSIDE_PX)
    across = (columns > box[0] * width + INSIDE_PX) & (columns < box[2] * width - INSIDE_PX)
    return np.asarray(down[:, None] & across[None])


def cut_tile(pixels: NDArray[np.uint8], box: Box) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Cut a picture from a collage, without its very edge.

    Args:
        pixels: The collage, (height, width, 3).
        box: The picture, as shares of its sides.

    Returns:
        The picture, and (3, 3) from its points to the collage's, each in fractions of the long side.
    """
    height, width = pixels.shape[:2]
    long_side = max(height, width)
    inside = round(INSIDE_PX * long_side / COMPARE_PX)
    left, right = round(box[0] * width) + inside, round(box[2] * width) - inside
    top, bottom = round(box[1] * height) + inside, round(box[3] * height) - inside
    tile = np.ascontiguousarray(pixels[top:bottom, left:right])
    scale = max(tile.shape[:2]) / long_side
    corner = np.array([[scale, 0, left / long_side], [0, scale, top / long_side], [0, 0, 1]])
    return tile, corner
