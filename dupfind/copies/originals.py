"""Look into the photos of a group to tell which is the original and what the others lost."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.evidence import Evidence
from dupfind.matching.clues import Verdict
from dupfind.matching.features import use_one_thread
from dupfind.matching.lineage import tiers
from dupfind.matching.original import judge
from dupfind.matching.quality import Look, look_at
from dupfind.photos.details import read_details
from dupfind.records import Photo
from dupfind.system import usable_cores

LOOKED_INTO = 8  # members of a group; the others come after them

Matrix = NDArray[np.float64]
# Returns the evidence of row b as made from row a; None where the pair is not proven.
Between = Callable[[int, int], Evidence | None]


@dataclass(frozen=True)
class Lineage:
    """The order in which the rows of a group were made.

    Attributes:
        tier: Tier of each row, 0 the first; rows without one were not looked into.
        verdicts: (a, b) with the verdict of each pair that was looked at, in both directions.
    """

    tier: Mapping[int, int] = field(default_factory=dict)
    verdicts: Mapping[tuple[int, int], Verdict] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether several could be the original."""
        return sum(tier == 0 for tier in self.tier.values()) != 1

    def of(self, row: int) -> int:
        """Return the tier of a row; the last one for those that were not looked into."""
        return self.tier.get(row, len(self.tier))


def lineage_of(
    rows: Sequence[int], centre: int, photos: Sequence[Photo], between: Between
) -> Lineage:
    """Judge the rows of one group, at most ``LOOKED_INTO`` of them.

    Args:
        rows: The group; the most promising first.
        centre: The row that most of them are proven against.
        photos: The photo of each row of the library.
        between: Evidence with a matrix.
    """
    matrices = _to_centre(rows, centre, between)
    chosen = [row for row in rows if row in matrices][:LOOKED_INTO]
    with ThreadPoolExecutor(usable_cores(), initializer=use_one_thread) as pool:
        seen = zip(chosen, pool.map(lambda row: _look(photos[row]), chosen), strict=True)
        looks = {row: look for row, look in seen if look is not None}
    known = list(looks)
    places = list(combinations(range(len(known)), 2))

    def judge_of(place: tuple[int, int]) -> Verdict | None:
        a, b = known[place[0]], known[place[1]]
        return _judge(looks[a], looks[b], a, b, matrices, between(a, b))

    with ThreadPoolExecutor(usable_cores(), initializer=use_one_thread) as pool:
        judged = zip(places, pool.map(judge_of, places), strict=True)
        verdicts = {place: verdict for place, verdict in judged if verdict is not None}
    found = tiers(len(known), verdicts)
    both: dict[tuple[int, int], Verdict] = {}
    for (one, two), verdict in verdicts.items():
        both[known[one], known[two]] = verdict
        both[known[two], known[one]] = verdict.reversed()
    return Lineage(dict(zip(known, found, strict=True)), both)


def with_pairs(
    lineage: Lineage, centre: int, rows: Sequence[int], photos: Sequence[Photo], between: Between
) -> Lineage:
    """Return the lineage with the verdict of each (centre, row) too: nothing may go unlooked into."""
    missing = [row for row in rows if (centre, row) not in lineage.verdicts]
    look = _look(photos[centre]) if missing else None
    if look is None:
        return lineage

    def judge_of(row: int) -> Verdict | None:
        evidence = between(centre, row)
        matrix = _matrix(evidence)
        other = _look(photos[row]) if matrix is not None else None
        if matrix is None or other is None:
            return None
        return judge(look, other, matrix, container=_container(evidence))

    with ThreadPoolExecutor(usable_cores(), initializer=use_one_thread) as pool:
        judged = zip(missing, pool.map(judge_of, missing), strict=True)
        found = {(centre, row): verdict for row, verdict in judged if verdict is not None}
    return Lineage(lineage.tier, {**lineage.verdicts, **found})


def _to_centre(rows: Sequence[int], centre: int, between: Between) -> dict[int, Matrix]:
    """Return the matrix from each row's shares to the centre's, through one other row at most."""
    found: dict[int, Matrix] = {centre: np.eye(3)}
    direct = {row: _matrix(between(row, centre)) for row in rows if row != centre}
    found |= {row: matrix for row, matrix in direct.items() if matrix is not None}
    for row in rows:
        if row in found:
            continue
        for middle in list(found):
            matrix = _matrix(between(row, middle)) if middle != centre else None
            if matrix is not None:
                found[row] = found[middle] @ matrix
                break
    return found


def _matrix(evidence: Evidence | None) -> Matrix | None:
    if evidence is None or evidence.matrix is None:
        return None
    return np.array(evidence.matrix).reshape(3, 3)


def _look(photo: Photo) -> Look | None:
    try:
        details = read_details(photo.path, width=photo.width, height=photo.height)
    except PhotoError:  # it cannot be read any more: nothing is known of it
        return None
    return look_at(
        details.pixels, table=details.table, camera=details.camera, edited=details.edited
    )


def _judge(
    look_a: Look,
    look_b: Look,
    a: int,
    b: int,
    matrices: Mapping[int, Matrix],
    evidence: Evidence | None,
) -> Verdict | None:
    matrix = _matrix(evidence)
    if matrix is None:
        try:
            matrix = np.linalg.inv(matrices[b]) @ matrices[a]
        except np.linalg.LinAlgError:  # a part of no size
            return None
        matrix = matrix / matrix[2, 2]
    return judge(look_a, look_b, matrix, container=_container(evidence))


def _container(evidence: Evidence | None) -> str | None:
    """Return which of the two is known to hold the other and more."""
    if evidence is None:
        return None
    if evidence.frame is not None:
        return evidence.frame
    if evidence.relations and evidence.relations[-1] == "composite" and evidence.part is not None:
        return "b" if evidence.part == "a" else "a"
    return None
