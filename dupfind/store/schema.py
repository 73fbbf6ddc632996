"""The tables of the database, and the steps that bring an older one up to date.

``PRAGMA user_version`` counts the steps that were taken. A step is never changed once released;
a change of the tables is a new step at the end.
"""

import re
import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database

from dupfind.errors import LibraryError

_FIRST = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE models (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL, dimensions INTEGER NOT NULL, created_at TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, model_id INTEGER REFERENCES models(id),
    status TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
    options TEXT NOT NULL, summary TEXT
);
CREATE TABLE photos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, path NOT NULL UNIQUE, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, width INTEGER NOT NULL,
    height INTEGER NOT NULL, format TEXT NOT NULL, taken_at TEXT, exif_tags INTEGER NOT NULL,
    pixels_sha256 TEXT NOT NULL, is_reference INTEGER NOT NULL DEFAULT 0,
    is_missing INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX photos_sha256 ON photos(sha256);
CREATE INDEX photos_pixels_sha256 ON photos(pixels_sha256);
CREATE TABLE vectors (
    sha256 TEXT NOT NULL, model_id INTEGER NOT NULL REFERENCES models(id), vector BLOB NOT NULL,
    PRIMARY KEY (sha256, model_id)
);
CREATE VIEW descriptors AS
    SELECT photos.id AS photo_id, vectors.model_id, vectors.vector
    FROM photos JOIN vectors ON vectors.sha256 = photos.sha256;
CREATE TABLE errors (
    id INTEGER PRIMARY KEY, path NOT NULL UNIQUE, size_bytes INTEGER, mtime_ns INTEGER,
    error TEXT NOT NULL, noticed_at TEXT NOT NULL
);
CREATE TABLE calibrations (
    id INTEGER PRIMARY KEY, model_id INTEGER NOT NULL REFERENCES models(id),
    created_at TEXT NOT NULL, calibration TEXT NOT NULL
);
CREATE TABLE pairs (
    photo_a INTEGER NOT NULL REFERENCES photos(id), photo_b INTEGER NOT NULL REFERENCES photos(id),
    run_id INTEGER NOT NULL REFERENCES runs(id), similarity REAL NOT NULL,
    probability REAL NOT NULL, relation TEXT NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (photo_a, photo_b), CHECK (photo_a < photo_b)
);
CREATE INDEX pairs_photo_b ON pairs(photo_b);
CREATE TABLE duplicate_groups (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id),
    keep_photo_id INTEGER NOT NULL REFERENCES photos(id), lowest_similarity REAL NOT NULL,
    reclaimable_bytes INTEGER NOT NULL, evidence TEXT NOT NULL
);
CREATE TABLE group_members (
    group_id INTEGER NOT NULL REFERENCES duplicate_groups(id) ON DELETE CASCADE,
    position INTEGER NOT NULL, photo_id INTEGER NOT NULL REFERENCES photos(id),
    keep INTEGER NOT NULL, relation TEXT NOT NULL, similarity REAL NOT NULL,
    probability REAL NOT NULL, evidence TEXT NOT NULL,
    PRIMARY KEY (group_id, position)
);
CREATE INDEX group_members_photo_id ON group_members(photo_id);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY, photo_id INTEGER NOT NULL REFERENCES photos(id),
    other_photo_id INTEGER REFERENCES photos(id), decision TEXT NOT NULL, decided_at TEXT NOT NULL
);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id),
    photo_id INTEGER REFERENCES photos(id), action TEXT NOT NULL, path NOT NULL, destination,
    sha256 TEXT, status TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT
);
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id), step INTEGER NOT NULL,
    name TEXT NOT NULL, value REAL NOT NULL
);
CREATE INDEX metrics_run_id ON metrics(run_id, name, step);
"""

# frames 0: not looked for yet; index reads such a photo once more. device, inode and ctime_ns 0: the
# system does not tell, or it was not asked yet. is_away: missing since all of its folder is gone at once.
_FILES = """
ALTER TABLE photos ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN has_alpha INTEGER NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN extras TEXT NOT NULL DEFAULT '[]';
ALTER TABLE photos ADD COLUMN device INTEGER NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN inode INTEGER NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE photos ADD COLUMN is_away INTEGER NOT NULL DEFAULT 0;
ALTER TABLE errors ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;
CREATE INDEX photos_inode ON photos(inode, device);
"""

# What older versions grouped is advice for same bytes and pixels only, until the next ``cluster``.
_ADVICE = """
ALTER TABLE group_members ADD COLUMN advice TEXT NOT NULL DEFAULT 'look';
ALTER TABLE group_members ADD COLUMN reasons TEXT NOT NULL DEFAULT '[]';
ALTER TABLE duplicate_groups ADD COLUMN also_in TEXT NOT NULL DEFAULT '[]';
UPDATE group_members SET advice = 'keep' WHERE keep;
UPDATE group_members SET advice = 'remove', reasons = '["same-bytes"]'
    WHERE NOT keep AND relation = 'identical';
UPDATE group_members SET advice = 'remove', reasons = '["same-pixels"]'
    WHERE NOT keep AND relation = 'same-pixels'
"""

# The first table of decisions was never written to. Decisions are only ever added: an undo is one
# more. What they make of the last groups stands beside these, for lists and for other tools.
# appeared_at: since when the content of a photo is there, '' for what an older dupfind read.
_DECISIONS = """
DROP TABLE decisions;
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, batch INTEGER NOT NULL, verb TEXT NOT NULL,
    decided_at TEXT NOT NULL, source TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', undoes INTEGER
);
CREATE INDEX decisions_batch ON decisions(batch);
CREATE INDEX decisions_undoes ON decisions(undoes);
CREATE TABLE decided_contents (
    decision_id INTEGER NOT NULL REFERENCES decisions(id), position INTEGER NOT NULL,
    role TEXT NOT NULL, sha256 TEXT NOT NULL, path NOT NULL, photo_id INTEGER,
    PRIMARY KEY (decision_id, position)
) WITHOUT ROWID;
CREATE INDEX decided_contents_sha256 ON decided_contents(sha256);
CREATE TABLE decided_pictures (
    sha256 TEXT NOT NULL, pixels_sha256 TEXT NOT NULL, width INTEGER NOT NULL,
    height INTEGER NOT NULL, PRIMARY KEY (sha256, pixels_sha256, width, height)
) WITHOUT ROWID;
CREATE INDEX decided_pictures_pixels ON decided_pictures(pixels_sha256);
CREATE VIEW live_decisions AS
    SELECT * FROM decisions WHERE verb <> 'undo' AND NOT EXISTS
        (SELECT 1 FROM decisions AS later WHERE later.undoes = decisions.batch);
ALTER TABLE photos ADD COLUMN appeared_at TEXT NOT NULL DEFAULT '';
ALTER TABLE duplicate_groups ADD COLUMN state TEXT NOT NULL DEFAULT 'open';
ALTER TABLE group_members ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE group_members ADD COLUMN decided_at TEXT;
ALTER TABLE group_members ADD COLUMN is_apart INTEGER NOT NULL DEFAULT 0;
ALTER TABLE group_members ADD COLUMN removed_at TEXT;
CREATE INDEX duplicate_groups_state ON duplicate_groups(state)
"""

# The first journal was never written to. Rows of both tables are added, never changed; the last event
# of an entry is its state. kept_*: the file that stayed in its stead; NULL where a person gave it up.
_JOURNAL = """
DROP TABLE journal;
CREATE TABLE journal (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs(id), unit INTEGER NOT NULL,
    photo_id INTEGER REFERENCES photos(id), action TEXT NOT NULL, role TEXT NOT NULL,
    path NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    device INTEGER NOT NULL, inode INTEGER NOT NULL, destination, info,
    kept_path, kept_sha256 TEXT, kept_size_bytes INTEGER, kept_mtime_ns INTEGER,
    kept_device INTEGER, kept_inode INTEGER, attributes TEXT NOT NULL
);
CREATE INDEX journal_run_id ON journal(run_id);
CREATE TABLE journal_events (
    id INTEGER PRIMARY KEY, journal_id INTEGER NOT NULL REFERENCES journal(id),
    event TEXT NOT NULL, note TEXT NOT NULL DEFAULT '', happened_at TEXT NOT NULL
);
CREATE INDEX journal_events_journal_id ON journal_events(journal_id);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _FILES, _ADVICE, _DECISIONS, _JOURNAL)


def schema_version(db: Database) -> int:
    """Return how many migrations the database has been through (0: an empty file)."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_not_newer(db: Database) -> None:
    """Refuse a database that a newer dupfind made.

    Raises:
        LibraryError: Its version is above the last one known here.
    """
    version = schema_version(db)
    if version > len(MIGRATIONS):
        raise LibraryError(
            f"the library was written by a newer dupfind (database version {version}, this one "
            f"knows {len(MIGRATIONS)}); upgrade dupfind"
        )


def is_up_to_date(db: Database) -> bool:
    """Tell whether the tables are as this dupfind writes them.

    Raises:
        LibraryError: A newer dupfind made the database.
    """
    check_not_newer(db)
    return schema_version(db) == len(MIGRATIONS)


def migrate(db: Database) -> None:
    """Bring the tables up to date, each step whole or not at all.

    Raises:
        LibraryError: A newer dupfind made the database.
    """
    check_not_newer(db)
    for number in range(schema_version(db), len(MIGRATIONS)):
        with db.atomic():
            for statement in _statements(MIGRATIONS[number]):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {number + 1}")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; a ";" in a text, a comment or a trigger ends none."""
    # Connection.executescript would do, but it commits first: half a step would stay.
    statement = ""
    for piece in re.split("(?<=;)", script):
        statement += piece
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement
