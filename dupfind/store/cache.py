"""A cache of bytes by content (local features, thumbnails): a file that may be deleted at any time."""

import logging
import sqlite3
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from dupfind.store.connection import connect_for_reading, is_damage, readable_errors

HELD_BYTES = 256 << 20  # of what a file cannot take: the oldest goes first

_TABLE = (
    "CREATE TABLE IF NOT EXISTS blobs (kind TEXT, sha256 TEXT, data BLOB NOT NULL, "
    "PRIMARY KEY (kind, sha256)) WITHOUT ROWID"
)
CHECK_BYTES = 4  # before the data: a disk gives other bytes back without SQLite noticing

log = logging.getLogger(__name__)


class BlobCache:
    """Bytes by (kind, sha256) in one SQLite file; use it as a context manager.

    It never fails a run. A file that is damaged is begun anew. One that cannot be written (full
    disk, another's library, read-only mount) is read as it is, one that cannot be read is left
    alone, and what comes new is held in memory, up to ``HELD_BYTES``. ``kind`` should name what
    made the bytes and its settings, for example ``sift-400px-v1``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._held_bytes = 0
        self._connection: sqlite3.Connection | None = None
        self._is_writable = False
        self._open()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._close()

    def put_blobs(self, kind: str, blobs: Mapping[str, bytes]) -> None:
        """Keep ``blobs`` (sha256 -> bytes); those already there are replaced."""
        rows = [(kind, sha256, _check(data) + data) for sha256, data in blobs.items()]
        while self._connection is not None and self._is_writable:
            try:
                with self._connection:
                    self._connection.executemany(
                        "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?)", rows
                    )
            except sqlite3.Error as error:
                self._give_up(error)
            else:
                return
        for sha256, data in blobs.items():
            self._hold((kind, sha256), data)

    def get_blobs(self, kind: str, sha256s: Iterable[str]) -> dict[str, bytes]:
        """Return sha256 -> bytes for those that are kept, and whole."""
        found: dict[str, bytes] = {}
        for sha256 in sha256s:
            data = self._read(kind, sha256)
            if data is None:
                data = self._held.get((kind, sha256))
            if data is not None:
                found[sha256] = data
        return found

    def _read(self, kind: str, sha256: str) -> bytes | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(
                "SELECT data FROM blobs WHERE kind = ? AND sha256 = ?", [kind, sha256]
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        if row is None:
            return None
        check, data = row[0][:CHECK_BYTES], row[0][CHECK_BYTES:]
        return data if check == _check(data) else None

    def _open(self) -> None:
        """Open the file for writing, else for reading, else not at all."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._connection, self._is_writable = _connect(self.file), True
        except OSError:
            self._open_for_reading()
        except sqlite3.Error as error:
            self._is_writable = True
            self._give_up(error)

    def _open_for_reading(self) -> None:
        self._connection, self._is_writable = None, False
        try:
            if self.file.is_file():
                self._connection = connect_for_reading(self.file)
        except (OSError, sqlite3.Error) as error:
            log.info("the cache %s cannot be read (%s)", self.file, error)

    def _give_up(self, error: sqlite3.Error) -> None:
        """Begin a damaged file anew; do without writing where something else is wrong with it."""
        was_writable = self._is_writable
        self._close()
        if not is_damage(error):
            self._open_for_reading()
        elif was_writable and self._removed():
            log.info("the cache %s is damaged (%s) and is begun anew", self.file, error)
            self._open()

    def _removed(self) -> bool:
        """Remove the file, in which nothing is worth more than a fresh start."""
        try:
            for end in ("", "-wal", "-shm"):
                self.file.with_name(self.file.name + end).unlink(missing_ok=True)
        except OSError as error:
            log.info("the damaged cache %s cannot be removed (%s)", self.file, error)
            return False
        return True

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._is_writable = None, False

    def _hold(self, key: tuple[str, str], data: bytes) -> None:
        self._held_bytes += len(data) - len(self._held.pop(key, b""))
        self._held[key] = data
        while self._held_bytes > HELD_BYTES:
            self._held_bytes -= len(self._held.popitem(last=False)[1])


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=30.0)
    try:
        # A cache need not survive a power cut: no fsync.
        with readable_errors():
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_TABLE)
        connection.execute("SELECT kind, sha256, data FROM blobs LIMIT 1").fetchone()
        connection.commit()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(CHECK_BYTES, "big")
