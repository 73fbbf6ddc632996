"""Hold the pairs of a collection against each other: copies of one picture are copies of each other.

In:  log odds of pairs, and their rows. Out: how much less likely some are. No disk, database or model.

Where A is taken for a copy of B, B for one of C, and C was seen to be none of A, one of the three is a mistake.
Each pair by itself may look certain; how often such triangles occur is what a collection itself tells of the
look-alikes that pass.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

STRONGEST = 30.0  # log odds beyond which more says no more
AGAINST = -0.5  # score of a pair from which on it contradicts no others: little is known of it


def doubts(
    odds: NDArray[np.float64],
    scores: NDArray[np.float64],
    rows: NDArray[np.int64],
    may_join: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return by how much the log odds of each pair sink for what was found of others, (n,), 0 or more.

    Of three photos either all are copies, or one pair of them, or none: what the three pairs say by
    themselves is weighed over these cases. Of several triangles the one that doubts a pair most counts.

    Args:
        odds: (n,) log odds of each pair by itself, in this collection.
        scores: (n,) what its look says alone: log odds where copies and look-alikes are equally many. A pair
            that is unlikely only because most of the collection are look-alikes tells nothing of others.
        rows: (n, 2) the photos of each.
        may_join: (n,) whether its photos show one picture, if they are copies; a collage is a copy of none.
    """
    clipped = np.clip(odds, -STRONGEST, STRONGEST)
    lowest = clipped.copy()
    taken: dict[int, dict[int, int]] = defaultdict(dict)
    for place in np.flatnonzero(may_join & (odds > 0)).tolist():
        a, b = rows[place].tolist()
        taken[a][b] = taken[b][a] = place
    for refused in np.flatnonzero(may_join & (odds <= 0) & (scores < AGAINST)).tolist():
        a, c = rows[refused].tolist()
        for b in taken[a].keys() & taken[c].keys() if a in taken and c in taken else ():
            one, other = taken[a][b], taken[c][b]
            for pair, beside in ((one, other), (other, one)):
                found = _among_three(clipped[pair], clipped[beside], clipped[refused])
                lowest[pair] = min(lowest[pair], found)
    return np.asarray(clipped - lowest)


def _among_three(pair: float, beside: float, third: float) -> float:
    """Return the log odds of a pair, given those of the two pairs that close its triangle."""
    all_three = pair + beside + third
    return float(np.logaddexp(pair, all_three) - np.logaddexp(np.logaddexp(0, beside), third))
