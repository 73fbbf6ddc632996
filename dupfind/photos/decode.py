"""Read a photo file into upright sRGB pixels, at about the size that is needed.

In:  a path. Out: ``records.Picture``. Several threads may decode at once; Pillow releases the
interpreter lock while it works.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    PsdImagePlugin,
    QoiImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import PhotoError
from dupfind.photos.colour import reduced_rgb
from dupfind.photos.exif import SIDEWAYS, count_tags, orientation, read_exif, taken_at
from dupfind.photos.quiet import QUIET_PILLOW, quiet_libtiff
from dupfind.photos.sniff import HEAD_BYTES, classify, format_of, open_file, reason_of
from dupfind.records import Picture

Pixels = NDArray[np.uint8]

FULL_SIZE_PX = 1 << 30
# Larger pictures are decoded one at a time, so that the threads together stay within memory.
LARGE_PIXELS = 40_000_000
_ONE_LARGE = threading.Lock()

# We call the readers themselves: Image.open has a limit on pixels of its own, which is global.
_READERS: dict[str, Callable[..., Image.Image]] = {
    "JPEG": JpegImagePlugin.jpeg_factory,
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": pillow_heif.HeifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "PSD": PsdImagePlugin.PsdImageFile,
    "QOI": QoiImagePlugin.QoiImageFile,
    "TGA": TgaImagePlugin.TgaImageFile,
}
FORMATS = tuple(_READERS)
# What is told apart but not read, by the name that people know.
_UNREAD = {"JXL": "JPEG XL"}


def decode(path: Path, *, needed_px: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a photo, upright and in sRGB, at about the size that is needed.

    Args:
        path: A photo of any format that ``sniff.classify`` names, whatever its ending.
        needed_px: Side of the largest view that will be taken. The shorter side of the pixels
            is at least twice this, where the file has as much; larger files come reduced.
        max_pixels: Largest width times height to decode; checked before any pixel is.

    Returns:
        The picture; animations give their first frame, transparency lies on white.

    Raises:
        PhotoError: The file cannot be read as a photo; the message is the reason.
        ValueError: ``needed_px`` is less than 1.
    """
    if needed_px < 1:
        raise ValueError(f"needed_px is {needed_px}; it must be at least 1")
    with _opened(path, max_pixels) as (image, found):
        size, rgb = _loaded(image, 2 * needed_px)
        exif = read_exif(image)  # only now: a PNG may have it after its pixels
        turn = orientation(exif)
        width, height = size[::-1] if turn in SIDEWAYS else size
        return Picture(
            pixels=np.asarray(rgb if turn is None else rgb.transpose(turn)),
            width=width,
            height=height,
            format=found,
            taken_at=taken_at(exif),
            exif_tags=count_tags(exif),
        )


def same_pixels(path_a: Path, path_b: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> bool:
    """Say whether two files show exactly the same upright picture at full size.

    Raises:
        PhotoError: One of them cannot be read.
    """
    if upright_size(path_a, max_pixels=max_pixels) != upright_size(path_b, max_pixels=max_pixels):
        return False
    # By digest: two large pictures need not be in memory together.
    first, second = (
        pixels_sha256(decode(path, needed_px=FULL_SIZE_PX, max_pixels=max_pixels).pixels)
        for path in (path_a, path_b)
    )
    return first == second


def upright_size(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the upright picture from the file's header, without decoding.

    Raises:
        PhotoError: The file cannot be read as a photo.
    """
    with _opened(path, max_pixels) as (image, _):
        width, height = image.size
        sideways = orientation(read_exif(image)) in SIDEWAYS and image.format != "TIFF"
        return (height, width) if sideways else (width, height)


def fit(pixels: Pixels, long_side_px: int) -> Pixels:
    """Shrink pixels (height, width, 3) so that the longer side is ``long_side_px``; never enlarge."""
    height, width = pixels.shape[:2]
    scale = long_side_px / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=2)
    )


def pixels_sha256(pixels: Pixels) -> str:
    """Return the SHA-256 of pixels and their shape; equal only for equal pictures."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _loaded(image: Image.Image, short_px: int) -> tuple[tuple[int, int], Image.Image]:
    """Decode to RGB with a shorter side of at least ``short_px`` where there is as much.

    Returns the full size as stored (width, height) and the picture.
    """
    size = image.size
    with _ONE_LARGE if size[0] * size[1] > LARGE_PIXELS else nullcontext():
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            # The decoder scales by 1/2, 1/4 or 1/8 at nearly no cost, and never below what we ask.
            image.draft(None, (short_px, short_px))
            image.load()
        else:
            image.load()
            size = image.size  # Pillow turns a TIFF upright while it loads
        profile = image.info.get("icc_profile")
        return size, reduced_rgb(image, min(image.size) // short_px, profile)


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """Open a photo and check its size; whatever goes wrong in here becomes a PhotoError."""
    try:
        with open_file(path) as file, QUIET_PILLOW:
            found = _format(file, path)
            if found == "TIFF":
                quiet_libtiff()
            image = _READERS[found](file, str(path))
            _check_size(image, max_pixels)
            yield image, found
    except PhotoError:
        raise
    except Exception as error:
        # Damaged files make decoders raise nearly anything; the reason must reach the user.
        raise PhotoError(_reason(error)) from error


def _format(file: BinaryIO, path: Path) -> str:
    found = format_of(file.read(HEAD_BYTES)) or classify(path)
    file.seek(0)
    if found is None:
        raise PhotoError("it does not begin like any photo format")
    if found not in _READERS:
        raise PhotoError(f"{_UNREAD.get(found, found)} files cannot be read yet; convert it")
    return found


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise PhotoError(f"it claims a size of {width} x {height}")
    if width * height > max_pixels:
        raise PhotoError(
            f"{width} x {height} is {width * height / 1e6:.0f} megapixels, more than the limit of "
            f"{max_pixels / 1e6:.0f} (--max-pixels)"
        )


def _reason(error: Exception) -> str:
    """Put what a decoder said into plain words."""
    text = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return reason_of(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    if isinstance(error, Image.DecompressionBombError):
        return "it claims to be larger than its format can be read"
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return f"the file is cut short ({text})"
    if isinstance(error, SyntaxError) and "not identified" in text:
        return "the file is damaged (its header is not complete)"
    return f"the file is damaged ({text})"
