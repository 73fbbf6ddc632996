"""Find the files that belong to a photo and go with it: film, RAW and sidecars.

In:  the path of a photo. Out: the files beside it, each with its role. Names decide, and for the
film of a live photo the identifier in both files where they have one.

Sources: darktable and digiKam (``photo.jpg.xmp``), Lightroom (``photo.xmp``, one for all files of a
stem), Apple (``.aae``, ContentIdentifier), Google Takeout (``photo.jpg.json`` and longer, cut).
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dupfind.acts import Role
from dupfind.matching.units import FILM_SUFFIXES, RAW_SUFFIXES, STILL_SUFFIXES

_SHARED_SIDECARS = (".xmp", ".aae")
_OWN_SIDECARS = (".xmp", ".aae", ".json", ".pp3", ".dop")
_TAKEOUT = "supplemental-metadata"
_UUID = rb"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_FILM_IDENTIFIER = re.compile(
    rb"com\.apple\.quicktime\.content\.identifier.*?(" + _UUID + rb")", re.S
)
_STILL_IDENTIFIER = re.compile(rb"Apple iOS\0.*?(" + _UUID + rb")", re.S)
_LOOKED_AT = 4 << 20  # bytes at each end of a file: where cameras write what they say of it


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that belongs to a photo. ``kind``: what is alike in the names of two such files."""

    path: Path
    role: Role
    kind: str


class Beside:
    """The files of folders, each folder listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, Mapping[str, str]] = {}

    def companions(self, photo: Path, going: frozenset[Path] = frozenset()) -> list[Companion]:
        """Return what belongs to a photo alone.

        What is shared by all files of its stem counts only when none of them stays. ``going`` are
        the photos that are to go; where two of one stem go, what they share stays.
        """
        names = self._names(photo.parent)
        own = [self._at(photo, names, kind) for kind in _own_kinds(photo, names)]
        found = [companion for companion in own if companion.path not in going]
        if not self._has_siblings(photo, names):
            found += self._shared(photo, names)
        return found

    def _shared(self, photo: Path, names: Mapping[str, str]) -> Iterator[Companion]:
        stem = photo.stem.lower()
        still = photo.suffix.lower() in STILL_SUFFIXES
        for suffix in _SHARED_SIDECARS:
            if stem + suffix in names:
                path = photo.with_name(names[stem + suffix])
                yield Companion(path, Role.SIDECAR, suffix)
        for suffix in sorted(RAW_SUFFIXES) if still else ():
            if stem + suffix in names:
                raw = photo.with_name(names[stem + suffix])
                yield Companion(raw, Role.RAW, suffix)
                for kind in _own_kinds(raw, names):
                    path = raw.with_name(names[raw.name.lower() + kind])
                    yield Companion(path, Role.SIDECAR, suffix + kind)
        for suffix in sorted(FILM_SUFFIXES) if still else ():
            if stem + suffix in names:
                film = photo.with_name(names[stem + suffix])
                if is_film_of(photo, film):
                    yield Companion(film, Role.FILM, suffix)

    def _has_siblings(self, photo: Path, names: Mapping[str, str]) -> bool:
        """Say whether another picture of the stem is there, which shares what belongs to it."""
        others = _PICTURES - {photo.suffix.lower()}
        return any(photo.stem.lower() + suffix in names for suffix in others)

    def _at(self, photo: Path, names: Mapping[str, str], kind: str) -> Companion:
        return Companion(
            photo.with_name(names[photo.name.lower() + kind]), Role.SIDECAR, f"name{kind}"
        )

    def _names(self, folder: Path) -> Mapping[str, str]:
        """Return the names of a folder's regular files, by their lower case."""
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    names = [e.name for e in entries if e.is_file(follow_symlinks=False)]
            except OSError:  # whoever wants to act in it will say so
                names = []
            self._listed[folder] = {name.lower(): name for name in sorted(names)}
        return self._listed[folder]


def is_film_of(still: Path, film: Path) -> bool:
    """Say whether a film of the same stem is that of a live photo: no other identifier says no."""
    wanted, given = _found(_FILM_IDENTIFIER, film), _found(_STILL_IDENTIFIER, still)
    return wanted is None or given is None or wanted == given


# What may share a sidecar with others of its stem.
_PICTURES = STILL_SUFFIXES | frozenset({".png", ".webp", ".gif", ".tif", ".tiff", ".avif", ".jxl"})


def _own_kinds(photo: Path, names: Mapping[str, str]) -> list[str]:
    """Return what follows the whole name of a photo in the names of its own sidecars."""
    name = photo.name.lower()
    kinds = [ending for ending in _OWN_SIDECARS if name + ending in names]
    cut = (f".{_TAKEOUT[:length]}.json" for length in range(len(_TAKEOUT), 0, -1))
    return [*kinds, *(ending for ending in cut if name + ending in names)]


def _found(pattern: re.Pattern[bytes], path: Path) -> bytes | None:
    """Return the identifier in a file, in lower case; None for none, or a file that is not readable."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for start in (0, max(0, size - _LOOKED_AT)):
                file.seek(start)
                match = pattern.search(file.read(_LOOKED_AT))
                if match:
                    return match[1].lower()
    except OSError:
        return None
    return None
