"""Read a photo file into upright sRGB pixels, at about the size that is needed.

In:  a path, or an opened photo. Out: ``records.Picture``.
"""

import hashlib
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import PhotoError
from dupfind.photos.colour import ground_of, reduced_rgb
from dupfind.photos.exif import SIDEWAYS, count_tags, orientation, read_exif, taken_at
from dupfind.photos.opening import open_photo
from dupfind.photos.readers import (
    FORMATS,
    LARGE_PIXELS,
    Source,
    frames_of,
    one_at_a_time,
    opened_image,
    upright_size,
    with_end,
)
from dupfind.photos.whole import same_pixels
from dupfind.records import Photo, Picture

__all__ = [
    "FORMATS",
    "FULL_SIZE_PX",
    "LARGE_PIXELS",
    "decode",
    "fit",
    "pixels_sha256",
    "read_known",
    "same_pixels",
    "upright_size",
]

Pixels = NDArray[np.uint8]

FULL_SIZE_PX = 1 << 30
CHANGED_SINCE = "it changed since it was indexed; run `dupfind index` again"


def decode(
    source: Source,
    *,
    needed_px: int,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    use_profile: bool = True,
) -> Picture:
    """Read a photo, upright and in sRGB, at about the size that is needed.

    Args:
        source: A photo of any format that ``sniff.classify`` names, whatever its ending.
        needed_px: Side of the largest view that will be taken. The shorter side of the pixels
            is at least twice this, where the file has as much; larger files come reduced.
        max_pixels: Largest width times height to decode; checked before any pixel is.
        use_profile: Whether its colour profile is applied; without, the colours are as a program
            shows them that passes profiles over, and as its copies have them.

    Returns:
        The picture; animations give their first frame, transparency lies on white, or on black
        where all that is to be seen is white itself. A JPEG file without its end marker is read
        when all its pixels are there.

    Raises:
        PhotoError: The file cannot be read as a photo; the message is the reason.
        ValueError: ``needed_px`` is less than 1.
    """
    if needed_px < 1:
        raise ValueError(f"needed_px is {needed_px}; it must be at least 1")
    whole = with_end(source, max_pixels)
    try:
        read = source if whole is None else io.BytesIO(whole)
        return _decode(read, needed_px, max_pixels, use_profile=use_profile)
    except PhotoError:
        whole = with_end(source, max_pixels, failed=True)
        if whole is None:
            raise
    return _decode(io.BytesIO(whole), needed_px, max_pixels, use_profile=use_profile)


def read_known(photo: Photo, *, needed_px: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Decode a photo of the library, if its file still holds the bytes that the library knows.

    What is made of the picture may be kept under ``photo.sha256``.

    Raises:
        PhotoError: The file cannot be read, or it holds other bytes by now.
    """
    with open_photo(photo.path) as opened:
        if opened.sha256 != photo.sha256:
            raise PhotoError(CHANGED_SINCE)
        return decode(opened, needed_px=needed_px, max_pixels=max_pixels)


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


def _decode(source: Source, needed_px: int, max_pixels: int, *, use_profile: bool) -> Picture:
    with opened_image(source, max_pixels) as (image, found):
        size, rgb, has_alpha = _loaded(image, 2 * needed_px, use_profile=use_profile)
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
            frames=frames_of(image, found),
            has_alpha=has_alpha,
        )


def _loaded(
    image: Image.Image, short_px: int, *, use_profile: bool
) -> tuple[tuple[int, int], Image.Image, bool]:
    """Decode to RGB with a shorter side of at least ``short_px`` where there is as much.

    Returns the full size as stored (width, height), the picture, and whether it can be seen
    through anywhere.
    """
    size = image.size
    with one_at_a_time(size):
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            # The decoder scales by 1/2, 1/4 or 1/8 at nearly no cost, and never below what we ask.
            image.draft(None, (short_px, short_px))
            image.load()
        else:
            image.load()
            size = image.size  # Pillow turns a TIFF upright while it loads
        profile = image.info.get("icc_profile") if use_profile else None
        ground = ground_of(image)
        reduced = reduced_rgb(image, min(image.size) // short_px, profile, ground)
        return size, reduced, ground is not None
