"""Let the keypoints of sketched photos vote for the photos that they are found in, and see which agree.

In:  the sketches of a collection, and the nearest codes of each code. Out: ``Votes``: pairs of photos with
what speaks for each. No disk, index or database.

A keypoint votes for the photos of its nearest codes; a pattern that many photos have (sky, print, the chrome of
a screenshot) has many near neighbours and its vote weighs nothing. Each vote also proposes how one photo lies
in the other (place, size and direction of a keypoint): votes that propose the same are no chance, and counting
them costs next to nothing.

Sources: local naive Bayes nearest neighbour (McCann and Lowe 2012); Hough voting of keypoints (Lowe 2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError
from dupfind.matching.pairs import heaviest_first
from dupfind.matching.sketch import DIMENSIONS, THUMB_PX, UNIT, Sketch, View, shipped_basis

NEIGHBOURS = 20
KEPT = 12  # photos that a photo's keypoints may vote for, in each view
MOST_MATCHES = 32  # of a pair: the heaviest
LOOSE = 0.04  # how far a match may lie from where another proposes, as a fraction of the long side
LEAST_WEIGHT = 0.02
LEAST_RATIO = 0.1  # by which share a match of two sketches must be nearer than the next one
_PAIRS_AT_ONCE = 64


@dataclass
class SketchTable:
    """The sketches of photos as columns, one row a keypoint.

    Attributes:
        start: (photos + 1,) int64, the first row of each photo, and their number.
        owner: (rows,) int32, the photo of each row.
        places: (rows, 4) float32: x, y, size, angle in radians, as in ``Sketch``.
        codes: (rows, DIMENSIONS) int8.
        thumbs: (photos, THUMB_PX, THUMB_PX) uint8.
    """

    start: NDArray[np.int64]
    owner: NDArray[np.int32]
    places: NDArray[np.float32]
    codes: NDArray[np.int8]
    thumbs: NDArray[np.uint8]

    @property
    def photos(self) -> int:
        """How many photos there are."""
        return len(self.start) - 1

    @classmethod
    def of(cls, sketches: Sequence[Sketch]) -> "SketchTable":
        """Put the sketches of a few photos together."""
        table = cls.empty(len(sketches), sum(map(len, sketches)))
        for row, sketch in enumerate(sketches):
            table.put(row, sketch)
        return table

    @classmethod
    def empty(cls, photos: int, rows: int) -> "SketchTable":
        """Return room for so many photos and keypoints; ``put`` fills it, ``cut`` drops what is left."""
        return cls(
            np.zeros(photos + 1, np.int64),
            np.zeros(rows, np.int32),
            np.zeros((rows, 4), np.float32),
            np.zeros((rows, DIMENSIONS), np.int8),
            np.zeros((photos, THUMB_PX, THUMB_PX), np.uint8),
        )

    def put(self, photo: int, sketch: Sketch, most: int | None = None) -> None:
        """Add the next photo, at most so many of its largest keypoints."""
        first = int(self.start[photo])
        count = len(sketch) if most is None else min(len(sketch), most)
        rows = slice(first, first + count)
        self.start[photo + 1] = rows.stop
        self.owner[rows] = photo
        self.places[rows, :2] = sketch.points[:count]
        self.places[rows, 2] = sketch.sizes[:count]
        self.places[rows, 3] = sketch.angles[:count]
        self.codes[rows] = sketch.codes[:count]
        self.thumbs[photo] = sketch.thumb

    def cut(self) -> None:
        """Drop the rows that were not filled."""
        rows = int(self.start[-1])
        self.owner, self.places, self.codes = (
            self.owner[:rows],
            self.places[:rows],
            self.codes[:rows],
        )

    def among(self, rows: NDArray[np.int64], photos: int) -> "SketchTable":
        """Return the same sketches as those of ``rows`` (ascending) of so many photos; the others have none."""
        start = np.zeros(photos + 1, np.int64)
        start[rows + 1] = np.diff(self.start)
        thumbs = np.zeros((photos, THUMB_PX, THUMB_PX), np.uint8)
        thumbs[rows] = self.thumbs
        owner = rows[self.owner].astype(np.int32)
        return SketchTable(start.cumsum(), owner, self.places, self.codes, thumbs)

    def rows_of(self, photos: range, most: int | None = None) -> NDArray[np.int64]:
        """Return the rows of some photos, of each the ``most`` first at most."""
        rows = np.arange(self.start[photos.start], self.start[photos.stop])
        if most is None:
            return rows
        return rows[rows - self.start[self.owner[rows]] < most]


@dataclass(frozen=True)
class Votes:
    """Pairs of photos and what their keypoints say, arrays of one length.

    Attributes:
        voter, target: Rows of the photos.
        weight: Sum of the votes.
        support: Sum of those votes that propose the same place.
        agreeing: How many keypoints these are.
        closeness: Mean cosine of these.
        area: How much of the larger picture they span, as a share of its long side squared.
    """

    voter: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float32]
    support: NDArray[np.float32]
    agreeing: NDArray[np.int64]
    closeness: NDArray[np.float32]
    area: NDArray[np.float32]

    @classmethod
    def join(cls, parts: "Sequence[Votes]") -> "Votes":
        """Put several together."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )

    def moved(self, place: NDArray[np.int64]) -> "Votes":
        """Return the votes with rows renamed; those of or for a photo without a ``place`` (-1) are dropped."""
        voter, target = place[self.voter], place[self.target]
        moved = replace(self, voter=voter, target=target)
        return moved.where((voter >= 0) & (target >= 0))

    def where(self, keep: NDArray[np.bool_]) -> "Votes":
        """Return some of the votes."""
        return Votes(*(getattr(self, field.name)[keep] for field in fields(self)))


@dataclass(frozen=True)
class _Matches:
    """Votes one by one: rows of the keypoints, weight and cosine; sorted by pair and then by weight."""

    pair: NDArray[np.int64]
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    weight: NDArray[np.float32]
    cosine: NDArray[np.float32]


def count_votes(
    asking: SketchTable,
    rows: NDArray[np.int64],
    found: tuple[NDArray[np.float32], NDArray[np.int64]],
    asked: SketchTable,
    view: View,
) -> Votes:
    """Count the votes of some photos' keypoints, and how many of them agree.

    Args:
        asking: The photos that vote.
        rows: Their keypoints that vote, all of a photo together.
        found: Cosine and row in ``asked`` of the codes nearest to each of them, (rows, k), best first; the
            row is -1 where there are fewer.
        asked: The photos that are voted for; ``asking`` itself for a collection (no photo votes for itself).
        view: As what the voting photos are looked at.

    Raises:
        DescriptorError: The two tables differ in shape.
    """
    cosine, neighbour = found
    if cosine.shape != neighbour.shape or len(rows) != len(neighbour):
        raise DescriptorError(
            f"cosine is {cosine.shape} and neighbour is {neighbour.shape} for {len(rows)} keypoints; "
            "all must be of the same search"
        )
    matches = _weighted(asking, rows, cosine, neighbour, asked)
    pairs, first, count = np.unique(matches.pair, return_index=True, return_counts=True)
    if not len(pairs):
        none = np.zeros(0, np.float32)
        return Votes(pairs, pairs, none, none, pairs, none, none)
    weight = np.add.reduceat(matches.weight, first)
    best = _heaviest(pairs // asked.photos, weight)
    pairs, first, count, weight = pairs[best], first[best], count[best], weight[best]
    places = first[:, None] + np.arange(min(MOST_MATCHES, int(count.max())))
    valid = places < (first + count)[:, None]
    places = np.where(valid, places, first[:, None])
    agreement = _agreement(asking, asked, matches, places, valid, view)
    return Votes(pairs // asked.photos, pairs % asked.photos, weight, *agreement)


def _weighted(
    asking: SketchTable,
    rows: NDArray[np.int64],
    cosine: NDArray[np.float32],
    neighbour: NDArray[np.int64],
    asked: SketchTable,
) -> _Matches:
    """Weigh each vote by how much nearer it is than the last neighbour; drop those that weigh nothing."""
    some = neighbour >= 0
    distance = np.where(some, 2 - 2 * np.where(some, cosine, 0), 0)
    background = np.maximum(distance.max(axis=1, keepdims=True, initial=0), 1e-6)
    weight = 1 - distance / background
    target = asked.owner[np.maximum(neighbour, 0)]
    voter = asking.owner[rows]
    keep = some & (weight > LEAST_WEIGHT)
    if asking is asked:
        keep &= target != voter[:, None]
    place, rank = np.nonzero(keep)
    pair = voter[place].astype(np.int64) * asked.photos + target[place, rank]
    heavy = weight[place, rank]
    order = heaviest_first(pair, heavy)
    place, rank = place[order], rank[order]
    return _Matches(
        pair[order],
        rows[place],
        neighbour[place, rank],
        heavy[order].astype(np.float32),
        cosine[place, rank].astype(np.float32),
    )


def _heaviest(voter: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the places of the ``KEPT`` heaviest targets of each voter."""
    order = heaviest_first(voter, weight)
    rank = np.arange(len(voter)) - np.searchsorted(voter[order], voter[order])
    return np.sort(order[rank < KEPT])


def _agreement(
    asking: SketchTable,
    asked: SketchTable,
    matches: _Matches,
    places: NDArray[np.int64],
    valid: NDArray[np.bool_],
    view: View,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return for each pair the best supported proposal: support, keypoints, mean cosine, area.

    ``places`` are the matches of each pair, (pairs, most), as far as they are ``valid``.
    """
    one, other = matches.one[places], matches.other[places]
    xa, ya, size_a, angle_a = np.moveaxis(asking.places[one], -1, 0)
    xb, yb, size_b, angle_b = np.moveaxis(asked.places[other], -1, 0)
    # A mirror image is a reflection of y followed by a turn: directions change their sign first.
    sign = np.float32(-1 if view is View.MIRRORED else 1)
    scale = size_b / np.maximum(size_a, 1e-6)
    turn = angle_b - sign * angle_a + np.float32(np.pi if view is View.NEGATIVE else 0)
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    ya = sign * ya
    left, top = xb - (cos * xa - sin * ya), yb - (sin * xa + cos * ya)
    # (pairs, proposals, matches): every match proposes, and is measured against every proposal.
    across = cos[..., None] * xa[:, None] - sin[..., None] * ya[:, None]
    down = sin[..., None] * xa[:, None] + cos[..., None] * ya[:, None]
    error = (across + left[..., None] - xb[:, None]) ** 2
    error += (down + top[..., None] - yb[:, None]) ** 2
    # Where the picture shrinks, distances count in the larger one.
    limit = (LOOSE / np.clip(1 / np.maximum(scale, 1e-3), 1, 3)) ** 2
    near = (error < limit[..., None]) & valid[:, None] & valid[..., None]
    weight = np.where(valid, matches.weight[places], 0)
    support = np.einsum("npm,nm->np", near, weight, dtype=np.float32)
    best = support.argmax(axis=1)
    pairs = np.arange(len(places))
    inside = near[pairs, best]
    agreeing = np.minimum(_distinct(one, inside), _distinct(other, inside))
    closeness = (matches.cosine[places] * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    area = np.maximum(_span(xa, inside), _span(xb, inside)) * np.maximum(
        _span(ya, inside), _span(yb, inside)
    )
    return support[pairs, best], agreeing, closeness.astype(np.float32), area.astype(np.float32)


def _distinct(rows: NDArray[np.int64], inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the different rows inside, (pairs,)."""
    ordered = np.sort(np.where(inside, rows, -1), axis=1)
    new = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    return np.asarray(new.sum(axis=1) + (ordered[:, 0] >= 0), np.int64)


def _span(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return largest less smallest of the values inside, (pairs,); 0 where there are none."""
    high = np.where(inside, values, -np.inf).max(axis=1)
    low = np.where(inside, values, np.inf).min(axis=1)
    return np.asarray(np.maximum(high - low, 0), np.float32)


def cosines(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn inner products of codes into cosines."""
    return np.asarray(products * np.float32(1 / UNIT**2), np.float32)


@dataclass(frozen=True)
class Agreement:
    """How well the keypoints of two sketches agree when only these two are looked at, arrays (pairs,).

    ``support`` sums the weights of the matches that agree on a place, ``agreeing`` counts them, and
    ``closeness`` is their mean cosine; all of the view with the most support.
    """

    support: NDArray[np.float32]
    agreeing: NDArray[np.int64]
    closeness: NDArray[np.float32]


def compare_sketches(table: SketchTable, pairs: NDArray[np.int64]) -> Agreement:
    """Match the sketches of pairs, (pairs, 2) rows, with each other, in every view."""
    found = Agreement(
        np.zeros(len(pairs), np.float32),
        np.zeros(len(pairs), np.int64),
        np.zeros(len(pairs), np.float32),
    )
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        block = pairs[start : start + _PAIRS_AT_ONCE]
        sides = _padded(table, block[:, 0]), _padded(table, block[:, 1])
        for view in View:
            support, agreeing, closeness, _ = _compare_as(table, *sides, view)
            better = np.flatnonzero(support > found.support[start : start + len(block)])
            found.support[start + better] = support[better]
            found.agreeing[start + better] = agreeing[better]
            found.closeness[start + better] = closeness[better]
    return found


@dataclass(frozen=True)
class _Padded:
    """The keypoints of some photos, as many for each.

    Attributes:
        rows: (photos, keypoints) rows of the table.
        codes: (photos, keypoints, DIMENSIONS) float32, of length 1.
        missing: (photos, keypoints) which are none of its own.
    """

    rows: NDArray[np.int64]
    codes: NDArray[np.float32]
    missing: NDArray[np.bool_]


def _compare_as(
    table: SketchTable, a: _Padded, b: _Padded, view: View
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Return the agreement of pairs of which the first photo is looked at in a view."""
    cosine = a.codes * shipped_basis().signs[view] @ b.codes.transpose(0, 2, 1)
    cosine[a.missing[:, :, None] | b.missing[:, None, :]] = -1
    ahead, there, near_ahead = _distinctive(cosine, 2)
    back, here, near_back = _distinctive(cosine, 1)
    one = np.concatenate([a.rows, np.take_along_axis(a.rows, here, axis=1)], axis=1)
    other = np.concatenate([np.take_along_axis(b.rows, there, axis=1), b.rows], axis=1)
    near = np.concatenate([near_ahead, near_back], axis=1)
    weight = np.concatenate([ahead, back], axis=1)
    best = np.argsort(-weight, axis=1, kind="stable")[:, :MOST_MATCHES]
    flat = [np.take_along_axis(values, best, axis=1) for values in (one, other, weight, near)]
    matches = _Matches(
        np.repeat(np.arange(len(best)), best.shape[1]), *(values.reshape(-1) for values in flat)
    )
    places = np.arange(best.size).reshape(best.shape)
    return _agreement(table, table, matches, places, flat[2] > LEAST_RATIO, view)


def _padded(table: SketchTable, photos: NDArray[np.int64]) -> _Padded:
    """Return the keypoints of photos, as many for each."""
    first, count = table.start[photos], np.diff(table.start)[photos]
    offset = np.arange(max(1, int(count.max(initial=0))))
    missing = offset >= count[:, None]
    rows = np.where(missing, 0, first[:, None] + offset)
    return _Padded(rows, table.codes[rows].astype(np.float32) / np.float32(UNIT), missing)


def _distinctive(
    cosine: NDArray[np.float32], axis: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return how much nearer the nearest along an axis is than the next, in [0, 1], which, and its cosine."""
    nearest = np.expand_dims(cosine.argmax(axis=axis), axis)
    first = np.take_along_axis(cosine, nearest, axis)
    second = first
    if cosine.shape[axis] > 1:
        np.put_along_axis(cosine, nearest, -np.inf, axis)
        second = cosine.max(axis=axis, keepdims=True)
        np.put_along_axis(cosine, nearest, first, axis)
    weight = 1 - (1 - first) / np.maximum(1 - second, 1e-6)
    return weight.squeeze(axis).astype(np.float32), nearest.squeeze(axis), first.squeeze(axis)
