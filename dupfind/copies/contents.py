"""The distinct pictures of a library: photos with the same bytes or the same pixels stand together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import LibraryError, PhotoError
from dupfind.photos.decode import same_pixels
from dupfind.records import Photo, Relation
from dupfind.store.models import StoredModel
from dupfind.store.store import Store
from dupfind.store.verdicts import picture_key


@dataclass(frozen=True)
class Contents:
    """Distinct pictures by row.

    Attributes:
        model: What described them.
        photos: All photos of each row; the first stands for the row.
        vectors: Descriptors of the rows, float16 (rows, dimensions).
    """

    model: StoredModel
    photos: list[list[Photo]]
    vectors: NDArray[np.float16]

    @property
    def first(self) -> list[Photo]:
        """The photo that stands for each row."""
        return [photos[0] for photos in self.photos]


def load_contents(store: Store) -> Contents:
    """Read photos and descriptors and put those of the same bytes or pixels together.

    Raises:
        LibraryError: Nothing is indexed yet, not all of it is described, or all of it is away.
    """
    model = store.active_model()
    if model is None:
        raise LibraryError("the library has no photos yet; run `dupfind index PHOTOS` first")
    _check_described(store, model)
    ids, vectors = store.vectors(model.id)
    by_hash: dict[str, list[Photo]] = defaultdict(list)
    for photo in store.photos():
        by_hash[photo.sha256].append(photo)
    first = store.photos_by_id(ids.tolist())
    groups = [by_hash[first[int(photo_id)].sha256] for photo_id in ids]
    merged = _merge_same_pixels(groups, told_apart(store, groups))
    rows = [row for row, _ in merged]
    return Contents(model, [photos for _, photos in merged], vectors[rows])


def is_same_picture(a: Photo, b: Photo) -> bool:
    """Say whether two photos have the same bytes or, read whole, the same upright pixels."""
    if a.sha256 == b.sha256:
        return True
    known = (a.pixels_sha256, a.width, a.height)
    if not a.pixels_sha256 or known != (b.pixels_sha256, b.width, b.height):
        return False
    try:
        return same_pixels(a.path, b.path)
    except PhotoError:  # it cannot be read any more: nothing is known, nothing is claimed
        return False


def relation_of_same(a: Photo, b: Photo) -> Relation:
    """Return the relation of two photos that stand in one row."""
    return Relation.IDENTICAL if a.sha256 == b.sha256 else Relation.SAME_PIXELS


def told_apart(store: Store, rows: Sequence[Sequence[Photo]]) -> frozenset[tuple[int, int]]:
    """Return the pairs of rows (a, b) with a < b that a person told apart.

    Args:
        store: The library.
        rows: The photos of each row.
    """
    contents = (
        (row, photo)
        for row, photos in enumerate(rows)
        for photo in {one.sha256: one for one in photos}.values()
    )
    return store.apart_rows(
        [
            (row, photo.sha256, picture_key(photo.pixels_sha256, photo.width, photo.height))
            for row, photo in contents
        ]
    )


def _check_described(store: Store, model: StoredModel) -> None:
    """Refuse to look for copies where photos would be left out: what is known of them would be lost."""
    photos, undescribed = store.count_photos(), store.count_undescribed(model.id)
    if undescribed:
        raise LibraryError(
            f"the model '{model.name}' has not described {undescribed:,} of the {photos:,} photos yet; "
            "run `dupfind index` with all their folders first"
        )
    if not photos and store.count_away():
        raise LibraryError(
            "all photos of the library are away, so what was found among them stays as it is; run "
            "`dupfind index PHOTOS` when their disk is back"
        )


def _merge_same_pixels(
    groups: Sequence[list[Photo]], apart: frozenset[tuple[int, int]]
) -> list[tuple[int, list[Photo]]]:
    """Merge contents with equal pixels: a hash of the reduced picture proposes, full pixels decide.

    Those that a person told apart stay so.
    """
    merged: list[tuple[list[int], list[Photo]]] = []
    seen: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for row, photos in enumerate(groups):
        photo = photos[0]
        alike = seen[photo.pixels_sha256, photo.width, photo.height]
        open_to_it = (
            place for place in alike if not any((one, row) in apart for one in merged[place][0])
        )
        home = next(
            (place for place in open_to_it if is_same_picture(merged[place][1][0], photo)), None
        )
        if home is None:
            alike.append(len(merged))
            merged.append(([row], list(photos)))
        else:
            merged[home][0].append(row)
            merged[home][1].extend(photos)
    return [(rows[0], photos) for rows, photos in merged]
