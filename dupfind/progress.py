"""How far a run is: what flows tell, and the command line or another caller shows."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is in one of its phases.

    ``phase`` names what is being done, such as scan, describe, features or prove. ``total`` is
    None while it is not known. ``errors`` counts the files that could not be used so far.
    """

    phase: str
    done: int
    total: int | None
    errors: int = 0


OnProgress = Callable[[Step], None]
OnDone = Callable[[int, int], None]
"""Called with (done, total) by what is one phase of a run, or a run of one phase."""


def stage(on_progress: OnProgress | None, phase: str) -> OnDone:
    """Return what reports (done, total) of one phase to ``on_progress``."""

    def report(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(Step(phase, done, total))

    return report
