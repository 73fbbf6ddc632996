"""What is found out about one file by decoding it: the same in every process that describes."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.extras import extras_of
from dupfind.photos.identity import scanned_file
from dupfind.photos.opening import OpenedPhoto, open_photo
from dupfind.records import ScannedFile
from dupfind.store.photos import Content

if TYPE_CHECKING:  # torch takes seconds to import, and a run may find nothing new
    from dupfind.descriptors.embed import Embedder


@dataclass(frozen=True, slots=True)
class Work:
    """A photo whose content is yet to come. ``kind`` names the count of the summary it adds to."""

    file: ScannedFile
    sha256: str
    kind: str
    photo_id: int | None


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """What was found in a file, and what the system said of it when those bytes were read.

    ``sketch`` is for the cache of local features; empty where none was asked for.
    """

    file: ScannedFile
    content: Content
    sketch: bytes = b""


class OtherBytesError(PhotoError):
    """The file cannot be opened any more, or holds other bytes than when it was hashed."""


@dataclass(frozen=True, slots=True)
class Loading:
    """How photos are loaded: the most pixels that one may have, and whether each is sketched."""

    max_pixels: int
    sketches: bool

    def load(
        self, work: Work, *, size_px: int, view_px: int
    ) -> tuple[DecodedFile, NDArray[np.uint8]]:
        """Decode a photo to ``size_px`` or more; return what is in it, and its view.

        The view is uint8 (view_px, view_px, 3).

        What is described are the bytes that are hashed here: those of ``work`` are a moment older.

        Raises:
            OtherBytesError: The file is not the one that was hashed.
            PhotoError: It cannot be decoded.
        """
        from dupfind.descriptors.views import make_view
        from dupfind.matching.sketch import draw_sketch

        decoded, pixels = self._decode(work, size_px)
        if self.sketches:
            decoded = replace(decoded, sketch=draw_sketch(pixels).to_bytes())
        return decoded, make_view(pixels, view_px)

    def _decode(self, work: Work, size_px: int) -> tuple[DecodedFile, NDArray[np.uint8]]:
        as_hashed = False
        try:
            with open_photo(work.file.path) as opened:
                as_hashed = opened.sha256 == work.sha256
                content, pixels = content_of(opened, needed_px=size_px, max_pixels=self.max_pixels)
        except PhotoError as error:
            if as_hashed:
                raise
            raise OtherBytesError(str(error)) from error
        return DecodedFile(scanned_file(work.file.path, opened.properties), content), pixels


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
