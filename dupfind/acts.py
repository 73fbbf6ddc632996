"""The values that pass between planning, acting, the journal and whoever shows them. Plain data.

A plan consists of removals; a removal is one photo with the files that belong to it (its parts),
and goes as a whole or not at all. What is done to a part is an entry of the journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Action(StrEnum):
    """What becomes of a copy: where it goes, or what takes its place."""

    TRASH = "trash"
    MOVE = "move"
    HARDLINK = "hardlink"
    REFLINK = "reflink"
    DELETE = "delete"

    @property
    def shares(self) -> bool:
        """Whether the copy keeps its name and shares its bytes: only possible for the same bytes."""
        return self in (Action.HARDLINK, Action.REFLINK)


class Role(StrEnum):
    """What a part is in its removal: the photo itself, or what belongs to it."""

    PHOTO = "photo"
    FILM = "film"
    RAW = "raw"
    SIDECAR = "sidecar"
    CARRIED = "carried"  # the sidecar of the kept photo that gets the metadata of the other


class Event(StrEnum):
    """What happened to an entry of the journal; the last event is its state."""

    INTENDED = "intended"
    DONE = "done"
    FAILED = "failed"  # nothing was changed, or all of it was taken back
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file was when it was looked at; ``sha256`` is of its bytes, in hexadecimal digits."""

    path: Path
    sha256: str
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int

    @property
    def number(self) -> tuple[int, int]:
        """Device and inode: equal for two names of one file."""
        return self.device, self.inode

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds; a byte of the path that is not UTF-8 is a lone surrogate."""
        return {
            "path": str(self.path), "sha256": self.sha256, "size_bytes": self.size_bytes,
            "mtime_ns": self.mtime_ns, "device": self.device, "inode": self.inode,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a removal. ``kept`` is what stays in its stead (None: a person gave it up).

    ``destination`` is where ``move`` puts it.
    """

    file: FileState
    role: Role
    kept: FileState | None
    destination: Path | None = None

    @property
    def same_bytes(self) -> bool:
        """Whether what stays has the very same bytes."""
        return self.kept is not None and self.kept.sha256 == self.file.sha256


@dataclass(frozen=True, slots=True)
class PlannedRemoval:
    """A photo that may go with what belongs to it, its photo first, and the photo that stays.

    ``reasons`` are names of ``records.Reason``; ``decided``: a person said so, not the advice.
    ``freed_bytes`` is 0 where another name of the file stays.
    """

    photo_id: int
    kept_photo_id: int
    parts: tuple[Part, ...]
    group_id: int | None = None
    relation: str = ""
    reasons: tuple[str, ...] = ()
    decided: bool = False
    freed_bytes: int = 0

    @property
    def photo(self) -> Part:
        """The photo itself."""
        return self.parts[0]

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "photo_id": self.photo_id, "kept_photo_id": self.kept_photo_id,
            "group_id": self.group_id, "relation": self.relation, "reasons": list(self.reasons),
            "decided": self.decided, "freed_bytes": self.freed_bytes,
            "parts": [
                {
                    **part.file.to_json(), "role": str(part.role),
                    "kept": part.kept.to_json() if part.kept else None,
                    "destination": str(part.destination) if part.destination else None,
                }
                for part in self.parts
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A photo that could have gone and is not touched, and why in words."""

    path: Path
    reason: str
    photo_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"photo_id": self.photo_id, "path": str(self.path), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What to plan.

    Attributes:
        to: The folder of ``move``; in a plan it is a whole path.
        removals: Photo -> the photo that stays instead, by id: what a person decided, beside
            what the library holds of decisions.
        groups: Only these groups; None for all.
        carry_metadata: Carry date, place, rating and tags into a sidecar of the kept photo.
    """

    to: Path | str | None = None
    removals: Mapping[int, int] = field(default_factory=dict)
    groups: frozenset[int] | None = None
    carry_metadata: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. Nothing is, until it is applied."""

    action: Action
    removals: tuple[PlannedRemoval, ...]
    left_alone: tuple[LeftAlone, ...] = ()
    options: PlanOptions = field(default_factory=PlanOptions)

    @property
    def freed_bytes(self) -> int:
        """How many bytes it would free; in the trash they still lie on the disk."""
        return sum(removal.freed_bytes for removal in self.removals)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "version": 1,
            "action": str(self.action),
            "to": str(self.options.to) if self.options.to else None,
            "photos": len(self.removals),
            "files": sum(len(removal.parts) for removal in self.removals),
            "freed_bytes": self.freed_bytes,
            "removals": [removal.to_json() for removal in self.removals],
            "left_alone": [left.to_json() for left in self.left_alone],
        }


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the journal: what is about to be done to one file, and what it was before.

    Attributes:
        unit: Number of the removal within its run; its entries go as a whole or not at all.
        before: The file as it was read and hashed.
        destination: Where it goes: its place in the trash, below ``move``'s folder, or aside.
        info: The ``.trashinfo`` of that place.
        kept: What stays in its stead.
        attributes: What a new file in its place would need: mode, owner, times, extended attributes.
        id: Number of the row; 0 before it is written.
    """

    run_id: int
    unit: int
    photo_id: int | None
    action: Action
    role: Role
    before: FileState
    destination: Path | None
    info: Path | None = None
    kept: FileState | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
    state: Event = Event.INTENDED
    note: str = ""


class Journal(Protocol):
    """Where the acting writes what it is about to do and what it did; each call is on the disk."""

    def intend(self, entries: list[Entry]) -> list[Entry]:
        """Write entries, all or none, and return them with their numbers."""

    def note(self, entries: list[Entry], event: Event, words: str = "") -> None:
        """Write what happened to entries, all or none."""


@dataclass(frozen=True, slots=True)
class ActSummary:
    """What came of an ``apply`` or an ``undo``.

    ``photos`` and ``files`` were acted upon (or brought back), ``left_alone`` were not;
    ``settled`` counts files of an earlier run that was killed and is put in order by now.
    """

    run_id: int
    action: Action
    photos: int = 0
    files: int = 0
    freed_bytes: int = 0
    left_alone: tuple[LeftAlone, ...] = ()
    settled: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "run": self.run_id, "action": str(self.action), "photos": self.photos,
            "files": self.files, "freed_bytes": self.freed_bytes, "settled": self.settled,
            "left_alone": [left.to_json() for left in self.left_alone],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class PastRun:
    """An ``apply`` of the past. ``status`` is that of the run: running means killed, or at work now.

    ``undone`` of its ``files`` were brought back, ``undoable`` could be; ``places`` are where they
    lie.
    """

    run_id: int
    action: Action
    status: str
    started_at: str
    photos: int
    files: int
    freed_bytes: int
    undone: int
    undoable: int
    places: tuple[Path, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {
            "run": self.run_id, "action": str(self.action), "status": self.status,
            "started_at": self.started_at, "photos": self.photos, "files": self.files,
            "freed_bytes": self.freed_bytes, "undone": self.undone, "undoable": self.undoable,
            "places": [str(place) for place in self.places],
        }  # fmt: skip
