"""Serve the page to look and decide; what it may do to the library is here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dupfind.acts import Action, Plan
from dupfind.config import LibraryPaths
from dupfind.decisions import Choice
from dupfind.errors import ReportError
from dupfind.options import ReviewOptions
from dupfind.review.deeds import Found, Undone
from dupfind.store.store import Store

OnReady = Callable[[str, int], None]
"""Called with the address to open first, and how many groups there are."""
SOURCE = "review"
_MATCHES = 12


@dataclass(frozen=True)
class LibraryDeeds:
    """What the page may do to a library."""

    paths: LibraryPaths
    device: str

    def decide(self, choices: Sequence[Choice], note: str = "") -> int:
        """Record choices as one step; return its number."""
        with Store.open_to_decide(self.paths) as store:
            return store.decide(choices, source=SOURCE, note=note)

    def undo(self, step: int | None = None) -> Undone | None:
        """Take back a step, or the last one of all."""
        with Store.open_to_decide(self.paths) as store:
            undone = store.undo_decision(step, source=SOURCE)
        if not undone:
            return None
        contents = {content.sha256 for decision in undone for content in decision.contents}
        return Undone(undone[0].batch, frozenset(contents))

    def find(self, picture: Path) -> Sequence[Found]:
        """Return the photos nearest to a picture file."""
        # What proves photos takes seconds to load; who only decides need not wait for it.
        from dupfind.flows.querying import find_nearest

        with Store.open(self.paths) as store:
            matches = find_nearest(store, picture, k=_MATCHES, device=self.device)
        return [
            Found(
                match.photo,
                match.similarity,
                match.probability,
                str(match.relation),
                match.evidence,
            )
            for match in matches
        ]

    def preview(self) -> Plan:
        """Return what an apply would do now."""
        from dupfind.flows.acting import plan_removal

        with Store.open(self.paths) as store:
            return plan_removal(store, Action.TRASH)


def serve_review(
    paths: LibraryPaths, options: ReviewOptions, on_ready: OnReady | None, *, device: str = "auto"
) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        LibraryError: There is no library, or ``cluster`` has not been run.
        ReportError: The extra is not installed, or the port is taken.
    """
    try:
        from dupfind.review.server import serve
    except ModuleNotFoundError as error:
        raise ReportError(
            f"the page needs {error.name}, which is not installed; install dupfind[review]"
        ) from error
    serve(paths, LibraryDeeds(paths, device), options.port, on_ready)
