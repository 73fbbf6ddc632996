"""Tell a sky that was saved again from other skies: it has the same tones everywhere.

In:  the pixels of two soft photos and the matrix of their proof. Out: the one laid on the
other, corner on corner, if their tones are the same. No disk, database or model.

Where there is no detail to compare, and saving has taken the grain away, the light of each place is left. That
of two skies is never the same everywhere to within half a grey level; that of a sky and its copy is, since
saving and resizing keep the mean of a block. A second shot from the hand shows another cut of the sky, so
only pictures that lie on each other whole are compared; the next frame of a camera that stands has grain of
its own.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.align import transform
from dupfind.matching.fine import compare_fine
from dupfind.matching.frame import Frame, make_frame
from dupfind.matching.quality import whole_blocks

BLOCK_PX = 16  # side of a block: its mean is known to a fraction of a level
APART, FARTHEST = 0.8, 3.0  # levels between blocks of copies, root mean square and at most
LEAST_RANGE = 4.0  # deviation of the blocks below which nearly nothing is to be seen: black, white
SHARE_OF_RANGE = 0.05  # of this deviation that the blocks may lie apart
WHOLE = 0.03  # share of the long side that the corners may lie from those of the other picture
LEAST_BLOCKS = 40
UNLIKE = 99.0  # times, at most
SAME_GRAIN = 0.3  # correlation of the grain of two pictures, where both have some


def laid_by_tones(
    pixels_a: NDArray[np.uint8], pixels_b: NDArray[np.uint8], matrix: NDArray[np.float64]
) -> Frame | None:
    """Return two photos laid corner on corner; None unless they have the same light everywhere then.

    Args:
        pixels_a, pixels_b: (height, width, 3) uint8 sRGB, upright.
        matrix: (3, 3) from points of a to points of b, as fractions of the long sides. Soft pictures are
            laid on each other roughly only, so that they count as whole where corners come near corners.
    """
    whole = _whole(pixels_a.shape, pixels_b.shape, matrix)
    frame = None if whole is None else make_frame(pixels_a, pixels_b, whole)
    if frame is None:
        return None
    drawn, mask = frame.draw()
    if light_apart(drawn, frame.target, mask) > 1:
        return None
    grain = compare_fine(drawn, frame.target, mask, np.zeros_like(mask)).grain
    return frame if grain >= SAME_GRAIN else None


def light_apart(
    drawn: NDArray[np.float32], target: NDArray[np.float32], mask: NDArray[np.bool_]
) -> float:
    """Return how far the light of two pictures lies apart, as times what saving and resizing make of it.

    Args:
        drawn, target: (height, width) float32 grey, one laid on the other.
        mask: Where both have pixels, bool of the same shape.

    Returns:
        1 or less where a copy may; ``UNLIKE`` where there is nearly nothing to be seen.
    """
    blocks = _blocks(mask.astype(np.float32)) == 1
    if blocks.sum() < LEAST_BLOCKS:
        return UNLIKE
    one, other = _blocks(drawn)[blocks], _blocks(target)[blocks]
    deviation = min(float(one.std()), float(other.std()))
    if deviation < LEAST_RANGE:
        return UNLIKE
    apart = np.abs(one - other)
    far = float(np.sqrt(np.mean(apart**2)))
    times = (far / APART, far / (SHARE_OF_RANGE * deviation), float(apart.max()) / FARTHEST)
    return min(UNLIKE, max(times))


def _whole(
    shape_a: tuple[int, ...], shape_b: tuple[int, ...], matrix: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Return the matrix that lays corner on corner; None where the given one does not nearly do so."""
    start, end = _corners(shape_a), _corners(shape_b)
    there = transform(matrix, start)
    away = np.linalg.norm(there[:, None] - end[None], axis=2)
    nearest = away.argmin(axis=1)
    if sorted(nearest.tolist()) != [0, 1, 2, 3] or away.min(axis=1).max() > WHOLE:
        return None
    return np.asarray(cv2.getPerspectiveTransform(start, end[nearest]), np.float64)


def _corners(shape: tuple[int, ...]) -> NDArray[np.float32]:
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return np.asarray(corners / max(height, width), np.float32)


def _blocks(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of whole blocks, (rows, columns)."""
    return np.asarray(whole_blocks(picture, BLOCK_PX).mean(axis=(2, 3)), np.float32)
