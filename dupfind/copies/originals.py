"""Look into the photos of groups to tell which is the original and what the others lost."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.kept import Kept
from dupfind.copies.looks import LOOKED_INTO, Looks
from dupfind.copies.profiles import alike, without_profiles
from dupfind.evidence import BY_HUB, Evidence
from dupfind.matching.clues import Verdict
from dupfind.matching.enlarged import after_sources
from dupfind.matching.extent import CORNERS, project, whole_turn
from dupfind.matching.family import lay_out
from dupfind.matching.features import use_one_thread
from dupfind.matching.lineage import tiers
from dupfind.matching.origin import shipped_origin
from dupfind.matching.original import judge
from dupfind.matching.outvoted import after_outvoted
from dupfind.matching.profiled import after_profiled
from dupfind.matching.quality import Look
from dupfind.matching.traces import NOTHING_TRACED, Traced, trace
from dupfind.progress import OnDone
from dupfind.records import Photo, Relation
from dupfind.system import usable_cores

MOSTLY = 0.5  # share of its pairs in which what holds others is known to, to come after them

Matrix = NDArray[np.float64]
Pair = tuple[int, int]
# Returns the evidence of row b as made from row a; None where the pair is not proven.
Between = Callable[[int, int], Evidence | None]
# Says of (kept row, row) whether a closer comparison could let the second go.
MayGo = Callable[[int, int], bool]


@dataclass(frozen=True)
class Lineage:
    """The order in which the rows of a group were made.

    Attributes:
        tier: Tier of each row, 0 the first; rows without one were not looked into.
        verdicts: (kept, row) with the verdict of each pair that was looked at.
    """

    tier: Mapping[int, int] = field(default_factory=dict)
    verdicts: Mapping[Pair, Verdict] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether several could be the original."""
        return sum(tier == 0 for tier in self.tier.values()) != 1

    def of(self, row: int) -> int:
        """Return the tier of a row; the last one for those that were not looked into."""
        return self.tier.get(row, len(self.tier))


@dataclass(frozen=True)
class Laid:
    """How the rows of a group lie on each other, by their places in ``rows``.

    Attributes:
        rows: Those to look into.
        frame: Place of the row in whose frame the others are laid.
        matrices: (3, 3) of each, from its shares to the frame's.
        holds, framed: (a, b) with a < b: 1 where b is known to hold a, or to be a with a frame; -1
            the other way about.
    """

    rows: list[int]
    frame: int
    matrices: list[Matrix]
    holds: dict[Pair, int]
    framed: dict[Pair, int]

    @property
    def last(self) -> list[int]:
        """Places of those that are known to hold most others among other things."""
        return [place for place in range(len(self.rows)) if _holds_most(place, self.holds)]

    def to_bytes(self, photos: Sequence[Photo]) -> bytes:
        """Return what the order is made of, besides code."""
        parts = [photos[row].sha256.encode() for row in self.rows]
        parts += [matrix.tobytes() for matrix in self.matrices]
        parts.append(
            repr((self.frame, sorted(self.holds.items()), sorted(self.framed.items()))).encode()
        )
        return b"".join([*parts, shipped_origin().version.encode()])


@dataclass(frozen=True)
class Compared:
    """The traces of rows, by place; empty where there is nothing to compare.

    Attributes:
        rows: Those that can be read.
        traced: How they compare.
        pictures: What was compared.
        lost: (a, b) where b has lost the colour profile of a.
    """

    rows: list[int]
    traced: Traced
    pictures: Sequence[Look] = ()
    lost: frozenset[Pair] = frozenset()


def lineages_of(
    groups: Sequence[Sequence[int]],
    photos: Sequence[Photo],
    between: Between,
    may_go: MayGo,
    kept: Kept | None = None,
    on_done: OnDone | None = None,
) -> list[Lineage]:
    """Put the rows of each group in the order in which they were made.

    Args:
        groups: Rows, the most promising first; ``LOOKED_INTO`` of each group are looked into.
        photos: The photo of each row.
        between: Evidence with a matrix.
        may_go: What is likely kept is compared closely with the rows that may go.
        kept: What was found before.
        on_done: Called with (groups looked into, groups).
    """
    laid = [lay(rows, photos, between) for rows in groups]
    known = [None if kept is None else _known_order(one, photos, kept) for one in laid]
    missing = [place for place, lineage in enumerate(known) if lineage is None]

    def found_of(place: int) -> Lineage:
        looks = Looks(photos)
        lineage = _lineage(laid[place], looks)
        first = [row for row, tier in lineage.tier.items() if tier == 0]
        waiting = _waiting(first[0], groups[place], between, may_go) if len(first) == 1 else []
        return replace(
            lineage, verdicts=_judged(first[0], waiting, looks, between) if waiting else {}
        )

    with ThreadPoolExecutor(usable_cores(), "judge", initializer=use_one_thread) as pool:
        fresh: dict[int, Lineage] = {}
        for place, lineage in zip(missing, pool.map(found_of, missing), strict=True):
            fresh[place] = lineage
            if on_done:
                on_done(len(groups) - len(missing) + len(fresh), len(groups))
    if kept is not None:
        _keep(fresh, laid, photos, between, kept)
    return [fresh[place] if lineage is None else lineage for place, lineage in enumerate(known)]


def _waiting(first: int, rows: Sequence[int], between: Between, may_go: MayGo) -> list[int]:
    """Return the rows that may go, without those whose evidence only follows from others.

    These are proven anew once it is known which photo is kept, and then looked into by ``with_pairs``.
    """
    found = {row: between(first, row) for row in rows if may_go(first, row)}
    return [row for row, one in found.items() if one is None or one.method != BY_HUB]


def with_pairs(
    lineages: Sequence[Lineage],
    asked: Sequence[tuple[int, Sequence[int]]],
    photos: Sequence[Photo],
    between: Between,
    kept: Kept | None = None,
) -> list[Lineage]:
    """Return the lineages with more verdicts: nothing may go unlooked into.

    Args:
        lineages: Of groups.
        asked: Of each group (centre, rows), whose pairs are looked into.
        photos: The photo of each row.
        between: Evidence with a matrix.
        kept: What was found before.
    """
    known = [
        dict(lineage.verdicts) | _known_verdicts(lineage, centre, rows, between, kept)
        for lineage, (centre, rows) in zip(lineages, asked, strict=True)
    ]

    def found_of(place: int) -> dict[Pair, Verdict]:
        centre, rows = asked[place]
        missing = [row for row in rows if (centre, row) not in known[place]]
        return _judged(centre, missing, Looks(photos), between) if missing else {}

    with ThreadPoolExecutor(usable_cores(), "judge", initializer=use_one_thread) as pool:
        fresh = list(pool.map(found_of, range(len(asked))))
    if kept is not None:
        pairs = {pair: one for found in fresh for pair, one in found.items()}
        kept.keep_clues({pair: (_made_of(between(*pair)), one) for pair, one in pairs.items()})
    return [
        replace(lineage, verdicts={**verdicts, **found})
        for lineage, verdicts, found in zip(lineages, known, fresh, strict=True)
    ]


def _known_verdicts(
    lineage: Lineage, centre: int, rows: Sequence[int], between: Between, kept: Kept | None
) -> dict[Pair, Verdict]:
    """Return those of the verdicts of (centre, row) that were kept."""
    verdicts: dict[Pair, Verdict] = {}
    for row in rows if kept is not None else ():
        made_of = _made_of(between(centre, row))
        if kept is None or not made_of or (centre, row) in lineage.verdicts:
            continue
        found = kept.clues(centre, row, made_of)
        if found is not None:
            verdicts[centre, row] = found
    return verdicts


def lay(rows: Sequence[int], photos: Sequence[Photo], between: Between) -> Laid:
    """Lay the rows of one group on each other, ``LOOKED_INTO`` of them at most."""
    frame = _frame(rows, photos, between)
    found = _to_frame(rows, frame, between)
    known = [row for row in found if _is_invertible(found[row])][:LOOKED_INTO]
    holds, framed = _containers(known, between)
    return Laid(known, known.index(frame), [found[row] for row in known], holds, framed)


def compare(laid: Laid, looks: Looks) -> Compared:
    """Trace all pairs of a group, of those photos that can still be read."""
    places = [place for place, row in enumerate(laid.rows) if looks[row] is not None]
    if laid.frame not in places:  # without it there is nothing to lay the others on
        return Compared([], NOTHING_TRACED)
    rows = [laid.rows[place] for place in places]
    matrices = [laid.matrices[place] for place in places]
    pictures, lost = without_profiles(rows, matrices, looks)
    family = lay_out(pictures, matrices, places.index(laid.frame))
    holds, framed = (_renumbered(known, places) for known in (laid.holds, laid.framed))
    return Compared(rows, trace(family, holds, framed), pictures, lost)


def _renumbered(known: Mapping[Pair, int], places: Sequence[int]) -> dict[Pair, int]:
    new = {place: number for number, place in enumerate(places)}
    return {(new[a], new[b]): sign for (a, b), sign in known.items() if a in new and b in new}


def _lineage(laid: Laid, looks: Looks) -> Lineage:
    compared = compare(laid, looks)
    if len(compared.rows) < 2:
        return Lineage(dict.fromkeys(compared.rows, 0))
    origin = shipped_origin()
    odds = origin.log_odds(compared.traced)
    odds = after_outvoted(odds, compared.traced, origin.links(compared.traced))
    odds = after_sources(odds, compared.traced, compared.pictures)
    odds = after_profiled(odds, compared.traced, compared.lost)
    last_rows = {laid.rows[place] for place in laid.last}
    last = [place for place, row in enumerate(compared.rows) if row in last_rows]
    return Lineage(dict(zip(compared.rows, tiers(odds, last=last), strict=True)))


def _judged(
    centre: int, rows: Sequence[int], looks: Looks, between: Between
) -> dict[Pair, Verdict]:
    """Return the verdicts of (centre, row), of those that lie on each other and can be read."""
    found: dict[Pair, Verdict] = {}
    for row in rows:
        evidence = between(centre, row)
        matrix = _matrix(evidence)
        if evidence is None or matrix is None or not _is_invertible(matrix):
            continue
        pair = alike(centre, row, matrix, looks)
        if pair is not None:
            verdict = judge(pair.a, pair.b, matrix, container=_container(evidence))
            found[centre, row] = replace(verdict, profile=pair.profile)
    return found


def _known_order(laid: Laid, photos: Sequence[Photo], kept: Kept) -> Lineage | None:
    if len(laid.rows) < 2:
        return None
    found = kept.order(laid.rows[0], laid.rows[1], laid.to_bytes(photos))
    if found is None or len(found) != len(laid.rows):
        return None
    return Lineage(dict(zip(laid.rows, found, strict=True)))


def _keep(
    found: Mapping[int, Lineage],
    laid: Sequence[Laid],
    photos: Sequence[Photo],
    between: Between,
    kept: Kept,
) -> None:
    """Keep what was found of groups; not the order where photos could not be read."""
    orders = []
    for place, lineage in found.items():
        rows = laid[place].rows
        if len(rows) > 1 and all(row in lineage.tier for row in rows):
            tiers_of = [lineage.tier[row] for row in rows]
            orders.append((rows[0], rows[1], laid[place].to_bytes(photos), tiers_of))
    kept.keep_orders(orders)
    verdicts = [item for lineage in found.values() for item in lineage.verdicts.items()]
    kept.keep_clues({pair: (_made_of(between(*pair)), one) for pair, one in verdicts})


def _made_of(evidence: Evidence | None) -> bytes:
    """Return what a verdict is made of besides the two photos."""
    if evidence is None:
        return b""
    return repr((evidence.matrix, _container(evidence))).encode()


def _frame(rows: Sequence[int], photos: Sequence[Photo], between: Between) -> int:
    """Return the row that most others show whole, as large as most: they need not be drawn anew.

    Among equals the one that was compared with most itself.
    """
    sizes = {row: sorted((photos[row].width, photos[row].height)) for row in rows}

    def rank(row: int) -> tuple[int, int, int, int, int]:
        proven = {other: between(other, row) for other in rows if other != row}
        found = {other: _matrix(evidence) for other, evidence in proven.items()}
        known = {other: matrix for other, matrix in found.items() if matrix is not None}
        whole = [
            o for o, matrix in known.items() if whole_turn(project(matrix, CORNERS)) is not None
        ]
        as_large = sum(sizes[other] == sizes[row] for other in whole)
        by_hub = sum(one is not None and one.method == BY_HUB for one in proven.values())
        pixels = photos[row].width * photos[row].height
        return as_large, len(whole), len(known), -by_hub, pixels

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


def _containers(rows: Sequence[int], between: Between) -> tuple[dict[Pair, int], dict[Pair, int]]:
    """Return which of two places holds the other among other things, and which has a frame."""
    holds: dict[Pair, int] = {}
    framed: dict[Pair, int] = {}
    for pair in combinations(range(len(rows)), 2):
        evidence = between(rows[pair[0]], rows[pair[1]])
        if evidence is None:
            continue
        if evidence.frame is not None:
            framed[pair] = 1 if evidence.frame == "b" else -1
        if _is_composite(evidence) and evidence.part is not None:
            holds[pair] = 1 if evidence.part == "a" else -1
    return holds, framed


def _holds_most(place: int, holds: Mapping[tuple[int, int], int]) -> bool:
    """Say whether a picture is known to hold most of those that it is proven against as a whole."""
    mine = [sign if b == place else -sign for (a, b), sign in holds.items() if place in (a, b)]
    return bool(mine) and sum(sign > 0 for sign in mine) > MOSTLY * len(mine)


def _is_composite(evidence: Evidence) -> bool:
    return bool(evidence.relations) and evidence.relations[-1] is Relation.COMPOSITE


def _container(evidence: Evidence) -> str | None:
    """Return which of the two is known to hold the other and more."""
    if evidence.frame is not None:
        return evidence.frame
    if _is_composite(evidence) and evidence.part is not None:
        return "b" if evidence.part == "a" else "a"
    return None
