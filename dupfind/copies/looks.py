"""The photos of a group as they are judged: decoded, some of them held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dupfind.errors import PhotoError
from dupfind.matching.quality import Look, look_at
from dupfind.photos.details import read_details
from dupfind.records import Photo

LOOKED_INTO = 12  # members of a group; the others come after them
HELD = LOOKED_INTO + 1  # photos of a group that are held: those, and one that is compared with them
LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "GIF", "DNG", "RAW"})
MODERN = frozenset({"WEBP", "AVIF", "HEIF", "HEIC"})


@dataclass
class Looks:
    """Photos by row as they are judged; None for those that cannot be read any more.

    The latest are held, as many as a group needs at once: each is as large as the photo.
    """

    photos: Sequence[Photo]
    known: dict[tuple[int, bool], Look | None] = field(default_factory=dict)

    def __getitem__(self, row: int) -> Look | None:
        return self._held(row, use_profile=True)

    def without_profile(self, row: int) -> Look | None:
        """Return a photo as it looks where its colour profile is passed over."""
        look = self[row]
        return look if look is None or not look.profiled else self._held(row, use_profile=False)

    def _held(self, row: int, *, use_profile: bool) -> Look | None:
        key = (row, use_profile)
        if key not in self.known:
            self.known[key] = look_of(self.photos[row], use_profile=use_profile)
        look = self.known[key] = self.known.pop(key)  # the latest comes last
        if len(self.known) > HELD:
            del self.known[next(iter(self.known))]
        return look


def look_of(photo: Photo, *, use_profile: bool = True) -> Look | None:
    """Look at a photo; None where its file cannot be read any more, or is another."""
    try:
        details = read_details(
            photo.path,
            width=photo.width,
            height=photo.height,
            sha256=photo.sha256,
            use_profile=use_profile,
        )
    except PhotoError:  # it cannot be read any more, or is another: nothing is known of it
        return None
    look = look_at(
        details.pixels, table=details.table, camera=details.camera, edited=details.edited
    )
    pixels = photo.width * photo.height
    return replace(
        look,
        native_pixels=pixels,
        bytes_per_pixel=photo.size_bytes / max(1, pixels),
        lossless=photo.format in LOSSLESS,
        modern=photo.format in MODERN,
        profiled=details.profiled,
    )
