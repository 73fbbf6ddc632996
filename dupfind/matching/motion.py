"""Measure how patches of one picture have moved in another, and the smooth motion that explains most.

In:  two grey pictures of one shape, one laid on the other. Out: displacements, and a fit to them.
No disk, database or model.

A copy moves as a whole: one transform explains all of its patches to a fraction of a pixel. Another shot of
the same scene does not: near things move otherwise than far ones, and people move as they like.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_TEXTURE_STD = 4.0  # grey levels: flatter patches match anywhere
DRAWS = 60
_SEED = 20210429
_OUTSIDE = -2.0  # below every correlation: such a shift leaves the picture


@dataclass(frozen=True)
class Patches:
    """Patches of a picture and where they are found in another.

    Attributes:
        places: (n, 2) float64, x and y of the middles in pixels.
        shifts: (n, 2) float64, how far away each is found, in pixels.
        scores: (n,) normalised correlation there, in [-1, 1].
        rivals: (n,) the best correlation at another place: near the score in repeated patterns.
    """

    places: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scores: NDArray[np.float64]
    rivals: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def clear(self, *, score: float, margin: float) -> NDArray[np.bool_]:
        """Return which are found at one place only, (n,) bool."""
        return np.asarray((self.scores > score) & (self.scores - self.rivals > margin))


@dataclass(frozen=True)
class Motion:
    """A smooth motion: ``coefficients`` (terms, 2), pixels, of 1, x, y and xy, x², y² in [-0.5, 0.5].

    ``inside`` (n,) bool says which patches it explains, ``apart`` (n,) how far each is from it, px.
    """

    coefficients: NDArray[np.float64]
    inside: NDArray[np.bool_]
    apart: NDArray[np.float64]

    def field(self, shape: tuple[int, int]) -> NDArray[np.float32]:
        """Return the motion of each pixel, (height, width, 2) float32."""
        height, width = shape
        y = (np.arange(height, dtype=np.float32) / height - 0.5)[:, None]
        x = (np.arange(width, dtype=np.float32) / width - 0.5)[None]
        field = np.empty((height, width, 2), np.float32)
        for axis in (0, 1):
            one, c_x, c_y, c_xy, c_xx, c_yy = self.coefficients[:, axis].astype(np.float32)
            part = x * (c_x + c_xy * y)
            part += one + c_y * y + c_yy * y * y
            part += c_xx * x * x
            field[..., axis] = part
        return field


def find_patches(
    picture: NDArray[np.float32],
    other: NDArray[np.float32],
    mask: NDArray[np.bool_],
    *,
    per_side: int,
    half_px: int,
    reach_px: int,
) -> Patches:
    """Look for patches of a picture, one in each cell of a grid, near the same place of another.

    Args:
        picture, other: (height, width) float32 grey.
        mask: Where the pictures may be compared, bool of the same shape.
        per_side: Cells along each side of the grid; in each the patch with most texture is taken.
        half_px: Half the side of a patch.
        reach_px: How far from its place a patch is looked for.
    """
    places = _most_textured(picture, mask, per_side=per_side, half_px=half_px)
    return _find(picture, other, np.array(places, np.int64).reshape(-1, 2), half_px, reach_px)


def fit_motion(
    patches: Patches,
    use: NDArray[np.bool_],
    shape: tuple[int, int],
    *,
    tolerance_px: float,
    bent: bool = True,
) -> Motion | None:
    """Fit the smooth motion that explains most patches; None where too few agree.

    Args:
        patches: From ``find_patches``.
        use: (n,) which of them to go by.
        shape: Height and width of the pictures.
        tolerance_px: How far an explained patch may be from the motion.
        bent: Whether the motion may bend (quadratic), else it is affine.
    """
    design = _design(patches.places, shape)
    free = design.shape[1] if bent else 3
    if int(use.sum()) < free + 3:
        return None
    inside = _agreed(design[:, :3], patches.shifts, use, tolerance_px)
    solution = None
    for _ in range(3):
        if int(inside.sum()) < free + 3:
            break
        rows = design[inside][:, :free]
        pull = np.diag([0, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2][:free]) * len(rows)
        solution = np.linalg.solve(rows.T @ rows + pull, rows.T @ patches.shifts[inside])
        apart = np.linalg.norm(design[:, :free] @ solution - patches.shifts, axis=1)
        inside = (apart < tolerance_px) & use
    if solution is None or int(inside.sum()) < free + 3:
        return None
    whole = np.zeros((design.shape[1], 2))
    whole[:free] = solution
    return Motion(whole, inside, apart)


def _design(places: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    x, y = places[:, 0] / shape[1] - 0.5, places[:, 1] / shape[0] - 0.5
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)


def _agreed(
    design: NDArray[np.float64],
    shifts: NDArray[np.float64],
    use: NDArray[np.bool_],
    tolerance_px: float,
) -> NDArray[np.bool_]:
    """Return the patches that the best of many affine motions through three of them explains."""
    generator = np.random.default_rng(_SEED)
    usable = np.flatnonzero(use)
    drawn = usable[generator.integers(len(usable), size=(DRAWS, 3))]
    triples = design[drawn]
    sound = np.abs(np.linalg.det(triples)) > 1e-3
    if not sound.any():
        return np.zeros_like(use)
    solutions = np.linalg.solve(triples[sound], shifts[drawn[sound]])
    apart = np.linalg.norm(design @ solutions - shifts, axis=2)
    inside = (apart < tolerance_px) & use
    return np.asarray(inside[inside.sum(axis=1).argmax()])


def _most_textured(
    picture: NDArray[np.float32], mask: NDArray[np.bool_], *, per_side: int, half_px: int
) -> list[tuple[int, int]]:
    height, width = picture.shape
    size = 2 * half_px + 1
    mean = cv2.blur(picture, (size, size))
    variance = cv2.blur(picture * picture, (size, size)) - mean * mean
    whole = cv2.erode(mask.astype(np.uint8), np.ones((size, size), np.uint8), borderValue=0)
    variance[whole == 0] = 0
    places = []
    for row in range(per_side):
        top, bottom = row * height // per_side, (row + 1) * height // per_side
        for column in range(per_side):
            left, right = column * width // per_side, (column + 1) * width // per_side
            cell = variance[top:bottom, left:right]
            if not cell.size:
                continue
            y, x = divmod(int(cell.argmax()), cell.shape[1])
            if cell[y, x] > MIN_TEXTURE_STD**2:
                places.append((left + x, top + y))
    return places


def _find(
    picture: NDArray[np.float32],
    other: NDArray[np.float32],
    places: NDArray[np.int64],
    half_px: int,
    reach_px: int,
) -> Patches:
    """Look for each patch near its place."""
    if not len(places):
        return Patches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    scores = _scores(picture, other, places, half_px, reach_px)
    patches, side = np.arange(len(scores)), scores.shape[1]
    row, column = np.divmod(scores.reshape(len(scores), -1).argmax(axis=1), side)
    best = scores[patches, row, column]
    down = _peak(scores[patches, :, column], row)
    across = _peak(scores[patches, row], column)
    near = max(2, half_px // 3)
    steps = np.arange(side)
    rivals = np.abs(steps - row[:, None])[:, :, None] > near
    rivals = rivals | (np.abs(steps - column[:, None])[:, None] > near)
    rival = np.where(rivals, scores, np.float32(-1)).max(axis=(1, 2))
    shifts = np.stack([column + across, row + down], axis=1) - reach_px
    return Patches(
        places.astype(np.float64), shifts, best.astype(np.float64), rival.astype(np.float64)
    )


def _scores(
    picture: NDArray[np.float32],
    other: NDArray[np.float32],
    places: NDArray[np.int64],
    half_px: int,
    reach_px: int,
) -> NDArray[np.float32]:
    """Return how well each patch fits at each shift along y and x; ``_OUTSIDE`` beyond the picture."""
    side = 2 * reach_px + 1
    scores = np.full((len(places), side, side), _OUTSIDE, np.float32)
    for (x, y), into in zip(places.tolist(), scores, strict=True):
        patch = picture[y - half_px : y + half_px + 1, x - half_px : x + half_px + 1]
        left, top = x - half_px - reach_px, y - half_px - reach_px
        right, bottom = x + half_px + reach_px + 1, y + half_px + reach_px + 1
        scene = other[max(0, top) : bottom, max(0, left) : right]
        found = cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED)
        down, across = max(0, -top), max(0, -left)
        into[down : down + found.shape[0], across : across + found.shape[1]] = found
    return scores


def _peak(scores: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where between the pixels parabolas through three scores have their tops, in [-0.5, 0.5].

    Args:
        scores: (n, side) along one axis.
        places: (n,) the best of each.
    """
    rows = np.arange(len(scores))
    before, best, after = (
        scores[rows, np.clip(places + step, 0, scores.shape[1] - 1)].astype(np.float64)
        for step in (-1, 0, 1)
    )
    bend = before - 2 * best + after
    is_inside = (places > 0) & (places < scores.shape[1] - 1)
    is_inside &= (np.minimum(before, after) > _OUTSIDE) & (bend <= -1e-6)
    tops = 0.5 * (before - after) / np.where(is_inside, bend, 1.0)
    return np.where(is_inside, np.clip(tops, -0.5, 0.5), 0.0)
