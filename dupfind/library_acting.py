"""The part of `Library` that acts on copies: plan, apply, undo, history."""

from typing import TYPE_CHECKING

from dupfind.acts import Action, ActSummary, PastRun, Plan, PlanOptions
from dupfind.config import LibraryPaths
from dupfind.store.store import Store

if TYPE_CHECKING:
    from dupfind.progress import OnProgress


class ActingMethods:
    """What a library does with copies that may go; a part of ``Library``."""

    paths: LibraryPaths

    def plan_removal(
        self, action: Action | str = Action.TRASH, options: PlanOptions | None = None
    ) -> Plan:
        """Return what ``apply`` would do with the photos that may go; nothing is changed.

        Args:
            action: trash, move, hardlink, reflink or delete.
            options: Where to move to, which groups, ...

        Raises:
            LibraryError: There is no library.
            ActionError: Nothing was clustered yet, or the folder to move to cannot serve.
        """
        from dupfind.flows.acting import plan_removal

        with Store.open(self.paths) as store:
            return plan_removal(store, Action(action), options)

    def apply(self, plan: Plan, *, on_progress: "OnProgress | None" = None) -> ActSummary:
        """Do what a plan says, as far as everything is still as it was planned.

        Both files of each removal are read again right before; what cannot be done is left as it
        was, with the reason. ``undo`` brings back what was done.

        Raises:
            LibraryError: The library cannot be written.
        """
        from dupfind.flows.acting import apply_plan

        with Store.open(self.paths, write=True) as store:
            return apply_plan(store, plan, on_progress)

    def undo(
        self, run: int | None = None, *, on_progress: "OnProgress | None" = None
    ) -> ActSummary:
        """Bring back what an ``apply`` did: bytes, names and times.

        Args:
            run: Its number; None for the last one that has something to undo.
            on_progress: Called after each file.

        Raises:
            ActionError: There is no such run, or nothing to undo.
            LibraryError: The library cannot be written.
        """
        from dupfind.flows.acting import undo_run

        with Store.open(self.paths, write=True) as store:
            return undo_run(store, run, on_progress)

    def history(self) -> list[PastRun]:
        """Return what was applied, the newest first, and what can be undone."""
        from dupfind.flows.acting import list_history

        with Store.open(self.paths) as store:
            return list_history(store)
