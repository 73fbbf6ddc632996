"""The library's database as one object: `Store`."""

import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from dupfind.config import LibraryPaths
from dupfind.errors import LibraryError
from dupfind.store.cache import BlobCache
from dupfind.store.connection import explain, open_for_reading, open_for_writing
from dupfind.store.journal import JournalTables
from dupfind.store.lock import WriterLock
from dupfind.store.models import ModelTables
from dupfind.store.photos import PhotoTables
from dupfind.store.results import ResultTables
from dupfind.store.runs import RunTables
from dupfind.store.schema import check_not_newer, migrate, schema_version
from dupfind.store.sightings import SightingTables
from dupfind.store.vectors import VectorTables

LOCK_FILE = "lock"


class Store(
    PhotoTables, SightingTables, VectorTables, ModelTables, RunTables, ResultTables, JournalTables
):
    """An open library; use it as a context manager, in one thread.

        with Store.open(LibraryPaths(root), write=True) as store:
            store.add_batch(batch, model_id=model.id)

    Any trouble of the database inside the block leaves it as a LibraryError.
    """

    def __init__(self, paths: LibraryPaths, db: Database, resources: ExitStack) -> None:
        self.paths = paths
        self.db = db
        self._resources = resources

    @classmethod
    def open(cls, paths: LibraryPaths, *, write: bool = False) -> "Store":
        """Open the library, for writing (made when missing) or for reading only.

        Raises:
            LibraryLockedError: ``write``, and another process is writing.
            LibraryError: It does not exist, is damaged, read-only, or of a newer dupfind.
        """
        try:
            return cls._open_for_writing(paths) if write else cls._open_for_reading(paths)
        except sqlite3.Error as error:
            raise explain(error, paths.database) from error

    @classmethod
    def _open_for_writing(cls, paths: LibraryPaths) -> "Store":
        _make_folder(paths.root)
        with ExitStack() as resources:
            resources.enter_context(WriterLock(paths.root / LOCK_FILE))
            db = open_for_writing(paths.database)
            resources.callback(db.close)
            migrate(db)
            return cls(paths, db, resources.pop_all())

    @classmethod
    def _open_for_reading(cls, paths: LibraryPaths) -> "Store":
        with ExitStack() as resources:
            db = open_for_reading(paths.database)
            resources.callback(db.close)
            check_not_newer(db)
            if schema_version(db) == 0:
                raise LibraryError(
                    f"the library in {paths.root} is empty; run `dupfind index PHOTOS` first"
                )
            return cls(paths, db, resources.pop_all())

    def __enter__(self) -> "Store":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; an error of SQLite becomes a LibraryError."""
        self.close()
        if isinstance(error, sqlite3.Error):
            raise explain(error, self.paths.database) from error

    def close(self) -> None:
        """Close the database and let go of the lock."""
        self._resources.close()

    def features(self) -> BlobCache:
        """Open the cache of local features."""
        return BlobCache(self.paths.cache / "features.db")


def _make_folder(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        # A library must not be scanned, nor committed, with the photos around it.
        ignore = root / ".gitignore"
        if not os.path.lexists(ignore):
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise LibraryError(
            f"the library folder {root} cannot be made or written ({error.strerror}); make its "
            "parent writable or choose another place with --library"
        ) from error
