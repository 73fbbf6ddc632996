"""Local features of a photo: what finds its parts in other photos and proves a copy.

In:  an upright sRGB picture. Out: RootSIFT keypoints and a small picture to compare after alignment.
No disk, database or model.

Sources: SIFT (Lowe 2004), RootSIFT (Arandjelović and Zisserman 2012).
"""

import io
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError
from dupfind.evidence import Box
from dupfind.matching.inset import Keypoints, find_inset
from dupfind.matching.sizes import long_side, stretch
from dupfind.matching.tiles import find_nested

# Long sides; of very wide and tall pictures they are longer (``sizes``).
WORKING_PX = 400  # for keypoints: larger costs time, smaller loses crops and collage tiles
COMPARE_PX = 224  # of the picture that is compared block by block after alignment
MAX_KEYPOINTS = 400
MOST_TIMES_KEYPOINTS = 4  # so many times as many in very wide and tall pictures, at most
FEW_KEYPOINTS = 30  # with fewer a picture is soft, and looked at with its faint structure lifted
LIFTED_STD, MOST_GAIN = 20.0, 30.0  # grey levels
LIFTED_FROM_PX, LIFTED_TO_PX = 1.5, 20.0  # standard deviations of the band that is lifted
VARIANT_PX = 24
CONTRAST_THRESHOLD = (
    0.02  # half of OpenCV's default: soft and dim photos have few keypoints otherwise
)
_FORMAT = 2
# What NumPy raises for a damaged archive, at one place or another of it.
_DAMAGE = (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile, zlib.error)
_PLAIN = 8  # colour levels that a plain border may vary by (JPEG noise)
_SPECKS = 0.1  # share of a row or column of the border that may differ from it
_TOUCHED = 0.5  # share of each side of its frame that a picture differs from the frame at


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one photo, largest first, and a small picture of it.

    Attributes:
        points: (n, 2) float32, x and y from the upper left corner as fractions of the long side, so
            that they do not depend on the size that the keypoints were found at.
        sizes: (n,) float32, keypoint diameters as fractions of the long side.
        angles: (n,) float32, degrees, clockwise from the x axis as OpenCV gives them.
        descriptors: (n, 128) uint8, SIFT.
        picture: (height, width, 3) uint8 sRGB, long side ``COMPARE_PX``, or more in very wide and tall
            ones.
        is_soft: Whether the picture shows so little that the keypoints are those of its faint structure.
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    is_soft: bool = False

    def __len__(self) -> int:
        return len(self.points)

    @property
    def stretch(self) -> float:
        """How much longer than ``COMPARE_PX`` the long side of ``picture`` is; 1 for most photos."""
        return max(1.0, float(max(self.picture.shape[:2])) / COMPARE_PX)

    @cached_property
    def root(self) -> NDArray[np.float32]:
        """RootSIFT: (n, 128) float32 of unit length, so that a dot product is a similarity."""
        return root_sift(self.descriptors)

    @cached_property
    def mirrored_root(self) -> NDArray[np.float32]:
        """RootSIFT that the mirrored photo would have at the same keypoints, (n, 128) float32."""
        return root_sift(mirror_descriptors(self.descriptors))

    @cached_property
    def content(self) -> NDArray[np.bool_]:
        """Where ``picture`` shows something: False in plain borders, frames and letterboxes."""
        return content_mask(self.picture)

    @cached_property
    def tiles(self) -> list[Box]:
        """The pictures of a collage, their parts and several side by side (``tiles.find_nested``).

        Left, top, right and bottom as shares of the sides, the largest first; none of another photo.
        """
        height, width = self.picture.shape[:2]
        return [
            (tile.left / width, tile.top / height, tile.right / width, tile.bottom / height)
            for tile in find_nested(self.picture)
        ]

    @cached_property
    def variants(self) -> NDArray[np.float32]:
        """The whole picture at 24 x 24 px grey in its eight turns and mirrorings, (8, 576) float32.

        Zero mean and unit deviation, so that a dot product by 576 is a correlation. Rows 0 to 3: by
        that many quarter turns anticlockwise; rows 4 to 7: mirrored first.
        """
        small = self.grey(VARIANT_PX, square=True)
        normal = (small - small.mean()) / max(float(small.std()), 4.0)
        turned = [
            np.rot90(image, turns) for image in (normal, normal[:, ::-1]) for turns in range(4)
        ]
        return np.stack(turned).reshape(8, -1).astype(np.float32)

    def grey(self, long_side_px: int, *, square: bool = False) -> NDArray[np.float32]:
        """Return the picture in grey at another size, (height, width) float32; kept for next time."""
        if long_side_px not in self._greys:
            height, width = self.picture.shape[:2]
            scale = long_side_px / max(height, width)
            size = (max(4, round(width * scale)), max(4, round(height * scale)))
            size = (long_side_px, long_side_px) if square else size
            small = cv2.resize(self.picture, size, interpolation=cv2.INTER_AREA)
            grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
            self._greys[long_side_px] = np.asarray(grey, np.float32)
        return self._greys[long_side_px]

    @cached_property
    def _greys(self) -> dict[int, NDArray[np.float32]]:
        return {}

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the photo as fractions of its long side."""
        height, width = self.picture.shape[:2]
        return width / max(width, height), height / max(width, height)

    def to_bytes(self) -> bytes:
        """Pack for a cache: points to 1/65535 of the long side, the picture as JPEG of quality 95."""
        buffer = io.BytesIO()
        geometry = np.column_stack([self.points, self.sizes, self.angles / 360.0])
        packed = np.round(np.clip(geometry, 0, 1) * 65535).astype(np.uint16)
        encoded = cv2.imencode(".jpg", self.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        np.savez(
            buffer,
            format=_FORMAT,
            geometry=packed,
            sift=self.descriptors,
            picture=encoded,
            is_soft=self.is_soft,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "LocalFeatures":
        """Unpack what ``to_bytes`` made.

        Raises:
            DescriptorError: The data are damaged or of another version.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                if int(arrays["format"]) != _FORMAT:
                    raise DescriptorError("the cached features are of another version")
                geometry = arrays["geometry"].astype(np.float32) / 65535
                decoded = cv2.imdecode(arrays["picture"], cv2.IMREAD_COLOR)
                sift, is_soft = arrays["sift"], bool(arrays["is_soft"])
                _check_shapes(geometry, sift)
        except (*_DAMAGE, cv2.error) as error:
            raise DescriptorError(f"the cached features are damaged ({error})") from error
        if decoded is None:
            raise DescriptorError("the cached features are damaged (their picture)")
        picture = np.ascontiguousarray(decoded[..., ::-1], np.uint8)
        points, sizes, angles = geometry[:, :2], geometry[:, 2], geometry[:, 3] * 360
        return cls(points, sizes, angles, sift, picture, is_soft)


def _check_shapes(geometry: NDArray[np.float32], sift: NDArray[np.uint8]) -> None:
    rows = len(geometry)
    if geometry.shape != (rows, 4) or sift.shape != (rows, 128):
        raise ValueError(f"{geometry.shape} places do not go with {sift.shape} descriptors")


def use_one_thread() -> None:
    """Keep OpenCV from starting threads: photos and pairs are worked on side by side already."""
    cv2.setNumThreads(1)


def extract(pixels: NDArray[np.uint8]) -> LocalFeatures:
    """Find the keypoints of an upright sRGB picture, shape (height, width, 3) uint8.

    Small pictures are enlarged to ``WORKING_PX``: a thumbnail has the keypoints of its original. So is the
    picture on a page or screen (``inset``).
    """
    working = _resize(pixels, long_side(pixels.shape, WORKING_PX))
    picture = _resize(working, long_side(pixels.shape, COMPARE_PX))
    most = round(MAX_KEYPOINTS * times_keypoints(pixels.shape))
    found, is_soft = _keypoints(working, picture.shape, most)
    inset = find_inset(pixels)
    if inset is not None:
        found = found.with_part(inset, _of_inset(inset.cut_from(pixels)), max(pixels.shape[:2]))
    return LocalFeatures(found.points, found.sizes, found.angles, found.sift, picture, is_soft)


def _of_inset(pixels: NDArray[np.uint8]) -> Keypoints:
    working = _resize(pixels, long_side(pixels.shape, WORKING_PX))
    return _keypoints(working, working.shape, MAX_KEYPOINTS)[0]


def _keypoints(
    working: NDArray[np.uint8], shape: tuple[int, ...], most: int
) -> tuple[Keypoints, bool]:
    """Find about so many keypoints, the largest first, and say whether they are those of a soft picture.

    ``shape`` is that of the picture whose long side is their unit; angles are in degrees.
    """
    grey = cv2.cvtColor(working, cv2.COLOR_RGB2GRAY)
    detector = cv2.SIFT.create(
        nfeatures=most,
        contrastThreshold=CONTRAST_THRESHOLD,
        enable_precise_upscale=True,  # else all points lie a quarter of a pixel too far
    )
    keypoints, descriptors = detector.detectAndCompute(grey, None)
    is_soft = len(keypoints) < FEW_KEYPOINTS
    if is_soft:
        lifted_grey = np.clip(lifted(grey), 0, 255).astype(np.uint8)
        keypoints, descriptors = detector.detectAndCompute(lifted_grey, None)
    if descriptors is None:
        keypoints, descriptors = (), np.zeros((0, 128), np.float32)
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2)
    # OpenCV counts from the middle of the first pixel; the sides of the two sizes are rounded.
    scale = np.array(shape[1::-1]) / np.array(working.shape[1::-1])
    points = ((points + 0.5) * (scale / max(shape[:2]))).astype(np.float32)
    sizes = np.array([keypoint.size for keypoint in keypoints], np.float32) / float(max(grey.shape))
    angles = np.array([keypoint.angle for keypoint in keypoints], np.float32)
    order = np.argsort(-sizes, kind="stable")
    sift = descriptors.astype(np.uint8)[order]
    return Keypoints(points[order], sizes[order], angles[order], sift), is_soft


def lifted(grey: NDArray[Any]) -> NDArray[np.float32]:
    """Return a grey picture with the same contrast everywhere: of a dim sky its stars, of snow its dunes.

    The finest structure is left out: there a soft picture has noise, and what saving it made of that.
    """
    values = grey.astype(np.float32)
    around = cv2.GaussianBlur(values, (0, 0), LIFTED_TO_PX)
    band = cv2.GaussianBlur(values, (0, 0), LIFTED_FROM_PX) - around
    deviation = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), LIFTED_TO_PX))
    gain = LIFTED_STD / np.maximum(deviation, LIFTED_STD / MOST_GAIN)
    return np.asarray(128 + band * gain, np.float32)


def times_keypoints(shape: tuple[int, ...]) -> float:
    """Return how many times as many keypoints a picture has than an ordinary one, by its shape."""
    return min(stretch(shape), MOST_TIMES_KEYPOINTS)


def empty_features() -> LocalFeatures:
    """Return the features of a photo that cannot be read: no keypoints, a black picture."""
    nothing = np.zeros(0, np.float32)
    return LocalFeatures(
        np.zeros((0, 2), np.float32),
        nothing,
        nothing,
        np.zeros((0, 128), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
    )


def content_mask(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return False where a picture (height, width, 3) is only a plain border, else True everywhere.

    A border is one colour that reaches the edge and leaves a convex picture with straight sides: a
    frame, a letterbox, the corners of a turned photo. A sky or a plain backdrop is not: what stands
    before it is no such shape.
    """
    height, width = picture.shape[:2]
    filled = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
    source = picture.copy()  # OpenCV wants to be able to write
    for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        if not filled[y + 1, x + 1]:
            cv2.floodFill(source, filled, (x, y), 0, (_PLAIN,) * 3, (_PLAIN,) * 3, flags)
    content = cv2.morphologyEx(1 - filled[1:-1, 1:-1], cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count = int(content.sum())
    if not 0.1 * content.size < count < 0.985 * content.size:
        return np.ones((height, width), bool)
    hull = cv2.convexHull(cv2.findNonZero(content))
    whole = cv2.fillConvexPoly(np.zeros_like(content), hull, 1)
    if count >= 0.97 * int(whole.sum()):
        return np.asarray(whole > 0)
    return _framed_box(content)


def _framed_box(content: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the upright box that the content fills out to all its sides; all True without one.

    The border's colour may go on into the picture (a dark photo in a black frame), and a coarse JPEG
    leaves specks on it; but the picture still touches most of each side of its box.
    """
    rows = np.flatnonzero(content.mean(axis=1) > _SPECKS)
    columns = np.flatnonzero(content.mean(axis=0) > _SPECKS)
    box = np.zeros(content.shape, bool)
    if not len(rows) or not len(columns):
        return ~box
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    inside = content[box].reshape(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
    edges = [inside[:2].max(axis=0), inside[-2:].max(axis=0)]
    edges += [inside[:, :2].max(axis=1), inside[:, -2:].max(axis=1)]
    return box if min(float(edge.mean()) for edge in edges) > _TOUCHED else ~np.zeros_like(box)


def mirror_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the SIFT descriptors of the mirrored patches, (n, 128), without looking at them again.

    A keypoint's patch is laid along its orientation as 4 x 4 cells of 8 directions; in that frame
    a mirror image swaps the rows and negates the directions.
    """
    return descriptors[:, _MIRROR]


def negative_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the SIFT descriptors of the photo's negative, (n, 128), without looking at it.

    All gradients turn about, and with them the keypoint's own orientation: in its frame the 4 x 4
    cells stand upside down, and the directions are what they were.
    """
    return descriptors[:, _NEGATIVE]


def root_sift(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the square roots of the L1-normalised descriptors, (n, 128) float32 of unit length."""
    values = descriptors.astype(np.float32)
    total = np.maximum(values.sum(axis=1, keepdims=True), 1e-6)
    return np.asarray(np.sqrt(values / total), np.float32)


_NEGATIVE = np.arange(128).reshape(4, 4, 8)[::-1, ::-1].reshape(-1)
_MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].reshape(-1)


def _resize(pixels: NDArray[np.uint8], long_side_px: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    scale = long_side_px / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.ascontiguousarray(cv2.resize(pixels, size, interpolation=method))
