"""Know files that belong together by their names: RAW and JPEG of one shot, the parts of a live photo.

In:  paths and the names beside them. Out: words for the evidence. No disk or database.

Cameras write both parts into one folder under one stem. RAW files and films are no photos of the
library; whoever decides about the photo beside them should know that it is a part of something.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dupfind.records import FileId, Member, Photo

RAW_JPEG = "raw+jpeg"
LIVE_PHOTO = "live-photo"
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".dng", ".iiq", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2"}
    | {".rwl", ".srw", ".x3f"}
)
# What a camera writes beside its RAW file, or beside the film of a live photo.
STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".heic", ".heif", ".hif"})
FILM_SUFFIXES = frozenset({".mov", ".mp4"})


def unit_of(path: Path, beside: Collection[str]) -> str | None:
    """Return ``raw+jpeg`` or ``live-photo`` when a file is part of such a unit, else None.

    Args:
        path: The file.
        beside: Names of all files in its folder, in lower case.
    """
    stem, suffix = path.stem.lower(), path.suffix.lower()
    if suffix in RAW_SUFFIXES and any(stem + other in beside for other in STILL_SUFFIXES):
        return RAW_JPEG
    if suffix not in STILL_SUFFIXES:
        return None
    if any(stem + other in beside for other in RAW_SUFFIXES):
        return RAW_JPEG
    return LIVE_PHOTO if any(stem + other in beside for other in FILM_SUFFIXES) else None


def with_same_file_marks(
    members: Sequence[Member], keep: Photo, photos: Mapping[int, Photo]
) -> list[Member]:
    """Mark in the evidence each member whose file has another name in the group (a hard link).

    ``same_file`` is the id of the photo of that name: deleting one of the two frees nothing.
    """
    first: dict[FileId, int] = {keep.file_id: keep.id}
    marked = []
    for member in members:
        other = first.setdefault(photos[member.photo_id].file_id, member.photo_id)
        if other != member.photo_id:
            member = replace(member, evidence=replace(member.evidence, same_file=other))
        marked.append(member)
    return marked
