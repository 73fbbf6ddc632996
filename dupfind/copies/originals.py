"""Look into the photos of a group to tell which is the original and what the others lost."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.kept import Kept
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
Pair = tuple[int, int]
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
    rows: Sequence[int],
    centre: int,
    photos: Sequence[Photo],
    between: Between,
    kept: Kept | None = None,
) -> Lineage:
    """Judge the rows of one group, at most ``LOOKED_INTO`` of them.

    Args:
        rows: The group; the most promising first.
        centre: The row that most of them are proven against.
        photos: The photo of each row of the library.
        between: Evidence with a matrix.
        kept: The clues that were found before.
    """
    matrices = _to_centre(rows, centre, between)
    chosen = [row for row in rows if row in matrices][:LOOKED_INTO]
    asked = {}
    for a, b in combinations(chosen, 2):
        question = _question(between(a, b), matrices[a], matrices[b])
        if question is not None:
            asked[a, b] = question
    verdicts, unreadable = _judged(asked, photos, kept)
    known = [row for row in chosen if row not in unreadable]
    place = {row: number for number, row in enumerate(known)}
    found = tiers(
        len(known), {(place[a], place[b]): verdict for (a, b), verdict in verdicts.items()}
    )
    both = dict(verdicts)
    both.update({(b, a): verdict.reversed() for (a, b), verdict in verdicts.items()})
    return Lineage(dict(zip(known, found, strict=True)), both)


def with_pairs(
    lineage: Lineage,
    centre: int,
    rows: Sequence[int],
    photos: Sequence[Photo],
    between: Between,
    kept: Kept | None = None,
) -> Lineage:
    """Return the lineage with the verdict of each (centre, row) too: nothing may go unlooked into."""
    verdicts = dict(lineage.verdicts)
    missing = [row for row in rows if (centre, row) not in verdicts]
    # Photos are held at full size: only a few at a time.
    for start in range(0, len(missing), LOOKED_INTO):
        asked = {}
        for row in missing[start : start + LOOKED_INTO]:
            matrix = _matrix(between(centre, row))
            if matrix is not None:
                asked[centre, row] = _Question(matrix, _container(between(centre, row)))
        verdicts.update(_judged(asked, photos, kept)[0])
    return Lineage(lineage.tier, verdicts)


@dataclass(frozen=True)
class _Question:
    """What a pair is judged by besides its two photos."""

    matrix: Matrix
    container: str | None

    def to_bytes(self) -> bytes:
        return self.matrix.tobytes() + str(self.container).encode()


def _question(
    evidence: Evidence | None, to_centre_a: Matrix, to_centre_b: Matrix
) -> _Question | None:
    """Return how a pair lies on each other: as it was proven, or else by way of the centre."""
    matrix = _matrix(evidence)
    if matrix is None:
        try:
            matrix = np.linalg.inv(to_centre_b) @ to_centre_a
        except np.linalg.LinAlgError:  # a part of no size
            return None
        matrix = matrix / matrix[2, 2]
    return _Question(matrix, _container(evidence))


def _judged(
    asked: Mapping[Pair, _Question], photos: Sequence[Photo], kept: Kept | None
) -> tuple[dict[Pair, Verdict], set[int]]:
    """Return the verdicts of pairs, and the rows that cannot be read any more.

    A photo is read only for what is not known yet, and once for all its pairs.
    """
    known = {} if kept is None else _known(asked, kept)
    missing = [pair for pair in asked if pair not in known]
    rows = sorted({row for pair in missing for row in pair})
    with ThreadPoolExecutor(usable_cores(), initializer=use_one_thread) as pool:
        looks = dict(zip(rows, pool.map(lambda row: _look(photos[row]), rows), strict=True))

        def judge_of(pair: Pair) -> Verdict | None:
            a, b = looks[pair[0]], looks[pair[1]]
            question = asked[pair]
            if a is None or b is None:
                return None
            return judge(a, b, question.matrix, container=question.container)

        judged = zip(missing, pool.map(judge_of, missing), strict=True)
        fresh = {pair: verdict for pair, verdict in judged if verdict is not None}
    if kept is not None:
        kept.keep_clues({pair: (asked[pair].to_bytes(), found) for pair, found in fresh.items()})
    unreadable = {row for row, look in looks.items() if look is None}
    return {
        pair: found for pair in asked if (found := known.get(pair) or fresh.get(pair))
    }, unreadable


def _known(asked: Mapping[Pair, _Question], kept: Kept) -> dict[Pair, Verdict]:
    found = {pair: kept.clues(*pair, question.to_bytes()) for pair, question in asked.items()}
    return {pair: verdict for pair, verdict in found.items() if verdict is not None}


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
        details = read_details(
            photo.path, width=photo.width, height=photo.height, sha256=photo.sha256
        )
    except PhotoError:  # it cannot be read any more, or is another: nothing is known of it
        return None
    return look_at(
        details.pixels, table=details.table, camera=details.camera, edited=details.edited
    )


def _container(evidence: Evidence | None) -> str | None:
    """Return which of the two is known to hold the other and more."""
    if evidence is None:
        return None
    if evidence.frame is not None:
        return evidence.frame
    if evidence.relations and evidence.relations[-1] == "composite" and evidence.part is not None:
        return "b" if evidence.part == "a" else "a"
    return None
