"""What an engine is: it does parts of a work somewhere, and says of each what came of it."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dupfind.errors import DupfindError, EngineError

ATTEMPTS = 3  # of a part whose worker was lost

Function = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a work: the function must be one of a module, and pass to another process."""

    function: Function
    argument: Any


@dataclass(frozen=True, slots=True)
class Done:
    """What a part gave."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a part gave nothing, in words a person understands."""

    reason: str


class Engine(Protocol):
    """Does parts of a work in other processes; a part whose worker is lost is done again."""

    @property
    def workers(self) -> int:
        """How many parts are done at once."""
        ...

    def run(self, parts: Sequence[Part]) -> Iterator[tuple[int, Done | Failed]]:
        """Yield the place of each part and what came of it, as they end: one slow part holds up no other."""
        ...


def run_all(
    engine: Engine,
    parts: Sequence[Part],
    on_done: Callable[[int, Any], None] | None = None,
    *,
    called: str = "parts of the work",
) -> list[Any]:
    """Do all parts; return what they gave, in their order.

    Args:
        engine: Who does them.
        parts: What to do; those beside a failed one are done all the same.
        on_done: Called with the place of a part and what it gave, as soon as it is done.
        called: What the parts are, for the error.

    Raises:
        EngineError: Some could not be done.
    """
    given: dict[int, Any] = {}
    failed = []
    for place, found in engine.run(parts):
        if isinstance(found, Failed):
            failed.append(found.reason)
            continue
        given[place] = found.value
        if on_done:
            on_done(place, found.value)
    if failed:
        raise EngineError(
            f"{len(failed)} of {len(parts)} {called} could not be done ({failed[0]}); what is "
            "done is kept: mend it, and run the same command again"
        )
    return [given[place] for place in range(len(parts))]


def attempt(part: Part) -> Done | Failed:
    """Do a part here; what a user can mend (a full disk, a lost photo) is told, not raised."""
    try:
        return Done(part.function(part.argument))
    except (DupfindError, OSError) as error:
        return Failed(str(error) or type(error).__name__)


def use_one_core() -> None:
    """Keep libraries from starting threads of their own: each worker has a core to itself."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
