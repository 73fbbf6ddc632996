"""The pictures of photos: by id and one of a few sizes only, decoded and encoded again by us."""

import threading
from concurrent.futures import ThreadPoolExecutor

from dupfind.config import LibraryPaths
from dupfind.errors import PhotoError
from dupfind.photos.thumbnail import QUALITY, jpeg_of, webp_of
from dupfind.records import Photo
from dupfind.store.cache import BlobCache
from dupfind.system import usable_cores

CACHE_FILE = "thumbnails.db"
THUMBNAIL_SIDES_PX = (320, 640, 1600)
FULL = "full"
SIZES = (*map(str, THUMBNAIL_SIDES_PX), FULL)
_KEPT_SIDES_PX = frozenset({320, 640})  # larger ones would fill the cache
_FULL_MOST_PX = 12_000


class Pictures:
    """Makes pictures in threads of its own; each thread has its connection to the cache."""

    def __init__(self, paths: LibraryPaths) -> None:
        self._file = paths.cache / CACHE_FILE
        self._mine = threading.local()
        self.pool = ThreadPoolExecutor(usable_cores() + 1, "picture")

    def make(self, photo: Photo, size: str) -> tuple[bytes, str]:
        """Return a picture and its media type; call it in ``pool``.

        Raises:
            PhotoError: The file is gone, cannot be read, or holds other bytes than the library knows.
        """
        if size == FULL:
            return jpeg_of(photo, _FULL_MOST_PX), "image/jpeg"
        side_px = int(size)
        if side_px not in _KEPT_SIDES_PX:
            return webp_of(photo, side_px), "image/webp"
        return self._kept(photo, side_px), "image/webp"

    def _kept(self, photo: Photo, side_px: int) -> bytes:
        kind = f"thumbnail-{side_px}px-webp{QUALITY}-v2"
        cache = self._cache()
        known = cache.get_blobs(kind, [photo.sha256]).get(photo.sha256)
        if known is None:
            known = webp_of(photo, side_px)
            cache.put_blobs(kind, {photo.sha256: known})
        elif not photo.path.is_file():
            # What is shown is what can be decided about: a photo that went has no picture.
            raise PhotoError("the file is gone")
        return known

    def _cache(self) -> BlobCache:
        cache: BlobCache | None = getattr(self._mine, "cache", None)
        if cache is None:
            cache = self._mine.cache = BlobCache(self._file)
        return cache

    def close(self) -> None:
        """Let the threads end."""
        self.pool.shutdown(wait=True, cancel_futures=True)
