"""The photos, and the files that could not be used."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from dupfind.records import FileError, Photo, ScannedFile
from dupfind.store.rows import (
    PHOTO_COLUMNS,
    blocks_of,
    column_to_path,
    marks,
    now,
    path_to_column,
    row_to_photo,
    to_json,
)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the library knows of a path: a photo (``photo_id``) or a file that failed (``reason``).

    ``frames`` 0: an older dupfind wrote it, which did not look at all that is noted today.
    """

    size_bytes: int | None
    mtime_ns: int | None
    photo_id: int | None = None
    sha256: str = ""
    is_missing: bool = False
    is_reference: bool = False
    reason: str = ""
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0
    frames: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file, whatever its path: the part of a photo that is found by decoding it."""

    sha256: str
    width: int
    height: int
    format: str
    taken_at: str | None = None
    exif_tags: int = 0
    pixels_sha256: str = ""
    frames: int = 1
    has_alpha: bool = False
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PhotoEntry:
    """A photo to write. ``photo_id`` is that of the row to replace, None for a new one."""

    file: ScannedFile
    content: Content
    is_reference: bool = False
    photo_id: int | None = None


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """A file that failed. Without ``file`` it is tried again at each run, else when it changes."""

    path: Path
    reason: str
    file: ScannedFile | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is committed together: all of it or nothing.

    ``vectors`` maps the sha256 of a content to its descriptor, float16 of shape (dimensions,).
    """

    photos: Sequence[PhotoEntry] = ()
    errors: Sequence[ErrorEntry] = ()
    vectors: Sequence[tuple[str, NDArray[np.float16]]] = ()


class PhotoTables:
    """Reads and writes ``photos`` and ``errors``."""

    db: Database

    def photos(self) -> Iterator[Photo]:
        """Yield the photos whose files are there, by id."""
        rows = self.db.execute(
            f"SELECT {PHOTO_COLUMNS} FROM photos WHERE NOT is_missing ORDER BY id"
        )
        return (row_to_photo(row) for row in rows)

    def contents(self) -> set[str]:
        """Return the SHA-256 of all photos that are there, or only away for now."""
        rows = self.db.execute("SELECT DISTINCT sha256 FROM photos WHERE NOT is_missing OR is_away")
        return {row[0] for row in rows}

    def count_photos(self) -> int:
        """Return how many photos there are, without the missing ones."""
        count: int = self.db.execute("SELECT count(*) FROM photos WHERE NOT is_missing").fetchone()[
            0
        ]
        return count

    def count_away(self) -> int:
        """Return how many photos are kept as away: all of their folder is gone at once."""
        count: int = self.db.execute("SELECT count(*) FROM photos WHERE is_away").fetchone()[0]
        return count

    def photos_by_id(self, photo_ids: Iterable[int]) -> dict[int, Photo]:
        """Return the photos of these ids that exist."""
        found: dict[int, Photo] = {}
        for block in blocks_of([int(photo_id) for photo_id in photo_ids]):
            rows = self.db.execute(
                f"SELECT {PHOTO_COLUMNS} FROM photos WHERE id IN ({marks(block)})", block
            )
            found.update((row[0], row_to_photo(row)) for row in rows)
        return found

    def photos_of_content(self, sha256: str) -> list[Photo]:
        """Return the photos with these bytes, by id, without the missing ones."""
        rows = self.db.execute(
            f"SELECT {PHOTO_COLUMNS} FROM photos WHERE sha256 = ? AND NOT is_missing ORDER BY id",
            [sha256],
        )
        return [row_to_photo(row) for row in rows]

    def all_of_content(self, sha256: str) -> list[Photo]:
        """Return the photos with these bytes, by id, the missing ones too."""
        rows = self.db.execute(
            f"SELECT {PHOTO_COLUMNS} FROM photos WHERE sha256 = ? ORDER BY id", [sha256]
        )
        return [row_to_photo(row) for row in rows]

    def errors(self) -> Iterator[FileError]:
        """Yield the files that could not be used, by path."""
        rows = self.db.execute("SELECT path, error FROM errors ORDER BY path")
        return (FileError(column_to_path(path), reason) for path, reason in rows)

    def known_files(self, paths: Sequence[Path]) -> dict[Path, KnownFile]:
        """Return what is known of these absolute paths; unknown ones are left out."""
        known: dict[Path, KnownFile] = {}
        for block in blocks_of([path_to_column(path) for path in paths]):
            for row in self.db.execute(
                "SELECT path, size_bytes, mtime_ns, error, ctime_ns FROM errors "
                f"WHERE path IN ({marks(block)})",
                block,
            ):
                known[column_to_path(row[0])] = KnownFile(
                    row[1], row[2], reason=row[3], ctime_ns=row[4]
                )
            for row in self.db.execute(
                "SELECT path, size_bytes, mtime_ns, id, sha256, is_missing, is_reference, "
                "ctime_ns, device, inode, frames "
                f"FROM photos WHERE path IN ({marks(block)}) "
                "AND NOT (is_missing AND path IN (SELECT path FROM errors))",
                block,
            ):
                path, size_bytes, mtime_ns, photo_id, sha256, is_missing, is_reference, *rest = row
                ctime_ns, device, inode, frames = rest
                known[column_to_path(path)] = KnownFile(
                    size_bytes,
                    mtime_ns,
                    photo_id,
                    sha256,
                    bool(is_missing),
                    bool(is_reference),
                    ctime_ns=ctime_ns,
                    device=device,
                    inode=inode,
                    frames=frames,
                )
        return known

    def add_batch(self, batch: Batch, *, model_id: int | None = None) -> list[int]:
        """Write photos, errors and vectors, all or nothing; return the ids of the photos.

        A photo whose content changed loses the pairs and groups that were about its old content.
        """
        with self.db.atomic():
            ids = [self._write_photo(entry) for entry in batch.photos]
            for error in batch.errors:
                self._write_error(error)
            if batch.vectors:
                rows = [
                    (sha256, model_id, np.ascontiguousarray(vector, dtype="<f2").tobytes())
                    for sha256, vector in batch.vectors
                ]
                self.db.conn.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        return ids

    def paths_at(self, numbers: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[str]]:
        """Return where the photos with these (device, inode) are, by id, for each of them.

        Plain text, for there may be thousands of names of one file; ``Path`` takes each of them.
        """
        found: dict[tuple[int, int], list[str]] = {}
        wanted = {number for number in numbers if number != (0, 0)}
        for block in blocks_of(sorted({inode for _, inode in wanted})):
            for device, inode, path in self.db.execute(
                f"SELECT device, inode, path FROM photos WHERE inode IN ({marks(block)}) "
                "AND NOT is_missing ORDER BY id",
                block,
            ):
                if (device, inode) in wanted:
                    name = os.fsdecode(path) if isinstance(path, bytes) else path
                    found.setdefault((device, inode), []).append(name)
        return found

    def note_files(self, files: Iterable[ScannedFile]) -> None:
        """Write what the system says of files by now whose bytes are known to be the same."""
        rows = [
            (file.device, file.inode, file.ctime_ns, path_to_column(file.path)) for file in files
        ]
        with self.db.atomic():
            self.db.conn.executemany(
                "UPDATE photos SET device = ?, inode = ?, ctime_ns = ? WHERE path = ?", rows
            )

    def reference_paths(self) -> Iterator[Path]:
        """Yield where the photos of reference folders are."""
        rows = self.db.execute("SELECT path FROM photos WHERE is_reference AND NOT is_missing")
        return (column_to_path(path) for (path,) in rows)

    def set_reference(self, photo_ids: Iterable[int], is_reference: bool) -> None:
        """Mark photos as reference (kept before all others), or no longer so."""
        rows = [(int(is_reference), photo_id) for photo_id in photo_ids]
        with self.db.atomic():
            self.db.conn.executemany("UPDATE photos SET is_reference = ? WHERE id = ?", rows)

    def _write_photo(self, entry: PhotoEntry) -> int:
        content, file = entry.content, entry.file
        path = path_to_column(file.path)
        values = (
            path, content.sha256, file.size_bytes, file.mtime_ns, content.width, content.height,
            content.format, content.taken_at, content.exif_tags, content.pixels_sha256,
            int(entry.is_reference), content.frames, int(content.has_alpha),
            to_json(content.extras), file.device, file.inode, file.ctime_ns,
        )  # fmt: skip
        self.db.execute("DELETE FROM errors WHERE path = ?", [path])
        self._note_picture(content)
        photo_id = self._row_to_replace(entry, path)
        if photo_id is not None:
            # A disk that was away is no news, nor is a file whose picture is the same as before.
            is_news = "is_missing AND NOT is_away OR sha256 <> ? AND pixels_sha256 <> ?"
            self.db.execute(
                f"UPDATE photos SET appeared_at = ? WHERE id = ? AND ({is_news})",
                [now(), photo_id, content.sha256, content.pixels_sha256],
            )
            self.db.execute(
                "UPDATE photos SET path = ?, sha256 = ?, size_bytes = ?, mtime_ns = ?, width = ?, "
                "height = ?, format = ?, taken_at = ?, exif_tags = ?, pixels_sha256 = ?, "
                "is_reference = ?, frames = ?, has_alpha = ?, extras = ?, device = ?, inode = ?, "
                "ctime_ns = ?, is_missing = 0, is_away = 0 WHERE id = ?",
                (*values, photo_id),
            )
            return photo_id
        cursor = self.db.execute(
            "INSERT INTO photos (path, sha256, size_bytes, mtime_ns, width, height, format, "
            "taken_at, exif_tags, pixels_sha256, is_reference, frames, has_alpha, extras, device, "
            f"inode, ctime_ns, appeared_at) VALUES ({marks(values)}, ?)",
            [*values, now()],
        )
        return int(cursor.lastrowid or 0)

    def _note_picture(self, content: Content) -> None:
        """Keep what a decided content looks like to this model: another one reads it at another size."""
        if content.pixels_sha256:
            self.db.execute(
                "INSERT OR IGNORE INTO decided_pictures SELECT ?, ?, ?, ? WHERE EXISTS "
                "(SELECT 1 FROM decided_contents WHERE sha256 = ?)",
                [content.sha256, content.pixels_sha256, content.width, content.height,
                 content.sha256],
            )  # fmt: skip

    def _row_to_replace(self, entry: PhotoEntry, path: str | bytes) -> int | None:
        """Return the id of the row that this photo takes over: that of its path or its move."""
        at_path = self.db.execute("SELECT id, sha256 FROM photos WHERE path = ?", [path]).fetchone()
        if at_path is None:
            return entry.photo_id
        if at_path[1] != entry.content.sha256:
            self._forget_results(at_path[0])
        return int(at_path[0])

    def _forget_results(self, photo_id: int) -> None:
        self.db.execute("DELETE FROM pairs WHERE photo_a = ?", [photo_id])
        self.db.execute("DELETE FROM pairs WHERE photo_b = ?", [photo_id])
        self.db.execute("DELETE FROM group_members WHERE photo_id = ?", [photo_id])

    def _write_error(self, error: ErrorEntry) -> None:
        path = path_to_column(error.path)
        size_bytes, mtime_ns, ctime_ns = (
            (error.file.size_bytes, error.file.mtime_ns, error.file.ctime_ns)
            if error.file
            else (None, None, 0)
        )
        self.db.execute("UPDATE photos SET is_missing = 1, is_away = 0 WHERE path = ?", [path])
        self.db.execute(
            "INSERT INTO errors (path, size_bytes, mtime_ns, error, noticed_at, ctime_ns) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET size_bytes = "
            "excluded.size_bytes, mtime_ns = excluded.mtime_ns, error = excluded.error, "
            "noticed_at = excluded.noticed_at, ctime_ns = excluded.ctime_ns",
            [path, size_bytes, mtime_ns, error.reason, now(), ctime_ns],
        )
