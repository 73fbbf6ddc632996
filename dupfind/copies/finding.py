"""Find the candidate pairs of a library: those of the last run, with what is new, or all anew.

A collection of which little changed costs what changed: new photos are compared with all, pairs of old ones
are those of before. What is kept depends on the model, the options and the code; after a larger change, or
many small ones, all is compared anew, because keypoints and descriptors are weighed against the collection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.candidates import Candidates, Joining, choose, find_candidates, named_rows
from dupfind.copies.kept_candidates import KeptCandidates, keep_candidates, kept_candidates
from dupfind.copies.local_index import KeptIndex, index_local, keep_local, open_local
from dupfind.copies.sketches import Sketches, load_sketches
from dupfind.engines import Engine
from dupfind.options import IndexKind
from dupfind.progress import OnProgress, stage
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

GROW_FROM = 500  # photos; in fewer all are compared anew in no time
LARGEST_CHANGE = 0.1  # of the photos since all were compared
JOIN_FOLDER = "join"  # in the folder of the index

GONE = "0" * 64  # the name of a photo in the index that is no longer in the library

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Finder:
    """How to find candidates.

    Attributes:
        folder: ``.dupfind/index``, where what was found is kept.
        fingerprint: Of the model that made the descriptors.
        k: Partners of a photo, see ``find_candidates``.
        kind: How descriptors are compared.
        workers: Threads that draw missing sketches.
        on_progress: Told of the phases ``features``, ``votes`` and ``near``.
        engine: Who joins lists of descriptors; None does it here.
    """

    folder: Path
    fingerprint: str
    k: int
    kind: IndexKind
    workers: int
    on_progress: OnProgress | None = None
    engine: Engine | None = None

    def find(
        self, photos: Sequence[Photo], vectors: NDArray[np.float16], cache: BlobCache
    ) -> Candidates:
        """Return the candidate pairs of photos with their descriptors, (photos, dimensions)."""
        made_of = (self.fingerprint, str(self.k), str(self.kind))
        given = _Given(photos, vectors, cache, tuple(photo.sha256 for photo in photos))
        before = kept_candidates(self.folder, made_of)
        if before is not None and before.contents == given.contents:
            return before.found
        now = self._grown(before, given) or self._whole(given)
        if now.is_complete:
            keep_candidates(self.folder, now.kept, made_of)
        return now.kept.found

    def _whole(self, given: "_Given") -> "_Found":
        """Compare all photos."""
        sketches = self._sketches(given, given.photos)
        local = index_local(sketches.table)
        keep_local(self.folder, local, given.contents)
        found = find_candidates(
            given.vectors,
            local,
            k=self.k,
            joining=self._joining,
            on_done=stage(self.on_progress, "votes"),
        )
        kept = KeptCandidates(found, given.contents, len(given.contents))
        return _Found(kept, sketches.unreadable == 0)

    def _grown(self, before: KeptCandidates | None, given: "_Given") -> "_Found | None":
        """Compare what is new with all; None where too much changed, or what is kept does not fit."""
        if before is None or len(given.contents) < GROW_FROM:
            return None
        place = _places(before.contents, given.contents)
        new = np.ones(len(given.contents), bool)
        new[place[place >= 0]] = False
        changed = before.changed + int(new.sum()) + int((place < 0).sum())
        if changed > LARGEST_CHANGE * before.whole:
            return None
        found, is_complete = _carried(before.found, place), True
        if new.any():
            index = open_local(self.folder)
            if index is None or not set(before.contents) <= set(index.contents):
                return None
            added, is_complete = self._added(_without_gone(index, before), given, new)
            found = Candidates(
                _united(found.promising, added.promising),
                _united(found.other, added.other),
                added.join,
            )
        return _Found(KeptCandidates(found, given.contents, before.whole, changed), is_complete)

    def _added(
        self, index: KeptIndex, given: "_Given", new: NDArray[np.bool_]
    ) -> tuple[Candidates, bool]:
        """Return the candidates that new photos bring, and whether all could be read; keep the grown index."""
        photos = [given.photos[row] for row in np.flatnonzero(new).tolist()]
        sketches = self._sketches(given, photos)
        local = index.grown(sketches.table)
        contents = (*index.contents, *(photo.sha256 for photo in photos))
        votes = local.votes(stage(self.on_progress, "votes"), since=len(index.contents))
        votes = votes.moved(_places(contents, given.contents))
        joined = self._joining.join(given.vectors, self.k)
        rows = named_rows(votes, joined.neighbour, new)
        table = self._sketches(given, [given.photos[row] for row in rows.tolist()]).table
        table = table.among(rows, len(given.photos))
        found = choose(votes, joined.neighbour, table, given.vectors, k=self.k, new=new)
        if not sketches.unreadable:
            keep_local(self.folder, local, contents)
        return replace(found, join=joined.facts), sketches.unreadable == 0

    def _sketches(self, given: "_Given", photos: Sequence[Photo]) -> Sketches:
        return load_sketches(
            photos,
            given.cache,
            of=len(given.photos),
            workers=self.workers,
            on_done=stage(self.on_progress, "features"),
        )

    @property
    def _joining(self) -> Joining:
        told = stage(self.on_progress, "near")
        return Joining(self.kind, self.folder / JOIN_FOLDER, told, self.engine)


@dataclass(frozen=True)
class _Given:
    """The photos by row, and what is known of them."""

    photos: Sequence[Photo]
    vectors: NDArray[np.float16]
    cache: BlobCache
    contents: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """What was found; ``is_complete`` where every photo could be read."""

    kept: KeptCandidates
    is_complete: bool


def _without_gone(index: KeptIndex, before: KeptCandidates) -> KeptIndex:
    """Return the index with the names of photos struck out that the last run did not have any more.

    A photo that comes back is new: it stands in the index twice, once without a name.
    """
    known = set(before.contents)
    names = tuple(content if content in known else GONE for content in index.contents)
    return replace(index, contents=names)


def _places(contents: Sequence[str], today: Sequence[str]) -> Rows:
    """Return where each content stands today, -1 for one that is gone."""
    row = {content: place for place, content in enumerate(today)}
    return np.array([row.get(content, -1) for content in contents], np.int64)


def _carried(found: Candidates, place: Rows) -> Candidates:
    """Return the pairs by today's rows; those with a photo that is gone are dropped."""
    return Candidates(_moved(found.promising, place), _moved(found.other, place))


def _moved(pairs: Rows, place: Rows) -> Rows:
    moved = np.sort(place[pairs], axis=1)
    return np.unique(moved[(moved >= 0).all(axis=1)], axis=0)


def _united(one: Rows, other: Rows) -> Rows:
    return np.unique(np.concatenate([one, other]), axis=0)
