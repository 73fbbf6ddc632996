"""What a person decided of photos. Plain data, no disk.

A decision is about contents (the bytes, or the picture, of a file), so that it holds after the
files were moved, indexed again, described by another model or grouped at another threshold.
"""

from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from pathlib import Path

PhotoOrPath = int | str | PathLike[str]


class Verb(StrEnum):
    """What is decided. ``clear`` takes back ``keep`` and ``remove`` of a photo."""

    KEEP = "keep"
    REMOVE = "remove"
    CLEAR = "clear"
    KEEP_ALL = "keep-all"
    NOT_DUPLICATES = "not-duplicates"
    LATER = "later"


class GroupState(StrEnum):
    """How far a person is with a group; whatever is new in a group opens it again.

    ``open``: nothing is decided; ``partly``: some of its photos are; ``later``: put off;
    ``decided``: each photo is to be kept or removed; ``settled``: all of it stays as it is.
    """

    OPEN = "open"
    PARTLY = "partly"
    LATER = "later"
    DECIDED = "decided"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to decide; photos are named by id or path.

    ``keep``, ``remove`` and ``clear`` are about each of ``photos``. ``keep-all`` and ``later`` are
    about ``photos`` as a set; a single one stands for all of its group. ``not-duplicates`` tells
    each of ``photos`` apart from each of ``others``; without ``others`` they are told apart from
    each other, and a single one from the rest of its group.
    """

    verb: Verb
    photos: tuple[PhotoOrPath, ...]
    others: tuple[PhotoOrPath, ...] = ()


@dataclass(frozen=True, slots=True)
class DecidedContent:
    """One of the contents that a decision is about, and where it lay at that time.

    ``role`` is ``keep``, ``remove``, ``clear``, ``other`` (it stood in the same group), ``each``
    (told apart from each other ``each``), ``a`` or ``b`` (a told apart from b), ``member``.
    ``pictures`` are keys of its pixels, the same for every file that shows exactly that picture.
    """

    role: str
    sha256: str
    path: Path
    photo_id: int | None = None
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. ``verb`` is a ``Verb``, ``mark`` (kept and removed ones of a group) or ``undo``.

    Those of one ``batch`` were made in one step and are undone in one. ``undoes`` is the batch that
    an ``undo`` takes back; ``is_undone`` says that this one was. ``source`` is ``review``, ``cli``,
    ``import`` or another word of the caller; ``note`` the words of a rule. Times are UTC, ISO 8601.
    """

    id: int
    batch: int
    verb: str
    decided_at: str
    source: str
    note: str = ""
    undoes: int | None = None
    is_undone: bool = False
    contents: tuple[DecidedContent, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupDecisions:
    """What decisions make of a group of photos by id.

    ``kept`` is the photo that stays whatever else goes; ``keeping`` and ``removing`` are those with
    a decision of their own that holds; ``going`` are all that may go: by decision, or by advice
    that no decision speaks against. References and the kept photo are never among them.
    """

    state: GroupState
    kept: int
    keeping: frozenset[int] = frozenset()
    removing: frozenset[int] = frozenset()
    going: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Removal:
    """A photo that a person decided to remove, and the one of its group that stays."""

    group_id: int
    photo_id: int
    path: Path
    sha256: str
    kept_photo_id: int
    kept_path: Path
    decided_at: str


@dataclass(frozen=True, slots=True)
class CameBack:
    """A photo that is there again though a person removed its content on ``removed_at``."""

    photo_id: int
    path: Path
    removed_at: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: ``batch`` is None when there was nothing new in it."""

    decisions: int
    already_known: int
    batch: int | None
