"""A cache of bytes by content (local features, thumbnails): a file that may be deleted at any time."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

_TABLE = (
    "CREATE TABLE IF NOT EXISTS blobs (kind TEXT, sha256 TEXT, data BLOB NOT NULL, "
    "PRIMARY KEY (kind, sha256)) WITHOUT ROWID"
)


class BlobCache:
    """Bytes by (kind, sha256) in one SQLite file; use it as a context manager.

    It never fails a run: a cache that is damaged is begun anew, and one that cannot be written
    (full disk, read-only folder) stays in memory. ``kind`` should name what made the bytes and
    its settings, for example ``sift-400px-v1``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._connection = self._open()

    def __enter__(self) -> "BlobCache":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._connection.close()

    def put_blobs(self, kind: str, blobs: Mapping[str, bytes]) -> None:
        """Keep ``blobs`` (sha256 -> bytes); those already there are replaced."""
        rows = [(kind, sha256, data) for sha256, data in blobs.items()]
        try:
            self._write(rows)
        except sqlite3.Error:
            self._start_in_memory()
            self._write(rows)

    def get_blobs(self, kind: str, sha256s: Iterable[str]) -> dict[str, bytes]:
        """Return sha256 -> bytes for those that are kept."""
        found: dict[str, bytes] = {}
        try:
            for sha256 in sha256s:
                row = self._connection.execute(
                    "SELECT data FROM blobs WHERE kind = ? AND sha256 = ?", [kind, sha256]
                ).fetchone()
                if row is not None:
                    found[sha256] = row[0]
        except sqlite3.Error:
            self._start_in_memory()
        return found

    def _write(self, rows: list[tuple[str, str, bytes]]) -> None:
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                return _connect(str(self.file))
            except sqlite3.DatabaseError:
                # Damaged: nothing in it is worth more than a fresh start.
                self.file.unlink(missing_ok=True)
            except OSError:
                break
        return _connect(":memory:")

    def _start_in_memory(self) -> None:
        self._connection.close()
        self._connection = _connect(":memory:")


def _connect(name: str) -> sqlite3.Connection:
    connection = sqlite3.connect(name, timeout=30.0)
    try:
        # A cache need not survive a power cut: no fsync.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_TABLE)
        connection.commit()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
