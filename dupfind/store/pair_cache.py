"""A cache of what is known of pairs of contents: a file that may be deleted at any time."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress

from dupfind.store.cache import BlobCache

_SHA256_DIGITS = 64


class PairCache(BlobCache):
    """Bytes by (kind, content, content), the contents by their SHA-256 in hex.

    The order of the two contents counts. ``kind`` should name what made the bytes and its version.
    """

    def put(self, kind: str, found: Mapping[tuple[str, str], bytes]) -> None:
        """Keep bytes by pair, all or none; those already there are replaced."""
        if found:
            self.put_blobs(kind, {a + b: data for (a, b), data in found.items()})

    def get(self, kind: str, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Return pair -> bytes for those that are kept."""
        found = self.get_blobs(kind, (a + b for a, b in pairs))
        return {(key[:_SHA256_DIGITS], key[_SHA256_DIGITS:]): data for key, data in found.items()}

    def keep_only(self, kinds: Iterable[str], contents: Iterable[str]) -> None:
        """Forget all other kinds, and all pairs with another content."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error), self._connection:  # full or read-only: it stays as it is
            _fill(self._connection, "known_kinds", kinds)
            _fill(self._connection, "known_contents", contents)
            self._connection.execute(
                "DELETE FROM blobs WHERE kind NOT IN (SELECT value FROM temp.known_kinds) "
                "OR substr(sha256, 1, 64) NOT IN (SELECT value FROM temp.known_contents) "
                "OR substr(sha256, 65) NOT IN (SELECT value FROM temp.known_contents)"
            )


def _fill(connection: sqlite3.Connection, name: str, values: Iterable[str]) -> None:
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} (value TEXT PRIMARY KEY)")
    connection.execute(f"DELETE FROM temp.{name}")
    rows = ((value,) for value in values)
    connection.executemany(f"INSERT OR IGNORE INTO temp.{name} VALUES (?)", rows)
