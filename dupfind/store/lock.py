"""One writer at a time: a lock that dies with its holder, and a file that names the holder."""

import os
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from dupfind.errors import LibraryError, LibraryLockedError


class WriterLock:
    """The right to write to a library, held between ``with``'s entry and exit.

    The operating system drops the lock when the process ends, however it ends, so a file left
    behind by a killed process does no harm.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Windows lets no one else read a locked file, so the holder's number has its own.
        self._holder = path.with_name(f"{path.name}.pid")
        self._lock = FileLock(path, timeout=0, mode=0o644, thread_local=False)

    def __enter__(self) -> "WriterLock":
        """Take the lock at once.

        Raises:
            LibraryLockedError: Another process holds it; the message names that process.
            LibraryError: The file cannot be made.
        """
        try:
            self._lock.acquire()
            self._holder.write_text(f"{os.getpid()}\n", encoding="ascii")
        except Timeout as error:
            raise LibraryLockedError(
                f"the library in {self.path.parent} is being written by process "
                f"{self._holder_id()}; wait until it ends, or end it"
            ) from error
        except OSError as error:
            self._lock.release()
            raise LibraryError(
                f"cannot write to the library in {self.path.parent} ({error.strerror}); "
                "make the folder writable or choose another with --library"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the lock."""
        self._lock.release()

    def _holder_id(self) -> str:
        try:
            return self._holder.read_text(encoding="ascii").strip() or "unknown"
        except (OSError, ValueError):
            return "unknown"
