"""Where removed files go on Linux: the trash of the desktop, on the disk where they lie.

In:  the path of a file. Out: places to try, the best first; nothing is written here.

Source: the FreeDesktop.org Trash specification, version 1.0.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

REMOVED_FOLDER = ".dupfind-removed"  # where a disk has no trash that we may use
_NAME_BYTES = 255
_INFO = ".trashinfo"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that takes removed files.

    ``infos`` is None for a plain folder; ``top`` is what paths are written relative to, None for
    whole ones. ``made`` lists the folders that have to be there, outermost first.
    """

    files: Path
    infos: Path | None
    top: Path | None
    made: tuple[Path, ...]


def places_for(path: Path, run_id: int) -> Iterator[Place]:
    """Yield the places for a file, the best first: home trash, the disk's trashes, a plain folder.

    All but the home trash lie on the disk of the file; a file is never copied to be trashed. A
    place may still refuse (read-only, mounted twice): then the next one is tried.
    """
    folder = path.parent
    device = folder.stat().st_dev
    home = _home_trash()
    if _device_of(home) == device:
        yield _trash(home, None)
    top = _top_of(folder, device)
    user = _user()
    shared = top / ".Trash"
    if user is not None and _is_good_shared(shared):
        yield _trash(shared / user, top)
    if user is not None and _is_good_own(top / f".Trash-{user}"):
        yield _trash(top / f".Trash-{user}", top)
    for own in dict.fromkeys((_topmost_writable(folder, device), folder)):
        removed = own / REMOVED_FOLDER
        yield Place(removed / str(run_id), None, None, (removed, removed / str(run_id)))


def info_text(path: Path, place: Place, now: datetime) -> bytes:
    """Return what the ``.trashinfo`` of a file says: whence it comes, and when it went."""
    whence = os.fsencode(path)
    if place.top is not None and path.is_relative_to(place.top):
        whence = os.fsencode(path.relative_to(place.top))
    encoded = quote(whence, safe="/")
    moment = now.strftime("%Y-%m-%dT%H:%M:%S")
    return f"[Trash Info]\nPath={encoded}\nDeletionDate={moment}\n".encode("ascii")


def is_info_of(info: Path, path: Path) -> bool:
    """Say whether a ``.trashinfo`` speaks of the file that was at ``path``."""
    for line in info.read_bytes().splitlines():
        if line.startswith(b"Path="):
            whence = Path(os.fsdecode(unquote_to_bytes(line[5:])))
            return whence.parts == path.parts[-len(whence.parts) :]
    return False


class FreeNames:
    """Names that are free in places. It remembers how far it counted: many photos are called alike."""

    def __init__(self) -> None:
        self._next: dict[tuple[Path, str], int] = {}

    def take(self, name: str, place: Place) -> str:
        """Return the file's own name, or one with a number before its ending; none is given twice."""
        key = (place.files, name)
        for number in range(self._next.get(key, 1), 1_000_000):
            candidate = numbered(name, number)
            info = info_path(place, candidate)
            is_taken = os.path.lexists(place.files / candidate)
            if not is_taken and (info is None or not os.path.lexists(info)):
                self._next[key] = number + 1
                return candidate
        raise FileExistsError(name)


def numbered(name: str, number: int) -> str:
    """Return ``photo.2.jpg`` for 2 (1: the name itself), cut to what fits with ``.trashinfo``."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a name, and surrogates stay as they are
    tail = ending if number == 1 else f".{number}{ending}"
    room = _NAME_BYTES - len(_INFO) - len(os.fsencode(tail))
    encoded = os.fsencode(stem)
    return (stem if len(encoded) <= room else os.fsdecode(encoded[:room])) + tail


def info_path(place: Place, name: str) -> Path | None:
    """Return where the ``.trashinfo`` of a name in a place stands."""
    return None if place.infos is None else place.infos / f"{name}{_INFO}"


def make_place(place: Place) -> None:
    """Make the folders of a place, for this user alone.

    Raises:
        OSError: One of them cannot be made, or is a link.
    """
    for folder in place.made:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise NotADirectoryError(str(folder))


def _trash(root: Path, top: Path | None) -> Place:
    files, infos = root / "files", root / "info"
    above = [folder for folder in root.parents if not folder.exists()]
    return Place(files, infos, top, (*reversed(above), root, files, infos))


def _home_trash() -> Path:
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # noqa: PTH117 - the specification: a relative one is to be ignored
        return Path(data) / "Trash"
    return Path.home() / ".local" / "share" / "Trash"


def _device_of(path: Path) -> int | None:
    """Return the device where a path lies or would be made."""
    for folder in (path, *path.parents):
        try:
            return folder.stat().st_dev
        except OSError:
            continue
    return None


def _top_of(folder: Path, device: int) -> Path:
    """Return the topmost folder of the disk, following no path beyond it."""
    real = Path(os.path.realpath(folder))
    on_disk = [real]
    for parent in real.parents:
        try:
            if parent.stat().st_dev != device:
                break
        except OSError:
            break
        on_disk.append(parent)
    return on_disk[-1]


def _topmost_writable(folder: Path, device: int) -> Path:
    """Return the topmost folder from ``folder`` upwards that is on its disk and may be written."""
    best = folder = Path(os.path.realpath(folder))
    for parent in folder.parents:
        try:
            if parent.stat().st_dev != device or not os.access(parent, os.W_OK | os.X_OK):
                break
        except OSError:
            break
        best = parent
    return best


def _user() -> str | None:
    if hasattr(os, "getuid"):
        return str(os.getuid())
    return None


def _is_good_shared(folder: Path) -> bool:
    """The administrator's ``.Trash`` counts only as a real folder with the sticky bit."""
    try:
        mode = folder.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and bool(mode & stat.S_ISVTX)


def _is_good_own(folder: Path) -> bool:
    """One's own must be a real folder that is one's own, or not there yet."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and str(found.st_uid) == _user()
