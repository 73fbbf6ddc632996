"""Find the picture on a page or screen: what is shown there small deserves keypoints of its own.

In:  an upright sRGB picture. Out: the box of a picture on ground of one colour. No disk, database or model.

On a page seen as a whole the letters take most keypoints, and a picture of a third of its width is left with
a handful. A page is known by the one colour that fills much of it; letters are thin, a picture is not.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Places = NDArray[np.float32]

LOOKED_AT_PX = 224  # long side
FLAT_LEVELS = 10  # that neighbours of flat ground differ by, at most
GROUND_SHARE = 0.12  # of the page that is flat and of one colour
OF_GROUND_LEVELS = 14  # by which ground differs from that colour: saving it makes as much
LETTER_PX = 6  # half of the window that tells lines of letters from a picture
DENSE = 0.98  # share of such a window that is no ground in a picture; of letters it is half
LEAST_SHARE, MOST_LONG_SIDE = (
    0.015,
    0.6,
)  # of the page's area; of its long side: else it is seen as it is
TRIED = 3  # of the largest places: bars at the top and the bottom
FILLED = 0.75  # share of a picture's box that is not ground
SAME_PLACE, SAME_SIZE = 0.3, 1.5  # of a keypoint's diameter; times
_BESIDE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Inset:
    """A picture on a page or in a collage, in pixels of it: left and top inclusive, the others exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def of(cls, box: tuple[int, int, int, int], scale: float, shape: tuple[int, ...]) -> "Inset":
        """Return the box of a picture of a shape, from that in pixels of ``small_view``."""
        left, top, right, bottom = (round(value / scale) for value in box)
        return cls(left, top, min(shape[1], right), min(shape[0], bottom))

    def cut_from(self, pixels: Pixels) -> Pixels:
        """Return the picture itself, (height, width, 3) uint8."""
        return np.ascontiguousarray(pixels[self.top : self.bottom, self.left : self.right])

    def scale(self, page_px: int) -> float:
        """Return how long its long side is in fractions of the page's, of ``page_px``."""
        return max(self.right - self.left, self.bottom - self.top) / page_px

    def on_page(self, points: Places, page_px: int) -> Places:
        """Return points given in fractions of its own long side in fractions of the page's."""
        corner = np.array([self.left, self.top], np.float32) / page_px
        return np.asarray(points * self.scale(page_px) + corner, np.float32)


@dataclass(frozen=True)
class Keypoints:
    """Keypoints of one picture.

    Attributes:
        points: (n, 2) in fractions of its long side.
        sizes: (n,) diameters in the same unit.
        angles: (n,) their main directions, in the unit of who found them.
        sift: (n, 128) uint8 SIFT descriptors.
    """

    points: Places
    sizes: Places
    angles: Places
    sift: Pixels

    def with_part(
        self, part: Inset, inner: "Keypoints", page_px: int, most: int | None = None
    ) -> "Keypoints":
        """Return these and those (``most`` of them) that only a part, seen by itself, has; largest first."""
        places = part.on_page(inner.points, page_px)
        sizes = np.asarray(inner.sizes * part.scale(page_px), np.float32)
        new = only_new(places, sizes, self.points, self.sizes)[:most]
        both = np.concatenate([self.sizes, sizes[new]])
        order = np.argsort(-both, kind="stable")
        return Keypoints(
            np.concatenate([self.points, places[new]])[order],
            both[order],
            np.concatenate([self.angles, inner.angles[new]])[order],
            np.concatenate([self.sift, inner.sift[new]])[order],
        )


def only_new(
    places: Places, sizes: Places, known: Places, known_sizes: Places
) -> NDArray[np.int64]:
    """Return the rows of keypoints that are not known yet, ascending.

    Args:
        places: (n, 2), ``sizes`` (n,), in one unit.
        known: (m, 2), ``known_sizes`` (m,): what is in the place of one of these and about as large is known.
    """
    if not len(known):
        return np.arange(len(places))
    far = np.hypot(*(places[:, None] - known[None]).transpose(2, 0, 1))
    ratio = sizes[:, None] / known_sizes[None]
    same = (far < SAME_PLACE * sizes[:, None]) & (ratio < SAME_SIZE) & (ratio > 1 / SAME_SIZE)
    return np.flatnonzero(~same.any(axis=1))


def find_inset(pixels: Pixels, view: "View | None" = None) -> Inset | None:
    """Return the largest picture on a page, (height, width, 3) uint8; None on what is no page with one.

    ``view`` is the ``small_view`` of it, where that is at hand.
    """
    small, scale = view or small_view(pixels)
    ground = _ground(small)
    box = None if ground is None else _largest(small, ground == 0)
    return None if box is None else Inset.of(box, scale, pixels.shape)


View = tuple[Pixels, float]


def small_view(pixels: Pixels) -> View:
    """Return a picture at ``LOOKED_AT_PX``, and how many pixels of that are one of its own."""
    height, width = pixels.shape[:2]
    scale = LOOKED_AT_PX / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=method), np.uint8), scale


def _ground(small: Pixels) -> Pixels | None:
    """Return 1 where a picture has the colour that most of its flat places have; None where few have any."""
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    flat = cv2.absdiff(cv2.dilate(grey, _BESIDE), cv2.erode(grey, _BESIDE)) <= FLAT_LEVELS
    colours = small[::2, ::2][flat[::2, ::2]]
    steps = (colours >> 4).astype(np.int64)
    step = (steps[:, 0] << 8) | (steps[:, 1] << 4) | steps[:, 2]
    counts = np.bincount(step, minlength=4096)
    fullest = int(counts.argmax())
    if 4 * counts[fullest] < GROUND_SHARE * grey.size:
        return None
    colour = colours[step == fullest].mean(axis=0)
    low, high = (tuple((colour + by).tolist()) for by in (-OF_GROUND_LEVELS, OF_GROUND_LEVELS))
    return np.asarray(cv2.inRange(small, low, high) > 0, np.uint8)


def _largest(small: Pixels, other: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """Return the box of the largest dense place that is no flat bar; None where that is no picture."""
    window = (2 * LETTER_PX + 1, 2 * LETTER_PX + 1)
    dense = cv2.blur(other.astype(np.float32), window, borderType=cv2.BORDER_REFLECT) > DENSE
    _count, labels, stats, _ = cv2.connectedComponentsWithStats(
        dense.astype(np.uint8), connectivity=4
    )
    for label in 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:TRIED]:
        if float(small[labels == label].std(axis=0).max()) > FLAT_LEVELS:
            box = _grown(stats[label, : cv2.CC_STAT_AREA].tolist(), other.shape)
            return box if _is_picture(other, box) else None
    return None


def _grown(place: list[int], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a place (left, top, width, height) with its own edge."""
    left, top, width, height = place
    return (
        max(0, left - LETTER_PX),
        max(0, top - LETTER_PX),
        min(shape[1], left + width + LETTER_PX),
        min(shape[0], top + height + LETTER_PX),
    )


def _is_picture(other: NDArray[np.bool_], box: tuple[int, int, int, int]) -> bool:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    if wide * high < LEAST_SHARE * other.size or max(wide, high) > MOST_LONG_SIDE * max(
        other.shape
    ):
        return False
    return bool(other[top:bottom, left:right].mean() >= FILLED)
