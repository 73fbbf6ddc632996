"""Group proven pairs without chains: every member is a copy of the group's centre, or of a quorum.

In:  proven pairs as arrays of rows. Out: ``Star``: a centre and its members. No disk or database.

A~B and B~C do not make A~C: groups grow around one photo, and a photo joins only when it is proven against
that photo or against at least half of those already there. What contains photos of one group only (a frame, a
screenshot) is a copy like any other. A collage contains several but is no copy of any; it joins the group that
it is proven against most often and never brings two groups together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

QUORUM = 0.5
SMALL = 0.3  # share of a photo that a picture on it takes up, below which it is no frame of that picture


@dataclass(frozen=True)
class Edges:
    """Proven pairs of photos, given by row.

    Attributes:
        a, b: (pairs,) int64 rows, a < b.
        probability: (pairs,) float64.
        container: (pairs,) int64: the row of the photo that contains the other (a collage); -1 where
            neither does.
        share: (pairs,) float64, how much of the container the other takes up.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    probability: NDArray[np.float64]
    container: NDArray[np.int64]
    share: NDArray[np.float64]

    def select(self, keep: NDArray[np.bool_]) -> "Edges":
        """Return the pairs for which ``keep`` holds."""
        return Edges(
            self.a[keep],
            self.b[keep],
            self.probability[keep],
            self.container[keep],
            self.share[keep],
        )


@dataclass(frozen=True)
class Star:
    """A group by rows: the centre, the members (the centre among them), and what bridges it.

    ``bridges`` are members that also contain photos of other groups (collages).
    """

    centre: int
    members: tuple[int, ...]
    bridges: tuple[int, ...] = ()


Apart = frozenset[tuple[int, int]]


def group(
    edges: Edges, *, photos: int, preference: NDArray[np.int64], apart: Apart = frozenset()
) -> list[Star]:
    """Group photos by their proven pairs.

    Args:
        edges: Pairs that are proven, all of the same level.
        photos: How many photos there are; rows are below it.
        preference: (photos,) rank of each photo by the keep rules, 0 the best to keep.
        apart: Pairs (a, b) with a < b that were told apart: never in one group, also where
            both are proven copies of a third (a crop of what they share).

    Returns:
        The groups, in the order of their centre's rank; each photo is in at most one.
    """
    contained = edges.container >= 0
    order = _Order(preference, shown_by(edges))
    stars = _stars(edges.select(~contained), photos, order, apart)
    # Whatever holds one photo only (a frame, a screenshot) is a copy of it like any other.
    while (framed := contained & _holds_one(edges, contained, stars)).any():
        contained &= ~framed
        stars = _stars(edges.select(~contained), photos, order, apart)
    stars = _with_collages(stars, edges.select(contained), apart)
    return sorted(stars, key=lambda star: int(preference[star.centre]))


Shown = dict[int, dict[int, float]]


def shown_by(edges: Edges) -> Shown:
    """Return for each row that holds others among other things which, and how much of it each takes up."""
    found: Shown = defaultdict(dict)
    held = edges.select(edges.container >= 0)
    parts = np.where(held.a == held.container, held.b, held.a)
    for row, part, share in zip(
        held.container.tolist(), parts.tolist(), held.share.tolist(), strict=True
    ):
        found[row][part] = share
    return dict(found)


def is_page(
    row: int, members: set[int], neighbours: dict[int, dict[int, float]], shown: Shown
) -> bool:
    """Say whether a member shows another one small, or most of those that it is proven against.

    It is made from them, and never kept in their place.
    """
    parts = {part: share for part, share in shown.get(row, {}).items() if part in members}
    others = len(neighbours[row].keys() & members)
    return any(share < SMALL for share in parts.values()) or 2 * len(parts) > max(1, others)


@dataclass(frozen=True)
class _Order:
    """What is kept: the rank of each photo by the keep rules, and what shows others among other things."""

    preference: NDArray[np.int64]
    shown: Shown

    def best(self, rows: Iterable[int]) -> int:
        """Return the first by the keep rules."""
        return min(rows, key=lambda row: int(self.preference[row]))

    def without_pages(self, members: set[int], neighbours: dict[int, dict[int, float]]) -> set[int]:
        """Return the members that show no other one; all where each does."""
        plain = {row for row in members if not is_page(row, members, neighbours, self.shown)}
        return plain or members


def _stars(peers: Edges, photos: int, order: _Order, apart: Apart) -> list[Star]:
    stars = []
    for rows in _components(peers, photos):
        stars.extend(_split(rows, neighbours_of(peers, rows), order, apart))
    return stars


def _without_rivals(
    centre: int, members: set[int], neighbours: dict[int, dict[int, float]], apart: Apart
) -> set[int]:
    """Leave out whatever was told apart from the centre, or from a member more sure than itself."""
    kept = [centre]
    near = neighbours[centre]
    for row in sorted(members - {centre}, key=lambda row: (-near.get(row, 0.0), row)):
        if fits(row, kept, apart):
            kept.append(row)
    return set(kept)


def _holds_one(edges: Edges, contained: NDArray[np.bool_], stars: list[Star]) -> NDArray[np.bool_]:
    """Return which pairs have a container whose parts are all of one group, or one photo: (pairs,).

    A picture on a photo is none, where that photo has a group of its own with it: it is small there, or
    has a group too.
    """
    place = {row: index for index, star in enumerate(stars) for row in star.members}
    homes: dict[int, set[int]] = defaultdict(set)
    holders: dict[int, set[int]] = defaultdict(set)
    parts = np.where(edges.a == edges.container, edges.b, edges.a)
    large = set(edges.container[contained & (edges.share >= SMALL)].tolist())
    for container, part in zip(
        edges.container[contained].tolist(), parts[contained].tolist(), strict=True
    ):
        home = place.get(part, -1 - part)
        homes[container].add(home)
        holders[home].add(container)
    one = []
    for container, (home, *others) in homes.items():
        own = place.get(container, home)
        is_framed = own == home or (home < 0 and container in large)
        if not others and (is_framed or holders[home].issuperset(stars[own].members)):
            one.append(container)
    return np.isin(edges.container, one)


def _components(edges: Edges, photos: int) -> Iterator[list[int]]:
    """Yield the connected components of at least two photos."""
    if not len(edges.a):
        return
    graph = csr_matrix((np.ones(len(edges.a), bool), (edges.a, edges.b)), (photos, photos))
    _, labels = connected_components(graph, directed=False)
    touched = np.unique(np.concatenate([edges.a, edges.b]))
    ordered = touched[np.argsort(labels[touched], kind="stable")]
    borders = np.flatnonzero(np.diff(labels[ordered])) + 1
    yield from ([int(row) for row in part] for part in np.split(ordered, borders))


def neighbours_of(edges: Edges, rows: list[int]) -> dict[int, dict[int, float]]:
    """Return row -> {proven partner: probability} for the rows of one component."""
    found: dict[int, dict[int, float]] = {row: {} for row in rows}
    inside = np.isin(edges.a, rows)
    for a, b, probability in zip(
        edges.a[inside].tolist(),
        edges.b[inside].tolist(),
        edges.probability[inside].tolist(),
        strict=True,
    ):
        found[a][b] = probability
        found[b][a] = probability
    return found


def _split(
    rows: list[int],
    neighbours: dict[int, dict[int, float]],
    order: _Order,
    apart: Apart,
) -> list[Star]:
    """Cut one component into stars, the best connected centre first."""
    free = set(rows)
    stars = []
    while len(free) > 1:
        centre = max(
            free, key=lambda row: (len(neighbours[row].keys() & free), -int(order.preference[row]))
        )
        members = _grow(centre, free, neighbours)
        if len(members) < 2:
            break
        members = _without_rivals(centre, members, neighbours, apart)
        centre, members = _choose_centre(members, neighbours, order)
        stars.append(Star(centre, tuple(sorted(members))))
        free -= members
    return stars


def _grow(centre: int, free: set[int], neighbours: dict[int, dict[int, float]]) -> set[int]:
    """Take all proven against the centre, then those proven against half of the members."""
    members = {centre} | (neighbours[centre].keys() & free)
    waiting = {near for row in members for near in neighbours[row].keys() & free} - members
    while waiting:
        best = max(waiting, key=lambda row: (len(neighbours[row].keys() & members), -row))
        if not has_quorum(best, members, neighbours):
            break
        members.add(best)
        waiting |= neighbours[best].keys() & free
        waiting -= members
    return members


def has_quorum(
    row: int, members: set[int], neighbours: dict[int, dict[int, float]], share: float = QUORUM
) -> bool:
    """Say whether a photo is proven against two members at least, and so large a share of the others."""
    others = members - {row}
    proven = len(neighbours[row].keys() & others)
    return proven >= 2 and proven >= share * len(others)


def _choose_centre(
    members: set[int], neighbours: dict[int, dict[int, float]], order: _Order
) -> tuple[int, set[int]]:
    """Let the keep rules choose among the members that are proven against half of the others.

    Where only what shows other members is, the group is that of the best connected of those.
    """
    plain = order.without_pages(members, neighbours)
    near = {row: len(neighbours[row].keys() & members) for row in plain}
    enough = min(max(near.values()), QUORUM * (len(members) - 1))
    centre = order.best(row for row, count in near.items() if count >= enough)
    return centre, _only_proven(centre, members, neighbours)


def _only_proven(
    centre: int, members: set[int], neighbours: dict[int, dict[int, float]]
) -> set[int]:
    """Leave out, one by one, the least proven of those that have neither the centre nor a quorum."""
    kept = set(members)
    doubtful = {row for row in members if row != centre and centre not in neighbours[row]}
    while True:
        unproven = [row for row in doubtful if not has_quorum(row, kept, neighbours)]
        if not unproven:
            return kept
        worst = min(unproven, key=lambda row: (len(neighbours[row].keys() & kept), row))
        kept.discard(worst)
        doubtful.discard(worst)


def _with_collages(stars: list[Star], edges: Edges, apart: Apart) -> list[Star]:
    """Let each collage join the group it is proven against most often, or pair up with one photo."""
    place = {row: index for index, star in enumerate(stars) for row in star.members}
    joined: dict[int, list[int]] = {}
    bridges: dict[int, list[int]] = {}
    alone: dict[int, list[int]] = {}
    for container in np.unique(edges.container).tolist():
        if container in place:
            continue
        mine = edges.select(edges.container == container)
        parts = np.where(mine.a == container, mine.b, mine.a)
        open_to_it = np.array(
            [
                part not in place
                or fits(
                    container, (*stars[place[part]].members, *joined.get(place[part], ())), apart
                )
                for part in parts.tolist()
            ],
            bool,
        )
        mine, parts = mine.select(open_to_it), parts[open_to_it]
        if not len(parts):
            continue
        home, homes = _home(place, parts, mine)
        if home >= 0:
            joined.setdefault(home, []).append(container)
            if homes > 1:
                bridges.setdefault(home, []).append(container)
        else:
            alone.setdefault(-1 - home, []).append(container)
    grown = [
        Star(star.centre, (*star.members, *joined.get(index, ())), tuple(bridges.get(index, ())))
        for index, star in enumerate(stars)
    ]
    taken = {row for star in grown for row in star.members}
    for part, containers in sorted(alone.items()):
        # A collage may itself be shown in another one: nothing is in two groups.
        free: list[int] = []
        for row in containers:
            if row not in taken and fits(row, free, apart):
                free.append(row)
        if part not in taken and free:
            grown.append(Star(part, (part, *free)))
            taken.update((part, *free))
    return grown


def fits(row: int, members: Sequence[int], apart: Apart) -> bool:
    """Tell whether a photo was told apart from none of these."""
    return not any((min(row, other), max(row, other)) in apart for other in members)


def _home(place: dict[int, int], parts: NDArray[np.int64], mine: Edges) -> tuple[int, int]:
    """Return the group a collage joins (-1 - row for a photo that has none), and how many it could.

    The group with the most proven parts; among equals the one whose photo is shown largest.
    """
    found: dict[int, tuple[int, float]] = {}
    for part, share in zip(parts.tolist(), mine.share.tolist(), strict=True):
        home = place.get(part, -1 - part)
        count, largest = found.get(home, (0, 0.0))
        found[home] = (count + 1, max(largest, share))
    best = max(found, key=lambda home: (*found[home], home))
    return best, len(found)
