"""One scan: the files it met, those still to be read, and the photos it did not meet any more."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sqlite_utils import Database

from dupfind.records import ScannedFile
from dupfind.store.rows import column_to_path, path_to_column

_READ_AHEAD = 256


class SightingTables:
    """Reads and writes the sightings of one scan.

    They lie in temporary tables of this connection, so that a million photos take no memory and
    a killed scan leaves nothing behind.
    """

    db: Database

    def start_sightings(self) -> None:
        """Begin a scan: nothing has been met yet."""
        self.db.execute(
            "CREATE TEMP TABLE IF NOT EXISTS sightings (path PRIMARY KEY) WITHOUT ROWID"
        )
        self.db.execute(
            "CREATE TEMP TABLE IF NOT EXISTS todo "
            "(id INTEGER PRIMARY KEY, path, size_bytes INTEGER, mtime_ns INTEGER)"
        )
        for table in ("sightings", "todo"):
            self.db.execute(f"DELETE FROM temp.{table}")

    def add_sightings(self, paths: Iterable[Path]) -> None:
        """Note that the scan met these absolute paths."""
        rows = [(path_to_column(path),) for path in paths]
        with self.db.atomic():
            self.db.conn.executemany("INSERT OR IGNORE INTO temp.sightings VALUES (?)", rows)

    def add_todo(self, files: Iterable[ScannedFile]) -> None:
        """Note files that have to be read."""
        rows = [(path_to_column(file.path), file.size_bytes, file.mtime_ns) for file in files]
        with self.db.atomic():
            self.db.conn.executemany(
                "INSERT INTO temp.todo (path, size_bytes, mtime_ns) VALUES (?, ?, ?)", rows
            )

    def count_todo(self) -> int:
        """Return how many files have to be read."""
        count: int = self.db.execute("SELECT count(*) FROM temp.todo").fetchone()[0]
        return count

    def todo(self) -> Iterator[list[ScannedFile]]:
        """Yield the files that have to be read, in blocks, in the order they were noted."""
        last = 0
        while rows := self.db.execute(
            "SELECT id, path, size_bytes, mtime_ns FROM temp.todo WHERE id > ? ORDER BY id LIMIT ?",
            [last, _READ_AHEAD],
        ).fetchall():
            last = rows[-1][0]
            yield [ScannedFile(column_to_path(row[1]), row[2], row[3]) for row in rows]

    def remove_unseen(self, folders: Sequence[Path], *, unreadable: Sequence[Path] = ()) -> int:
        """Mark as missing the photos below ``folders`` that the scan did not meet; return how many.

        What lies below an ``unreadable`` folder is left as it is: it was not looked for. Failed
        files that are gone are forgotten.
        """
        above, spared = _prefixes(folders), _prefixes(unreadable)

        def gone(path: str | bytes) -> bool:
            return _is_below(path, above) and not _is_below(path, spared)

        with self.db.atomic():
            missing = [
                (photo_id,)
                for photo_id, path in self.db.execute(
                    "SELECT id, path FROM photos WHERE NOT is_missing "
                    "AND path NOT IN (SELECT path FROM temp.sightings)"
                )
                if gone(path)
            ]
            self.db.conn.executemany("UPDATE photos SET is_missing = 1 WHERE id = ?", missing)
            forgotten = [
                (path,)
                for (path,) in self.db.execute(
                    "SELECT path FROM errors WHERE path NOT IN (SELECT path FROM temp.sightings)"
                )
                if gone(path)
            ]
            self.db.conn.executemany("DELETE FROM errors WHERE path = ?", forgotten)
        return len(missing)


def _prefixes(folders: Sequence[Path]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(str(folder).rstrip(os.sep)) for folder in folders)


def _is_below(path: str | bytes, folders: tuple[bytes, ...]) -> bool:
    """Tell whether a path is one of the folders (or files) given, or lies in one."""
    name = os.fsencode(column_to_path(path))
    separator = os.sep.encode()
    return any(name == folder or name.startswith(folder + separator) for folder in folders)
