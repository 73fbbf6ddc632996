"""Small pictures of photos for pages: made in several threads, kept in the library's cache."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from dupfind.errors import PhotoError
from dupfind.photos.thumbnail import QUALITY, webp_of
from dupfind.progress import OnDone
from dupfind.records import Photo
from dupfind.reports.words import safe_name
from dupfind.store.cache import BlobCache
from dupfind.system import usable_cores

CACHE_FILE = "thumbnails.db"
_BATCH = 64
log = logging.getLogger(__name__)


def make_thumbnails(
    photos: Sequence[Photo],
    cache: BlobCache,
    *,
    side_px: int,
    on_done: OnDone | None = None,
) -> Iterator[bytes | None]:
    """Yield a WebP file for each photo, in order, made in batches.

    Args:
        photos: Their files are read unless the cache has the same content in this size.
        cache: Gets what is made; keyed by content and size.
        side_px: Longer side of a thumbnail; smaller photos stay as they are.
        on_done: Called with (done, total).

    Yields:
        The bytes, or None where the file is gone, cannot be read, or holds other bytes than the library knows.
    """
    with ThreadPoolExecutor(usable_cores(), "thumbnail") as pool:
        for done, thumbnail in enumerate(_in_order(photos, cache, side_px, pool), start=1):
            if on_done is not None:
                on_done(done, len(photos))
            yield thumbnail


def side_for(count: int) -> int:
    """Return the side in pixels for a page of ``count`` pictures: some 50 MB at the most."""
    return 512 if count <= 1200 else 320 if count <= 3500 else 200


def _in_order(
    photos: Sequence[Photo], cache: BlobCache, side_px: int, pool: ThreadPoolExecutor
) -> Iterator[bytes | None]:
    kind = f"thumbnail-{side_px}px-webp{QUALITY}-v2"
    rest = iter(photos)
    for batch in iter(lambda: list(islice(rest, _BATCH)), []):
        known = cache.get_blobs(kind, {photo.sha256 for photo in batch})
        wanted = {photo.sha256: photo for photo in batch if photo.sha256 not in known}
        made = pool.map(partial(_make, side_px=side_px), wanted.values())
        fresh = {sha256: data for sha256, data in zip(wanted, made, strict=True) if data}
        cache.put_blobs(kind, fresh)
        yield from ((known | fresh).get(photo.sha256) for photo in batch)


def _make(photo: Photo, side_px: int) -> bytes | None:
    """Decode, shrink and encode one photo; None if it is gone, damaged or another picture by now."""
    try:
        return webp_of(photo, side_px)
    except PhotoError as error:
        log.info("no thumbnail of %s: %s", safe_name(str(photo.path)), error)
        return None
