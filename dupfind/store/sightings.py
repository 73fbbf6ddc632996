"""Which photos and failed files a scan met: what it did not meet is gone."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlite_utils import Database

from dupfind.store.rows import column_to_path, path_to_column


class SightingTables:
    """Reads and writes the sightings of one scan.

    They lie in a temporary table of this connection, so that a million photos take no memory and
    a killed scan leaves nothing behind.
    """

    db: Database

    def start_sightings(self) -> None:
        """Begin a scan: nothing has been met yet."""
        self.db.execute(
            "CREATE TEMP TABLE IF NOT EXISTS sightings (path PRIMARY KEY) WITHOUT ROWID"
        )
        self.db.execute("DELETE FROM temp.sightings")

    def add_sightings(self, paths: Iterable[Path]) -> None:
        """Note that the scan met these absolute paths."""
        rows = [(path_to_column(path),) for path in paths]
        with self.db.atomic():
            self.db.conn.executemany("INSERT OR IGNORE INTO temp.sightings VALUES (?)", rows)

    def remove_unseen(self, folders: Sequence[Path], *, unreadable: Sequence[Path] = ()) -> int:
        """Mark as missing the photos below ``folders`` that the scan did not meet; return how many.

        What lies below an ``unreadable`` folder is left as it is: it was not looked for. Failed
        files that are gone are forgotten.
        """
        above, spared = _prefixes(folders), _prefixes(unreadable)
        with self.db.atomic():
            gone = [
                (photo_id,)
                for photo_id, path in self.db.execute(
                    "SELECT id, path FROM photos WHERE NOT is_missing "
                    "AND path NOT IN (SELECT path FROM temp.sightings)"
                )
                if _is_below(path, above) and not _is_below(path, spared)
            ]
            self.db.conn.executemany("UPDATE photos SET is_missing = 1 WHERE id = ?", gone)
            forgotten = [
                (path,)
                for (path,) in self.db.execute(
                    "SELECT path FROM errors WHERE path NOT IN (SELECT path FROM temp.sightings)"
                )
                if _is_below(path, above) and not _is_below(path, spared)
            ]
            self.db.conn.executemany("DELETE FROM errors WHERE path = ?", forgotten)
        return len(gone)


def _prefixes(folders: Sequence[Path]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(str(folder).rstrip(os.sep) + os.sep) for folder in folders)


def _is_below(path: str | bytes, prefixes: tuple[bytes, ...]) -> bool:
    return os.fsencode(column_to_path(path)).startswith(prefixes)
