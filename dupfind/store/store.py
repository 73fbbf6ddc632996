"""The library's database as one object: `Store`."""

import os
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from sqlite_utils import Database

from dupfind.config import LIBRARY_FOLDER, LibraryPaths
from dupfind.errors import LibraryError
from dupfind.store.cache import BlobCache
from dupfind.store.connection import (
    check_is_there,
    check_link,
    check_name,
    explain,
    is_there,
    open_for_reading,
    open_for_writing,
)
from dupfind.store.decisions import DecisionTables
from dupfind.store.journal import JournalTables
from dupfind.store.lock import WriterLock
from dupfind.store.models import ModelTables
from dupfind.store.pair_cache import PairCache
from dupfind.store.photos import PhotoTables
from dupfind.store.results import ResultTables
from dupfind.store.runs import RunTables
from dupfind.store.schema import is_up_to_date, migrate, schema_version
from dupfind.store.sightings import SightingTables
from dupfind.store.vectors import VectorTables

LOCK_FILE = "lock"
# What a library folder may hold before there is a database, or after it was deleted.
_OURS = {".gitignore", LOCK_FILE, f"{LOCK_FILE}.pid", "backups", "cache", "index", "models"}


class Store(
    PhotoTables,
    SightingTables,
    VectorTables,
    ModelTables,
    RunTables,
    ResultTables,
    DecisionTables,
    JournalTables,
):
    """An open library; use it as a context manager, in one thread.

        with Store.open(LibraryPaths(root), write=True) as store:
            store.add_batch(batch, model_id=model.id)

    Any trouble of the database inside the block leaves it as a LibraryError.
    """

    def __init__(
        self, paths: LibraryPaths, db: Database, resources: ExitStack, *, write: bool
    ) -> None:
        self.paths = paths
        self.db = db
        self._resources = resources
        self._write = write

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
            raise explain(error, paths.database, write=write) from error

    @classmethod
    def open_to_decide(cls, paths: LibraryPaths) -> "Store":
        """Open an existing library to write decisions, also beside a process that writes.

        Decisions are only ever added, so that they cannot get in the way of ``index`` or ``cluster``.

        Raises:
            LibraryLockedError: An older dupfind made it, and another process is writing.
            LibraryError: It does not exist, is damaged, read-only, or of a newer dupfind.
        """
        check_is_there(paths.database)
        try:
            with ExitStack() as resources:
                db = open_for_writing(paths.database)
                resources.callback(db.close)
                if not is_up_to_date(db):
                    with WriterLock(paths.root / LOCK_FILE):
                        migrate(db)
                return cls(paths, db, resources.pop_all(), write=True)
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
            return cls(paths, db, resources.pop_all(), write=True)

    @classmethod
    def _open_for_reading(cls, paths: LibraryPaths) -> "Store":
        with ExitStack() as resources:
            db = open_for_reading(paths.database)
            resources.callback(db.close)
            if schema_version(db) and not is_up_to_date(db):
                _bring_up_to_date(paths)
            if schema_version(db) == 0:
                raise LibraryError(
                    f"the library in {paths.root} is empty; run `dupfind index PHOTOS` first"
                )
            return cls(paths, db, resources.pop_all(), write=False)

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
            raise explain(error, self.paths.database, write=self._write) from error

    def close(self) -> None:
        """Close the database and let go of the lock."""
        self._resources.close()

    def features(self) -> BlobCache:
        """Open the cache of local features."""
        return BlobCache(self.features_file)

    @property
    def features_file(self) -> Path:
        """The file of the cache of local features."""
        return self.paths.cache / "features.db"

    def proofs(self) -> PairCache:
        """Open the cache of what is proven of pairs."""
        return PairCache(self.paths.cache / "proofs.db")


def _bring_up_to_date(paths: LibraryPaths) -> None:
    """Give a library of an older dupfind the tables of this one, so that it can be read."""
    try:
        with WriterLock(paths.root / LOCK_FILE):
            db = open_for_writing(paths.database)
            try:
                migrate(db)
            finally:
                db.close()
    except (LibraryError, sqlite3.Error) as error:
        raise LibraryError(
            f"the library in {paths.root} was written by an older dupfind and cannot be brought up "
            f"to date ({error}); run `dupfind index` where it can be written"
        ) from error


def _make_folder(root: Path) -> None:
    check_link(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _check_ours(root)
        # A library must not be scanned, nor committed, with the photos around it.
        ignore = root / ".gitignore"
        if not os.path.lexists(ignore):
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        check_name(root, error)
        raise LibraryError(
            f"the library folder {root} cannot be made or written ({error.strerror}); make its "
            "parent writable or choose another place with --library"
        ) from error


def _check_ours(root: Path) -> None:
    """Refuse to make a library among other files: it would be lost there, and hide them from git."""
    if is_there(LibraryPaths(root).database):
        return
    others = (entry.name for entry in root.iterdir() if entry.name not in _OURS)
    strange = next((name for name in others if not name.startswith("dupfind.db")), None)
    if strange is not None:
        raise LibraryError(
            f"{root} is no library and holds other files ({strange}); name a folder of its own with "
            f"--library, such as {root / LIBRARY_FOLDER}"
        )
