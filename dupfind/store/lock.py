"""One writer at a time: a lock file that names its holder and dies with it."""

import os
import sys
from pathlib import Path
from types import TracebackType

from dupfind.errors import LibraryError, LibraryLockedError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class WriterLock:
    """The right to write to a library, held between ``with``'s entry and exit.

    The operating system drops the lock when the process ends, however it ends, so a file left
    behind by a killed process does no harm.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> "WriterLock":
        """Take the lock at once.

        Raises:
            LibraryLockedError: Another process holds it; the message names that process.
            LibraryError: The file cannot be made.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LibraryError(
                f"cannot write to the library in {self.path.parent} ({error.strerror}); "
                "make the folder writable or choose another with --library"
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise LibraryLockedError(
                f"the library in {self.path.parent} is being written by process {holder}; "
                "wait until it ends, or end it"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        # Windows locks byte ranges: one far behind the text, which others must be able to read.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
