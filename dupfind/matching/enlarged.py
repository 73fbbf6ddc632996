"""Put an enlarged copy after the picture that it was made from, where little else tells the two apart.

In:  log odds, traces and looks of a group's pictures. Out: log odds. No disk, database or model.

An enlargement has what its source has and more pixels, so the keep rules would prefer it. Reduced again it is
softer than its source, which a picture that was reduced itself is not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.detail import RESIZED, enlarged
from dupfind.matching.quality import Look
from dupfind.matching.traces import TRACES, Traced

NEARLY = 3.0  # log odds within which the size decides
SURELY = 1.0  # weight, along both axes: of 140 photos none has more than 0.3 over its reduced copy
_AHEAD = 0.5  # log odds by which the source then leads: no tie
_PLACE = {name: at for at, name in enumerate(TRACES)}
Floats = NDArray[np.float64]


def after_sources(odds: Floats, traced: Traced, looks: Sequence[Look]) -> Floats:
    """Return the log odds, with the first picture behind one that it is an enlargement of."""
    odds = odds.copy()
    for _ in range(len(odds)):
        first = int(odds.argmax())
        near = [at for at in np.argsort(-odds).tolist() if at != first and _near(odds, first, at)]
        source = next((at for at in near if _is_of(first, at, traced, looks)), None)
        if source is None:
            break
        odds[first] = odds[source] - _AHEAD
    return odds


def _near(odds: Floats, first: int, at: int) -> bool:
    return bool(odds[first] - odds[at] <= NEARLY)


def _is_of(large: int, small: int, traced: Traced, looks: Sequence[Look]) -> bool:
    """Say whether one is the other with more pixels and nothing more to show for it."""
    row = traced.pairs[min(large, small), max(large, small)]
    exact, mirrored, quarters = (row[_PLACE[name]] for name in ("exact", "mirrored", "quarters"))
    if exact < 0.5 or mirrored > 0.5 or quarters != 0:
        return False
    one, two = looks[large].grey, looks[small].grey
    if min(a / b for a, b in zip(one.shape, two.shape, strict=True)) < RESIZED:
        return False
    return min(enlarged(one, two), enlarged(one.T, two.T)) >= SURELY
