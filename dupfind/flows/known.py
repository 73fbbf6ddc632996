"""Know folders and files again that are reached by another path than before.

A link, a bind mount, a share that is mounted twice: without this each photo would be an identical
copy of itself, and whoever deletes the copy deletes the only file.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from dupfind.photos.identity import is_one_entry
from dupfind.records import Photo, ScannedFile
from dupfind.store.store import Store

# Of many copies of one content only so many are asked whether they are this very file.
_ASKED = 50


def as_known(store: Store, files: Sequence[ScannedFile]) -> list[ScannedFile]:
    """Return the files under the paths by which the library knows them, where it does."""
    others = store.paths_at((file.device, file.inode) for file in files)
    return [_renamed(file, others.get((file.device, file.inode), ())) for file in files]


def same_file_among(file: ScannedFile, copies: Iterable[Photo]) -> Photo | None:
    """Return the photo with the same bytes that is this very file under another path, or None.

    For files that ``as_known`` cannot tell: the device has another number since a restart, or the
    file system has no numbers, and only the real path tells.
    """
    candidates = [copy for copy in copies if copy.inode in (0, file.inode) or not file.inode]
    return next((copy for copy in candidates[:_ASKED] if is_one_entry(copy.path, file.path)), None)


def names_of(store: Store, folder: Path) -> list[Path]:
    """Return the paths by which the library may know what lies in a folder, its own first.

    Its real path, and the folders of earlier runs that are the same one now.
    """
    names = [folder, Path(os.path.realpath(folder))]
    for run in store.runs("index"):
        for earlier in map(Path, run.options.get("folders", ())):
            if earlier not in names and _is_same_folder(earlier, folder):
                names.append(earlier)
    return list(dict.fromkeys(names))


def _renamed(file: ScannedFile, paths: Sequence[str]) -> ScannedFile:
    own = str(file.path)
    if own in paths:
        # Many names of one file are hard links; only one that is called alike may be this very one.
        paths = [path for path in paths if path.endswith(os.sep + file.path.name)]
    for path in paths:
        if path == own:
            return file
        if is_one_entry(Path(path), file.path):
            return replace(file, path=Path(path))
    return file


def _is_same_folder(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False
