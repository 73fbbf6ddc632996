"""Lay the collection out in two dimensions and write the page that shows it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.descriptors.layout import lay_out
from dupfind.errors import ModelError
from dupfind.flows.models import described_vectors
from dupfind.flows.thumbnails import CACHE_FILE, make_thumbnails
from dupfind.options import MapOptions
from dupfind.progress import OnProgress, stage
from dupfind.records import Photo
from dupfind.reports.map import MapContents, MapPoint, cell_for, write_map
from dupfind.reports.output import text_output
from dupfind.store.cache import BlobCache
from dupfind.store.store import Store

_SEED = 0


@dataclass(frozen=True, slots=True)
class MapSummary:
    """``shown`` of ``total`` photos of different bytes are on the map."""

    shown: int
    total: int


def draw_map(
    store: Store,
    target: Path | None,
    options: MapOptions | None = None,
    on_progress: OnProgress | None = None,
) -> MapSummary:
    """Write the map of a library's photos, as its active model sees them.

    Args:
        store: The library.
        target: The HTML file; None or ``-`` for standard output.
        options: See ``MapOptions``.
        on_progress: Called while the thumbnails are made; the phase is ``pictures``.

    Raises:
        ModelError: Nothing is indexed yet.
        ReportError: The page cannot be written.
    """
    contents = gather_map(store, options)
    photos = [point.photo for point in contents.points]
    with (
        BlobCache(store.paths.cache / CACHE_FILE) as cache,
        text_output(target) as stream,
    ):
        thumbnails = make_thumbnails(
            photos,
            cache,
            side_px=cell_for(len(photos)),
            on_done=stage(on_progress, "pictures"),
        )
        write_map(contents, stream, thumbnails)
    return MapSummary(len(contents.points), contents.contents_total)


def gather_map(store: Store, options: MapOptions | None = None) -> MapContents:
    """Return the photos at their places, one point for all photos of the same bytes.

    Raises:
        ModelError: Nothing is indexed yet.
    """
    model = store.active_model()
    if model is None:
        raise ModelError("the library holds no descriptors yet; run `dupfind index PHOTOS` first")
    ids, vectors = described_vectors(store, model)
    groups = _group_of_content(store)
    most = (options or MapOptions()).most
    chosen = choose(_are_grouped(store, ids, groups), most)
    photos, same_bytes = _contents(store, ids[chosen])
    places = lay_out(vectors[chosen])
    points = []
    for photo_id, (x, y) in zip(ids[chosen].tolist(), places.tolist(), strict=True):
        photo = photos[photo_id]
        group = groups.get(photo.sha256, 0)
        points.append(MapPoint(photo, x, y, group, same_bytes[photo.sha256] - 1))
    return MapContents(store.paths.root, model.name, points, len(ids), store.count_photos())


def choose(grouped: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Return the rows to show, ascending: all, or ``most`` of them, those in groups first.

    Args:
        grouped: Whether each photo is in a group, shape (photos,).
        most: How many at the most.
    """
    if len(grouped) <= most:
        return np.arange(len(grouped))
    shuffled = np.random.default_rng(_SEED).permutation(len(grouped))
    first = shuffled[np.argsort(~grouped[shuffled], kind="stable")]
    return np.sort(first[:most])


def _are_grouped(store: Store, ids: NDArray[np.int64], groups: dict[str, int]) -> NDArray[np.bool_]:
    """Say of each content, by the id of its first photo, whether it is in a group."""
    grouped = {photo.id for photo in store.photos() if photo.sha256 in groups}
    return np.isin(ids, np.fromiter(grouped, np.int64, len(grouped)))


def _contents(store: Store, ids: NDArray[np.int64]) -> tuple[dict[int, Photo], Counter[str]]:
    """The photo of each id, and how many photos have its bytes; memory grows with ``ids`` only."""
    photos = store.photos_by_id(ids.tolist())
    wanted = {photo.sha256 for photo in photos.values()}
    same_bytes = Counter(photo.sha256 for photo in store.photos() if photo.sha256 in wanted)
    return photos, same_bytes


def _group_of_content(store: Store) -> dict[str, int]:
    """The number of the group that each content is in, by sha256."""
    members = {member.photo_id: group.id for group in store.groups() for member in group.members}
    photos = store.photos_by_id(members)
    return {photos[photo_id].sha256: group for photo_id, group in members.items()}
