"""The photos of a library whose files are still what was indexed; of the others nothing is claimed."""

import stat
from dataclasses import replace

from dupfind.copies.contents import Contents
from dupfind.errors import LibraryError, PhotoError
from dupfind.photos.scan import file_sha256
from dupfind.records import Photo


def without_lost(contents: Contents) -> tuple[Contents, list[Photo]]:
    """Return what is there of a library's contents, and the photos that are gone or others by now.

    Proofs and features of them are still kept: only the files themselves tell. A file is read only
    where its date is another one.

    Raises:
        LibraryError: Not one is there: a disk is not connected, most likely.
    """
    lost = [photo for photos in contents.photos for photo in photos if is_lost(photo)]
    if not lost:
        return contents, lost
    gone = {photo.id for photo in lost}
    photos = [[photo for photo in row if photo.id not in gone] for row in contents.photos]
    rows = [row for row, left in enumerate(photos) if left]
    if not rows:
        raise LibraryError(
            f"not one photo is where it was ({lost[0].path}), so what was found stays as it is; connect "
            "their disk, or run `dupfind index PHOTOS`"
        )
    there = replace(contents, photos=[photos[row] for row in rows], vectors=contents.vectors[rows])
    return there, lost


def is_lost(photo: Photo) -> bool:
    """Tell whether a photo's file is gone, no regular file any more, or holds other bytes."""
    try:
        found = photo.path.stat()
    except (OSError, ValueError):
        return True
    if not stat.S_ISREG(found.st_mode) or found.st_size != photo.size_bytes:
        return True
    if found.st_mtime_ns == photo.mtime_ns:
        return False
    try:
        return file_sha256(photo.path) != photo.sha256
    except PhotoError:
        return True
