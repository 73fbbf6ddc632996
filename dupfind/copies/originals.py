"""Look into the photos of a group to tell which is the original and what the others lost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.evidence import Evidence
from dupfind.matching.clues import Verdict
from dupfind.matching.extent import CORNERS, project, whole_turn
from dupfind.matching.family import lay_out
from dupfind.matching.lineage import tiers
from dupfind.matching.origin import shipped_origin
from dupfind.matching.original import judge
from dupfind.matching.quality import Look, look_at
from dupfind.matching.traces import NOTHING_TRACED, Traced, trace
from dupfind.photos.details import read_details
from dupfind.records import Photo, Relation

LOOKED_INTO = 12  # members of a group; the others come after them
MOSTLY = 0.5  # share of its pairs in which what holds others is known to, to come after them
LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "GIF", "DNG", "RAW"})
MODERN = frozenset({"WEBP", "AVIF", "HEIF", "HEIC"})

Matrix = NDArray[np.float64]
# Returns the evidence of row b as made from row a; None where the pair is not proven.
Between = Callable[[int, int], Evidence | None]


@dataclass
class Looks:
    """Photos by row as they are judged, each read once."""

    photos: Sequence[Photo]
    known: dict[int, Look | None] = field(default_factory=dict)

    def __getitem__(self, row: int) -> Look | None:
        if row not in self.known:
            self.known[row] = _look(self.photos[row])
        return self.known[row]


@dataclass(frozen=True)
class Lineage:
    """The order in which the rows of a group were made.

    Attributes:
        tier: Tier of each row, 0 the first; rows without one were not looked into.
        verdicts: (a, b) with the verdict of each pair that was looked at.
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


@dataclass(frozen=True)
class Compared:
    """What was found of the rows of a group.

    Attributes:
        rows: Those that were looked into.
        traced: Their traces, by place in ``rows``.
        last: Places of those that are known to hold most others among other things.
    """

    rows: list[int]
    traced: Traced
    last: list[int]


def lineage_of(rows: Sequence[int], looks: Looks, between: Between) -> Lineage:
    """Put the rows of one group in the order in which they were made, ``LOOKED_INTO`` at most.

    Args:
        rows: The group; the most promising first.
        looks: The photos.
        between: Evidence with a matrix.
    """
    compared = compare(rows, looks, between)
    if len(compared.rows) < 2:
        return Lineage(dict.fromkeys(compared.rows, 0))
    odds = shipped_origin().log_odds(compared.traced)
    return Lineage(dict(zip(compared.rows, tiers(odds, last=compared.last), strict=True)))


def compare(rows: Sequence[int], looks: Looks, between: Between) -> Compared:
    """Lay the rows of a group on each other and trace all pairs; see ``lineage_of``."""
    frame = _frame(rows, looks.photos, between)
    matrices = _to_frame(rows, frame, between)
    known = {
        row: look
        for row in list(matrices)[:LOOKED_INTO]
        if (look := looks[row]) is not None and _is_invertible(matrices[row])
    }
    # Without the picture that gives the frame there is nothing to lay the others on.
    known = known if frame in known else {}
    places = {row: place for place, row in enumerate(known)}
    if not known:
        return Compared([], NOTHING_TRACED, [])
    family = lay_out(list(known.values()), [matrices[row] for row in known], places[frame])
    holds, framed = _containers(places, between)
    last = [place for place in range(len(known)) if _holds_most(place, holds)]
    return Compared(list(known), trace(family, holds, framed), last)


def with_pairs(
    lineage: Lineage, kept: int, rows: Sequence[int], looks: Looks, between: Between
) -> Lineage:
    """Return the lineage with the verdict of each (kept, row): nothing may go unlooked into."""
    found: dict[tuple[int, int], Verdict] = {}
    for row in rows:
        evidence = between(kept, row)
        matrix = _matrix(evidence)
        if evidence is None or matrix is None or not _is_invertible(matrix):
            continue
        first, other = looks[kept], looks[row]
        if first is not None and other is not None:
            found[kept, row] = judge(first, other, matrix, container=_container(evidence))
    return replace(lineage, verdicts={**lineage.verdicts, **found})


def _frame(rows: Sequence[int], photos: Sequence[Photo], between: Between) -> int:
    """Return the row that most others show whole, as large as most: they need not be drawn anew."""
    sizes = {row: sorted((photos[row].width, photos[row].height)) for row in rows}

    def rank(row: int) -> tuple[int, int, int, int]:
        found = {other: _matrix(between(other, row)) for other in rows if other != row}
        known = {other: matrix for other, matrix in found.items() if matrix is not None}
        whole = [
            o for o, matrix in known.items() if whole_turn(project(matrix, CORNERS)) is not None
        ]
        as_large = sum(sizes[other] == sizes[row] for other in whole)
        return as_large, len(whole), len(known), photos[row].width * photos[row].height

    return max(rows, key=rank)


def _to_frame(rows: Sequence[int], frame: int, between: Between) -> dict[int, Matrix]:
    """Return the matrix from each row's shares to the frame's, through one other row at most."""
    found: dict[int, Matrix] = {frame: np.eye(3)}
    direct = {row: _matrix(between(row, frame)) for row in rows if row != frame}
    known = {row: matrix for row, matrix in direct.items() if matrix is not None}
    whole = {row: whole_turn(project(matrix, CORNERS)) is not None for row, matrix in known.items()}
    found |= {row: known[row] for row in sorted(known, key=lambda row: not whole[row])}
    for row in rows:
        if row in found:
            continue
        for middle in list(found):
            matrix = _matrix(between(row, middle)) if middle != frame else None
            if matrix is not None:
                found[row] = found[middle] @ matrix
                break
    return found


def _matrix(evidence: Evidence | None) -> Matrix | None:
    if evidence is None or evidence.matrix is None:
        return None
    return np.array(evidence.matrix).reshape(3, 3)


def _is_invertible(matrix: Matrix) -> bool:
    return bool(np.isfinite(matrix).all()) and abs(float(np.linalg.det(matrix))) > 1e-9


def _containers(
    places: Mapping[int, int], between: Between
) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int]]:
    """Return for (a, b) with a < b which of the two holds the other (1: b), and which has a frame."""
    holds: dict[tuple[int, int], int] = {}
    framed: dict[tuple[int, int], int] = {}
    for row_a, a in places.items():
        for row_b, b in places.items():
            evidence = between(row_a, row_b) if a < b else None
            if evidence is None:
                continue
            if evidence.frame is not None:
                framed[a, b] = 1 if evidence.frame == "b" else -1
            if _is_composite(evidence) and evidence.part is not None:
                holds[a, b] = 1 if evidence.part == "a" else -1
    return holds, framed


def _holds_most(place: int, holds: Mapping[tuple[int, int], int]) -> bool:
    """Say whether a picture is known to hold most of those that it is proven against as a whole."""
    mine = [sign if b == place else -sign for (a, b), sign in holds.items() if place in (a, b)]
    return bool(mine) and sum(sign > 0 for sign in mine) > MOSTLY * len(mine)


def _look(photo: Photo) -> Look | None:
    try:
        details = read_details(photo.path, width=photo.width, height=photo.height)
    except PhotoError:  # it cannot be read any more: nothing is known of it
        return None
    look = look_at(
        details.pixels, table=details.table, camera=details.camera, edited=details.edited
    )
    pixels = photo.width * photo.height
    return replace(
        look,
        native_pixels=pixels,
        bytes_per_pixel=photo.size_bytes / max(1, pixels),
        lossless=photo.format in LOSSLESS,
        modern=photo.format in MODERN,
    )


def _is_composite(evidence: Evidence) -> bool:
    return bool(evidence.relations) and evidence.relations[-1] is Relation.COMPOSITE


def _container(evidence: Evidence) -> str | None:
    """Return which of the two is known to hold the other and more."""
    if evidence.frame is not None:
        return evidence.frame
    if _is_composite(evidence) and evidence.part is not None:
        return "b" if evidence.part == "a" else "a"
    return None
