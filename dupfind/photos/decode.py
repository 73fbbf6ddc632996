"""Read a photo file into upright sRGB pixels, at about the size that is needed.

In:  a path. Out: ``records.Picture``. Several threads may decode at once; Pillow releases the
interpreter lock while it works.
"""

import hashlib
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    IcoImagePlugin,
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
from dupfind.photos.colour import to_rgb
from dupfind.photos.exif import SIDEWAYS, count_tags, orientation, read_exif, taken_at
from dupfind.photos.sniff import HEAD_BYTES, classify, format_of, reason_of
from dupfind.records import Picture

Pixels = NDArray[np.uint8]

FULL_SIZE_PX = 1 << 30

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
    "ICO": IcoImagePlugin.IcoImageFile,
    "JPEG2000": Jpeg2KImagePlugin.Jpeg2KImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "PSD": PsdImagePlugin.PsdImageFile,
    "QOI": QoiImagePlugin.QoiImageFile,
    "TGA": TgaImagePlugin.TgaImageFile,
}


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
    """
    with _opened(path, max_pixels) as (image, found):
        exif = read_exif(image)
        turn = orientation(exif)
        size = image.size[::-1] if turn in SIDEWAYS else image.size
        upright = _upright(image, turn, 2 * needed_px)
        return Picture(
            pixels=np.asarray(upright),
            width=size[0],
            height=size[1],
            format=found,
            taken_at=taken_at(exif),
            exif_tags=count_tags(exif),
        )


def same_pixels(path_a: Path, path_b: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> bool:
    """Say whether two files show exactly the same upright picture at full size.

    Raises:
        PhotoError: One of them cannot be read.
    """
    first = decode(path_a, needed_px=FULL_SIZE_PX, max_pixels=max_pixels).pixels
    second = decode(path_b, needed_px=FULL_SIZE_PX, max_pixels=max_pixels).pixels
    return np.array_equal(first, second)


def square(picture: Picture | Pixels, size_px: int) -> Pixels:
    """Squash a picture to (size_px, size_px, 3): the view that the model sees."""
    pixels = picture.pixels if isinstance(picture, Picture) else picture
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BICUBIC))


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


def _upright(image: Image.Image, turn: Image.Transpose | None, short_px: int) -> Image.Image:
    """Decode to RGB with a shorter side of at least ``short_px`` where there is as much."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft(None, (short_px, short_px))
    image.load()
    profile = image.info.get("icc_profile")
    factor = min(image.size) // short_px
    if factor > 1 and image.mode in ("RGB", "L", "CMYK"):
        image, factor = image.reduce(factor), 1
    rgb = to_rgb(image, profile)
    if factor > 1:
        rgb = rgb.reduce(factor)
    return rgb if turn is None else rgb.transpose(turn)


@contextmanager
def _opened(path: Path, max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """Open a photo and check its size; whatever goes wrong in here becomes a PhotoError."""
    try:
        with path.open("rb") as file, _QUIET:
            found = _format(file, path)
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
        raise PhotoError(f"{found} files cannot be read")
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
    text = str(error).strip() or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return reason_of(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"the file is cut short ({text})"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    return f"the file is damaged ({text})"


class _QuietPillow:
    """Silence Pillow's warnings while any thread decodes.

    ``warnings.catch_warnings`` changes the whole process, so only the first thread in sets it and
    the last one out takes it back. What matters in the warnings comes as an error anyway.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_QUIET = _QuietPillow()
