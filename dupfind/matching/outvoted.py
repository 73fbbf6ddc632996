"""Put a copy in other colours after the picture whose colours the rest of the group has.

In:  log odds, traces and links of a group's pictures. Out: log odds. No disk, database or model.

Of two pictures in different colours either may be the source: a faded one is duller, a vivid one more clipped.
But crops, frames and mirrored copies in the very colours of the one were made of that one, and each of them is
a witness. Trees that weigh a hundred numbers learn too little of what is seldom and in no doubt. Copies of a
copy speak for their source in the same way: they must outweigh what the pair itself tells (a grey copy follows
from the colours, not the colours from it).
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.behind import Floats, put_behind
from dupfind.matching.traces import TRACES, Traced

FAR_LEVELS = 6.0  # that the colours of the two differ by on average: more than any saving
SAME_LEVELS = 2.0  # that a witness differs by from the one it speaks for, or
OF_FAR = 0.25  # of what it differs by from the other one
FEWEST = 2  # witnesses
OF_A_WITNESS = 0.75  # log odds
_CHANGED = TRACES.index("changed")


def after_outvoted(odds: Floats, traced: Traced, links: Floats) -> Floats:
    """Return the log odds, with the first picture behind one whose colours most others have.

    Args:
        odds: (pictures,) log odds to be the original.
        traced: Of the group.
        links: (pictures, pictures) log odds that the column was made from the row (``Origin.links``).
    """
    apart = _apart(traced, len(odds))
    return put_behind(odds, lambda one, first: _outvotes(one, first, apart, links))


def _apart(traced: Traced, count: int) -> Floats:
    """Return how many levels the colours of each two differ by, (pictures, pictures); NaN unknown."""
    result = np.full((count, count), np.nan)
    for (a, b), row in traced.pairs.items():
        result[a, b] = result[b, a] = row[_CHANGED]
    return result


def _outvotes(one: int, first: int, apart: Floats, links: Floats) -> bool:
    """Say whether others have the colours of ``one`` and none of ``first``, and outweigh the pair."""
    if np.isnan(apart[one, first]) or apart[one, first] < FAR_LEVELS:
        return False
    others = [at for at in range(len(apart)) if at not in (one, first)]
    of_one, of_first = apart[others, one], apart[others, first]
    witnesses = int(_are_of(of_one, of_first).sum())
    against = bool(_are_of(of_first, of_one).any())
    return witnesses >= FEWEST and not against and OF_A_WITNESS * witnesses > links[first, one]


def _are_of(near: Floats, far: Floats) -> NDArray[np.bool_]:
    return (near <= np.maximum(SAME_LEVELS, OF_FAR * far)) & (far >= near + FAR_LEVELS / 2)
