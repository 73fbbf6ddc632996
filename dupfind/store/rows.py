"""Between the rows of the database and the records of dupfind."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from dupfind.decisions import Verb
from dupfind.evidence import Evidence
from dupfind.records import Advice, Member, Pair, Photo, Reason, Relation

_Value = TypeVar("_Value")
_PARAMETERS = 500  # SQLite takes at most 999 parameters in its older builds
PHOTO_COLUMNS = (
    "id, path, sha256, size_bytes, mtime_ns, width, height, format, taken_at, exif_tags, "
    "pixels_sha256, is_reference, frames, has_alpha, extras, device, inode"
)


def path_to_column(path: Path) -> str | bytes:
    """Return a path as text when it is UTF-8, else as the bytes that the file system uses."""
    return text_to_column(str(path))


def text_to_column(text: str) -> str | bytes:
    """Return a path, or the beginning of one, as ``path_to_column`` stores it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def column_to_path(value: str | bytes) -> Path:
    """Return the path that ``path_to_column`` stored; it opens the same file."""
    return Path(os.fsdecode(value) if isinstance(value, bytes) else value)


def row_to_photo(row: tuple[Any, ...]) -> Photo:
    """Make a photo of a row that has ``PHOTO_COLUMNS``."""
    photo_id, path, *columns, is_reference, frames, has_alpha, extras, device, inode = row
    return Photo(
        photo_id,
        column_to_path(path),
        *columns,  # type: ignore[misc]
        is_reference=bool(is_reference),
        frames=frames,
        has_alpha=bool(has_alpha),
        extras=tuple(json.loads(extras)),
        device=device,
        inode=inode,
    )


def row_to_pair(row: tuple[Any, ...]) -> Pair:
    """Make a pair of (photo_a, photo_b, similarity, probability, relation, evidence)."""
    return Pair(row[0], row[1], row[2], row[3], Relation(row[4]), _evidence(row[5]))


def row_to_member(row: tuple[Any, ...]) -> Member:
    """Make a member of a row of ``group_members``.

    Its columns: photo_id, keep, relation, similarity, probability, evidence, advice, reasons,
    decision, decided_at, removed_at.
    """
    known = set(Reason)
    reasons = tuple(Reason(name) for name in json.loads(row[7]) if name in known)
    evidence = _evidence(row[5])
    decision = Verb(row[8]) if row[8] else None
    return Member(
        row[0], bool(row[1]), row[2], row[3], row[4], evidence, Advice(row[6]), reasons,
        decision, row[9], row[10],
    )  # fmt: skip


def _evidence(text: str) -> Evidence:
    return Evidence.from_json(json.loads(text))


def to_json(value: Any) -> str:
    """Return compact JSON; what JSON cannot hold (paths, enums) becomes its text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def blocks_of(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Cut values into blocks that fit as parameters into one statement."""
    for start in range(0, len(values), _PARAMETERS):
        yield values[start : start + _PARAMETERS]


def marks(values: Sequence[object]) -> str:
    """Return one question mark a value, for ``IN (...)``."""
    return ",".join("?" * len(values))


def now() -> str:
    """Return the time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
