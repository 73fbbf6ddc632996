"""What the steps of an index run share: options, summary, how far it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dupfind.options import IndexOptions
from dupfind.progress import OnProgress, Step
from dupfind.store.store import Store

if TYPE_CHECKING:  # torch takes seconds to import, and a run may find nothing new
    from dupfind.descriptors.embed import Embedder


@dataclass(slots=True)
class IndexSummary:
    """What an index run found and did; counts of files, and seconds.

    ``found`` = new + changed + moved + returned + unchanged; ``returned`` are photos that were gone
    or away and are there again as they were. ``described`` counts the contents that were
    decoded and described: copies of known bytes need neither. ``photos`` is how many the library
    holds at the end, those of folders that this run did not scan too. ``away`` counts the photos of
    ``away_folders``, in which not one of them is left: a disk that is not there, most likely.
    ``undescribed`` counts the photos (of other folders) that ``model`` has not described: while there
    are any, the model before stays the active one. ``came_back`` counts the photos that this run met
    though a person once removed them.
    """

    found: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    returned: int = 0
    unchanged: int = 0
    removed: int = 0
    away: int = 0
    away_folders: tuple[str, ...] = ()
    errors: int = 0
    described: int = 0
    undescribed: int = 0
    came_back: int = 0
    photos: int = 0
    seconds: float = 0.0
    model: str = ""


@dataclass(slots=True)
class IndexRun:
    """One run: what it works with and what came of it so far."""

    store: Store
    options: IndexOptions
    load_embedder: "Callable[[], Embedder]"
    model_id: int
    on_progress: OnProgress
    reference: tuple[Path, ...] = ()
    summary: IndexSummary = field(default_factory=IndexSummary)
    started: float = field(default_factory=time.monotonic)
    unreadable: list[Path] = field(default_factory=list)

    def is_reference(self, path: Path) -> bool:
        """Tell whether a path lies in a reference folder."""
        return any(path.is_relative_to(folder) for folder in self.reference)

    def report(self, phase: str, done: int, total: int | None) -> None:
        """Tell the caller how far the run is: ``phase`` is scan or describe."""
        self.on_progress(Step(phase, done, total, self.summary.errors))
