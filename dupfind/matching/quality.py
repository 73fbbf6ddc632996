"""What one picture shows of its own history: tones that are gone, a grid of blocks, real detail.

In:  a decoded picture as a ``Look``. Out: numbers, for ``original``. No disk, database or model.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

COLOUR_PX = 384  # long side of the reduced picture that colours are compared in
_SAMPLES = 40_000  # pixels that tones are counted over
_BLACK, _WHITE = 2, 253
_BLOCK = 8  # of JPEG
_SOME_BLOCKS = 1500
_GRID_PX = 512  # of the picture's middle, that a grid of blocks is looked for in
_SMALLEST_STEP = 3.0  # of a quantisation that can be told from the noise of another saving

Grey = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """A picture as it is judged.

    Attributes:
        grey: (height, width) uint8, the upright luma at full size.
        colour: (h, w, 3) uint8 sRGB, reduced to at most ``COLOUR_PX``.
        sample: (n, 3) uint8, pixels as they are in the file, spread over all of it.
        table: (8, 8) float32 luma quantisation of a JPEG in the upright picture's directions;
            None for other files.
        camera: Whether EXIF names a camera.
        edited: Whether a tag names an editor, a messenger or a screenshot.
        native_pixels: Pixels of the file; more than were read of a very large one.
        bytes_per_pixel: Size of the file over them.
        lossless: Whether the format loses nothing (PNG, TIFF, GIF, ...).
        modern: Whether the format is one that photos are made into rather than taken in (WebP, AVIF) or
            that phones take (HEIC).
        profiled: Whether the file has a colour profile that is not sRGB.
        one_channel: Whether the file was saved as a grey picture, without any colours.
    """

    grey: NDArray[np.uint8]
    colour: NDArray[np.uint8]
    sample: NDArray[np.uint8]
    table: NDArray[np.float32] | None = None
    camera: bool = False
    edited: bool = False
    native_pixels: int = 1
    bytes_per_pixel: float = 1.0
    lossless: bool = False
    modern: bool = False
    profiled: bool = False
    one_channel: bool = False

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.grey.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.grey.shape[0])

    @cached_property
    def clipped(self) -> float:
        """Share of the channel values that are black or white to the end."""
        values = self.sample
        return float(((values <= _BLACK) | (values >= _WHITE)).mean())

    @cached_property
    def reach(self) -> float:
        """How much of the range from black to white the tones use, in grey levels."""
        low, high = np.percentile(self.sample @ LUMA, (0.5, 99.5))
        return float(high - low)

    @cached_property
    def comb(self) -> float:
        """How much the counts of the tones jump from one to the next: 0 smooth, 1 teeth and gaps."""
        return float(max(_comb(self.sample[:, channel]) for channel in range(3)))

    @cached_property
    def colours(self) -> int:
        """About how many different colours the sample has."""
        red, green, blue = self.sample.astype(np.uint32).T
        packed = (red << 16 | green << 8 | blue) * np.uint32(2654435761) >> 14  # spread evenly
        seen = np.zeros(1 << 18, bool)
        seen[packed] = True
        return int(seen.sum())

    @cached_property
    def off_line(self) -> float:
        """Grey levels that the colours lie off one curve of tone: about 0 in grey, sepia, duotone."""
        return off_line(self.colour)

    @cached_property
    def step(self) -> float:
        """About how coarse the steps are that the picture was saved with; 1 without loss."""
        own = 1.0 if self.table is None else max(1.0, float(self.table.mean()))
        return max(own, 1 + 40 * (self.blocked - 1.12))

    @cached_property
    def blocked(self) -> float:
        """How much harsher the grey changes across a grid of 8 pixels than beside it; 1 is not at all."""
        top, left = (max(0, side - _GRID_PX) // 16 * 8 for side in self.grey.shape)
        middle = self.grey[top : top + _GRID_PX, left : left + _GRID_PX]
        return max(_blocked(middle), _blocked(middle.T))


LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def look_at(
    pixels: NDArray[np.uint8],
    *,
    table: NDArray[np.float32] | None = None,
    camera: bool = False,
    edited: bool = False,
) -> Look:
    """Make a ``Look`` of an upright picture (height, width, 3) uint8."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, COLOUR_PX / max(grey.shape))
    size = (max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale)))
    colour = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    step = max(1, int((grey.size / _SAMPLES) ** 0.5))
    sample = np.ascontiguousarray(pixels[::step, ::step]).reshape(-1, 3)
    return Look(
        np.asarray(grey, np.uint8), np.asarray(colour, np.uint8), sample, table, camera, edited
    )


def off_line(colour: NDArray[np.uint8]) -> float:
    """Return how far the colours lie from the mean colour of their luma, in grey levels (rms)."""
    values = colour.reshape(-1, 3)
    level = np.clip(values.astype(np.float32) @ LUMA, 0, 255).astype(np.int64) // 8 * 256
    total = sum(_beyond_means(level + values[:, channel]) for channel in range(3))
    return float((total / len(values)) ** 0.5)


def _beyond_means(place: NDArray[np.int64]) -> float:
    """Return the sum of squares of values (0 to 255) from the mean of their level, by level * 256 + value."""
    counts = np.bincount(place, minlength=32 * 256).reshape(32, 256)
    values = np.arange(256)
    count, sums, squares = counts.sum(axis=1), counts @ values, counts @ values**2
    return float(((count * squares - sums**2) / np.maximum(count, 1)).sum())


def carries(grey: Grey, table: NDArray[np.float32]) -> float | None:
    """Return how far a picture's 8 x 8 frequencies lie from the steps of a JPEG's table.

    Args:
        grey: (height, width) luma, laid as the JPEG's own picture lies.
        table: (8, 8) the JPEG's steps.

    Returns:
        Mean distance to the nearest step in steps: about 0.25 of a picture that never went
        through the JPEG, near 0 of one made from it. None where the steps are too fine to tell.
    """
    steps = table.ravel()
    coarse = steps >= _SMALLEST_STEP
    coarse[0] = False
    blocks = _blocks(grey)
    if not coarse.any() or len(blocks) < 16:
        return None
    counted = (blocks @ BLOCK_FREQUENCIES[:, coarse]) / steps[coarse]
    nearest = np.rint(counted)
    told = nearest != 0
    if told.sum() < 60:
        return None
    # Weigh the coarse steps: what was saved again blurs the fine ones.
    weight = told * steps[coarse]
    return float((np.abs(counted - nearest) * weight).sum() / weight.sum())


def whole_blocks(values: Grey, side_px: int = _BLOCK) -> Grey:
    """Return the blocks that lie whole in a picture, (rows, columns, side, side): of 8 x 8, as a JPEG has."""
    rows, columns = (side // side_px for side in values.shape)
    cut = values[: rows * side_px, : columns * side_px]
    blocks = cut.reshape(rows, side_px, columns, side_px)
    return blocks.swapaxes(1, 2)


def _blocks(grey: Grey) -> NDArray[np.float32]:
    """Return blocks of 8 x 8 spread over a picture, (blocks, 64)."""
    blocks = whole_blocks(grey)
    high, wide = blocks.shape[:2]
    step = max(1, high * wide // _SOME_BLOCKS)
    rows, columns = np.divmod(np.arange(0, high * wide, step), max(1, wide))
    return np.asarray(blocks[rows, columns].reshape(-1, 64), np.float32) - 128


def _basis() -> NDArray[np.float32]:
    k, n = np.mgrid[:8, :8]
    basis = np.cos((2 * n + 1) * k * np.pi / 16) * 0.5
    basis[0] /= 2**0.5
    return np.asarray(basis, np.float32)


# (64, 64): a row of 64 pixels of a block times it are its frequencies.
BLOCK_FREQUENCIES = np.ascontiguousarray(np.kron(_basis(), _basis()).T)


def _comb(values: NDArray[np.uint8]) -> float:
    counts = np.bincount(values, minlength=256).astype(np.float64)[3:253]
    smooth = np.convolve(counts, np.ones(9) / 9, mode="same")
    total = smooth.sum()
    return float(np.abs(counts - smooth).sum() / (2 * total)) if total > 0 else 0.0


def _blocked(grey: NDArray[np.uint8]) -> float:
    steps = cv2.absdiff(np.ascontiguousarray(grey[:, 1:]), np.ascontiguousarray(grey[:, :-1]))
    columns = np.minimum(steps, 40).mean(axis=0, dtype=np.float32)
    if len(columns) < 32:
        return 1.0
    whole = columns[: len(columns) // 8 * 8].reshape(-1, 8)
    means = np.median(whole, axis=0)
    at = int(means.argmax())
    beside = np.delete(means, at)
    return float((means[at] + 0.5) / (beside.mean() + 0.5))
