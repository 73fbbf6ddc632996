"""Do one removal: read both sides again, journal, act, look, journal; or leave all as it was.

The order of things is what makes it safe; each step may be the last one before a kill:
hold and hash what stays and what goes -> intend, on the disk -> set each file aside or give it its
new place, never over another file -> look that it is the very file -> look that what stays is still
there -> remove what is to be removed -> done, on the disk.
"""

import errno
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from dupfind.actions import native
from dupfind.actions.carrying import Carried, CarriedSpot, what_to_carry
from dupfind.actions.copying import attributes_of, copy_file
from dupfind.actions.files import (
    Folder,
    HeldFile,
    RefusedError,
    hold,
    reached,
    words_of,
)
from dupfind.actions.restoring import aside_name, part_name, spot_of
from dupfind.actions.settling import settle
from dupfind.actions.trash import FreeNames, Place, info_path, info_text, make_place, places_for
from dupfind.acts import Action, Entry, Event, FileState, Journal, Part, PlannedRemoval, Role

# What may be wrong with a place only: the next one may do.
_NEXT_PLACE = frozenset(
    {errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR}
    | {errno.ENOTSUP, errno.ELOOP, errno.ENAMETOOLONG}
)
_HAS_OWN_TRASH = sys.platform in ("darwin", "win32")
_CANNOT_SHARE = frozenset({errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS})


@dataclass
class Doing:
    """What the removals of one run share.

    ``target`` is the folder of ``move``; ``backups`` is where sidecars go before they change, None
    where no metadata is carried.
    """

    journal: Journal
    run_id: int
    action: Action
    target: Path | None = None
    backups: Path | None = None
    now: Callable[[], datetime] = datetime.now
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    names: FreeNames = field(default_factory=FreeNames)
    units: int = 0

    def remove(self, removal: PlannedRemoval) -> list[Entry]:
        """Do one removal; return its entries in the journal.

        Raises:
            RefusedError: It was left, or put back, as it was; or a part could not be put back, and
                the message says where it lies.
        """
        with ExitStack() as stack:
            held = self._hold_all(stack, removal)
            carried = self._carried(removal)
            troubles = []
            for attempt in self._attempts(removal, held):
                try:
                    return self._try(removal, held, attempt, carried)
                except _PlaceError as error:
                    troubles.append(str(error))
            raise RefusedError(
                "there is no trash for it on its disk" + "".join(f"; {one}" for one in troubles)
            )

    def _hold_all(self, stack: ExitStack, removal: PlannedRemoval) -> "list[_Held]":
        held = []
        for part in removal.parts:
            kept = None
            if part.kept is not None:
                try:
                    kept = hold(stack, part.kept, exclusive=False)
                except RefusedError as error:
                    raise RefusedError(f"what stays ({part.kept.path}): {error}") from error
            file = hold(stack, part.file, exclusive=True)
            if kept is not None and os.path.samestat(file.found, kept.found):
                raise RefusedError("it is another name of the file that stays")
            held.append(_Held(part, file, kept))
        reached("held")
        return held

    def _carried(self, removal: PlannedRemoval) -> Carried | None:
        kept = removal.photo.kept
        if self.backups is None or kept is None or self.action.shares:
            return None
        sidecars = [
            part.file.path
            for part in removal.parts
            if part.role is Role.SIDECAR and part.file.path.suffix.lower() == ".xmp"
        ]
        return what_to_carry(removal.photo.file.path, sidecars, kept.path)

    def _attempts(self, removal: PlannedRemoval, held: "Sequence[_Held]") -> Iterator[Place | None]:
        if self.action is not Action.TRASH or _HAS_OWN_TRASH:
            yield None
            return
        try:
            yield from places_for(removal.photo.file.path, self.run_id)
        except OSError as error:
            raise RefusedError(words_of(error)) from error

    def _try(
        self,
        removal: PlannedRemoval,
        held: "Sequence[_Held]",
        place: Place | None,
        carried: Carried | None,
    ) -> list[Entry]:
        if place is not None:
            try:
                make_place(place)
            except OSError as error:
                raise _PlaceError(f"{place.files}: {words_of(error)}") from error
        self.units += 1
        entries = self._intend(removal, held, place, carried)
        try:
            self._act(entries, held, place, carried)
        except (RefusedError, OSError) as error:
            self._end(entries, error, place)
        reached("acted")
        self.journal.note(entries, Event.DONE)
        reached("done")
        return entries

    def _intend(
        self,
        removal: PlannedRemoval,
        held: "Sequence[_Held]",
        place: Place | None,
        carried: Carried | None,
    ) -> list[Entry]:
        entries = []
        for one in held:
            entry = self._entry(removal, one)
            if place is not None:
                name = self.names.take(one.file.name, place)
                entry = replace(entry, destination=place.files / name, info=info_path(place, name))
            entries.append(entry)
        if carried is not None:
            entries.append(self._carried_entry(removal, carried))
        entries = self.journal.intend(entries)
        reached("intended")
        return entries

    def _entry(self, removal: PlannedRemoval, held: "_Held") -> Entry:
        attributes = {**attributes_of(held.file.descriptor), "token": self.token}
        destination = held.part.destination
        if self.action is Action.MOVE:
            attributes["made_below"] = str(self.target)
        elif self.action in (Action.HARDLINK, Action.DELETE):
            number = 100 * self.units + held.place_in(removal)
            destination = held.part.file.path.with_name(aside_name(self.token, number))
        return Entry(
            self.run_id,
            self.units,
            removal.photo_id if held.part.role is Role.PHOTO else None,
            self.action,
            held.part.role,
            held.file.state,
            destination,
            kept=held.part.kept,
            attributes=attributes,
        )

    def _carried_entry(self, removal: PlannedRemoval, carried: Carried) -> Entry:
        existing = carried.existing or FileState(carried.path, "", 0, 0, 0, 0)
        backup = (self.backups or Path()) / str(self.run_id) / f"{self.units}.xmp"
        attributes = {"token": self.token, "written": carried.sha256}
        return Entry(
            self.run_id,
            self.units,
            None,
            self.action,
            Role.CARRIED,
            existing,
            backup if carried.existing else None,
            attributes=attributes,
        )

    def _act(
        self,
        entries: Sequence[Entry],
        held: "Sequence[_Held]",
        place: Place | None,
        carried: Carried | None,
    ) -> None:
        pairs = list(zip(entries, held, strict=False))
        for entry, one in reversed(pairs):  # the photo last: what belongs to it goes first
            self._prepare(entry, one, place)
        for one in held:
            if one.kept is not None and not one.kept.is_still(one.kept.folder.find(one.kept.name)):
                raise RefusedError(f"what stays ({one.kept.state.path}) changed meanwhile")
        reached("prepared")
        if carried is not None:  # now: until here its sidecar may have been one of those that stay
            with ExitStack() as stack:
                CarriedSpot(stack, entries[-1]).write(carried.data)
        with ExitStack() as stack:
            for entry in entries:
                spot_of(stack, entry).finish()
                reached("finished one")

    def _prepare(self, entry: Entry, held: "_Held", place: Place | None) -> None:
        if place is not None:
            self._to_trash(entry, held, place)
        elif self.action is Action.TRASH:
            _to_system_trash(entry)
        elif self.action is Action.REFLINK:
            _share_blocks(held)
        else:
            _relocate(entry, held)
        if self.action is Action.HARDLINK:
            _link_kept(held)

    def _to_trash(self, entry: Entry, held: "_Held", place: Place) -> None:
        if entry.info is not None:
            text = info_text(entry.before.path, place, self.now())
            with Folder(entry.info.parent) as infos:
                descriptor = infos.create(part_name(entry))
                with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
                    file.write(text)
                    file.flush()
                    os.fsync(descriptor)
                reached("info written")
                infos.rename(part_name(entry), infos, entry.info.name)
                infos.sync()
        _relocate(entry, held)

    def _end(self, entries: list[Entry], error: Exception, place: Place | None) -> None:
        """Take a removal back after an error, and tell of it; without a way back, it is done.

        Raises:
            _PlaceError: Nothing was done, and another place may do.
            RefusedError: As ``remove``.
        """
        words = words_of(error) if isinstance(error, OSError) else str(error)
        try:
            settled = settle(entries, forward=False, words=words)
        except OSError as trouble:
            raise RefusedError(
                f"{words}; and taking back failed ({words_of(trouble)}): the next apply or undo "
                "tries again"
            ) from error
        for event in (Event.DONE, Event.FAILED):
            of_event = [one for one in settled if one.event is event]
            self.journal.note([one.entry for one in of_event], event, words)
        stranded = "; ".join(one.words for one in settled if one.event is Event.DONE and one.words)
        if stranded:
            raise RefusedError(f"{words}; {stranded}") from error
        if all(one.event is Event.DONE for one in settled):
            raise RefusedError(f"{words}; it is done all the same") from error
        is_of_place = isinstance(error, OSError) and error.errno in _NEXT_PLACE
        if place is not None and is_of_place:
            raise _PlaceError(f"{place.files}: {words}") from error
        raise RefusedError(words) from error


class _PlaceError(Exception):
    """One place does not take a file; the message says why."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A part of a removal, open and read, and what stays in its stead."""

    part: Part
    file: HeldFile
    kept: HeldFile | None

    def place_in(self, removal: PlannedRemoval) -> int:
        return removal.parts.index(self.part)


def _relocate(entry: Entry, held: _Held) -> None:
    """Give a file its new place, and look that it is the very file that was read."""
    destination = entry.destination
    if destination is None:
        raise RefusedError("there is no place for it")
    file = held.file
    if entry.action is Action.MOVE:
        destination.parent.mkdir(parents=True, exist_ok=True)
    with Folder(destination.parent) as target:
        try:
            reached("before rename")
            file.folder.rename(file.name, target, destination.name)
        except OSError as error:
            if error.errno != errno.EXDEV or entry.action is not Action.MOVE:
                raise
            _copy_over(entry, held, target)
            return
        reached("renamed")
        if not file.is_still(target.find(destination.name)):
            _give_back(file, target, destination.name)
            raise RefusedError("another file took its place meanwhile")
        target.sync()
        file.folder.sync()


def _give_back(file: HeldFile, target: Folder, name: str) -> None:
    """Rename back what was taken by mistake: a file that came after this one was read."""
    try:
        target.rename(name, file.folder, file.name)
    except OSError as error:
        raise RefusedError(
            f"another file took its place meanwhile, and lies at {target.path / name} "
            f"({words_of(error)})"
        ) from error


def _copy_over(entry: Entry, held: _Held, target: Folder) -> None:
    """Copy a file to another disk; its first goes when all is there (``Spot.finish``)."""
    file = held.file
    name = entry.destination.name if entry.destination else ""
    copy_file(file.descriptor, target, name, part_name(entry), entry.before, entry.attributes)
    if not file.is_still(file.folder.find(file.name)):
        raise RefusedError("it changed while it was copied")


def _link_kept(held: _Held) -> None:
    """Give the file that stays a second name in the place of the one that was set aside."""
    kept = held.kept
    if kept is None:
        raise RefusedError("there is nothing to link it to")
    kept.folder.link(kept.name, held.file.folder, held.file.name)
    reached("linked")
    if not os.path.samestat(held.file.folder.stat(held.file.name), kept.found):
        raise RefusedError("another file took the place of what stays meanwhile")
    held.file.folder.sync()


def _share_blocks(held: _Held) -> None:
    kept, file = held.kept, held.file
    if kept is None:
        raise RefusedError("there is nothing to share blocks with")
    try:
        native.share_blocks(kept.descriptor, file.descriptor, file.found.st_size)
    except OSError as error:
        if error.errno in _CANNOT_SHARE:
            raise RefusedError(
                "its file system cannot share blocks (btrfs and XFS on Linux can)"
            ) from error
        if error.errno == errno.EILSEQ:
            raise RefusedError("the system finds other bytes in it than in what stays") from error
        raise


def _to_system_trash(entry: Entry) -> None:
    """Hand a file to the trash of macOS or Windows, which does not say where it puts it."""
    from send2trash import send2trash

    send2trash(os.fspath(entry.before.path))
