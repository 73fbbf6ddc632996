"""Lay two aligned photos in one frame: what both show, at the finest detail that both have.

In:  the pixels of two photos and the matrix that leads from one to the other.
Out: two grey pictures of one shape, and where both show something. No disk, database or model.

The photo that shows the overlap smaller gives the frame: enlarging would compare blur.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.matching.align import transform
from dupfind.matching.sizes import long_side, stretch

# Long side of the frame (``sizes``): fine enough for the small print of a page.
FRAME_PX = 800
MIN_FRAME_PX = 24
# Short sides of very wide and tall overlaps: the least, and what those below MIN_FRAME_PX are enlarged to.
MIN_STRIP_PX, STRIP_PX = 12, 48
REDUCE_FROM = 1.2  # a picture that shrinks by more than this is averaged first
EDGE_PX = 1.5  # the outermost pixels of a photo are half something else after a warp
HORIZON = 1e-3  # depth of a homography from which on a pixel lies before it


@dataclass(frozen=True)
class Frame:
    """A target picture, and how the other photo is drawn onto it.

    Attributes:
        target: (height, width) float32 grey, the overlap as the coarser photo shows it.
        source: (rows, columns) float32 grey, the whole other photo.
        matrix: (3, 3) from pixels of the source to pixels of the target (OpenCV's count).
        swapped: Whether the target is the first photo, and so the matrix the inverse.
    """

    target: NDArray[np.float32]
    source: NDArray[np.float32]
    matrix: NDArray[np.float64]
    swapped: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the frame in pixels."""
        return self.target.shape[0], self.target.shape[1]

    def moved(self, matrix: NDArray[np.float64]) -> "Frame":
        """Return the frame with a further motion of the drawn picture, (3, 3) in target pixels."""
        return replace(self, matrix=matrix @ self.matrix)

    def draw(
        self, motion: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Draw the source onto the frame: the picture, and where the source has pixels.

        Args:
            motion: (height, width, 2) float32: how far from its place in the frame each pixel is
                taken, in pixels; None for no motion.
        """
        height, width = self.shape
        inverse = np.linalg.inv(self.matrix)
        x, y = _places(inverse / inverse[2, 2], height, width, motion)
        drawn = cv2.remap(self.source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        rows, columns = self.source.shape[:2]
        inside = (x > EDGE_PX) & (y > EDGE_PX)
        inside &= (x < columns - 1 - EDGE_PX) & (y < rows - 1 - EDGE_PX)
        return np.asarray(drawn, np.float32), inside

    def reduced(self, long_side_px: int) -> "Frame":
        """Return the same frame at a smaller size (``sizes``); itself when it is small enough."""
        scale = long_side(self.shape, long_side_px) / max(self.shape)
        if scale >= 1:
            return self
        target, resize = _resized(self.target, scale)
        return _averaged(Frame(target, self.source, resize @ self.matrix, self.swapped))


def make_frame(
    pixels_a: NDArray[np.uint8],
    pixels_b: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    *,
    long_side_px: int = FRAME_PX,
) -> Frame | None:
    """Return the frame of two photos; None when their overlap is too small to look at.

    Args:
        pixels_a, pixels_b: (height, width, 3) uint8 sRGB, upright.
        matrix: (3, 3) from points of a to points of b, as fractions of the long sides.
        long_side_px: Long side of the frame at most; more where it is very wide or tall (``sizes``).
    """
    side_a, side_b = max(pixels_a.shape[:2]), max(pixels_b.shape[:2])
    swapped = bool(abs(np.linalg.det(matrix[:2, :2])) ** 0.5 * side_b > side_a)
    if swapped:
        matrix = np.asarray(np.linalg.inv(matrix), np.float64)
        pixels_a, pixels_b, side_a, side_b = pixels_b, pixels_a, side_b, side_a
    pixels = from_fractions(side_b) @ matrix @ np.linalg.inv(from_fractions(side_a))
    box = _overlap_box(pixels, pixels_a.shape, pixels_b.shape)
    if box is None:
        return None
    left, top, right, bottom = box
    target = _grey(pixels_b[top:bottom, left:right])
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    target, resize = _resized(target, _scale(target.shape, long_side_px))
    return _averaged(Frame(target, _grey(pixels_a), resize @ shift @ pixels, swapped))


def _scale(shape: tuple[int, ...], long_side_px: int) -> float:
    """Return by how much to resize the overlap."""
    if min(shape) < MIN_FRAME_PX:
        return STRIP_PX / min(shape)
    return min(1.0, long_side(shape, long_side_px) / max(shape))


def from_fractions(side_px: int) -> NDArray[np.float64]:
    """Return what makes pixels of fractions of the long side: OpenCV counts from the first's middle."""
    return np.array([[side_px, 0, -0.5], [0, side_px, -0.5], [0, 0, 1.0]])


def _places(
    inverse: NDArray[np.float64], height: int, width: int, motion: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where in the source each pixel of the frame lies: x and y, float32 (height, width)."""
    x = np.arange(width, dtype=np.float32)[None]
    y = np.arange(height, dtype=np.float32)[:, None]
    if motion is not None:
        x, y = x + motion[..., 0], y + motion[..., 1]
    (a, b, c), (d, e, f), (g, h, _) = inverse.astype(np.float32)
    at_x, at_y = _plane(a, x, b, y, c), _plane(d, x, e, y, f)
    if g == 0 and h == 0:
        return at_x, at_y
    depth = _plane(g, x, h, y, np.float32(1))
    if depth.min() > HORIZON:
        at_x /= depth
        at_y /= depth
        return at_x, at_y
    # A homography folds over at its horizon; nothing is drawn from behind it.
    seen = depth > HORIZON
    depth = np.where(seen, depth, np.float32(1))
    nowhere = np.float32(-9)
    return np.where(seen, at_x / depth, nowhere), np.where(seen, at_y / depth, nowhere)


def _plane(
    across: np.float32,
    x: NDArray[np.float32],
    down: np.float32,
    y: NDArray[np.float32],
    offset: np.float32,
) -> NDArray[np.float32]:
    plane = across * x + down * y
    plane += offset
    return plane


def _overlap_box(
    matrix: NDArray[np.float64], shape_a: tuple[int, ...], shape_b: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the overlap in b's pixels; None when it is too small."""
    corners = _corners(shape_a)
    depth = corners @ matrix[2, :2] + matrix[2, 2]
    if (depth * np.sign(matrix[2, 2]) <= 0).any():
        return None
    there = cv2.convexHull(transform(matrix, corners).astype(np.float32))
    area, common = cv2.intersectConvexConvex(there, _corners(shape_b))
    if area <= 0 or common is None:
        return None
    points = common.reshape(-1, 2)
    left, top = np.maximum(np.floor(points.min(axis=0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(points.max(axis=0)) + 1, shape_b[1::-1]).astype(int)
    shape = int(bottom - top), int(right - left)
    if min(shape) < 1 or min(shape) < (MIN_STRIP_PX if stretch(shape) > 1 else MIN_FRAME_PX):
        return None
    return int(left), int(top), int(right), int(bottom)


def _corners(shape: tuple[int, ...]) -> NDArray[np.float32]:
    height, width = shape[:2]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5


def _averaged(frame: Frame) -> Frame:
    """Shrink the source first where drawing it would skip pixels."""
    height, width = frame.shape
    inverse = np.asarray(np.linalg.inv(frame.matrix), np.float64)
    x, y = width / 2, height / 2
    middle = np.array([[x, y], [x + 1, y], [x, y + 1]], np.float32)
    at = transform(inverse, middle)
    zoom = abs(float(np.linalg.det(np.stack([at[1] - at[0], at[2] - at[0]])))) ** 0.5
    if zoom <= REDUCE_FROM:
        return frame
    source, resize = _resized(frame.source, 1 / zoom)
    return replace(frame, source=source, matrix=frame.matrix @ np.linalg.inv(resize))


def _resized(
    picture: NDArray[np.float32], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return a picture at another size, and the matrix from its old pixels to the new ones."""
    rows, columns = picture.shape
    if scale == 1:
        return picture, np.eye(3)
    size = max(8, round(columns * scale)), max(8, round(rows * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    across, down = size[0] / columns, size[1] / rows
    matrix = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
    return np.asarray(cv2.resize(picture, size, interpolation=method)), matrix


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)
