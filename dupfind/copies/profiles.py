"""Compare photos with and without their colour profiles: many programs drop it and keep the values.

What lost its profile looks duller or brighter, and yet nothing was done to it. It is compared with the
photo as that looks where its profile is passed over too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.looks import Looks
from dupfind.matching.profiled import has_lost
from dupfind.matching.quality import Look

Floats = NDArray[np.float64]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Alike:
    """Two photos to compare, without the profile that one of them lost.

    Attributes:
        a, b: The two.
        profile: Which of the two has the profile; None where both are compared as they look.
    """

    a: Look
    b: Look
    profile: Literal["a", "b"] | None = None


def alike(row_a: int, row_b: int, matrix: Floats, looks: Looks) -> Alike | None:
    """Return two rows to compare; None where one cannot be read.

    Args:
        row_a, row_b: The two.
        matrix: (3, 3) from shares of a to shares of b.
        looks: The photos.
    """
    a, b = looks[row_a], looks[row_b]
    if a is None or b is None:
        return None
    if a.profiled and not b.profiled:
        plain = looks.without_profile(row_a)
        return Alike(plain, b, "a") if plain and has_lost(b, plain, a, matrix) else Alike(a, b)
    if b.profiled and not a.profiled:
        plain, back = looks.without_profile(row_b), np.asarray(np.linalg.inv(matrix), np.float64)
        return Alike(a, plain, "b") if plain and has_lost(a, plain, b, back) else Alike(a, b)
    return Alike(a, b)


def without_profiles(
    rows: Sequence[int], to_frame: Sequence[Floats], looks: Looks
) -> tuple[list[Look], frozenset[Pair]]:
    """Return the pictures of readable rows, without the profiles that most others lost.

    Args:
        rows: Of a group.
        to_frame: (3, 3) of each, from its shares to those of one frame.
        looks: The photos.

    Returns:
        The pictures, and (a, b) by place where b has lost the profile of a.
    """
    pictures = [look for row in rows if (look := looks[row]) is not None]
    lost: set[Pair] = set()
    others = [place for place, look in enumerate(pictures) if not look.profiled]
    for place, row in enumerate(rows):
        plain = looks.without_profile(row) if pictures[place].profiled and others else None
        if plain is None:
            continue
        between = {other: np.linalg.inv(to_frame[other]) @ to_frame[place] for other in others}
        losing = [
            other
            for other in others
            if has_lost(pictures[other], plain, pictures[place], between[other])
        ]
        if 2 * len(losing) > len(others):
            pictures[place] = plain
            lost |= {(place, other) for other in losing}
    return pictures, frozenset(lost)
