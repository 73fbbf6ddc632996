"""What the page does to a library, as its owner offers it: the page itself only reads.

``flows.reviewing`` gives the real one; each call may raise a ``DupfindError``, which the page shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dupfind.acts import Plan
from dupfind.decisions import Choice
from dupfind.evidence import Evidence
from dupfind.records import Photo


@dataclass(frozen=True, slots=True)
class Undone:
    """A step that was taken back, and the contents (SHA-256) that it was about."""

    step: int
    contents: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """A photo near the one that was dropped on the page, and how the two are related."""

    photo: Photo
    similarity: float
    probability: float
    relation: str
    evidence: Evidence


class Deeds(Protocol):
    """What may be done: decide, take back, ask for a picture, look ahead."""

    def decide(self, choices: Sequence[Choice], note: str = "") -> int:
        """Record choices as one step; return its number."""

    def undo(self, step: int | None = None) -> Undone | None:
        """Take back a step, or the last one of all; return it, None when there is none."""

    def find(self, picture: Path) -> Sequence[Found]:
        """Return the photos nearest to a picture file."""

    def preview(self) -> Plan:
        """Return what an apply would do now."""
