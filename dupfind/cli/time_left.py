"""How long a run will take: what its phases usually cost, set right by how fast this one is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dupfind.progress import Step

SURE_AFTER_S = 2.0  # before that a rate is chance


@dataclass(frozen=True, slots=True)
class Phase:
    """What is done in a phase, to what, and what it usually costs.

    ``cost_ms`` a unit counts only beside those of the other phases. ``share`` is how many units there
    usually are for each of the phase ``of``; "" stands for photos.
    """

    words: str
    unit: str
    cost_ms: float = 1.0
    share: float = 1.0
    of: str = ""


PHASES: dict[str, Phase] = {
    "scan": Phase("Scanning", "files", 0.1),
    "shards": Phase("Describing in shards", "photos", 15),
    "describe": Phase("Describing", "photos", 15),
    "features": Phase("Reading parts", "photos", 0.3),
    "votes": Phase("Comparing parts", "photos", 5),
    "near": Phase("Comparing descriptors", "photos", 0.5),
    "prove": Phase("Proving", "pairs", 60, 0.3),
    "look": Phase("Looking closer", "pairs", 60, 0.5, "prove"),
    "more": Phase("Proving more", "pairs", 25, 0.3, "prove"),
    "look_more": Phase("Looking closer at more", "pairs", 60, 0.1, "prove"),
    "group": Phase("Choosing what to keep", "groups", 100, 0.1, "prove"),
    "calibrate": Phase("Calibrating", "photos", 300, 0.1),
    "pictures": Phase("Making the pictures", "pictures"),
}
INDEX = ("scan", "describe")
INDEX_IN_SHARDS = ("scan", "shards", "describe")
CLUSTER = ("features", "votes", "near", "prove", "look", "more", "look_more", "group")
CALIBRATE = ("calibrate",)


class TimeLeft:
    """Follows the steps of a run through its phases.

    Args:
        phases: Those to come, in their order; a run may leave some out, or have others.
        clock: Seconds.
    """

    def __init__(
        self, phases: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._coming = list(phases)
        self._began_s = self._phase_began_s = self._noted_s = clock()
        self._step: Step | None = None
        self._units: dict[str, int] = {}
        self._paid_ms = 0.0  # what the phases that are over usually cost
        self._share = 0.0

    def note(self, step: Step) -> None:
        """Take in how far the run is."""
        if self._step is None or step.phase != self._step.phase:
            self._begin(step)
        self._noted_s = self._clock()
        self._step = step
        self._units[step.phase] = step.done if step.total is None else step.total
        if _phase(step.phase).unit == "photos" and step.total:
            self._units[""] = max(step.total, self._units.get("", 0))

    def _begin(self, step: Step) -> None:
        if self._step is not None:
            self._paid_ms += self._step.done * _phase(self._step.phase).cost_ms
        if step.phase in self._coming:
            # Those before it had nothing to do.
            del self._coming[: self._coming.index(step.phase) + 1]
        # A phase that tells of itself once something is done began when the one before it ended.
        self._phase_began_s = self._noted_s if step.done else self._clock()

    @property
    def rate(self) -> float:
        """Units a second in the phase that the run is in."""
        done = self._step.done if self._step else 0
        return done / max(self._clock() - self._phase_began_s, 1e-6)

    def seconds(self) -> float | None:
        """Return the seconds left for all of the run; None where that cannot be told yet."""
        step, now = self._step, self._clock()
        if step is None or not step.total or now - self._began_s < SURE_AFTER_S:
            return None
        paid_ms = self._paid_ms + step.done * _phase(step.phase).cost_ms
        if not paid_ms:
            return None
        slowness = (now - self._began_s) / paid_ms
        left = (step.total - step.done) * _phase(step.phase).cost_ms * slowness
        if step.done and now - self._phase_began_s >= SURE_AFTER_S:
            left = (step.total - step.done) / self.rate
        return left + sum(self._cost_ms(phase) for phase in self._coming) * slowness

    def share(self) -> float | None:
        """Return which share of the run is over, never less than before; None where it cannot be told."""
        left = self.seconds()
        if left is None:
            return self._share or None
        spent = self._clock() - self._began_s
        self._share = max(self._share, spent / max(spent + left, 1e-6))
        return self._share

    def _cost_ms(self, name: str) -> float:
        return self._expected(name) * _phase(name).cost_ms

    def _expected(self, name: str) -> float:
        """Return how many units a phase will have: as many as it said, else in proportion to others."""
        if name in self._units or not name:
            return self._units.get(name, 0)
        phase = _phase(name)
        return phase.share * self._expected(phase.of)


def words_of(step: Step) -> str:
    """Say what is done and how much of it is: Proving, 576 of 13,620 pairs."""
    phase = _phase(step.phase)
    total = "" if step.total is None else f" of {step.total:,}"
    return f"{phase.words}: {step.done:,}{total} {phase.unit}"


def _phase(name: str) -> Phase:
    return PHASES.get(name, Phase(name, "photos"))
