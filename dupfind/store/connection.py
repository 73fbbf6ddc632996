"""Open the database, and say in one line what is wrong with it."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database

from dupfind.errors import LibraryError

_BUSY_TIMEOUT_S = 30.0


def open_for_writing(file: Path) -> Database:
    """Open or make the database. WAL: readers are never blocked, and never block.

    Raises:
        sqlite3.Error: It cannot be opened (``explain`` turns this into a LibraryError).
    """
    database = _database(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S))
    database.enable_wal()
    # A kill loses nothing; only a power cut may lose the last commits, and never breaks the file.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA foreign_keys = ON")
    return database


def check_is_there(file: Path) -> None:
    """Refuse a library that does not exist.

    Raises:
        LibraryError: There is no database.
    """
    if not file.is_file():
        raise LibraryError(
            f"there is no library in {file.parent}; make one with `dupfind index PHOTOS`, or say "
            "where it is with --library"
        )


def open_for_reading(file: Path) -> Database:
    """Open an existing database without the right to change it.

    Raises:
        LibraryError: There is none.
        sqlite3.Error: It cannot be opened.
    """
    check_is_there(file)
    address = f"file:{quote(os.fspath(file))}?mode=ro"
    try:
        return _open_address(address)
    except sqlite3.OperationalError:
        # WAL wants to make two files beside the database. In a folder where it cannot, nobody else
        # writes either; unless a killed writer left its WAL, the file can be read as it is.
        if file.with_name(file.name + "-wal").exists():
            raise
        return _open_address(address + "&immutable=1")


def explain(error: sqlite3.Error, file: Path) -> LibraryError:
    """Return what happened to the database, why, and what to do, for a person."""
    text = str(error)
    if "full" in text:
        advice = "the disk is full; make room and run the command again, it goes on where it was"
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


def _open_address(address: str) -> Database:
    connection = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return _database(connection)


def _database(connection: sqlite3.Connection) -> Database:
    # Plugins that other tools installed have no business in this file.
    return Database(connection, execute_plugins=False)
