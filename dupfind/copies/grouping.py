"""Make the groups of a clustering from its scored pairs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.contents import Contents, relation_of_same
from dupfind.copies.features import FeatureSource
from dupfind.copies.originals import Lineage, lay, lineages_of, with_pairs
from dupfind.copies.proving import Prover
from dupfind.evidence import BY_HUB, QUORUM, Evidence
from dupfind.matching.advice import advise, may_be_harmless, more_exif, more_inside
from dupfind.matching.cluster import Apart, Edges, Star, group
from dupfind.matching.keep import Rule, order, with_tiers
from dupfind.matching.proven import Proven, is_likely, unjoined
from dupfind.matching.recentre import recentred, with_late
from dupfind.matching.units import unit_of, with_same_file_marks
from dupfind.photos.details import is_profiled
from dupfind.progress import OnDone
from dupfind.records import (
    Advice,
    Group,
    Level,
    Member,
    Photo,
    Reason,
    Relation,
    freed_bytes,
)

SIMILAR_INLIERS = 15  # aligned keypoints of look-alikes: another shot of the scene
UNRELATED_PAIRS = 200_000
SIMILAR_QUANTILE = 0.9999  # a look-alike is nearer than all but this share of unrelated pairs
_SEED = 20210429
# A framed copy must show clearly more pixels than the photo without the frame to be kept.
FRAMED_WORTH = 0.64
MOSTLY_HELD = 0.6  # share of one photo that the other must show to be in one group


@dataclass(frozen=True)
class Scored:
    """Pairs of distinct pictures with their probability and cosine similarity, all of one length.

    ``apart`` are the pairs that a closer look or a person told apart: they are never in one group.
    """

    pairs: list[Proven]
    probability: NDArray[np.float64]
    similarity: NDArray[np.float64]
    cut: float
    apart: Apart = frozenset()


def make_groups(
    scored: Scored,
    contents: Contents,
    prover: Prover,
    level: Level,
    rules: Sequence[Rule],
    on_done: OnDone | None = None,
) -> Iterator[Group]:
    """Yield the groups of photos, each with the photo to keep first.

    ``on_done`` is called with (groups looked into, groups).
    """
    contents = Contents(
        contents.model, [order(photos, rules) for photos in contents.photos], contents.vectors
    )
    edges = _edges(scored, level, contents.vectors)
    first = _without_frames(contents, _shown(scored, edges, prover.source))
    preference = _ranks(first, rules)
    stars = group(edges, photos=len(contents.photos), preference=preference, apart=scored.apart)
    known = {(pair.a, pair.b): place for place, pair in enumerate(scored.pairs)}
    builder = _Builder(scored, contents, known)
    ranked = [_ranked(star, builder) for star in stars]
    photos = builder.contents.first
    laid = [lay(rows, photos, builder.proven) for rows in ranked]
    builder.compare(((one.rows[one.frame], one.rows) for one in laid), prover)
    lineages = lineages_of(ranked, photos, builder.proven, builder.may_go, prover.kept, on_done)
    stars = [
        _centred(star, lineage, edges, first, rules)
        for star, lineage in zip(stars, lineages, strict=True)
    ]
    stars = with_late(stars, edges, scored.apart)
    builder.compare(((star.centre, star.members) for star in stars), prover)
    waiting = [
        (star.centre, [row for row in star.members if builder.may_go(star.centre, row)])
        for star in stars
    ]
    lineages = with_pairs(lineages, waiting, photos, builder.proven, prover.kept)
    judged = list(zip(stars, lineages, strict=True))
    taken = {row for star, _ in judged for row in star.members}
    alone = [
        Star(row, (row,))
        for row, photos in enumerate(contents.photos)
        if len(photos) > 1 and row not in taken
    ]
    judged += [(star, Lineage()) for star in alone]
    also_in = _appearances([star for star, _ in judged], edges)
    for number, (star, lineage) in enumerate(judged, 1):
        yield builder.build(number, star, lineage, also_in.get(number - 1, ()))


def _ranked(star: Star, builder: "_Builder") -> list[int]:
    """Return the members, those first that most of the others are proven against."""
    degree = {
        row: sum(builder.proven(row, other) is not None for other in star.members if other != row)
        for row in star.members
    }
    return sorted(star.members, key=lambda row: (row in star.bridges, -degree[row]))


def _centred(
    star: Star,
    lineage: Lineage,
    edges: Edges,
    first: Sequence[Photo],
    rules: Sequence[Rule],
) -> Star:
    """Make the original the centre of its group, where that is proven enough."""
    # What shows photos of other groups too comes after all that it could show.
    late = {row: len(star.members) + 1 for row in star.bridges}
    tiers = {first[row].id: lineage.of(row) + late.get(row, 0) for row in star.members}
    place = {first[row].id: row for row in star.members}
    ordered = order([first[row] for row in star.members], with_tiers(rules, tiers))
    return recentred(star, edges, [place[photo.id] for photo in ordered])


def _appearances(stars: Sequence[Star], edges: Edges) -> dict[int, tuple[int, ...]]:
    """Return for each group by its place the rows of other groups that show one of its photos."""
    place = {row: index for index, star in enumerate(stars) for row in star.members}
    found: dict[int, set[int]] = {}
    held = edges.container >= 0
    parts = np.where(edges.a == edges.container, edges.b, edges.a)
    for container, part in zip(edges.container[held].tolist(), parts[held].tolist(), strict=True):
        home = place.get(part)
        if home is not None and place.get(container) != home:
            found.setdefault(home, set()).add(container)
    return {home: tuple(sorted(rows)) for home, rows in found.items()}


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


def _without_frames(contents: Contents, shown: dict[int, float]) -> list[Photo]:
    """Return the first photo of each row, its size without its frame: that is no resolution."""
    first = [photos[0] for photos in contents.photos]
    for row, share in shown.items():
        width, height = (round(side * share**0.5) for side in (first[row].width, first[row].height))
        first[row] = replace(first[row], width=width, height=height)
    return first


def _ranks(first: Sequence[Photo], rules: Sequence[Rule]) -> NDArray[np.int64]:
    """Return the rank of each row by the keep rules."""
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
    # A collage leads nowhere: it may show a strip of a photo.
    whole = (held >= MOSTLY_HELD) | (edges.container >= 0)
    joined = (scored.probability >= scored.cut) & whole
    if level is Level.SIMILAR:
        aligned = np.array(
            [(pair.evidence.inliers or 0) >= SIMILAR_INLIERS for pair in pairs], bool
        )
        joined |= aligned | (scored.similarity >= similar_cut(vectors))
    joined &= np.array([(pair.a, pair.b) not in scored.apart for pair in pairs], bool)
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
        self,
        scored: Scored,
        contents: Contents,
        known: dict[tuple[int, int], int],
    ) -> None:
        self.scored, self.contents, self.known = scored, contents, known
        self._beside: dict[Path, frozenset[str]] = {}
        self._profiles: dict[int, bool] = {}

    def build(self, number: int, star: Star, lineage: Lineage, also_in: Sequence[int]) -> Group:
        """Return a group: the kept photo, then the others, the most probable first."""
        keep = self.contents.photos[star.centre][0]
        members = [
            member for row in star.members for member in self._members(star, row, keep, lineage)
        ]
        members.sort(key=lambda member: (-member.probability, -member.similarity, member.photo_id))
        made_from_it = lineage.tier and not lineage.balanced and lineage.of(star.centre) == 0
        why = (Reason.SOURCE,) if made_from_it else (Reason.BALANCED,) if lineage.tier else ()
        evidence = Evidence(unit=self._unit(keep))
        first = Member(keep.id, True, "original", 1.0, 1.0, evidence, Advice.KEEP, why)
        sizes = {photo.id: photo for row in star.members for photo in self.contents.photos[row]}
        going = {
            member.photo_id
            for member in members
            if member.advice is Advice.REMOVE and not sizes[member.photo_id].is_reference
        }
        photos = [keep, *(sizes[member.photo_id] for member in members)]
        reclaimable = freed_bytes(
            ((photo.file_id, photo.size_bytes) for photo in photos if photo.id in going),
            (photo.file_id for photo in photos if photo.id not in going),
        )
        members = with_same_file_marks(members, keep, sizes)
        lowest = self._lowest(star.members)
        return Group(
            number,
            (first, *members),
            lowest,
            reclaimable,
            tuple(self.contents.photos[row][0].id for row in star.bridges),
            tuple(self.contents.photos[row][0].id for row in also_in),
        )

    def proven(self, a: int, b: int) -> Evidence | None:
        """Return the evidence of row b as made from row a; None where they are not proven."""
        place = self.known.get((min(a, b), max(a, b)))
        if place is None or self.scored.probability[place] < self.scored.cut:
            return None
        pair = self.scored.pairs[place]
        return pair.evidence if pair.a == a else pair.evidence.reversed()

    def compare(self, stars: Iterable[tuple[int, Sequence[int]]], prover: Prover) -> None:
        """Prove those pairs of (centre, its rows) that only follow from others: what they are must be seen."""
        pairs = {(min(centre, row), max(centre, row)) for centre, rows in stars for row in rows}
        places = [self.known[pair] for pair in sorted(pairs & self.known.keys())]
        places = [at for at in places if self.scored.pairs[at].evidence.method == BY_HUB]
        if not places:
            return
        rows = [(self.scored.pairs[at].a, self.scored.pairs[at].b) for at in places]
        found = prover.prove(np.array(rows, np.int64).reshape(-1, 2))
        for at, pair in zip(places, found, strict=True):
            if is_likely(pair):  # else two strong edits are hard to tell by themselves
                self.scored.pairs[at] = pair

    def may_go(self, centre: int, row: int) -> bool:
        """Say whether a member's relation is one with which nothing may be lost."""
        if row == centre:
            return False
        relation, _, _, evidence = self._relation(centre, row)
        if may_be_harmless(relation, evidence):
            return True
        # Only what else could go is worth a look into the files.
        could = may_be_harmless(relation, evidence, profiled=True)
        return could and self._profiled(centre) != self._profiled(row)

    def _profiled(self, row: int) -> bool:
        """Say whether a row's first photo has a colour profile that is not sRGB."""
        if row not in self._profiles:
            self._profiles[row] = is_profiled(self.contents.photos[row][0].path)
        return self._profiles[row]

    def _members(self, star: Star, row: int, keep: Photo, lineage: Lineage) -> Iterator[Member]:
        photos = self.contents.photos[row]
        if row == star.centre:
            yield from (self._same(keep, photo) for photo in photos if photo.id != keep.id)
            return
        named, similarity, probability, evidence = self._relation(star.centre, row)
        verdict = lineage.verdicts.get((star.centre, row))
        for photo in photos:
            whole = replace(evidence, unit=self._unit(photo))
            advice, reasons = advise(named, evidence, verdict, photo, keep)
            if row in star.bridges:
                advice, reasons = Advice.LOOK, (*reasons, Reason.SEVERAL)
            more = more_exif(photo, photos[0]) or more_inside(photo, photos[0])
            if photo is not photos[0] and advice is Advice.LOOK and not more:
                # Whatever the first of the same is worth, a second file of it adds nothing.
                same = relation_of_same(photos[0], photo) is Relation.IDENTICAL
                advice = Advice.REMOVE
                reasons = (Reason.SAME_BYTES if same else Reason.SAME_PIXELS,)
            yield Member(photo.id, False, named, similarity, probability, whole, advice, reasons)

    def _same(self, keep: Photo, photo: Photo) -> Member:
        relation, evidence = relation_of_same(keep, photo), Evidence(unit=self._unit(photo))
        advice, reasons = advise(relation, evidence, None, photo, keep)
        return Member(photo.id, False, relation, 1.0, 1.0, evidence, advice, reasons)

    def _unit(self, photo: Photo) -> str | None:
        """Return what a photo is a part of, by a file beside it (RAW, live photo)."""
        folder = photo.path.parent
        if folder not in self._beside:
            self._beside[folder] = _names_in(folder)
        return unit_of(photo.path, self._beside[folder])

    def _relation(self, centre: int, row: int) -> tuple[Relation, float, float, Evidence]:
        """Return how a picture is made from the centre's, with the evidence in that direction."""
        place = self.known.get((min(centre, row), max(centre, row)))
        vectors = self.contents.vectors[[centre, row]].astype(np.float32)
        # Vectors rounded to 16 bits may be longer than 1.
        similarity = float(np.clip(vectors[0] @ vectors[1], -1, 1))
        if place is None:
            return Relation.SIMILAR, similarity, self.scored.cut, Evidence(QUORUM)
        pair = self.scored.pairs[place]
        probability = float(self.scored.probability[place])
        relation = pair.relation if probability >= self.scored.cut else unjoined(pair.relation)
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
