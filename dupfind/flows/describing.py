"""What is found out about one file by decoding it: the same in every process that describes."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.extras import extras_of
from dupfind.photos.opening import OpenedPhoto
from dupfind.store.photos import Content

if TYPE_CHECKING:  # torch takes seconds to import, and a run may find nothing new
    from dupfind.descriptors.embed import Embedder


def needed_px(embedder: "Embedder") -> int:
    """Return how large a photo must be decoded for the model's view and for a sketch."""
    from dupfind.matching.sketch import NEEDED_PX

    return max(embedder.view_px, NEEDED_PX)


def content_of(
    opened: OpenedPhoto, *, needed_px: int, max_pixels: int
) -> tuple[Content, NDArray[np.uint8]]:
    """Decode an open photo; return what is in it, and its pixels.

    Raises:
        PhotoError: It cannot be decoded.
    """
    picture = decode(opened, needed_px=needed_px, max_pixels=max_pixels)
    content = Content(
        opened.sha256,
        picture.width,
        picture.height,
        picture.format,
        picture.taken_at,
        picture.exif_tags,
        pixels_sha256(picture.pixels),
        picture.frames,
        picture.has_alpha,
        extras_of(opened.file, picture.format, picture.frames),
    )
    return content, picture.pixels
