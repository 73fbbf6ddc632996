"""Tell whether two files hold the same picture: all frames and pages, at full size and depth.

In:  two paths. Out: yes only if nothing of the picture would be lost with one of the files.
"""

import hashlib
import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import PhotoError
from dupfind.photos.colour import STRIP_PIXELS, is_srgb
from dupfind.photos.depth import bits_per_sample
from dupfind.photos.exif import orientation, read_exif
from dupfind.photos.extras import COMPARED, extras_of
from dupfind.photos.opening import OpenedPhoto, open_photo
from dupfind.photos.readers import count_frames, one_at_a_time, opened_image, upright_size, with_end

# What an animation may have in all its frames together, for one to be compared frame by frame.
MAX_PIXELS_OF_ALL = 4_000_000_000
_EIGHT_BIT = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"})
_USUAL_GAMMA = 1 / 2.2
_FOREIGN = "B" if sys.byteorder == "little" else "L"
# How Pillow names samples of 16 bits -> the same with the bytes of each in the other order.
_OTHER_ORDER = {
    f"{bands};16{order}": f"{bands};16{other}"
    for bands in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", _FOREIGN))
}


def same_pixels(path_a: Path, path_b: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> bool:
    """Say whether two files show exactly the same upright picture, and nothing else.

    All frames and pages count, with their transparency, at full size and full depth, and so does
    the colour profile. False where a part of a file cannot be compared: a video or a gain map
    behind the picture, more bits than the decoder gives.

    Raises:
        PhotoError: One of them cannot be read.
    """
    if upright_size(path_a, max_pixels=max_pixels) != upright_size(path_b, max_pixels=max_pixels):
        return False
    # By digest: two large pictures need not be in memory together.
    first = _digest(path_a, max_pixels)
    return first is not None and first == _digest(path_b, max_pixels)


def _digest(path: Path, max_pixels: int) -> str | None:
    """Return a digest that is equal only for equal pictures; None when not all can be compared."""
    with open_photo(path) as opened:
        whole = with_end(opened, max_pixels)
        try:
            return _digest_of(_mended(opened, whole), max_pixels)
        except PhotoError:
            whole = with_end(opened, max_pixels, failed=True)
            if whole is None:
                raise
        return _digest_of(_mended(opened, whole), max_pixels)


def _mended(opened: OpenedPhoto, whole: bytes | None) -> OpenedPhoto:
    return opened if whole is None else replace(opened, file=io.BytesIO(whole))


def _digest_of(opened: OpenedPhoto, max_pixels: int) -> str | None:
    with opened_image(opened, max_pixels) as (image, found):
        frames = count_frames(image, found)
        if not set(extras_of(opened.file, found, frames)) <= COMPARED:
            return None
    digest = hashlib.sha256(str(frames).encode())
    with opened_image(opened, max_pixels) as (image, found), one_at_a_time(image.size):
        deep = bits_per_sample(image, found, opened.file) > 8
        if frames * image.width * image.height > MAX_PIXELS_OF_ALL or (deep and frames > 1):
            return None
        for frame in range(frames):
            if frame:
                image.seek(frame)
            digest.update(_heading(image, animated=frames > 1))
            for part in _parts(image):
                digest.update(part)
    if deep and not image.mode.startswith(("I", "F")):
        lower = _lower_bits(opened, max_pixels)
        if lower is None:
            return None
        digest.update(lower)
    return digest.hexdigest()


def _heading(image: Image.Image, *, animated: bool) -> bytes:
    """Return what else decides how a frame looks: its colours, its time."""
    image.load()
    profile = image.info.get("icc_profile")
    gamma = float(image.info.get("gamma") or _USUAL_GAMMA)
    facts = (
        _kind(image.mode),
        profile if profile and not is_srgb(profile) else None,
        round(gamma, 1),
        image.info.get("duration", 0) if animated else 0,
    )
    return repr(facts).encode()


def _kind(mode: str) -> str:
    return "8 bits" if mode in _EIGHT_BIT else mode[:1] if mode.startswith(("I", "F")) else mode


def _parts(image: Image.Image) -> Iterator[bytes]:
    """Yield size and pixels of the upright frame, strip by strip, 8-bit ones as RGBA."""
    turn = orientation(read_exif(image))
    upright = image if turn is None or image.format == "TIFF" else image.transpose(turn)
    upright.info.update(image.info)
    width, height = upright.size
    yield repr((width, height)).encode()
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = upright.crop((0, top, width, min(height, top + rows)))
        if image.mode in _EIGHT_BIT:
            yield strip.convert("RGBA").tobytes()
        elif image.mode.startswith("I"):
            yield np.asarray(strip).astype("<i8").tobytes()
        else:
            yield strip.tobytes()


def _lower_bits(opened: OpenedPhoto, max_pixels: int) -> bytes | None:
    """Return the lower eight of the sixteen bits of a colour PNG or TIFF, else None.

    Pillow has no colour of 16 bits and reads the upper half. Told the other order of bytes, it
    reads the lower half.
    """
    with opened_image(opened, max_pixels) as (image, _):
        if not isinstance(image, PngImagePlugin.PngImageFile | TiffImagePlugin.TiffImageFile):
            return None
        for place, tile in enumerate(image.tile):
            layout, *rest = tile.args if isinstance(tile.args, tuple) else (tile.args,)
            turned = _OTHER_ORDER.get(str(layout))
            if turned is None:
                return None
            args = (turned, *rest) if isinstance(tile.args, tuple) else turned
            image.tile[place] = tile._replace(args=args)
        image.load()
        digest = hashlib.sha256()
        for part in _parts(image):
            digest.update(part)
        return digest.digest()
