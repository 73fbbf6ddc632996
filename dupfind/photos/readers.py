"""Open a photo file with the reader of its format; what goes wrong becomes one error with a reason.

In:  a path, an opened photo or a stream. Out: a picture of Pillow's, not loaded yet. Several threads
may decode at once; Pillow releases the interpreter lock while it works.
"""

import hashlib
import io
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import pillow_heif
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
from dupfind.photos.exif import SIDEWAYS, orientation, read_exif
from dupfind.photos.jpeg import END, fillings, lacks_end, picture_data
from dupfind.photos.opening import OpenedPhoto
from dupfind.photos.quiet import QUIET_PILLOW, quiet_libtiff
from dupfind.photos.sniff import HEAD_BYTES, format_by, format_of, open_file, reason_of

Source = Path | OpenedPhoto | BinaryIO

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


@contextmanager
def opened_image(source: Source, max_pixels: int) -> Iterator[tuple[Image.Image, str]]:
    """Open a photo with its reader and check its size; give the image, not loaded, and its format.

    Raises:
        PhotoError: Whatever goes wrong inside.
    """
    try:
        with _stream(source) as file, QUIET_PILLOW:
            found = _format(file, source)
            if found == "TIFF":
                quiet_libtiff()
            # Without its name: a reader that knows it would open the file once more.
            image = _READERS[found](file)
            _check_size(image, max_pixels)
            yield image, found
    except PhotoError:
        raise
    except Exception as error:
        # Damaged files make decoders raise nearly anything; the reason must reach the user.
        raise PhotoError(_reason(error)) from error


def one_at_a_time(size: tuple[int, int]) -> AbstractContextManager[object]:
    """Return a lock for pictures so large that only one may be in memory, else nothing."""
    return _ONE_LARGE if size[0] * size[1] > LARGE_PIXELS else nullcontext()


def count_frames(image: Image.Image, found: str) -> int:
    """Return how many frames or pages a file has; moves in the file.

    One for PSD, where Pillow counts layers, and for JPEG, where it counts previews too.

    Raises:
        EOFError, OSError, SyntaxError, ...: It is damaged behind the first one.
    """
    return 1 if found in ("PSD", "JPEG") else max(1, int(getattr(image, "n_frames", 1)))


def frames_of(image: Image.Image, found: str) -> int:
    """Return how many frames or pages a file has, as far as they can be found; moves in the file."""
    try:
        return count_frames(image, found)
    except (EOFError, OSError, SyntaxError, ValueError, IndexError, struct.error):
        return 1  # damaged behind the first one


def upright_size(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of the upright picture from the file's header, without decoding.

    Raises:
        PhotoError: The file cannot be read as a photo.
    """
    with opened_image(path, max_pixels) as (image, _):
        width, height = image.size
        sideways = orientation(read_exif(image)) in SIDEWAYS and image.format != "TIFF"
        return (height, width) if sideways else (width, height)


def with_end(source: Source, max_pixels: int, *, failed: bool = False) -> bytes | None:
    """Return a JPEG file that lacks its end marker with one; None for files that do not lack it.

    Every viewer shows such files whole: recovery tools, broken downloads and some cameras leave
    them. If rows are missing, what is put in their place shows, and two fillings show two pictures.

    Args:
        source: Any photo.
        max_pixels: As for ``decode``.
        failed: Decoding it failed: what looks like its end may stand in a maker's trailer.

    Raises:
        PhotoError: Rows of its picture are missing, or it cannot be read.
    """
    try:
        with _stream(source) as file:
            if format_of(file.read(HEAD_BYTES)) != "JPEG" or not (failed or lacks_end(file)):
                return None
            file.seek(0)
            data = picture_data(file.read())
    except OSError as error:
        raise PhotoError(reason_of(error)) from error
    if data is None:
        return None
    first, second = (_digest(io.BytesIO(data + end), max_pixels) for end in fillings())
    if first != second:
        raise PhotoError("the file is cut short (a part of its picture is missing)")
    return data + END


def _digest(file: BinaryIO, max_pixels: int) -> str:
    with opened_image(file, max_pixels) as (image, _), one_at_a_time(image.size):
        image.load()
        return hashlib.sha256(image.tobytes()).hexdigest()


@contextmanager
def _stream(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with open_file(source) as opened:
            yield opened
    else:
        file = source.file if isinstance(source, OpenedPhoto) else source
        file.seek(0)
        yield file


def _format(file: BinaryIO, source: Source) -> str:
    head = file.read(HEAD_BYTES)
    path = source.path if isinstance(source, OpenedPhoto) else source
    found = format_of(head)
    if found is None and isinstance(path, Path):
        found = format_by(path.name, head)
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
