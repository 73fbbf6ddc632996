"""The traces that alterations leave, and the verdict that those of a pair add up to.

Plain data: no pictures, disk, database or model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from dupfind.records import Reason

CLEAR = 1.0  # margin from which on a verdict says which one is the source


class Clue(StrEnum):
    """A trace that says a picture was made from the other one."""

    CONTAINS = "contains"  # it shows the other inside a frame, a page, a collage
    PART = "part"
    WRITTEN = "written-over"
    ONE_TONE = "one-tone"  # grey, sepia, duotone
    CLIPPED = "clipped"
    DIMMED = "dimmed"
    FLATTER = "less-contrast"
    STEPS = "fewer-tones"
    UNEVEN = "uneven-light"
    OVERCOLOURED = "stronger-colours"
    SOFTER = "softer"
    SHARPENED = "sharpened"
    NOISY = "noisy"
    FLAT = "flattened"  # pixelated, painted
    COARSE = "coarser-saved"
    RESAVED = "saved-from-it"  # it carries the steps of the other's compression
    ENLARGED = "enlarged"
    REDUCED = "reduced"
    TURNED = "turned"
    EDITOR = "editor"
    NO_CAMERA = "no-camera"
    MINORITY = "minority"  # most of the group are like the other


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the clues say of a pair.

    Attributes:
        against_a: Clues that a was made from b, with their weights.
        against_b: Clues that b was made from a.
        alike: Whether the two show the same in the same colours, the same way round.
        changed_share: Share of the overlap that differs by more than saving anew explains.
        largest_change: Share of the largest region that does.
        toned: Grey levels by which the colours of the one were changed as a whole in the other.
        edges: Strength of b's hardest edges over a's: saving spares them, a blur does not. None where
            their fine structure could not be compared.
        coarse: Whether b was saved so coarsely that this explains a loss of detail and colour.
        saved: Log odds that nothing was done to b but saving or reducing; None where it lies otherwise on
            a, or is larger.
        within: Whether b is a JPEG that lies all within its own steps from a (``bounds``).
        twice: Whether b carries the steps of a saving before its last (``bounds``).
        altered: What was done to b that no saving does, however small (``altered``).
        profile: Which of the two has a colour profile that the other lost; they are compared without it.
    """

    against_a: Mapping[Clue, float] = field(default_factory=dict)
    against_b: Mapping[Clue, float] = field(default_factory=dict)
    alike: bool = False
    changed_share: float = 0.0
    largest_change: float = 0.0
    toned: float = 0.0
    edges: float | None = None
    coarse: bool = False
    saved: float | None = None
    within: bool = False
    twice: bool = False
    altered: tuple[Reason, ...] = ()
    profile: Literal["a", "b"] | None = None

    @property
    def margin(self) -> float:
        """How clearly b was made from a; negative the other way round."""
        return sum(self.against_b.values()) - sum(self.against_a.values())

    def weight(self, *clues: Clue) -> float:
        """Return how much the clues weigh against b, less what they weigh against a."""
        return sum(self.against_b.get(c, 0.0) - self.against_a.get(c, 0.0) for c in clues)


class Votes:
    """Collects clues: those against b have a positive weight, those against a a negative one."""

    def __init__(self) -> None:
        self.against_a: dict[Clue, float] = {}
        self.against_b: dict[Clue, float] = {}

    @property
    def strongest(self) -> float:
        """The largest weight of any clue."""
        return max((*self.against_a.values(), *self.against_b.values()), default=0.0)

    def add(self, clue: Clue, weight: float) -> None:
        """Take in a clue against b (a positive weight) or a; those of hardly any weight are left out."""
        side = self.against_b if weight > 0 else self.against_a
        if abs(weight) > 0.05:
            side[clue] = round(side.get(clue, 0.0) + abs(weight), 2)
