"""How long a run has taken, its pace, and what is due by the clock."""

import time
from collections import deque

from dupfind.training.distributed import agree
from dupfind.training.worth import WARM_UP_STEPS

PACE_STEPS = 50


class Clock:
    """Time since the start of the run, over all its sessions, and since the last look and save."""

    def __init__(self, elapsed_s: float) -> None:
        self._start = time.monotonic() - elapsed_s
        self._marks = {"look": time.monotonic(), "save": time.monotonic()}
        self._photos = 0
        self._steps: deque[float] = deque(maxlen=PACE_STEPS)

    def elapsed_s(self) -> float:
        return time.monotonic() - self._start

    def count(self, photos: int) -> None:
        self._photos += photos
        self._steps.append(time.monotonic())

    def seconds_per_step(self) -> float | None:
        if len(self._steps) < PACE_STEPS:
            return None
        return (self._steps[-1] - self._steps[0]) / (PACE_STEPS - 1)

    def first_pace(self) -> float:
        """Return the seconds a step takes at the start of a run, but for the first few."""
        steps = list(self._steps)[WARM_UP_STEPS:]
        return max(1e-6, (steps[-1] - steps[0]) / (len(steps) - 1))

    def photos_per_s(self) -> float:
        return self._photos / max(1e-9, time.monotonic() - self._marks["look"])

    def is_due(self, name: str, minutes: float) -> bool:
        return agree(time.monotonic() - self._marks[name]) >= 60 * minutes

    def restart(self, name: str) -> None:
        self._marks[name] = time.monotonic()
        if name == "look":
            self._photos = 0
