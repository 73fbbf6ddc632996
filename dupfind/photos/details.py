"""Read of a photo file what tells its history: all pixels, the quantisation, who made it.

In:  a path. Out: ``Details``. What it means is for ``matching.original`` to say.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import PhotoError
from dupfind.photos.colour import has_profile
from dupfind.photos.decode import CHANGED_SINCE, FULL_SIZE_PX, decode
from dupfind.photos.exif import orientation, read_exif
from dupfind.photos.opening import open_photo
from dupfind.photos.quiet import QUIET_PILLOW
from dupfind.photos.readers import opened_image

MOST_PIXELS = 16_000_000  # of larger photos a reduced picture tells enough
_MAKE, _MODEL, _SOFTWARE, _DESCRIPTION = 0x010F, 0x0110, 0x0131, 0x010E
_USER_COMMENT, _EXIF_FOLDER = 0x9286, 0x8769
_EDITOR = re.compile(
    r"editor|photoshop|lightroom|gimp|snapseed|picasa|instagram|facebook|whatsapp|telegram|signal|"
    r"wechat|messenger|screenshot|canva|pixelmator|affinity|darktable|rawtherapee|paint|photoscape|"
    r"picsart|vsco|meitu|imagemagick|acdsee|irfanview|photofiltre|corel|luminar|capture one",
    re.IGNORECASE,
)
_TURNED_TABLE = frozenset({Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270,
                           Image.Transpose.TRANSPOSE, Image.Transpose.TRANSVERSE})  # fmt: skip


@dataclass(frozen=True)
class Details:
    """What a file says of its own history.

    Attributes:
        pixels: (height, width, 3) uint8 sRGB, upright; at full size up to ``MOST_PIXELS``.
        table: (8, 8) float32, the steps of a JPEG's luma in the upright picture's directions; None for
            other files, and where the picture came reduced or does not begin on a block.
        camera: Whether a camera or phone is named.
        edited: Whether an editor, a messenger or a screenshot is named.
        profiled: Whether it has a colour profile that is not sRGB.
    """

    pixels: NDArray[np.uint8]
    table: NDArray[np.float32] | None
    camera: bool
    edited: bool
    profiled: bool = False


def read_details(
    path: Path, *, width: int, height: int, sha256: str = "", use_profile: bool = True
) -> Details:
    """Read a photo of a known upright size.

    Args:
        path: The file.
        width, height: In pixels.
        sha256: What its bytes must have, in hex, so that what is found may be kept under it.
        use_profile: Whether its colour profile is applied (``decode``).

    Raises:
        PhotoError: The file cannot be read as a photo, or holds other bytes.
    """
    large = width * height > MOST_PIXELS
    with open_photo(path) as opened:
        if sha256 and opened.sha256 != sha256:
            raise PhotoError(CHANGED_SINCE)
        needed_px = 1000 if large else FULL_SIZE_PX
        picture = decode(opened, needed_px=needed_px, use_profile=use_profile)
        table, camera, edited = _header(opened.file)
        profiled = _is_profiled(opened.file)
    if picture.pixels.shape[:2] != (height, width):
        table = None
    return Details(picture.pixels, table, camera, edited, profiled)


def is_profiled(path: Path) -> bool:
    """Say whether a photo has a colour profile that is not sRGB; no where it cannot be read."""
    return _is_profiled(path)


def _is_profiled(source: Path | BinaryIO) -> bool:
    try:
        with opened_image(source, DEFAULT_MAX_PIXELS) as (image, _):
            return has_profile(image)
    except PhotoError:
        return False


def _header(file: BinaryIO) -> tuple[NDArray[np.float32] | None, bool, bool]:
    try:
        file.seek(0)
        with QUIET_PILLOW, Image.open(file) as image:
            exif = read_exif(image)
            table = _table(image, orientation(exif))
            texts = [str(exif.get(tag, "")) for tag in (_SOFTWARE, _DESCRIPTION)]
            texts += [
                str(value) for value in (image.info.get("Software"), image.info.get("comment"))
            ]
            camera = bool(exif.get(_MAKE) or exif.get(_MODEL))
            return table, camera, any(_EDITOR.search(text) for text in texts)
    except Exception:  # noqa: BLE001 - damaged headers raise anything, and only hint at a history
        return None, False, False


def _table(image: Image.Image, turn: Image.Transpose | None) -> NDArray[np.float32] | None:
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not image.quantization:
        return None
    table = np.array(image.quantization[0], np.float32).reshape(8, 8)
    if turn is None:
        return table
    # Turned about, the blocks are counted from another corner: only whole blocks stay in place.
    if image.width % 8 or image.height % 8:
        return None
    return np.ascontiguousarray(table.T) if turn in _TURNED_TABLE else table
