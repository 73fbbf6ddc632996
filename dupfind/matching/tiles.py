"""Find the pictures of a collage: cut along the seams that run straight through all of it.

In:  an upright sRGB picture. Out: the boxes of its parts. No disk, database or model.

Where two pictures meet, nearly every pixel along a straight line from edge to edge differs from the one beyond
it, and those beside the line do not. What a seam cuts off is cut again, across.

Source: recursive X-Y cut (Nagy and Seth 1984), by seams where theirs has white space.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.inset import Inset, Pixels, View, find_inset, small_view

STEP_LEVELS = 14  # across two pixels
SEAM_SHARE, RISE = 0.9, 0.3  # of its pixels that differ so much; more than of the lines beside it
BESIDE_PX = 9
LEAST_SIDE, MOST_SHARE = 0.15, 0.6  # of the long side, of the area: else a strip, or the picture
MOST_CUTS = 4  # one in the other
MOST_TILES = 9

Box = tuple[int, int, int, int]


def find_parts(pixels: Pixels) -> list[Inset]:
    """Return the picture on a page, or those of a collage, (height, width, 3) uint8; none of another one."""
    view = small_view(pixels)
    inset = find_inset(pixels, view)
    return find_tiles(pixels, view) if inset is None else [inset]


def find_tiles(pixels: Pixels, view: View | None = None) -> list[Inset]:
    """Return the parts of a collage, (height, width, 3) uint8, the largest first; none of another picture."""
    tree, scale = _cut(pixels, view)
    tiles = _small_enough([node.box for node in tree.nodes() if not node.parts], tree.box)
    return [Inset.of(box, scale, pixels.shape) for box in tiles[:MOST_TILES]]


def find_nested(pixels: Pixels) -> list[Inset]:
    """Return what is cut off at any step, the largest first: a picture, pictures side by side, parts of one.

    An edge that runs straight through a narrow picture looks like a seam: what it cuts is in the list whole
    and in parts.
    """
    tree, scale = _cut(pixels, None)
    boxes = _small_enough([node.box for node in tree.nodes()], tree.box)
    return [Inset.of(box, scale, pixels.shape) for box in boxes]


def _small_enough(boxes: list[Box], whole: Box) -> list[Box]:
    """Return those that are not nearly the whole picture, the largest first."""
    some = [box for box in boxes if _area(box) <= MOST_SHARE * _area(whole)]
    return sorted(some, key=lambda box: (-_area(box), box))


def _cut(pixels: Pixels, view: View | None) -> tuple["_Node", float]:
    """Return a picture with what it is cut into, in pixels of its small view, and the scale of that."""
    small, scale = view or small_view(pixels)
    across, down = np.zeros((2, *small.shape[:2]), np.uint8)
    across[:, 1:-1] = _differs(small[:, 2:], small[:, :-2])
    down[1:-1] = _differs(small[2:], small[:-2])
    whole = (0, 0, small.shape[1], small.shape[0])
    return _node((across, down), whole, LEAST_SIDE * max(small.shape), 0), scale


def _differs(one: Pixels, other: Pixels) -> Pixels:
    """Return 1 where two pictures differ by a step, (height, width) uint8."""
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return np.asarray(cv2.max(cv2.max(red, green), blue) > STEP_LEVELS, np.uint8)


@dataclass(frozen=True)
class _Node:
    """A box and what seams cut it into; nothing where none goes through it."""

    box: Box
    parts: "tuple[_Node, ...]" = ()

    def nodes(self) -> "Iterator[_Node]":
        """Yield itself and all that it is cut into."""
        yield self
        for part in self.parts:
            yield from part.nodes()


def _node(steps: tuple[Pixels, Pixels], box: Box, least: float, cuts: int) -> _Node:
    """Return a box with its parts."""
    left, top, right, bottom = box
    if cuts < MOST_CUTS:
        for axis in (cuts % 2, 1 - cuts % 2):
            part = steps[axis][top:bottom, left:right]
            share = (
                cv2.reduce(part, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32F).ravel() / part.shape[axis]
            )
            spans = _spans(share, least)
            if spans is not None:
                first = box[axis]
                inner = [_between(box, axis, first + low, first + high) for low, high in spans]
                return _Node(box, tuple(_node(steps, one, least, cuts + 1) for one in inner))
    return _Node(box)


def _spans(share: NDArray[np.float32], least: float) -> list[tuple[int, int]] | None:
    """Return the spans between seams that are no strips; None without a seam.

    Args:
        share: (n,) of the pixels of each line that differ from those beyond it.
        least: Length of a span in pixels.
    """
    is_seam = share >= SEAM_SHARE
    if is_seam.any():
        is_seam &= share >= _usual(share) + RISE
    seams = np.flatnonzero(is_seam)
    seams = seams[(seams > 1) & (seams < len(share) - 2)]
    if not len(seams):
        return None
    ends = np.concatenate([[-1], seams, [len(share)]])
    return [(int(low) + 1, int(high)) for low, high in pairwise(ends) if high - low - 1 >= least]


def _usual(share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of the lines around each line, (n,)."""
    padded = np.pad(share, BESIDE_PX, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * BESIDE_PX + 1)
    return np.asarray(np.median(around, axis=1))


def _between(box: Box, axis: int, low: int, high: int) -> Box:
    left, top, right, bottom = box
    return (low, top, high, bottom) if axis == 0 else (left, low, right, high)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])
