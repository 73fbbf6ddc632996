"""Open the database, and say in one line what is wrong with it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from dupfind.errors import LibraryError

_BUSY_TIMEOUT_S = 30.0
_SHOWN = 60  # characters of a name that is too long
_DAMAGE = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_ERROR,  # other tables than ours
}
_WITHOUT_LOCKS = "win32-none" if os.name == "nt" else "unix-none"


def open_for_writing(file: Path) -> Database:
    """Open or make the database. WAL: readers are never blocked, and never block.

    Raises:
        sqlite3.Error: It cannot be opened (``explain`` turns this into a LibraryError).
    """
    database = _database(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S))
    with readable_errors():
        database.enable_wal()
    # A kill loses nothing; only a power cut may lose the last commits, and never breaks the file.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA foreign_keys = ON")
    return database


def check_is_there(file: Path) -> None:
    """Refuse a library that does not exist.

    Raises:
        LibraryError: There is no database, or its folder cannot be looked into.
    """
    if not is_there(file):
        raise LibraryError(
            f"there is no library in {file.parent}; make one with `dupfind index PHOTOS`, or say "
            "where it is with --library"
        )


def open_for_reading(file: Path) -> Database:
    """Open an existing database without the right to change it.

    Raises:
        LibraryError: There is none, or its folder cannot be read.
        sqlite3.Error: It cannot be opened.
    """
    check_is_there(file)
    return _database(connect_for_reading(file))


def is_there(file: Path) -> bool:
    """Tell whether there is a database.

    Raises:
        LibraryError: Its folder cannot be looked into, or is a link that leads nowhere.
    """
    root = file.parent
    try:
        found = file.is_file()
    except OSError as error:
        check_name(root, error)
        raise LibraryError(
            f"the library folder {root} cannot be looked into ({error.strerror}); check its name and "
            "your right to read it, or choose another with --library"
        ) from error
    if not found:
        check_link(root)
    return found


def check_name(root: Path, error: OSError) -> None:
    """Say so where the name of a library folder is what was wrong with it.

    Raises:
        LibraryError: The name is too long, or that of a file.
    """
    if error.errno == errno.ENAMETOOLONG:
        name = str(root)
        raise LibraryError(
            f"the name of the library folder, {name[:_SHOWN]}... ({len(name):,} characters), is "
            "longer than the system takes; choose a shorter one with --library"
        ) from error
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        raise LibraryError(
            f"the library folder {root} is a file, or lies below one; choose a folder with --library"
        ) from error


def check_link(root: Path) -> None:
    """Refuse a library folder that is a link to something that is not there.

    Raises:
        LibraryError: It is one.
    """
    if os.path.islink(root) and not os.path.exists(root):  # noqa: PTH110, PTH114 - never raise
        raise LibraryError(
            f"the library folder {root} is a link to {root.readlink()}, which is not there; is its "
            "disk not connected? Else remove the link"
        )


def connect_for_reading(file: Path) -> sqlite3.Connection:
    """Open an existing SQLite file, in WAL mode or not, without the right to change it.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    address = f"file:{quote(os.fspath(file))}?mode=ro"
    try:
        return _connect(address)
    except sqlite3.OperationalError:
        # WAL wants to make two files beside the database. In a folder where it cannot (read-only,
        # another's, a full disk) nobody else writes either, so no lock is needed. With a WAL that a
        # killed writer left the index of it can be in memory; without one the file is all there is.
        if file.with_name(f"{file.name}-wal").exists():
            return _connect(f"{address}&vfs={_WITHOUT_LOCKS}", alone=True)
        return _connect(f"{address}&immutable=1")


@contextmanager
def readable_errors() -> Iterator[None]:
    """Make an error of SQLite of what Python's binding cannot decode: it quotes a damaged schema as it is.

    To be held around the first statement of a connection, which reads the schema.
    """
    try:
        yield
    except UnicodeDecodeError as undecodable:
        error = sqlite3.DatabaseError("the schema is malformed")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error from undecodable


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is broken, and not only out of reach."""
    code = getattr(error, "sqlite_errorcode", None)  # Python's own errors have none
    return code is not None and code & 0xFF in _DAMAGE


def explain(error: sqlite3.Error, file: Path, *, write: bool = True) -> LibraryError:
    """Return what happened to the database, why, and what to do, for a person."""
    text = str(error)
    if "full" in text:
        advice = "the disk is full; make room and run the command again, it goes on where it was"
    elif "unable to open" in text and not write:
        advice = "it cannot be read here; get the right to read it or choose another --library"
    elif "readonly" in text or "read-only" in text or "unable to open" in text:
        advice = "it cannot be written here; make the folder writable or choose another --library"
    elif "locked" in text:
        advice = "another program keeps it locked; close that program and run the command again"
    elif "malformed" in text or "not a database" in text or "no such" in text:
        advice = "the file is damaged; restore it from a backup, or delete it and index again"
    elif "I/O" in text:
        advice = "the disk is full, at its file size limit or failing; free it and run again"
    else:
        advice = "run the command again; if it stays so, delete the file and index again"
    return LibraryError(f"the library's database {file} failed ({text}): {advice}")


def _connect(address: str, *, alone: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        if alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        with readable_errors():
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _database(connection: sqlite3.Connection) -> Database:
    # Plugins that other tools installed have no business in this file.
    return Database(connection, execute_plugins=False)
