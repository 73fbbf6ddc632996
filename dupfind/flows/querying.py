"""Find the photos of a library that are nearest to a picture, which need not be in it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.copies.calibration import find_calibration
from dupfind.copies.contents import is_same_picture, relation_of_same, told_apart
from dupfind.copies.features import FeatureSource
from dupfind.copies.looking import Looker
from dupfind.copies.proving import Prover
from dupfind.copies.sketches import read_sketches
from dupfind.copies.verdicts import reach_verdicts
from dupfind.errors import PhotoError
from dupfind.evidence import Evidence
from dupfind.flows.models import described_vectors, open_active_model
from dupfind.matching.proven import Proven, not_proven, unjoined
from dupfind.matching.sketch import NEEDED_PX, Sketch, draw_sketch
from dupfind.matching.worth import background_of
from dupfind.options import DEFAULT_MATCHES, IndexKind
from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.scan import file_sha256
from dupfind.records import JoinFacts, Photo, Relation
from dupfind.store.models import StoredModel
from dupfind.store.store import Store
from dupfind.system import usable_cores

if TYPE_CHECKING:
    from dupfind.descriptors.backbone import Model
    from dupfind.index import VectorIndex

OnJoin = Callable[[JoinFacts], None]
"""Called with how descriptors were compared, and what that misses."""
SHORTLIST = 30  # contents that are looked at, or three times k where that is more
SHORTLIST_PER_MATCH = 3
VOTED = 10  # further ones, by votes of local features
_ASKED = 0  # the row of the photo asked for; those that it is compared with follow
COPY = 0.5  # probability from which a match counts as a copy and comes first


@dataclass(frozen=True, slots=True)
class Match:
    """A photo near the one asked for: cosine similarity, and how the two are related.

    ``probability`` that the two are copies, in [0, 1]; ``evidence`` describes the photo as made
    from the one asked for. ``told_apart``: a person said that they are no duplicates; such a match
    comes after the copies.
    """

    photo: Photo
    similarity: float
    probability: float
    relation: Relation
    evidence: Evidence = field(default_factory=Evidence)
    told_apart: bool = False


def find_nearest(
    store: Store,
    image: Path,
    *,
    k: int = DEFAULT_MATCHES,
    device: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    index_kind: IndexKind = IndexKind.AUTO,
    on_join: OnJoin | None = None,
) -> list[Match]:
    """Return the k photos nearest to an image file: copies first, then look-alikes, by similarity.

    Copies of the same bytes are listed one by one. The image itself is left out when it is in
    the library. ``index_kind`` says how descriptors are compared, and ``on_join`` is told how they were.

    Raises:
        PhotoError: The image cannot be read.
        ModelError: Nothing is indexed yet, or the model that described the photos is gone.
        SearchError: ``k`` is below 1.
    """
    model, stored = open_active_model(store)
    asked, vector, sketch = _describe(image, model, device=device, max_pixels=max_pixels)
    # What only passes through leaves nothing behind.
    guests = () if store.photos_of_content(asked.sha256) else (_ASKED,)
    with (
        store.features() as cache,
        closing(FeatureSource([asked], cache, workers=usable_cores(), guests=guests)) as source,
    ):
        count = max(SHORTLIST, SHORTLIST_PER_MATCH * k)
        near = _shortlist(store, stored, sketch, vector, count=count, kind=index_kind)
        if on_join:
            on_join(near.facts)
        found = _prove(store, stored, source, near)
    matches = [
        replace(match, photo=photo)
        for match in found
        for photo in store.photos_of_content(match.photo.sha256)
        if photo.path != asked.path
    ]
    matches = _with_decisions(store, asked, matches)
    matches.sort(
        key=lambda match: (match.told_apart or match.probability < COPY, -match.similarity)
    )
    return matches[:k]


def _with_decisions(store: Store, asked: Photo, matches: list[Match]) -> list[Match]:
    """Mark the matches that a person told apart from the photo asked for."""
    apart = told_apart(store, [[asked], *([match.photo] for match in matches)])
    told = {max(pair) for pair in apart if min(pair) == 0}
    return [
        replace(match, told_apart=True) if place in told else match
        for place, match in enumerate(matches, 1)
    ]


def removed_on(store: Store, image: Path) -> str | None:
    """Return when a person last removed these bytes (UTC, ISO 8601); None for never.

    Raises:
        PhotoError: The image cannot be read.
    """
    return store.removed_on(file_sha256(image))


def _describe(
    image: Path, model: "Model", *, device: str, max_pixels: int
) -> tuple[Photo, NDArray[np.float16], Sketch]:
    """Return the image as a photo (with the id 0), its descriptor, (1, dimensions), and its sketch."""
    # Not at the top: torch and FAISS take seconds to import, and Library knows queries from the start.
    from dupfind.descriptors.embed import Embedder
    from dupfind.descriptors.views import make_view

    view_px = model.spec.view_px
    try:
        sha256 = file_sha256(image)
        picture = decode(image, needed_px=max(view_px, NEEDED_PX), max_pixels=max_pixels)
    except PhotoError as error:
        raise PhotoError(f"cannot read {image}: {error}") from error
    found = image.stat()
    photo = Photo(
        0,
        image.absolute(),
        sha256,
        found.st_size,
        found.st_mtime_ns,
        picture.width,
        picture.height,
        picture.format,
        picture.taken_at,
        picture.exif_tags,
        pixels_sha256(picture.pixels),
    )
    view = np.stack([make_view(picture.pixels, view_px)])
    vector = Embedder(model, device=device).describe(view)
    return photo, vector, draw_sketch(picture.pixels)


@dataclass(frozen=True)
class _Near:
    """The first photo of each content near the one asked for.

    Attributes:
        photos: These.
        cosines: (photos,) their similarity to it.
        promising: (photos,) which are worth a proof.
        facts: How descriptors were compared.
    """

    photos: list[Photo]
    cosines: NDArray[np.float64]
    promising: NDArray[np.bool_]
    facts: JoinFacts


def _shortlist(
    store: Store,
    stored: StoredModel,
    sketch: Sketch,
    vector: NDArray[np.float16],
    *,
    count: int,
    kind: IndexKind,
) -> _Near:
    """Find the nearest by descriptor, and those that local features vote for.

    The photo that the image is a part of, or that is a part of it, need not be near.
    """
    from dupfind.copies.asking import promising, votes_among
    from dupfind.copies.local_index import open_local
    from dupfind.index import load_or_build, search

    ids, vectors = described_vectors(store, stored)
    index = load_or_build(store.paths.index, ids, vectors, stored.fingerprint, kind=kind)
    _, neighbour = search(index, vector, count)
    rows = [row for row in neighbour[0].tolist() if row >= 0]
    local = open_local(store.paths.index)
    votes = local.votes(sketch) if local else None
    if local and votes:
        contents = [store.photos_of_content(content) for content in local.best(votes, VOTED)]
        voted = np.array([photos[0].id for photos in contents if photos], np.int64)
        rows += np.searchsorted(ids, voted[np.isin(voted, ids)]).tolist()
    rows = list(dict.fromkeys(rows))
    photos = store.photos_by_id(int(ids[row]) for row in rows)
    near = [photos[int(ids[row])] for row in rows]
    both = np.concatenate([vector, vectors[rows]])
    worth = np.ones(len(near), bool)
    if local and votes:
        among = votes_among(local, votes, [photo.sha256 for photo in near])
        with store.features() as cache:
            sketches = [sketch, *read_sketches(near, cache, workers=usable_cores())]
        worth = promising(sketches, both, among, background_of(vectors))
    cosines = both[1:].astype(np.float32) @ vector[0].astype(np.float32)
    return _Near(near, np.clip(cosines, -1, 1).astype(np.float64), worth, _facts_of(index))


def _facts_of(index: "VectorIndex") -> JoinFacts:
    from dupfind.index import RECALL_QUERIES

    if index.kind == IndexKind.EXACT:
        return JoinFacts("exact", index.count, index.count)
    sample = min(RECALL_QUERIES, index.count)
    return JoinFacts(
        "lists",
        index.count,
        index.count,
        index.faiss_index.nlist,
        index.probes,
        index.recall,
        sample,
    )


def _prove(store: Store, stored: StoredModel, source: FeatureSource, near: _Near) -> list[Match]:
    """Say of each of the nearest contents how it is related to the photo asked for."""
    asked = source.photos[_ASKED]
    same = np.array([is_same_picture(asked, photo) for photo in near.photos], bool)
    source.add(near.photos)
    rows = np.arange(1, len(source.photos))
    pairs = np.column_stack([np.full_like(rows, _ASKED), rows])
    with closing(Prover(source.photos, source, workers=usable_cores())) as prover:
        proven = list(prover.prove(pairs[near.promising & ~same]))
    proven = sorted(proven + not_proven(pairs[~same], proven), key=lambda pair: pair.b)
    with closing(Looker(source.photos, workers=usable_cores())) as looker:
        judged = looker.judge(proven)
    calibration = find_calibration(store, stored.id).calibration
    verdicts = reach_verdicts(proven, near.cosines[~same], calibration, judged)
    outcomes = zip(verdicts.named(proven, COPY), verdicts.probability.tolist(), strict=True)
    return [
        Match(photo, 1.0, 1.0, relation_of_same(asked, photo))
        if is_same
        else _judged(photo, cosine, *next(outcomes))
        for photo, cosine, is_same in zip(
            near.photos, near.cosines.tolist(), same.tolist(), strict=True
        )
    ]


def _judged(photo: Photo, cosine: float, proven: Proven, probability: float) -> Match:
    relation = proven.relation if probability >= COPY else unjoined(proven.relation)
    return Match(photo, cosine, probability, relation, proven.evidence)
