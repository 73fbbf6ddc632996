"""Put files back: after an error, after a kill, and for ``undo``.

In:  entries of the journal. What was done is told by looking at both places; nothing is overwritten,
and each step may be taken again after a kill.
"""

import errno
import os
from contextlib import ExitStack

from dupfind.actions.carrying import CarriedSpot
from dupfind.actions.copying import copy_file
from dupfind.actions.files import (
    Folder,
    RefusedError,
    StrandedError,
    is_at,
    number_of,
    open_parent,
    reached,
    words_of,
)
from dupfind.actions.trash import is_info_of
from dupfind.acts import Action, Entry, FileState, Role


def part_name(entry: Entry) -> str:
    """Return the name under which a file is written before it gets its own."""
    return f".dupfind-{entry.attributes.get('token', '')}-{entry.unit}.part"


def aside_name(token: str, unit: int, suffix: str = "aside") -> str:
    """Return the name that a file has in its own folder until what takes its place is there."""
    return f".dupfind-{token}-{unit}.{suffix}"


class Spot:
    """The places of one entry, looked at now. This one knows files that went elsewhere whole."""

    def __init__(self, stack: ExitStack, entry: Entry) -> None:
        self.stack, self.entry, self.before = stack, entry, entry.before
        self.home = open_parent(stack, entry.before.path)
        self.away = open_parent(stack, entry.destination) if entry.destination else None
        self.name = entry.before.path.name
        self.away_name = entry.destination.name if entry.destination else ""

    def at_home(self) -> bool:
        """Whether the file lies where it was."""
        return self.home is not None and is_at(self.home, self.name, self.before)

    def is_home_free(self) -> bool:
        """Whether nothing has the file's name."""
        return self.home is None or self.home.find(self.name) is None

    def at_away(self) -> bool:
        """Whether the file lies where it went."""
        return self.away is not None and is_at(self.away, self.away_name, self.before)

    def is_out_of_sight(self) -> bool:
        """Whether nothing can be told now: the file may lie in a folder that is not there today."""
        is_missing = self.home is None or (self.entry.destination and self.away is None)
        return bool(is_missing) and not self.at_home() and not self.at_away()

    def may_finish(self) -> bool:
        """Whether all that is left to do can be done without a loss."""
        return self.at_away()

    def must_finish(self) -> bool:
        """Whether there is no way back."""
        return False

    def finish(self) -> None:
        """Remove what was to go, as long as the file lies where it went."""
        if self.home is not None and self.at_away() and self.is_first():
            self.home.unlink(self.name)
            self.home.sync()

    def is_first(self) -> bool:
        """Whether the very file lies at home: not one that somebody put there meanwhile."""
        found = self.home.find(self.name) if self.home else None
        if found is None:
            return False
        # Without the device: it may have another number since a restart.
        traits = (number_of(found)[1], found.st_size, found.st_mtime_ns)
        return traits == (self.before.inode, self.before.size_bytes, self.before.mtime_ns)

    def take_back(self) -> None:
        """Bring the file back to where it was, from wherever it is.

        Raises:
            StrandedError: Another file has its name by now.
            OSError: A disk fails.
        """
        self.remove_part()
        if self.at_away() and self.away is not None:
            if self.is_home_free():
                self.bring_home(self.away, self.away_name)
            elif self.at_home():
                if self.is_ours_away():
                    self.away.unlink(self.away_name)
                    self.away.sync()
            else:
                raise StrandedError(
                    f"another file has its name by now; it lies at {self.entry.destination}"
                )
        self.remove_info()

    def is_ours_away(self) -> bool:
        """Whether what lies away is a second name of the file, or the copy that a move made."""
        away = self.away.find(self.away_name) if self.away else None
        here = self.home.find(self.name) if self.home else None
        if away is None or here is None:
            return False
        return os.path.samestat(here, away) or self.entry.action is Action.MOVE

    def bring_home(self, folder: Folder, name: str) -> None:
        """Give a file its old name, or copy it home from another disk."""
        home = self.made_home()
        reached("before return")
        try:
            folder.rename(name, home, self.name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy_home(folder, name, home)
        reached("returned")
        home.sync()
        folder.sync()

    def _copy_home(self, folder: Folder, name: str, home: Folder) -> None:
        descriptor = folder.open(name)
        self.stack.callback(os.close, descriptor)
        copy_file(
            descriptor, home, self.name, part_name(self.entry), self.before, self.entry.attributes
        )
        reached("copied home")
        folder.unlink(name)

    def made_home(self) -> Folder:
        """Hold the file's folder, made again where it is gone."""
        if self.home is None:
            self.before.path.parent.mkdir(parents=True, exist_ok=True)
            self.home = self.stack.enter_context(Folder(self.before.path.parent))
        return self.home

    def remove_part(self) -> None:
        """Remove what a killed copying left."""
        for folder in (self.home, self.away):
            _discard(folder, part_name(self.entry))

    def remove_info(self) -> None:
        """Remove the ``.trashinfo`` once its file is no longer there; never that of another file."""
        info = self.entry.info
        folder = open_parent(self.stack, info) if info else None
        if folder is None or info is None:
            return
        _discard(folder, part_name(self.entry))
        is_empty = self.away is None or self.away.find(self.away_name) is None
        if is_empty and folder.find(info.name) is not None and is_info_of(info, self.before.path):
            folder.unlink(info.name)
            folder.sync()

    def undo(self) -> None:
        """Bring the file back long after it went.

        Raises:
            RefusedError: It is no longer where it went, or another file has its name.
        """
        if not self.at_away() and not self.at_home():
            raise RefusedError(f"it is no longer at {self.entry.destination}, or changed there")
        self.take_back()
        self.remove_empty_folders()

    def remove_empty_folders(self) -> None:
        """Remove folders that ``move`` made, as far as they are empty."""
        top = self.entry.attributes.get("made_below")
        if top is None or self.entry.destination is None:
            return
        for folder in self.entry.destination.parents:
            if not folder.is_relative_to(top) or str(folder) == top:
                return
            try:
                folder.rmdir()
            except OSError:
                return


class DeletedSpot(Spot):
    """A file that is set aside and then deleted: it comes back as a copy of the same bytes only."""

    def may_finish(self) -> bool:
        return False

    def must_finish(self) -> bool:
        return self.is_home_free() and not (self.away and self.away.find(self.away_name))

    def finish(self) -> None:
        if self.at_away() and self.away is not None:
            self.away.unlink(self.away_name)
            self.away.sync()

    def undo(self) -> None:
        self.remove_part()
        if self.at_away():
            self.take_back()
            return
        if self.at_home():
            return
        if not self.is_home_free():
            raise RefusedError("another file has its name by now")
        kept = self.entry.kept
        if kept is None or kept.sha256 != self.before.sha256:
            raise RefusedError("it was deleted for good, and no file has its bytes")
        source = open_parent(self.stack, kept.path)
        if source is None or not is_at(source, kept.path.name, kept):
            raise RefusedError(f"it was deleted, and {kept.path} no longer has its bytes")
        descriptor = source.open(kept.path.name)
        self.stack.callback(os.close, descriptor)
        home = self.made_home()
        copy_file(
            descriptor, home, self.name, part_name(self.entry), self.before, self.entry.attributes
        )


class LinkedSpot(Spot):
    """A file in whose place stands another name of the file that stays."""

    def is_linked(self) -> bool:
        """Whether the file's name leads to the file that stays."""
        kept, found = self.entry.kept, self.home.find(self.name) if self.home else None
        return kept is not None and found is not None and number_of(found) == kept.number

    def may_finish(self) -> bool:
        return self.is_linked()

    def finish(self) -> None:
        if self.is_linked() and self.at_away():
            self.finish_aside()

    def finish_aside(self) -> None:
        """Remove the name that the file has while it is aside."""
        if self.away is not None:
            self.away.unlink(self.away_name)
            self.away.sync()

    def take_back(self) -> None:
        self.remove_part()
        if not self.at_away() or self.away is None:
            return
        if self.home is not None and self._is_second_name():
            self.home.unlink(self.name)
            reached("link removed")
        elif self.at_home() and not self.is_linked():  # it had two names for a moment
            self.finish_aside()
            return
        if not self.is_home_free():
            raise StrandedError(
                f"another file has its name by now; it lies at {self.entry.destination}"
            )
        self.bring_home(self.away, self.away_name)

    def undo(self) -> None:
        """Make a file of its own of the name: a copy, with the time that it had."""
        if self.at_away():  # it could not be put back then
            self.take_back()
            return
        token = self.entry.attributes.get("token", "")
        away, fresh = (aside_name(token, self.entry.unit, word) for word in ("undo", "new"))
        home = self.made_home()
        self.remove_part()
        _discard(home, fresh)
        if home.find(away) is not None:  # killed on the way
            if self.is_home_free():
                home.rename(away, home, self.name)
            elif self.at_home():
                home.unlink(away)
        if not self.is_linked():
            if self.at_home():
                return
            raise RefusedError("it is no longer the link that was made, or it changed")
        descriptor = home.open(self.name)
        self.stack.callback(os.close, descriptor)
        copy_file(
            descriptor, home, fresh, part_name(self.entry), self.before, self.entry.attributes
        )
        home.rename(self.name, home, away)
        reached("link aside")
        home.rename(fresh, home, self.name)
        reached("own file named")
        home.unlink(away)
        home.sync()

    def _is_second_name(self) -> bool:
        """Whether what lies at home has the name of the file that stays as well, by now."""
        kept, here = self.entry.kept, self.home.find(self.name) if self.home else None
        folder = open_parent(self.stack, kept.path) if kept else None
        there = folder.find(kept.path.name) if folder and kept else None
        return here is not None and there is not None and os.path.samestat(here, there)


class SharedSpot(Spot):
    """A file whose blocks are shared: it was never another one, and nothing is to be put back."""

    def may_finish(self) -> bool:
        return False

    def finish(self) -> None:
        """Nothing is left over."""

    def take_back(self) -> None:
        """Nothing was taken away."""

    def undo(self) -> None:
        """Nothing to bring back: the file has its name, time and bytes."""


class SystemTrashSpot(Spot):
    """A file that the trash of macOS or Windows has, which does not say where."""

    def may_finish(self) -> bool:
        return self.is_home_free()

    def finish(self) -> None:
        """Nothing is left over."""

    def undo(self) -> None:
        if not self.at_home():
            raise RefusedError("the system's trash has it: put it back there")


_KINDS: dict[Action, type[Spot]] = {
    Action.TRASH: Spot,
    Action.MOVE: Spot,
    Action.DELETE: DeletedSpot,
    Action.HARDLINK: LinkedSpot,
    Action.REFLINK: SharedSpot,
}


def spot_of(stack: ExitStack, entry: Entry) -> "Spot | CarriedSpot":
    """Look at the places of an entry; ``stack`` closes what is opened."""
    if entry.role is Role.CARRIED:
        return CarriedSpot(stack, entry)
    if entry.action is Action.TRASH and entry.destination is None:
        return SystemTrashSpot(stack, entry)
    return _KINDS[entry.action](stack, entry)


def undo_entry(entry: Entry) -> None:
    """Bring back the file of one entry; may be repeated after a kill.

    Raises:
        RefusedError: It cannot be; the message is why, and where the file lies.
    """
    with ExitStack() as stack:
        try:
            spot_of(stack, entry).undo()
        except OSError as error:
            raise RefusedError(words_of(error)) from error


def _discard(folder: Folder | None, name: str) -> None:
    """Remove a file of ours that may be there."""
    if folder is not None and folder.find(name) is not None:  # a read-only disk says no to unlink
        folder.unlink(name)


def same_bytes_kept(entry: Entry) -> bool:
    """Say whether the file that stayed was of the very same bytes."""
    kept: FileState | None = entry.kept
    return kept is not None and kept.sha256 == entry.before.sha256
