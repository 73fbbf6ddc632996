"""Put an enlarged copy after the picture that it was made from, where little else tells the two apart.

In:  log odds, traces and looks of a group's pictures. Out: log odds. No disk, database or model.

An enlargement has what its source has and more pixels, so the keep rules would prefer it. Reduced again it is
softer than its source, which a picture that was reduced itself is not.
"""

from collections.abc import Sequence

from dupfind.matching.behind import Floats, put_behind
from dupfind.matching.detail import RESIZED, enlarged
from dupfind.matching.quality import Look
from dupfind.matching.traces import TRACES, Traced

SURELY = 1.0  # weight, along both axes: of 140 photos none has more than 0.3 over its reduced copy
_PLACE = {name: at for at, name in enumerate(TRACES)}


def after_sources(odds: Floats, traced: Traced, looks: Sequence[Look]) -> Floats:
    """Return the log odds, with the first picture behind one that it is an enlargement of."""
    return put_behind(odds, lambda source, first: _is_of(first, source, traced, looks))


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
