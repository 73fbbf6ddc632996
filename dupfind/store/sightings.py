"""One scan: the files it met, those still to be read, and the photos it did not meet any more."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from sqlite_utils import Database

from dupfind.records import ScannedFile
from dupfind.store.rows import column_to_path, path_to_column, text_to_column

_READ_AHEAD = 256
_FILE = "path, size_bytes, mtime_ns, ctime_ns, device, inode"
_MARKS = "?, ?, ?, ?, ?, ?"


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
            "(id INTEGER PRIMARY KEY, path, size_bytes INTEGER, mtime_ns INTEGER, "
            "ctime_ns INTEGER, device INTEGER, inode INTEGER)"
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
        rows = [(path_to_column(file.path), *astuple(file)[1:]) for file in files]
        with self.db.atomic():
            self.db.conn.executemany(f"INSERT INTO temp.todo ({_FILE}) VALUES ({_MARKS})", rows)

    def count_todo(self) -> int:
        """Return how many files have to be read."""
        count: int = self.db.execute("SELECT count(*) FROM temp.todo").fetchone()[0]
        return count

    def todo(self) -> Iterator[list[ScannedFile]]:
        """Yield the files that have to be read, in blocks, in the order they were noted."""
        last = 0
        while rows := self.db.execute(
            f"SELECT id, {_FILE} FROM temp.todo WHERE id > ? ORDER BY id LIMIT ?",
            [last, _READ_AHEAD],
        ).fetchall():
            last = rows[-1][0]
            yield [ScannedFile(column_to_path(row[1]), *row[2:]) for row in rows]

    def is_emptied(self, folders: Sequence[Path]) -> bool:
        """Tell whether the scan met none of the photos that the library knows below ``folders``."""
        ranges = [limits for folder in folders for limits in _ranges(folder)]
        return not self._any(ranges, seen=True) and self._any(ranges, seen=False)

    def _any(self, ranges: Sequence[tuple[str | bytes, str | bytes]], *, seen: bool) -> bool:
        met = "AND path IN (SELECT path FROM temp.sightings) " if seen else ""
        return any(
            self.db.execute(
                "SELECT 1 FROM photos WHERE path > ? AND path < ? "
                f"AND (is_away OR NOT is_missing) {met} LIMIT 1",
                [low, high],
            ).fetchone()
            for low, high in ranges
        )

    def keep_away(self, folders: Sequence[Path], *, unreadable: Sequence[Path] = ()) -> int:
        """Mark as away the photos below ``folders`` that the scan did not meet; return how many.

        They leave the results like missing ones; ``remove_unseen`` with another list turns them
        into missing ones, and a run that meets them brings them back.
        """
        with self.db.atomic():
            gone = [(photo_id,) for photo_id, _ in self._unseen(folders, unreadable)]
            self.db.conn.executemany(
                "UPDATE photos SET is_missing = 1, is_away = 1 WHERE id = ?", gone
            )
        return len(gone)

    def remove_unseen(
        self,
        folders: Sequence[Path],
        *,
        unreadable: Sequence[Path] = (),
        away: Sequence[Path] = (),
    ) -> int:
        """Mark as missing the photos below ``folders`` that the scan did not meet; return how many.

        What lies below an ``unreadable`` folder is left as it is: it was not looked for; so is what
        is kept as ``away``. Failed files that are gone are forgotten.
        """
        spared = [*unreadable, *away]
        with self.db.atomic():
            missing = [(photo_id,) for photo_id, _ in self._unseen(folders, spared)]
            self.db.conn.executemany(
                "UPDATE photos SET is_missing = 1, is_away = 0 WHERE id = ?", missing
            )
            gone = _below(folders, spared)
            forgotten = [
                (path,)
                for (path,) in self.db.execute(
                    "SELECT path FROM errors WHERE path NOT IN (SELECT path FROM temp.sightings)"
                )
                if gone(path)
            ]
            self.db.conn.executemany("DELETE FROM errors WHERE path = ?", forgotten)
        return len(missing)

    def unseen_paths(self, folders: Sequence[Path]) -> Iterator[Path]:
        """Yield the paths of the photos below ``folders`` that the scan did not meet."""
        return (path for _, path in self._unseen(folders, ()))

    def _unseen(
        self, folders: Sequence[Path], spared: Sequence[Path]
    ) -> Iterator[tuple[int, Path]]:
        gone = _below(folders, spared)
        for photo_id, path in self.db.execute(
            "SELECT id, path FROM photos WHERE (is_away OR NOT is_missing) "
            "AND path NOT IN (SELECT path FROM temp.sightings)"
        ):
            if gone(path):
                yield photo_id, column_to_path(path)


def _ranges(folder: Path) -> Iterator[tuple[str | bytes, str | bytes]]:
    """Yield what the paths below a folder lie between: as text, and as bytes when not UTF-8."""
    top = str(folder).rstrip(os.sep)
    low, high = f"{top}{os.sep}", f"{top}{chr(ord(os.sep) + 1)}"
    yield text_to_column(low), text_to_column(high)
    yield os.fsencode(low), os.fsencode(high)


def _below(folders: Sequence[Path], spared: Sequence[Path]) -> Callable[[str | bytes], bool]:
    """Return what tells whether a path lies below ``folders`` and not below ``spared``."""
    above, kept = _prefixes(folders), _prefixes(spared)
    return lambda path: _is_below(path, above) and not _is_below(path, kept)


def _prefixes(folders: Sequence[Path]) -> tuple[bytes, ...]:
    return tuple(os.fsencode(str(folder).rstrip(os.sep)) for folder in folders)


def _is_below(path: str | bytes, folders: tuple[bytes, ...]) -> bool:
    """Tell whether a path is one of the folders (or files) given, or lies in one."""
    name = os.fsencode(column_to_path(path))
    separator = os.sep.encode()
    return any(name == folder or name.startswith(folder + separator) for folder in folders)
