"""The sketches of a library's photos: drawn when they are described, or now, and kept in the cache."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import DescriptorError, PhotoError
from dupfind.matching.features import use_one_thread
from dupfind.matching.sketch import MOST_KEYPOINTS, NEEDED_PX, Sketch, draw_sketch, empty_sketch
from dupfind.matching.voting import SketchTable
from dupfind.photos.decode import read_known
from dupfind.progress import OnDone
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

SKETCH_KIND = "sketch-160px-v4"
LOCAL_BUDGET = 12_000_000  # keypoints in all: 1.9 GB with their index
FEWEST = 16
_BLOCK = 64


def sketch_known(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Sketch:
    """Decode a photo of the library and sketch it: the sketch may be kept under its hash.

    Raises:
        PhotoError: The file cannot be read, or it holds other bytes than the library knows.
    """
    return draw_sketch(read_known(photo, needed_px=NEEDED_PX, max_pixels=max_pixels).pixels)


def keypoints_per_photo(photos: int, budget: int = LOCAL_BUDGET) -> int:
    """Return how many keypoints of each photo are indexed, so that all keep within a budget."""
    return int(np.clip(budget // max(1, photos), FEWEST, MOST_KEYPOINTS))


@dataclass(frozen=True)
class Sketches:
    """The sketches of photos by row, and how many of the photos could not be read."""

    table: SketchTable
    unreadable: int


def load_sketches(
    photos: Sequence[Photo],
    cache: BlobCache,
    *,
    of: int | None = None,
    workers: int = 2,
    on_done: OnDone | None = None,
) -> Sketches:
    """Return the sketches of photos, by row; those that are not in the cache are drawn now, in threads.

    A photo that cannot be read any more has an empty one: it votes for nothing. ``of`` is how many
    photos share the budget, where these are not all.
    """
    most = keypoints_per_photo(len(photos) if of is None else of)
    table = SketchTable.empty(len(photos), len(photos) * most)
    unreadable = 0
    with ThreadPoolExecutor(workers, "sketch", initializer=use_one_thread) as pool:
        for row, sketch in enumerate(_stream(photos, cache, pool)):
            unreadable += sketch is None
            table.put(row, empty_sketch() if sketch is None else sketch, most)
            if on_done and (row + 1) % _BLOCK == 0:
                on_done(row + 1, len(photos))
    table.cut()
    if on_done:
        on_done(len(photos), len(photos))
    return Sketches(table, unreadable)


def read_sketches(photos: Sequence[Photo], cache: BlobCache, *, workers: int = 2) -> list[Sketch]:
    """Return the sketches of a few photos one by one, as ``load_sketches`` does."""
    with ThreadPoolExecutor(workers, "sketch", initializer=use_one_thread) as pool:
        found = list(_stream(photos, cache, pool))
    return [empty_sketch() if sketch is None else sketch for sketch in found]


def _stream(
    photos: Sequence[Photo], cache: BlobCache, pool: ThreadPoolExecutor
) -> Iterator[Sketch | None]:
    for start in range(0, len(photos), _BLOCK):
        block = photos[start : start + _BLOCK]
        blobs = cache.get_blobs(SKETCH_KIND, [photo.sha256 for photo in block])
        known = [_unpacked(blobs.get(photo.sha256)) for photo in block]
        missing = [photo for photo, sketch in zip(block, known, strict=True) if sketch is None]
        drawn = dict(
            zip((photo.sha256 for photo in missing), pool.map(_draw, missing), strict=True)
        )
        cache.put_blobs(SKETCH_KIND, {sha256: data for sha256, data in drawn.items() if data})
        for photo, sketch in zip(block, known, strict=True):
            # Through the cache's rounding in every run: the first finds what the next ones find.
            yield _unpacked(drawn.get(photo.sha256)) if sketch is None else sketch


def _draw(photo: Photo) -> bytes:
    """Return the packed sketch of a photo from its file; nothing when it cannot be read."""
    try:
        return sketch_known(photo).to_bytes()
    except PhotoError:
        return b""


def _unpacked(data: bytes | None) -> Sketch | None:
    if not data:
        return None
    try:
        return Sketch.from_bytes(data)
    except DescriptorError:  # a cache may be damaged: the photo is read again
        return None
