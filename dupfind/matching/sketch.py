"""Sketch a photo: what is cheap to find and to keep, to say which pairs of photos are worth a proof.

In:  an upright sRGB picture. Out: a few SIFT keypoints of a small picture of it, each in 64 bytes, and
a thumbnail. No disk (but the shipped basis), database or model.

The descriptors are rotated to their main directions (PCA). A mirrored patch swaps values of its SIFT
descriptor, and so does a negative one; the basis was learned on patches in all four such views, so each
of its directions keeps its value or changes its sign. What the mirrored photo would give is thus known
without looking at it.

Sources: SIFT (Lowe 2004), RootSIFT (Arandjelović and Zisserman 2012).
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError
from dupfind.matching.features import (
    CONTRAST_THRESHOLD,
    mirror_descriptors,
    negative_descriptors,
    root_sift,
)
from dupfind.matching.inset import Keypoints
from dupfind.matching.tiles import find_parts

SKETCH_PX = 160  # long side for keypoints: on pairs of copies no worse than 192 or 400 to find them
TILE_PX = 112  # of each picture of a collage
SKETCH_KEYPOINTS = 128
PART_KEYPOINTS, PARTS_KEYPOINTS = 48, 96  # more for a picture on a page, and for all of a collage
MOST_KEYPOINTS = SKETCH_KEYPOINTS + PARTS_KEYPOINTS
NEEDED_PX = 128  # what to ask of the decoder: half the shorter side, as the builtin model does
THUMB_PX = 24
DIMENSIONS = 64
UNIT = 180.0  # the code of 1.0; no value of a descriptor exceeds 0.7
_HEADER = struct.Struct("<4sH")
_MAGIC = b"skt1"


class View(IntEnum):
    """How a photo is looked at: as it is, as its mirror image, or as its negative."""

    PLAIN = 0
    MIRRORED = 1
    NEGATIVE = 2


@dataclass(frozen=True)
class Sketch:
    """The sketch of one photo, keypoints from large to small.

    Attributes:
        points: (n, 2) float32, x and y from the upper left corner as fractions of the long side.
        sizes: (n,) float32, keypoint diameters as fractions of the long side.
        angles: (n,) float32, radians, clockwise from the x axis.
        codes: (n, DIMENSIONS) int8, RootSIFT in the shipped basis, of length ``UNIT``.
        thumb: (THUMB_PX, THUMB_PX) uint8, the whole picture in grey, squashed to a square.
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    codes: NDArray[np.int8]
    thumb: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)

    def to_bytes(self) -> bytes:
        """Pack for a cache, at most 10 KB, of a page with a picture or a collage 17."""
        turns = np.mod(self.angles / (2 * np.pi), 1.0)
        geometry = np.column_stack([self.points, self.sizes, turns])
        packed = np.round(np.clip(geometry, 0, 1) * 65535).astype("<u2")
        header = _HEADER.pack(_MAGIC, len(self))
        return bytes(header + packed.tobytes() + self.codes.tobytes() + self.thumb.tobytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sketch":
        """Unpack what ``to_bytes`` made.

        Raises:
            DescriptorError: The data are damaged or of another version.
        """
        if len(data) < _HEADER.size:
            raise DescriptorError("the cached sketch is damaged (it is cut short)")
        magic, count = _HEADER.unpack_from(data)
        wanted = _HEADER.size + count * (8 + DIMENSIONS) + THUMB_PX**2
        if magic != _MAGIC or len(data) != wanted:
            raise DescriptorError("the cached sketch is damaged or of another version")
        packed = np.frombuffer(data, "<u2", 4 * count, _HEADER.size).reshape(count, 4)
        geometry = np.asarray(packed / 65535, np.float32)
        start = _HEADER.size + 8 * count
        codes = np.frombuffer(data, np.int8, DIMENSIONS * count, start).reshape(count, DIMENSIONS)
        thumb = np.frombuffer(data, np.uint8, THUMB_PX**2, start + DIMENSIONS * count)
        return cls(
            geometry[:, :2],
            geometry[:, 2],
            np.asarray(geometry[:, 3] * 2 * np.pi, np.float32),
            codes,
            thumb.reshape(THUMB_PX, THUMB_PX),
        )


def draw_sketch(pixels: NDArray[np.uint8]) -> Sketch:
    """Sketch an upright sRGB picture, shape (height, width, 3) uint8.

    On a page or screen up to ``PART_KEYPOINTS`` more are for the picture that it shows (``inset``), in a
    collage up to ``PARTS_KEYPOINTS`` for all of its pictures (``tiles``).
    """
    grey = _small_grey(pixels, SKETCH_PX)
    found = _keypoints(grey)
    parts = find_parts(pixels)
    for part in parts:
        part_px = SKETCH_PX if len(parts) == 1 else TILE_PX
        inner = _keypoints(_small_grey(part.cut_from(pixels), part_px))
        most = min(PART_KEYPOINTS, PARTS_KEYPOINTS // len(parts))
        most = max(most, (SKETCH_KEYPOINTS - len(found.points)) // len(parts))
        found = found.with_part(part, inner, max(pixels.shape[:2]), most)
    thumb = cv2.resize(grey, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
    return Sketch(found.points, found.sizes, found.angles, encode(found.sift), thumb)


def _small_grey(pixels: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = long_side_px / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(pixels, size, interpolation=method)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _keypoints(grey: NDArray[np.uint8]) -> Keypoints:
    """Find keypoints, the largest first."""
    # One detector a photo: one that is shared would not bear several threads.
    detector = cv2.SIFT.create(
        nfeatures=SKETCH_KEYPOINTS,
        contrastThreshold=CONTRAST_THRESHOLD,
        enable_precise_upscale=True,
    )
    keypoints, descriptors = detector.detectAndCompute(grey, None)
    if descriptors is None:
        keypoints, descriptors = (), np.zeros((0, 128), np.float32)
    geometry = np.array(
        [(*point.pt, point.size, point.angle) for point in keypoints], np.float32
    ).reshape(-1, 4)
    # SIFT gives a few more than it was asked for, where several are equally strong.
    order = np.argsort(-geometry[:, 2], kind="stable")[:SKETCH_KEYPOINTS]
    places = np.asarray((geometry[order, :2] + 0.5) / max(grey.shape), np.float32)
    sizes = np.asarray(geometry[order, 2] / max(grey.shape), np.float32)
    angles = np.asarray(np.deg2rad(geometry[order, 3]), np.float32)
    return Keypoints(places, sizes, angles, descriptors.astype(np.uint8)[order])


def empty_sketch() -> Sketch:
    """Return the sketch of a photo that cannot be read: no keypoints, a black thumbnail."""
    nothing = np.zeros(0, np.float32)
    return Sketch(
        np.zeros((0, 2), np.float32),
        nothing,
        nothing,
        np.zeros((0, DIMENSIONS), np.int8),
        np.zeros((THUMB_PX, THUMB_PX), np.uint8),
    )


@dataclass(frozen=True)
class Basis:
    """The main directions of RootSIFT: mean (128,), matrix (128, DIMENSIONS), signs (3, DIMENSIONS) int8.

    Row ``view`` of ``signs`` turns a photo's codes into those of that view of it.
    """

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]
    signs: NDArray[np.int8]


def encode(descriptors: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Turn SIFT descriptors, (n, 128) uint8, into codes, (n, DIMENSIONS) int8."""
    basis = shipped_basis()
    projected = (root_sift(descriptors) - basis.mean) @ basis.matrix
    length = np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-6)
    return np.asarray(np.clip(np.round(projected * (UNIT / length)), -127, 127), np.int8)


def seen_as(codes: NDArray[np.int8], view: View) -> NDArray[np.int8]:
    """Return the codes that another view of the same photo has at the same keypoints."""
    return np.asarray(codes * shipped_basis().signs[view], np.int8)


def learn_basis(descriptors: NDArray[np.uint8]) -> Basis:
    """Learn the main directions of SIFT descriptors, (n, 128), seen in all four views (PCA)."""
    values = root_sift(descriptors).astype(np.float64)
    rows = np.arange(128, dtype=np.uint8)[None]
    mirror, negative = (
        np.eye(128)[mirror_descriptors(rows)[0]],
        np.eye(128)[negative_descriptors(rows)[0]],
    )
    views = [np.eye(128), mirror, negative, mirror @ negative]
    covariance = np.cov(values, rowvar=False)
    covariance = sum(view @ covariance @ view.T for view in views) / len(views)
    mean = sum(view @ values.mean(axis=0) for view in views) / len(views)
    found: list[tuple[float, NDArray[np.float64], tuple[int, int]]] = []
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        # The part of the space in which the views act as these signs.
        part = (np.eye(128) + signs[0] * mirror) @ (np.eye(128) + signs[1] * negative) / 4
        strength, directions = np.linalg.eigh(part @ covariance @ part)
        inside = np.linalg.norm(part @ directions - directions, axis=0) < 1e-6
        found += [(strength[row], directions[:, row], signs) for row in np.flatnonzero(inside)]
    found.sort(key=lambda entry: -entry[0])
    best = found[:DIMENSIONS]
    signs_of = np.array([[1, *signs] for _, _, signs in best], np.int8).T
    matrix = np.stack([direction for _, direction, _ in best], axis=1)
    return Basis(np.asarray(mean, np.float32), matrix.astype(np.float32), signs_of)


@cache
def shipped_basis() -> Basis:
    """Return the basis that comes with dupfind, made by ``benchmarks/fit_candidates.py``."""
    with (
        resources.as_file(resources.files("dupfind.matching") / "sketch.npz") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        matrix = arrays["matrix"].astype(np.float32)
        return Basis(arrays["mean"].astype(np.float32), matrix, arrays["signs"].astype(np.int8))
