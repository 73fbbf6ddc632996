"""Make the groups of a clustering from its scored pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.evidence import QUORUM, Evidence
from dupfind.flows.contents import Contents, relation_of_same
from dupfind.flows.features import FeatureSource
from dupfind.flows.proving import Proven
from dupfind.matching.cluster import Edges, Star, group
from dupfind.matching.keep import Rule, order
from dupfind.matching.units import unit_of
from dupfind.records import Group, Level, Member, Photo, Relation

SIMILAR_INLIERS = 15  # aligned keypoints of look-alikes: another shot of the scene
UNRELATED_PAIRS = 200_000
SIMILAR_QUANTILE = 0.9999  # a look-alike is nearer than all but this share of unrelated pairs
_SEED = 20210429
# A framed copy must show clearly more pixels than the photo without the frame to be kept.
FRAMED_WORTH = 0.64
MOSTLY_HELD = 0.6  # share of one photo that the other must show to be in one group


@dataclass(frozen=True)
class Scored:
    """Pairs of distinct pictures with their probability and cosine similarity, all of one length."""

    pairs: list[Proven]
    probability: NDArray[np.float64]
    similarity: NDArray[np.float64]
    cut: float


def make_groups(
    scored: Scored, contents: Contents, source: FeatureSource, level: Level, rules: Sequence[Rule]
) -> Iterator[Group]:
    """Yield the groups of photos, each with the photo to keep first."""
    contents = Contents(
        contents.model, [order(photos, rules) for photos in contents.photos], contents.vectors
    )
    edges = _edges(scored, level, contents.vectors)
    preference = _ranks(contents, rules, _shown(scored, edges, source))
    stars = group(edges, photos=len(contents.photos), preference=preference)
    taken = {row for star in stars for row in star.members}
    alone = [
        Star(row, (row,))
        for row, photos in enumerate(contents.photos)
        if len(photos) > 1 and row not in taken
    ]
    known = {(pair.a, pair.b): place for place, pair in enumerate(scored.pairs)}
    builder = _Builder(scored, contents, known)
    yield from (builder.build(number, star) for number, star in enumerate([*stars, *alone], 1))


def _shown(scored: Scored, edges: Edges, source: FeatureSource) -> dict[int, float]:
    """Return for each row with proven pairs what share of it is picture and not frame.

    A plain border shows by itself; where it runs into a dark picture only a copy without it tells.
    """
    rows = np.unique(np.concatenate([edges.a, edges.b])).tolist()
    content = {row: float(source[row].content.mean()) for row in rows}
    shown = dict(content)
    for pair, probability in zip(scored.pairs, scored.probability.tolist(), strict=True):
        framed = {"a": pair.a, "b": pair.b}.get(pair.evidence.frame or "")
        if framed in shown and probability >= scored.cut:
            share = _or_whole(pair.evidence.crop_share)  # of its content
            shown[framed] = min(shown[framed], FRAMED_WORTH * content[framed] * share)
    return shown


def _ranks(contents: Contents, rules: Sequence[Rule], shown: dict[int, float]) -> NDArray[np.int64]:
    """Return the rank of each row by the keep rules; a frame does not count as resolution."""
    first = [photos[0] for photos in contents.photos]
    for row, share in shown.items():
        width, height = (round(side * share**0.5) for side in (first[row].width, first[row].height))
        first[row] = replace(first[row], width=width, height=height)
    place = {photo.id: row for row, photo in enumerate(first)}
    ranks = np.empty(len(first), np.int64)
    for rank, photo in enumerate(order(first, rules)):
        ranks[place[photo.id]] = rank
    return ranks


def _edges(scored: Scored, level: Level, vectors: NDArray[np.float16]) -> Edges:
    pairs = scored.pairs
    edges = Edges(
        np.array([pair.a for pair in pairs], np.int64),
        np.array([pair.b for pair in pairs], np.int64),
        scored.probability,
        np.array([pair.container for pair in pairs], np.int64),
        np.array([_or_whole(pair.evidence.crop_share) for pair in pairs]),
    )
    # Two photos that each show much the other does not are parts of one picture, not copies of one
    # another: a chain of them would lead from one end of it to the other.
    held = np.array([_or_whole(pair.evidence.part_share) for pair in pairs])
    joined = (scored.probability >= scored.cut) & (held >= MOSTLY_HELD)
    if level is Level.SIMILAR:
        aligned = np.array(
            [(pair.evidence.inliers or 0) >= SIMILAR_INLIERS for pair in pairs], bool
        )
        joined |= aligned | (scored.similarity >= similar_cut(vectors))
    return edges.select(joined)


def _or_whole(share: float | None) -> float:
    return 1.0 if share is None else share


def similar_cut(vectors: NDArray[np.float16]) -> float:
    """Return the cosine similarity that unrelated photos of this collection hardly ever reach.

    A fixed cosine means another thing with every model and every collection, so it is read off
    random pairs of ``vectors``, (photos, dimensions).
    """
    if len(vectors) < 2:
        return 1.0
    generator = np.random.default_rng(_SEED)
    rows = generator.integers(len(vectors), size=(UNRELATED_PAIRS, 2))
    rows = rows[rows[:, 0] != rows[:, 1]]
    similarity = np.concatenate(
        [
            np.einsum("nd,nd->n", *(vectors[block[:, side]].astype(np.float32) for side in (0, 1)))
            for block in np.array_split(rows, 50)
        ]
    )
    return float(np.quantile(similarity, SIMILAR_QUANTILE))


class _Builder:
    """Turns stars of rows into groups of photos."""

    def __init__(
        self, scored: Scored, contents: Contents, known: dict[tuple[int, int], int]
    ) -> None:
        self.scored, self.contents, self.known = scored, contents, known
        self._beside: dict[Path, frozenset[str]] = {}

    def build(self, number: int, star: Star) -> Group:
        """Return a group: the kept photo, then the others, the most probable first."""
        keep = self.contents.photos[star.centre][0]
        members = [
            member for row in star.members for member in self._members(star.centre, row, keep)
        ]
        members.sort(key=lambda member: (-member.probability, -member.similarity, member.photo_id))
        first = Member(keep.id, True, "original", 1.0, 1.0, Evidence(unit=self._unit(keep)))
        bridges = tuple(self.contents.photos[row][0].id for row in star.bridges)
        sizes = {photo.id: photo for row in star.members for photo in self.contents.photos[row]}
        reclaimable = sum(
            sizes[member.photo_id].size_bytes
            for member in members
            if not sizes[member.photo_id].is_reference
        )
        lowest = self._lowest(star.members)
        return Group(number, (first, *members), lowest, reclaimable, bridges)

    def _members(self, centre: int, row: int, keep: Photo) -> Iterator[Member]:
        photos = self.contents.photos[row]
        if row == centre:
            for photo in photos:
                if photo.id != keep.id:
                    relation, evidence = (
                        relation_of_same(keep, photo),
                        Evidence(unit=self._unit(photo)),
                    )
                    yield Member(photo.id, False, relation, 1.0, 1.0, evidence)
            return
        named, similarity, probability, evidence = self._relation(centre, row)
        for photo in photos:
            whole = replace(evidence, unit=self._unit(photo))
            yield Member(photo.id, False, named, similarity, probability, whole)

    def _unit(self, photo: Photo) -> str | None:
        """Return what a photo is a part of, by a file beside it (RAW, live photo)."""
        folder = photo.path.parent
        if folder not in self._beside:
            self._beside[folder] = _names_in(folder)
        return unit_of(photo.path, self._beside[folder])

    def _relation(self, centre: int, row: int) -> tuple[Relation, float, float, Evidence]:
        """Return how a picture is made from the centre's, with the evidence in that direction."""
        place = self.known.get((min(centre, row), max(centre, row)))
        similarity = float(
            self.contents.vectors[centre].astype(np.float32)
            @ self.contents.vectors[row].astype(np.float32)
        )
        if place is None:
            return Relation.SIMILAR, similarity, self.scored.cut, Evidence(QUORUM)
        pair = self.scored.pairs[place]
        probability = float(self.scored.probability[place])
        relation = pair.relation if probability >= self.scored.cut else Relation.SIMILAR
        evidence = pair.evidence if pair.a == centre else pair.evidence.reversed()
        return relation, similarity, probability, evidence

    def _lowest(self, rows: Sequence[int]) -> float:
        """Return the lowest cosine similarity of any two members."""
        vectors = self.contents.vectors[list(rows)].astype(np.float32)
        if len(vectors) < 2:
            return 1.0
        return float(np.clip(vectors @ vectors.T, -1, 1).min())


def _names_in(folder: Path) -> frozenset[str]:
    """Return the names of a folder's files in lower case; none when it is gone or locked."""
    try:
        return frozenset(path.name.lower() for path in folder.iterdir())
    except OSError:
        return frozenset()
