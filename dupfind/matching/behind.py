"""Put a picture behind one that it was made from, where the log odds of the two come near each other.

In:  log odds of a group's pictures, and which of two comes before the other. Out: log odds. No disk, database
or model.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

NEARLY = 3.0  # log odds within which it decides
_AHEAD = 0.5  # log odds by which the one that comes before then leads: no tie

Floats = NDArray[np.float64]


def put_behind(odds: Floats, comes_before: Callable[[int, int], bool]) -> Floats:
    """Return the log odds, with the first picture behind the best one that comes before it.

    The one that is first then is asked for in its turn.

    Args:
        odds: (pictures,) log odds to be the original.
        comes_before: Whether a picture comes before the first one, given the places of the two.
    """
    odds = odds.copy()
    for _ in range(len(odds)):
        first = int(odds.argmax())
        near = [at for at in np.argsort(-odds).tolist() if odds[first] - odds[at] <= NEARLY]
        better = next((at for at in near if at != first and comes_before(at, first)), None)
        if better is None:
            break
        odds[first] = odds[better] - _AHEAD
    return odds
