"""A small or large picture of a photo for a page: decoded and encoded again, never the file's own bytes."""

import io

from PIL import Image

from dupfind.photos.decode import FULL_SIZE_PX, fit, read_known
from dupfind.records import Photo

QUALITY = 72
_FULL_QUALITY = 92


def webp_of(photo: Photo, side_px: int) -> bytes:
    """Return a WebP file of a photo, its longer side ``side_px`` at the most.

    Raises:
        PhotoError: The file is gone, cannot be read, or holds other bytes than the library knows.
    """
    pixels = fit(read_known(photo, needed_px=max(1, side_px // 2)).pixels, side_px)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=QUALITY, method=2)
    return stream.getvalue()


def jpeg_of(photo: Photo, most_px: int) -> bytes:
    """Return a JPEG file of a photo at full size, or as large as ``most_px`` allow on its longer side.

    The quality is such that the copies of a photo differ by more than their encoding here does.

    Raises:
        PhotoError: As for ``webp_of``.
    """
    needed = FULL_SIZE_PX if max(photo.width, photo.height) <= most_px else most_px // 2
    pixels = fit(read_known(photo, needed_px=needed).pixels, most_px)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=_FULL_QUALITY, subsampling=0)
    return stream.getvalue()
