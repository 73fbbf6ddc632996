"""Tell what lost the colour profile of another picture, and put it after that one.

In:  looks with and without the profile; log odds and traces of a group. Out: yes or no; log odds. No disk,
database or model.
"""

import numpy as np
from numpy.typing import NDArray

from dupfind.matching.original import toned_by
from dupfind.matching.quality import Look
from dupfind.matching.traces import TRACES, Traced

CLOSER = 0.6  # times as far apart without the profile, at most
TELLS = 0.5  # grey levels that the profile moves all colours by, at least
NEARLY = 3.0  # log odds within which the profile decides
_AHEAD = 0.5  # log odds by which the one with the profile then leads: no tie
_UNSTRETCHED = 0.015
_PLACE = {name: at for at, name in enumerate(TRACES)}
Floats = NDArray[np.float64]
Pair = tuple[int, int]


def has_lost(other: Look, plain: Look, profiled: Look, matrix: Floats) -> bool:
    """Say whether the colours of a picture are those of another one without its profile.

    Args:
        other: The picture without a profile.
        plain, profiled: The one that has a profile, without and with it.
        matrix: (3, 3) from shares of that one to shares of ``other``.
    """
    apart = toned_by(profiled, other, matrix)
    return apart >= TELLS and toned_by(plain, other, matrix) <= CLOSER * apart


def after_profiled(odds: Floats, traced: Traced, lost: frozenset[Pair]) -> Floats:
    """Return the log odds, with what lost a profile behind the picture that has it.

    It is seldom the other way round: nobody gives a profile to a picture that was made without. Where other
    traces say much else (a caption that was written by a program that kept it) they decide.
    """
    odds = odds.copy()
    for has_it in {a for a, _ in lost}:
        ahead = [
            odds[other]
            for one, other in lost
            if one == has_it and 0 <= odds[other] + _AHEAD - odds[has_it] <= NEARLY + _AHEAD
            if _as_large(has_it, other, traced)
        ]
        odds[has_it] = max([odds[has_it], *(other + _AHEAD for other in ahead)])
    return odds


def _as_large(has_it: int, other: int, traced: Traced) -> bool:
    """Say whether both are the whole picture the same way round, and the first is no smaller."""
    row = traced.pairs[min(has_it, other), max(has_it, other)]
    exact, mirrored, quarters, larger = (
        float(row[_PLACE[name]]) for name in ("exact", "mirrored", "quarters", "larger")
    )
    larger = larger if has_it < other else -larger
    return exact > 0.5 and mirrored < 0.5 and quarters == 0 and larger < _UNSTRETCHED
