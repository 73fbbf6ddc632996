"""Tell whether two paths lead to one file: by real path, and by what the file system says.

A file system numbers its files (the inode) and the system numbers what is mounted (the device).
Two numbers that are read at the same time can be compared. Over a restart the device may get
another number, so what the database holds only proposes, and the files themselves decide here.
"""

import os
from pathlib import Path

from dupfind.records import ScannedFile

_SIGNED = (1 << 63) - 1  # SQLite's integers have a sign, and some file systems use all 64 bits


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Return (device, inode) of a file; (0, 0) where the system gives no inode."""
    if not found.st_ino:
        return 0, 0
    return found.st_dev & _SIGNED, found.st_ino & _SIGNED


def scanned_file(path: Path, found: os.stat_result) -> ScannedFile:
    """Return what the system says of a file."""
    return ScannedFile(
        path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, *identity_of(found)
    )


def is_one_entry(path_a: Path, path_b: Path) -> bool:
    """Say whether two paths reach the same entry of the same folder: by a link, or mounted twice.

    Two hard links are two entries: each of them can be deleted without the other. False when one
    of the paths leads nowhere.
    """
    if path_a == path_b:
        return True
    try:
        a, b = path_a.stat(), path_b.stat()
        if identity_of(a) != identity_of(b):
            return False
        if identity_of(a) != (0, 0) and a.st_nlink == 1:
            return True
        # A folder's link or mount keeps the names in it; only a link to the file itself changes it.
        if path_a.name != path_b.name and not (path_a.is_symlink() or path_b.is_symlink()):
            return False
        real_a, real_b = (Path(os.path.realpath(path)) for path in (path_a, path_b))
        if real_a == real_b:
            return True
        has_number = identity_of(a) != (0, 0)
        return has_number and real_a.name == real_b.name and real_a.parent.samefile(real_b.parent)
    except OSError:
        return False
