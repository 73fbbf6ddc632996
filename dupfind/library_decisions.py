"""The part of `Library` that a person's decisions go through."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from dupfind.config import LibraryPaths
from dupfind.decisions import CameBack, Choice, Decision, GroupDecisions, Imported, Removal
from dupfind.flows import deciding
from dupfind.records import Group
from dupfind.store.store import Store


class DecisionMethods:
    """What a library does with decisions; a part of ``Library``."""

    paths: LibraryPaths

    def decide(self, choices: Iterable[Choice], *, source: str = "api", note: str = "") -> int:
        """Record what a person decided, as one step, and return its number (its batch).

        Args:
            choices: What to keep, remove, tell apart, ... See ``Choice``.
            source: Who asked: ``review``, ``cli`` or another word.
            note: The rule in words, where a rule chose.

        Raises:
            DecisionError: A photo is not in the library or in no group, nothing of a group would
                stay, a reference would go, or same bytes would be told apart. Nothing is recorded.
        """
        with Store.open_to_decide(self.paths) as store:
            return store.decide(choices, source=source, note=note)

    def undo_decision(self, batch: int | None = None, *, source: str = "api") -> list[Decision]:
        """Take back a step, the last one unless it is named; return what it held (none: nothing).

        Raises:
            DecisionError: There is no such step, or it was taken back already.
        """
        with Store.open_to_decide(self.paths) as store:
            return store.undo_decision(batch, source=source)

    def decisions(
        self, *, batch: int | None = None, limit: int | None = None, before: int | None = None
    ) -> list[Decision]:
        """Return the decisions, undone ones and undos too, the newest first.

        Args:
            batch: Those of one step only.
            limit: At most so many.
            before: Only those with an id below this: the next page of a list.
        """
        with Store.open(self.paths) as store:
            return store.decisions(batch=batch, limit=limit, before=before)

    def decided(self, group: Group | int) -> GroupDecisions:
        """Return what was decided of a group (or its id), and which of its photos may go.

        Raises:
            DecisionError: There is no such group (any more).
        """
        with Store.open(self.paths) as store:
            return deciding.decided(store, group if isinstance(group, int) else group.id)

    def decided_removals(self) -> list[Removal]:
        """Return the photos that a person decided to remove, each with one that stays instead."""
        with Store.open(self.paths) as store:
            return list(deciding.decided_removals(store))

    def came_back(self) -> list[CameBack]:
        """Return the photos that are there again after a person removed their content."""
        with Store.open(self.paths) as store:
            return store.came_back()

    def removed_on(self, image: str | PathLike[str]) -> str | None:
        """Return when a person last decided to remove the bytes of a file; None for never.

        Raises:
            PhotoError: The image cannot be read.
        """
        from dupfind.flows.querying import removed_on

        with Store.open(self.paths) as store:
            return removed_on(store, Path(image))

    def export_decisions(self) -> dict[str, Any]:
        """Return the decisions that hold, JSON-ready; ``import_decisions`` takes them."""
        with Store.open(self.paths) as store:
            return deciding.export_decisions(store)

    def import_decisions(self, exported: Any) -> Imported:
        """Add exported decisions as one step; those that are known already are left out.

        Raises:
            DecisionError: This is no such export, or a newer dupfind's.
        """
        with Store.open_to_decide(self.paths) as store:
            return deciding.import_decisions(store, exported)
