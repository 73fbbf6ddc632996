"""Local features of a library's photos: read once from the files, then kept in the cache."""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from dupfind.config import DEFAULT_MAX_PIXELS
from dupfind.errors import DescriptorError, PhotoError
from dupfind.matching.features import (
    WORKING_PX,
    LocalFeatures,
    empty_features,
    extract,
    use_one_thread,
)
from dupfind.photos.decode import read_known
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

FEATURES_KIND = "sift-400px-v5"
IN_MEMORY = 400  # photos whose features are held: 0.7 MB each, with what was derived from them


def read_features(photo: Photo, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> LocalFeatures:
    """Decode a photo of the library and find its local features: they may be kept under its hash.

    Raises:
        PhotoError: The file cannot be read, or it holds other bytes than the library knows.
    """
    picture = read_known(photo, needed_px=WORKING_PX // 2, max_pixels=max_pixels)
    return extract(picture.pixels)


class FeatureSource:
    """Gives the local features of photos by row; reads files in threads, keeps the latest in memory.

    ``guests`` are rows of photos that are not in the library: their features are held, not cached.
    A photo that cannot be read any more has no features and so is proven nothing: it stays a photo
    of the library, and the next ``index`` reports it.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        cache: BlobCache,
        *,
        workers: int = 2,
        guests: Collection[int] = (),
    ) -> None:
        self.photos = list(photos)
        self.guests = frozenset(guests)
        self.unreadable: set[int] = set()
        self._cache = cache
        self._pool = ThreadPoolExecutor(workers, "features", initializer=use_one_thread)
        self._held: OrderedDict[int, LocalFeatures] = OrderedDict()

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)

    def add(self, photos: Sequence[Photo]) -> None:
        """Take in further photos; their rows follow those that are there."""
        self.photos.extend(photos)

    def __getitem__(self, row: int) -> LocalFeatures:
        """Return the features of one photo."""
        if row not in self._held:
            return self.load([row])[0]
        self._held.move_to_end(row)
        return self._held[row]

    def load(self, rows: Sequence[int]) -> list[LocalFeatures]:
        """Return the features of several photos; those that are nowhere yet are read in parallel."""
        missing = [row for row in rows if row not in self._held]
        cached = dict(zip(missing, self._from_cache(missing), strict=True))
        fresh = {row: features for row, features in cached.items() if features is not None}
        unread = [row for row in missing if row not in fresh]
        packed = dict(zip(unread, self._pool.map(self._read, unread), strict=True))
        self._cache.put_blobs(
            FEATURES_KIND,
            {
                self.photos[row].sha256: data
                for row, data in packed.items()
                if data and row not in self.guests
            },
        )
        # Through the cache's rounding in every run: the first finds what the next ones find.
        for row, found in zip(packed, self._pool.map(_unpacked, packed.values()), strict=True):
            fresh[row] = empty_features() if found is None else found
        # Features of a flat picture are empty, and so false: only a look-up tells what is held.
        result = [self._held[row] if row in self._held else fresh[row] for row in rows]
        self._hold(dict(zip(rows, result, strict=True)))
        return result

    def _from_cache(self, rows: Sequence[int]) -> list[LocalFeatures | None]:
        blobs = self._cache.get_blobs(FEATURES_KIND, [self.photos[row].sha256 for row in rows])
        return list(self._pool.map(_unpacked, (blobs.get(self.photos[row].sha256) for row in rows)))

    def _read(self, row: int) -> bytes:
        """Return the packed features of a photo from its file; nothing when it cannot be read."""
        try:
            return read_features(self.photos[row]).to_bytes()
        except PhotoError:
            self.unreadable.add(row)
            return b""

    def _hold(self, features: dict[int, LocalFeatures]) -> None:
        self._held.update(features)
        while len(self._held) > IN_MEMORY:
            self._held.popitem(last=False)


def _unpacked(data: bytes | None) -> LocalFeatures | None:
    if not data:
        return None
    try:
        return LocalFeatures.from_bytes(data)
    except DescriptorError:  # a cache may be damaged: the photo is read again
        return None
