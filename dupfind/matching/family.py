"""Lay the pictures of a group on each other once, and compare all of them there.

In:  ``Look`` of the pictures and the matrices that lay them on one of them. Out: ``Family``: arrays from which
each pair, and each picture against all others, is read off. No disk, database or model.

Each picture is drawn once, in the frame of one of them; what is compared then are products of pixels in
tiles, of all pairs at once. That costs about the same for ten pictures as one pair by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.extent import CORNERS, project, whole_turn
from dupfind.matching.quality import Look
from dupfind.matching.turning import turned

Matrix = NDArray[np.float64]
Floats = NDArray[np.float32]
_Value = TypeVar("_Value", np.float32, np.bool_)

FRAME_PX = 1024  # long side of the frame; the window in its middle is compared
WINDOW_PX = 512
COLOUR_PX = 160  # long side of the frame that colours are compared in
TILE_PX = 32
_SIGMAS_PX = (0.5, 1.0, 2.0, 4.0)  # what lies between two of them is a band, from fine to coarse
BANDS = len(_SIGMAS_PX)
_EVERY = (1, 1, 2, 2)


@dataclass(frozen=True)
class Family:
    """The pictures of a group in one frame.

    Attributes:
        looks: The pictures.
        frame: Which of them gives the frame.
        to_frame: (3, 3) of each, from its shares to those of the frame's picture.
        turns: The exact quarter turn or mirroring of each to the frame's picture; None where it is not
            the whole of it.
        colours: (pictures, height, width, 3) uint8.
        shown: (pictures, height, width) bool, where each shows something.
        products: (bands, tiles, pictures, pictures) float32, mean products of the fine structure.
        tiles: (tiles, pictures) bool, where a picture shows all of a tile.
        flat: (pictures,) share of neighbouring pixels that are nearly the same.
    """

    looks: Sequence[Look]
    frame: int
    to_frame: Sequence[Matrix]
    turns: Sequence[Matrix | None]
    colours: NDArray[np.uint8]
    shown: NDArray[np.bool_]
    products: NDArray[np.float32]
    tiles: NDArray[np.bool_]
    flat: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.looks)

    def between(self, a: int, b: int) -> Matrix:
        """Return the matrix from shares of a to shares of b."""
        matrix = np.linalg.inv(self.to_frame[b]) @ self.to_frame[a]
        return np.asarray(matrix / matrix[2, 2], np.float64)

    def turn(self, a: int, b: int) -> Matrix | None:
        """Return the exact turn from a to b, None where one of them is not the whole."""
        one, two = self.turns[a], self.turns[b]
        if one is None or two is None:
            return None
        return np.asarray(np.rint(np.linalg.inv(two) @ one), np.float64)


def lay_out(looks: Sequence[Look], to_frame: Sequence[Matrix], frame: int) -> Family:
    """Lay pictures in the frame of one of them.

    Args:
        looks: The pictures.
        to_frame: From shares of each to shares of the frame's picture.
        frame: Which of them gives the frame.
    """
    first = looks[frame]
    turns = [whole_turn(project(matrix, CORNERS)) for matrix in to_frame]
    exact = [matrix if turn is None else turn for matrix, turn in zip(to_frame, turns, strict=True)]
    size = _size(first, COLOUR_PX)
    laid = [_drawn(look.colour, matrix, size) for look, matrix in zip(looks, exact, strict=True)]
    window_of = _Window(first)
    greys = [
        window_of.grey(look, matrix, turn)
        for look, matrix, turn in zip(looks, exact, turns, strict=True)
    ]
    products, tiles = _products(greys)
    return Family(
        looks,
        frame,
        to_frame,
        turns,
        np.stack([colour for colour, _ in laid]),
        np.stack([seen for _, seen in laid]),
        products,
        tiles,
        np.array([_flat(look.grey) for look in looks], np.float32),
    )


def drawn_alike(family: Family, long_px: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the pictures in the frame at another size, and where each shows something.

    Args:
        family: The pictures.
        long_px: Long side of the frame.

    Returns:
        (pictures, height, width, 3) uint8 and (pictures, height, width) bool.
    """
    size = _size(family.looks[family.frame], long_px)
    laid = [
        _drawn(look.colour, matrix if turn is None else turn, size)
        for look, matrix, turn in zip(family.looks, family.to_frame, family.turns, strict=True)
    ]
    return np.stack([picture for picture, _ in laid]), np.stack([seen for _, seen in laid])


def _size(look: Look, long_px: int) -> tuple[int, int]:
    scale = min(1.0, long_px / max(look.width, look.height))
    return max(8, round(look.width * scale)), max(8, round(look.height * scale))


def _warp(shape: tuple[int, ...], matrix: Matrix, size: tuple[int, int]) -> tuple[Matrix, float]:
    """Return the matrix between pixels for OpenCV, and how much it enlarges (by sides)."""
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])  # OpenCV counts from pixel centres
    scaled = np.diag([*size, 1.0]) @ matrix @ np.diag([1 / shape[1], 1 / shape[0], 1.0])
    warp = half @ scaled @ np.linalg.inv(half)
    middle = np.array([shape[1] / 2, shape[0] / 2, 1.0])
    depth = float(warp[2] @ middle) or 1e-6
    zoom = float(abs(np.linalg.det(warp / depth)) ** 0.5) if depth else 1.0
    return warp, zoom


def _drawn(
    picture: NDArray[np.uint8], matrix: Matrix, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a picture drawn in a frame of (width, height), and where it shows something."""
    warp, zoom = _warp(picture.shape, matrix, size)
    if zoom < 1:
        sigma = 0.5 * max(0.1, 1 / max(zoom, 0.02) ** 2 - 1) ** 0.5
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
    drawn = cv2.warpPerspective(picture, warp, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8), _where(picture.shape, warp, size)


def _where(shape: tuple[int, ...], warp: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    corners = CORNERS * np.array([shape[1], shape[0]]) - 0.5
    if bool((np.hstack([corners, np.ones((4, 1))]) @ warp[2] <= 0).any()):
        return np.zeros(size[::-1], bool)
    seen = np.zeros(size[::-1], np.uint8)
    points = np.clip(project(warp, corners), -1e6, 1e6)
    cv2.fillConvexPoly(seen, np.rint(points * 16).astype(np.int32), 1, shift=4)
    return np.asarray(cv2.erode(seen, np.ones((3, 3), np.uint8), borderValue=1)) > 0


class _Window:
    """The middle of the frame at its own size, where fine structure is compared."""

    def __init__(self, first: Look) -> None:
        self.size = _size(first, FRAME_PX)
        self.part = tuple(min(WINDOW_PX, side) // TILE_PX * TILE_PX or side for side in self.size)
        self.corner = tuple(
            (side - part) // 2 // 8 * 8 for side, part in zip(self.size, self.part, strict=True)
        )

    def grey(
        self, look: Look, matrix: Matrix, turn: Matrix | None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Return a picture's grey in the window, and where it shows something."""
        (left, top), (wide, high) = self.corner, self.part
        if turn is not None:
            grey = turned(look.grey, turn)
            if grey.shape[::-1] != self.size:
                smaller = grey.shape[0] * grey.shape[1] < self.size[0] * self.size[1]
                way = cv2.INTER_CUBIC if smaller else cv2.INTER_AREA
                grey = np.asarray(cv2.resize(grey, self.size, interpolation=way), np.uint8)
            cut = grey[top : top + high, left : left + wide]
            return cut.astype(np.float32), np.ones(cut.shape, bool)
        warp, zoom = _warp(look.grey.shape, matrix, self.size)
        warp = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ warp
        grey = look.grey
        if zoom < 0.9:
            sigma = 0.4 * max(0.1, 1 / max(zoom, 0.02) ** 2 - 1) ** 0.5
            grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)
        drawn = cv2.warpPerspective(
            grey, warp, (wide, high), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return drawn.astype(np.float32), _where(grey.shape, warp, (wide, high))


def _products(
    greys: Sequence[tuple[Floats, NDArray[np.bool_]]],
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the mean products of each band in tiles, and which tiles each picture shows whole."""
    tiles = np.stack([_tiled(seen, TILE_PX).all(axis=1) for _, seen in greys], axis=1)
    bands = [_bands(grey) for grey, _ in greys]
    products = np.empty((BANDS, *tiles.shape, len(greys)), np.float32)
    for band in range(BANDS):
        stacked = np.stack([own[band] for own in bands], axis=1)  # tiles, pictures, pixels
        np.matmul(stacked, stacked.swapaxes(1, 2), out=products[band])
        products[band] /= stacked.shape[2]
    return products, tiles


def _bands(grey: Floats) -> list[Floats]:
    """Return the fine structure in bands, by tiles; of the coarse ones every second pixel does."""
    soft = [grey, *(cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in _SIGMAS_PX)]
    return [
        _tiled(
            cv2.subtract(soft[at], soft[at + 1])[:: _EVERY[at], :: _EVERY[at]],
            TILE_PX // _EVERY[at],
        )
        for at in range(BANDS)
    ]


def _tiled(values: NDArray[_Value], side: int) -> NDArray[_Value]:
    """Return (tiles, pixels) of (height, width)."""
    high, wide = values.shape
    rows, columns = max(1, high // side), max(1, wide // side)
    tall, broad = high // rows, wide // columns
    cut = values[: rows * tall, : columns * broad]
    return cut.reshape(rows, tall, columns, broad).swapaxes(1, 2).reshape(rows * columns, -1)


def _flat(grey: NDArray[np.uint8]) -> float:
    """Return the share of neighbouring pixels that are nearly the same."""
    cut = np.ascontiguousarray(grey[:WINDOW_PX, :WINDOW_PX])
    if min(cut.shape) < 2:
        return 0.0
    across, down = cv2.absdiff(cut[:, 1:], cut[:, :-1]), cv2.absdiff(cut[1:], cut[:-1])
    return float(((across < 2).mean() + (down < 2).mean()) / 2)
