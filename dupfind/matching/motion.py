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
            field[..., axis] = (one + c_y * y + c_yy * y * y) + x * (c_x + c_xy * y) + c_xx * x * x
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
    found = [_find(picture, other, x, y, half_px, reach_px) for x, y in places]
    table = np.array(found, np.float64).reshape(-1, 4)
    return Patches(
        np.array(places, np.float64).reshape(-1, 2), table[:, :2], table[:, 2], table[:, 3]
    )


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
            if cell.size and cell.max() > MIN_TEXTURE_STD**2:
                y, x = divmod(int(cell.argmax()), cell.shape[1])
                places.append((left + x, top + y))
    return places


def _find(
    picture: NDArray[np.float32],
    other: NDArray[np.float32],
    x: int,
    y: int,
    half_px: int,
    reach_px: int,
) -> tuple[float, float, float, float]:
    """Return the shift of a patch along x and y, its score and its best rival's."""
    patch = picture[y - half_px : y + half_px + 1, x - half_px : x + half_px + 1]
    left, top = max(0, x - half_px - reach_px), max(0, y - half_px - reach_px)
    scene = other[top : y + half_px + reach_px + 1, left : x + half_px + reach_px + 1]
    scores = cv2.matchTemplate(scene, patch, cv2.TM_CCOEFF_NORMED)
    row, column = divmod(int(scores.argmax()), scores.shape[1])
    best = float(scores[row, column])
    down, across = _peak(scores[:, column], row), _peak(scores[row], column)
    near = max(2, half_px // 3)
    scores[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = -1
    shift_x = column + across + left - (x - half_px)
    shift_y = row + down + top - (y - half_px)
    return shift_x, shift_y, best, float(scores.max())


def _peak(scores: NDArray[np.float32], place: int) -> float:
    """Return where between the pixels a parabola through three scores has its top, in [-0.5, 0.5]."""
    if not 0 < place < len(scores) - 1:
        return 0.0
    before, best, after = (float(value) for value in scores[place - 1 : place + 2])
    bend = before - 2 * best + after
    return 0.0 if bend > -1e-6 else min(0.5, max(-0.5, 0.5 * (before - after) / bend))
