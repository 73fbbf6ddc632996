"""Files as acting needs them: in a folder that is held open, known by their number, read to the end.

A path may lead elsewhere from one moment to the next; an open folder and an open file stay what
they are. Nothing here ever overwrites a file.
"""

import errno
import hashlib
import os
import stat
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dupfind.actions import native
from dupfind.acts import FileState
from dupfind.errors import DupfindError

_HAS_FOLDERS = {os.open, os.stat, os.rename, os.unlink, os.link} <= os.supports_dir_fd
_READ = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_SIGNED = (1 << 63) - 1  # as photos.identity: SQLite's integers have a sign
CHANGED = "it changed since the plan was made; run `dupfind index` and `dupfind cluster` again"


class RefusedError(DupfindError):
    """One file is left as it is; the message is the reason, in words a person understands."""


class StrandedError(RefusedError):
    """A file was taken away and could not be put back; the message says where it lies."""


def reached(step: str) -> None:
    """Tell auditing hooks (``sys.addaudithook``) that a step is done; tests stop the process so."""
    sys.audit("dupfind.step", step)


def number_of(found: os.stat_result) -> tuple[int, int]:
    """Return device and inode of a file as the database holds them."""
    return found.st_dev & _SIGNED, found.st_ino & _SIGNED


class Folder:
    """A folder that is held open; names are of what lies directly in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, _FOLDER) if _HAS_FOLDERS else None

    def __enter__(self) -> "Folder":
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self.descriptor is not None:
            os.close(self.descriptor)

    def stat(self, name: str) -> os.stat_result:
        """Return what the system says of an entry itself; a link is not followed."""
        return os.stat(self._at(name), dir_fd=self.descriptor, follow_symlinks=False)

    def find(self, name: str) -> os.stat_result | None:
        """Return the same, or None for no such entry."""
        with suppress(FileNotFoundError):
            return self.stat(name)
        return None

    def open(self, name: str) -> int:
        """Open an entry for reading; a link is refused, a pipe does not block."""
        return os.open(self._at(name), _READ, dir_fd=self.descriptor)

    def create(self, name: str, mode: int = 0o600) -> int:
        """Open a new file for writing; FileExistsError when there is one."""
        return os.open(self._at(name), _NEW, mode, dir_fd=self.descriptor)

    def unlink(self, name: str) -> None:
        """Remove a name."""
        os.unlink(self._at(name), dir_fd=self.descriptor)

    def rename(self, name: str, target: "Folder", new: str) -> None:
        """Give an entry another place and name, never over another one.

        Raises:
            FileExistsError: The new name is taken.
            OSError: EXDEV for another device; EOPNOTSUPP where it cannot be done without the risk.
        """
        if native.rename_no_replace(name, new, self.descriptor, target.descriptor):
            return
        if os.name == "nt":  # it never replaces there
            Path(self._at(name)).rename(target._at(new))
            return
        try:
            self.link(name, target, new)
        except OSError as error:
            if error.errno in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
                raise OSError(
                    errno.ENOTSUP, "the file system cannot rename without overwriting", name
                ) from error
            raise
        reached("second name")
        self.unlink(name)

    def link(self, name: str, target: "Folder", new: str) -> None:
        """Give a file a second name; FileExistsError when there is such a one."""
        os.link(
            self._at(name),
            target._at(new),
            src_dir_fd=self.descriptor,
            dst_dir_fd=target.descriptor,
            follow_symlinks=False,
        )

    def sync(self) -> None:
        """Have the names on the disk; file systems that know nothing of it are let be."""
        if self.descriptor is not None:
            with suppress(OSError):
                os.fsync(self.descriptor)

    def _at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)


@dataclass(slots=True)
class HeldFile:
    """A file that was opened and read to its end; ``found`` is what the system said of it."""

    folder: Folder
    name: str
    descriptor: int
    found: os.stat_result
    sha256: str

    @property
    def state(self) -> FileState:
        """What it was when it was read."""
        path = self.folder.path / self.name
        return _state(path, self.sha256, self.found)

    def is_still(self, found: os.stat_result | None) -> bool:
        """Say whether what is found at some place is this file, unchanged."""
        return found is not None and _traits(found) == _traits(self.found)


def hold(stack: ExitStack, planned: FileState, *, exclusive: bool) -> HeldFile:
    """Open a file, and read and hash it, as long as it is what was planned.

    Args:
        stack: Closes the file and its folder.
        planned: What it has to be: number, size, time and bytes.
        exclusive: It is to be acted upon (else: it stays); locks against other programs of ours.

    Raises:
        RefusedError: It is gone, a link, another file, of other bytes, or cannot be read.
    """
    held = hold_any(stack, planned.path, exclusive=exclusive)
    traits = (planned.number, planned.size_bytes, planned.mtime_ns)
    if traits != _traits(held.found) or held.sha256 != planned.sha256:
        raise RefusedError(CHANGED)
    return held


def hold_any(stack: ExitStack, path: Path, *, exclusive: bool) -> HeldFile:
    """Open a file, whatever is in it, and read and hash it. Raises as ``hold``."""
    try:
        folder = stack.enter_context(Folder(path.parent))
        descriptor = folder.open(path.name)
        stack.callback(os.close, descriptor)
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise RefusedError("it is not a regular file")
        if not native.lock_file(descriptor, exclusive=exclusive):
            raise RefusedError("another program is at work on it (it holds its lock)")
        sha256 = hash_of(descriptor)
        after = os.fstat(descriptor)
    except OSError as error:
        raise RefusedError(words_of(error)) from error
    if _traits(before) != _traits(after) or before.st_ctime_ns != after.st_ctime_ns:
        raise RefusedError("it changed while it was read")
    return HeldFile(folder, path.name, descriptor, after, sha256)


def hash_of(descriptor: int) -> str:
    """Return the SHA-256 of an open file's bytes, from its beginning to its end."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_at(folder: Folder, name: str) -> FileState | None:
    """Read and hash what lies at a place; None for nothing, or nothing regular."""
    found = folder.find(name)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    descriptor = folder.open(name)
    try:
        return _state(folder.path / name, hash_of(descriptor), os.fstat(descriptor))
    finally:
        os.close(descriptor)


def is_at(folder: Folder, name: str, before: FileState) -> bool:
    """Say whether a file lies at a place with the bytes that it had."""
    found = folder.find(name)
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != before.size_bytes:
        return False
    if _traits(found) == (before.number, before.size_bytes, before.mtime_ns):
        return True
    state = state_at(folder, name)
    return state is not None and state.sha256 == before.sha256


def open_parent(stack: ExitStack, path: Path) -> Folder | None:
    """Hold the folder of a path open; None where there is none."""
    try:
        return stack.enter_context(Folder(path.parent))
    except (FileNotFoundError, NotADirectoryError):
        return None


def words_of(error: OSError) -> str:
    """Say in words what the system refused."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "it is no longer there"
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return "it is a link"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "it or its folder may not be changed or read (no permission)"
    if error.errno == errno.EROFS:
        return "its disk is read-only"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full"
    if error.errno == errno.EEXIST:
        return "the place where it would go is taken by now"
    return (error.strerror or type(error).__name__).lower()


def _state(path: Path, sha256: str, found: os.stat_result) -> FileState:
    return FileState(path, sha256, found.st_size, found.st_mtime_ns, *number_of(found))


def _traits(found: os.stat_result) -> tuple[tuple[int, int], int, int]:
    return number_of(found), found.st_size, found.st_mtime_ns
