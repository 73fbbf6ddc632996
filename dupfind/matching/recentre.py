"""Put a group around the photo that is kept, which may be another than the one that it grew around.

In:  a ``Star`` of rows and all proven pairs. Out: the star around its best member, and with what is proven
against that one. No disk or database.
"""

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np

from dupfind.matching.cluster import (
    QUORUM,
    Apart,
    Edges,
    Star,
    fits,
    has_quorum,
    is_page,
    neighbours_of,
    shown_by,
)

STILL_QUORUM = 0.4  # of who is a member, where another photo is kept than the one that it joined
STRAYS = 0.2  # share of the members, at most, that need not be proven against the original
WITNESSES = 2  # and that many members against each of those, or it is left


def recentred(star: Star, edges: Edges, best_first: Sequence[int]) -> Star:
    """Return the group around the best of its members that it can be proven around.

    That one is proven against half of the others, and each of the others against it or against two fifths
    of the group: whoever joined by a half must not cost the group its original. What holds photos of
    several groups is never the centre, nor what shows another member (``is_page``). Few that are proven
    against less cost the group its original neither, where the best one is proven against all others: who has
    two witnesses stays, who is proven against the old centre alone has something of it that no other member
    has (a sticker, the photo beside it in a collage) and is left.

    Args:
        star: A group.
        edges: All proven pairs.
        best_first: The members, the best to keep first.
    """
    inside = np.isin(edges.a, star.members) & np.isin(edges.b, star.members)
    neighbours = neighbours_of(edges.select(inside), list(star.members))
    members = set(star.members)
    quorum = {row for row in members if has_quorum(row, members, neighbours, STILL_QUORUM)}
    shown = shown_by(edges.select(inside))
    for row in best_first:
        near = neighbours[row].keys()
        enough = len(near) >= QUORUM * (len(members) - 1)
        late = row in star.bridges or is_page(row, members, neighbours, shown)
        away = members - near - {row} - quorum
        if not late and enough and len(away) <= STRAYS * len(members):
            strays = {one for one in away if neighbours[one].keys() == {star.centre}}
            if all(_is_vouched_for(one, near, neighbours) for one in away - strays):
                return Star(
                    row,
                    *(
                        tuple(r for r in rows if r not in strays)
                        for rows in (star.members, star.bridges)
                    ),
                )
    return star


def with_late(stars: Sequence[Star], edges: Edges, apart: Apart = frozenset()) -> list[Star]:
    """Return the groups with those photos of none that are proven against what a group is kept around.

    A group may have grown around another photo than the one that is kept in the end.
    """
    taken = {row for star in stars for row in star.members}
    centres = {star.centre: place for place, star in enumerate(stars)}
    late: dict[int, list[int]] = defaultdict(list)
    plain = edges.select(edges.container < 0)
    for at in np.argsort(-plain.probability, kind="stable").tolist():
        a, b = int(plain.a[at]), int(plain.b[at])
        for row, centre in ((a, b), (b, a)):
            if row in taken or centre not in centres:
                continue
            place = centres[centre]
            if fits(row, (*stars[place].members, *late[place]), apart):
                late[place].append(row)
                taken.add(row)
    return [
        replace(star, members=(*star.members, *late[place])) if late[place] else star
        for place, star in enumerate(stars)
    ]


def _is_vouched_for(row: int, near: Set[int], neighbours: dict[int, dict[int, float]]) -> bool:
    """Say whether two members are proven against this one, and all of those against the best."""
    witnesses = neighbours[row].keys()
    return len(witnesses) >= WITNESSES and witnesses <= near
