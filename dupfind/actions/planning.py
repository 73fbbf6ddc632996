"""Plan what may go: only what nothing is lost with, each with what belongs to it, or why not.

In:  photos that may go, each with the one that stays. Out: a plan. The files are looked at, and those
that belong to photos are read; nothing is changed.
"""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from dupfind.actions.files import RefusedError, hold_any, number_of, words_of
from dupfind.actions.trash import numbered
from dupfind.actions.units import Beside, Companion
from dupfind.acts import Action, FileState, LeftAlone, Part, Plan, PlannedRemoval, PlanOptions, Role
from dupfind.photos.extras import COMPARED
from dupfind.records import Photo

NOT_INDEXED = "it changed since it was indexed; run `dupfind index` and `dupfind cluster` again"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that may go by advice or by a person's decision, and the one that stays instead."""

    photo: Photo
    kept: Photo
    group_id: int | None = None
    relation: str = ""
    reasons: tuple[str, ...] = ()
    decided: bool = False

    @property
    def same_bytes(self) -> bool:
        """Whether the two have the very same bytes."""
        return self.photo.sha256 == self.kept.sha256


def plan_removals(
    action: Action,
    candidates: Sequence[Candidate],
    options: PlanOptions,
    roots: Sequence[Path] = (),
    references: frozenset[Path] = frozenset(),
) -> Plan:
    """Return what would be done to which files.

    Args:
        action: What is to become of them.
        candidates: At most one for each photo.
        options: See ``PlanOptions``.
        roots: The indexed folders, which the folders below ``move``'s target begin at.
        references: Real paths of the photos of reference folders, which are never touched.
    """
    return _Planner(action, options, roots, references).plan(candidates)


@dataclass
class _Planner:
    action: Action
    options: PlanOptions
    roots: Sequence[Path]
    references: frozenset[Path]
    beside: Beside = field(default_factory=Beside)
    taken: set[Path] = field(default_factory=set)
    claimed: set[Path] = field(default_factory=set)

    def plan(self, candidates: Sequence[Candidate]) -> Plan:
        left: list[LeftAlone] = []
        looked: list[tuple[Candidate, FileState, FileState, int]] = []
        for candidate in candidates:
            try:
                looked.append(self.looked_at(candidate))
            except RefusedError as error:
                left.append(LeftAlone(candidate.photo.path, str(error), candidate.photo.id))
        chosen, unsafe = _with_survivors(looked)
        left += unsafe
        going = frozenset(file.path for _, file, _, _ in chosen)
        base = None
        if self.action is Action.MOVE:
            base = _common_folder([file.path for _, file, _, _ in chosen], self.roots)
        removals = []
        freed = _freed(chosen)
        for (candidate, file, kept, _), size_bytes in zip(chosen, freed, strict=True):
            try:
                parts = self.parts(candidate, file, kept, going, base)
            except RefusedError as error:
                left.append(LeftAlone(file.path, str(error), candidate.photo.id))
                continue
            more = sum(part.file.size_bytes for part in parts[1:])
            removals.append(_removal(candidate, parts, size_bytes + more))
        return Plan(self.action, tuple(removals), tuple(left), self.options)

    def looked_at(self, candidate: Candidate) -> tuple[Candidate, FileState, FileState, int]:
        """Return the two files as they are now, and how many names the one to go has."""
        photo, kept = candidate.photo, candidate.kept
        self.refuse_by_words(candidate)
        file, names = _state_of(photo)
        try:
            stays, _ = _state_of(kept)
        except RefusedError as error:
            raise RefusedError(f"the photo that would stay ({kept.path}): {error}") from error
        if file.inode == 0 or stays.inode == 0:
            raise RefusedError("its file system does not number files: two cannot be told from one")
        if file.number == stays.number:
            raise RefusedError(f"it is another name of the file that stays ({kept.path})")
        if self.action is Action.HARDLINK and file.device != stays.device:
            raise RefusedError("it lies on another disk than the photo that stays")
        return candidate, file, stays, names

    def refuse_by_words(self, candidate: Candidate) -> None:
        """Refuse what the library's own words speak against."""
        photo = candidate.photo
        if photo.is_reference or (
            self.references and Path(os.path.realpath(photo.path)) in self.references
        ):
            raise RefusedError("it lies in a reference folder")
        if photo.id == candidate.kept.id:
            raise RefusedError("it would have to stay in its own stead")
        if self.action.shares and not candidate.same_bytes:
            raise RefusedError("its bytes are not those of the photo that stays: nothing to share")
        inside = [word for word in photo.extras if word not in COMPARED]
        if inside and not candidate.same_bytes and not candidate.decided:
            raise RefusedError(f"there is more in it than its pixels: {', '.join(inside)}")

    def parts(
        self,
        candidate: Candidate,
        file: FileState,
        kept: FileState,
        going: frozenset[Path],
        base: Path | None,
    ) -> tuple[Part, ...]:
        """Return the photo and what goes with it; a shared file stays where it is, and so do they."""
        parts = [Part(file, Role.PHOTO, kept)]
        if not self.action.shares:
            parts += self.companions(candidate, going)
        self.claimed.update(part.file.path for part in parts)
        if self.action is not Action.MOVE:
            return tuple(parts)
        return tuple(
            replace(part, destination=self.destination(part.file.path, base)) for part in parts
        )

    def companions(self, candidate: Candidate, going: frozenset[Path]) -> Iterator[Part]:
        photo, kept = candidate.photo.path, candidate.kept.path
        theirs = self.beside.companions(kept)
        shared = {companion.path for companion in theirs}
        for ours in self.beside.companions(photo, going):
            if ours.path in shared or ours.path in self.claimed:
                continue  # it belongs to what stays as well, or goes already
            file, twin = _read(ours.path), self.twin(ours, theirs)
            if twin is None and not candidate.decided:
                raise RefusedError(f"{ours.path.name} belongs to it, which the kept one lacks")
            if twin is None and self.action is Action.DELETE:
                raise RefusedError(f"{ours.path.name} belongs to it, and there is no copy of that")
            yield Part(file, ours.role, twin)

    def twin(self, ours: Companion, theirs: Sequence[Companion]) -> FileState | None:
        """Return the file with the same bytes that belongs to the photo that stays."""
        size = _size(ours.path)
        for other in theirs:
            if other.role is ours.role and other.kind == ours.kind and _size(other.path) == size:
                file, twin = _read(ours.path), _read(other.path)
                if file.sha256 == twin.sha256 and file.number != twin.number:
                    return twin
        return None

    def destination(self, path: Path, base: Path | None) -> Path:
        """Return a free place below the target: the path from the indexed folder on."""
        target = Path(self.options.to or "")
        whole = path.relative_to(base) if base else path.relative_to(path.anchor)
        for number in range(1, 1_000_000):
            place = target / whole.with_name(numbered(whole.name, number))
            if place not in self.taken and not os.path.lexists(place):
                self.taken.add(place)
                return place
        raise RefusedError("there is no free name for it in the target folder")


def _removal(candidate: Candidate, parts: tuple[Part, ...], freed_bytes: int) -> PlannedRemoval:
    return PlannedRemoval(
        candidate.photo.id,
        candidate.kept.id,
        parts,
        candidate.group_id,
        candidate.relation,
        candidate.reasons,
        candidate.decided,
        freed_bytes,
    )


def _with_survivors(
    looked: Iterable[tuple[Candidate, FileState, FileState, int]],
) -> tuple[list[tuple[Candidate, FileState, FileState, int]], list[LeftAlone]]:
    """Keep those whose survivor is not to go itself, by its id or by its file."""
    rows = list(looked)
    ids = {candidate.photo.id for candidate, _, _, _ in rows}
    paths = {file.path for _, file, _, _ in rows}
    chosen, left = [], []
    for row in rows:
        candidate, file, kept, _ = row
        if candidate.kept.id in ids or kept.path in paths:
            words = f"the photo that would stay ({kept.path}) is to go as well"
            left.append(LeftAlone(file.path, words, candidate.photo.id))
        else:
            chosen.append(row)
    return chosen, left


def _freed(chosen: Sequence[tuple[Candidate, FileState, FileState, int]]) -> list[int]:
    """Return what each frees: a file with several names counts once, when all of them go."""
    names = Counter(file.number for _, file, _, _ in chosen)
    counted: set[tuple[int, int]] = set()
    freed = []
    for _, file, _, of_file in chosen:
        whole = names[file.number] >= of_file and file.number not in counted
        counted.add(file.number)
        freed.append(file.size_bytes if whole else 0)
    return freed


def _state_of(photo: Photo) -> tuple[FileState, int]:
    """Return a photo's file as it is now and how many names it has, if it is as it was indexed."""
    try:
        found = photo.path.lstat()
    except (OSError, ValueError) as error:
        words = words_of(error) if isinstance(error, OSError) else "it has no usable name"
        raise RefusedError(words) from error
    if stat.S_ISLNK(found.st_mode):
        raise RefusedError("it is a link")
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError("it is not a regular file")
    if (found.st_size, found.st_mtime_ns) != (photo.size_bytes, photo.mtime_ns):
        raise RefusedError(NOT_INDEXED)
    state = FileState(photo.path, photo.sha256, found.st_size, found.st_mtime_ns, *number_of(found))
    return state, found.st_nlink


def _read(path: Path) -> FileState:
    with ExitStack() as stack:
        return hold_any(stack, path, exclusive=False).state


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return -1


def _common_folder(paths: Sequence[Path], roots: Sequence[Path]) -> Path | None:
    """Return the folder above all indexed folders with one of the paths; None for none."""
    used = {root for root in roots for path in paths if path.is_relative_to(root) and path != root}
    tops = [str(root) for root in used]
    tops += [str(p.parent) for p in paths if not any(p.is_relative_to(root) for root in used)]
    try:
        return Path(os.path.commonpath(tops)) if tops else None
    except ValueError:  # on several drives of Windows
        return None
