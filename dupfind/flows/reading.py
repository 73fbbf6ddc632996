"""Read the files that are new or changed: hash, look the content up, decode and describe.

The database is used by one thread only, the one that iterates; hashing and decoding run in
others, a bounded number of files ahead.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.flows.index_run import IndexRun
from dupfind.photos.decode import decode, pixels_sha256
from dupfind.photos.scan import file_sha256
from dupfind.photos.sniff import classify
from dupfind.records import Photo, ScannedFile
from dupfind.store.photos import Batch, Content, ErrorEntry, KnownFile, PhotoEntry

if TYPE_CHECKING:  # torch takes seconds to import, and a run may find nothing new
    from dupfind.descriptors.embed import Described

BATCH_PHOTOS = 256
BATCH_SECONDS = 5.0
_HASHING_THREADS = 2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was looked into: its hash, or why not. Neither: it is no photo."""

    file: ScannedFile
    known: KnownFile | None
    sha256: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Work:
    """A photo whose content is yet to come. ``kind`` names the count of the summary it adds to."""

    file: ScannedFile
    sha256: str
    kind: str
    photo_id: int | None


class Reading:
    """Goes through the files that the scan noted, and commits what came of them in batches."""

    def __init__(self, run: IndexRun) -> None:
        self.run = run
        self.store = run.store
        self.done = 0
        self.total = run.store.count_todo()
        self._photos: list[PhotoEntry] = []
        self._errors: list[ErrorEntry] = []
        self._vectors: list[tuple[str, NDArray[np.float16]]] = []
        # Contents described in the batch that is not committed yet, and those in the workers'
        # hands with the further files that hold the same bytes.
        self._fresh: dict[str, Content] = {}
        self._waiting: dict[str, list[_Work]] = {}
        self._claimed: set[int] = set()
        self._committed = time.monotonic()

    def go(self) -> None:
        """Read all of them.

        Raises:
            LibraryError: The library cannot be written (through ``Store``).
        """
        try:
            for result in self._described():
                self._take(result)
                self._commit_when_due()
        except KeyboardInterrupt:
            self._commit()
            raise
        self._commit()
        self.run.report("describe", self.done, self.total)

    def _described(self) -> "Iterator[Described[_Work, Content]]":
        works = self._to_decode()
        first = next(works, None)
        if first is None:
            return  # nothing to describe: torch need not load
        from dupfind.descriptors.embed import describe_stream
        from dupfind.descriptors.views import make_view

        embedder = self.run.load_embedder()

        def load(work: _Work) -> "tuple[Content, NDArray[np.uint8]]":
            content, pixels = self._decode(work, embedder.view_px)
            return content, make_view(pixels, embedder.view_px)

        yield from describe_stream(
            embedder, chain([first], works), load, workers=self.run.options.workers
        )

    def _to_decode(self) -> Iterator[_Work]:
        """Yield the photos whose content is new; settle all other files on the way."""
        with ThreadPoolExecutor(_HASHING_THREADS, "hash") as pool:
            for files in self.store.todo():
                known = self.store.known_files([file.path for file in files])
                entries = [known.get(file.path) for file in files]
                for read in pool.map(_look_into, files, entries):
                    work = self._settle(read)
                    if work is not None:
                        yield work
                    self._commit_when_due()

    def _settle(self, read: _Read) -> _Work | None:
        """Write what needs no decoding; return what does."""
        if read.error:
            self._fail(read.file, read.error)
        elif not read.sha256:
            self.done += 1  # no photo: it leaves no trace
        else:
            return self._photo(read)
        return None

    def _photo(self, read: _Read) -> _Work | None:
        copies = self.store.all_of_content(read.sha256)
        moved_from = self._moved_from(read, copies)
        kind = "moved" if moved_from is not None else _kind(read)
        work = _Work(read.file, read.sha256, kind, moved_from)
        if work.sha256 in self._waiting:
            self._waiting[work.sha256].append(work)
        elif work.sha256 in self._fresh:
            self._accept(work, self._fresh[work.sha256])
        elif copies and self.store.has_vector(work.sha256, self.run.model_id):
            self._accept(work, _content_of(copies[0]))
        else:
            self._waiting[work.sha256] = []
            return work
        return None

    def _moved_from(self, read: _Read, copies: Sequence[Photo]) -> int | None:
        """Return the id of a photo with these bytes whose file is no longer where it was."""
        if read.known is not None and read.known.photo_id is not None:
            return None
        for photo in copies:
            if photo.id not in self._claimed and not os.path.lexists(photo.path):
                self._claimed.add(photo.id)
                return photo.id
        return None

    def _decode(self, work: _Work, view_px: int) -> tuple[Content, NDArray[np.uint8]]:
        """Decode a photo large enough for the model's view of it; runs in the workers."""
        picture = decode(work.file.path, needed_px=view_px, max_pixels=self.run.options.max_pixels)
        content = Content(
            work.sha256,
            picture.width,
            picture.height,
            picture.format,
            picture.taken_at,
            picture.exif_tags,
            pixels_sha256(picture.pixels),
        )
        return content, picture.pixels

    def _take(self, result: "Described[_Work, Content]") -> None:
        """Put a described photo, and those with the same bytes, into the batch."""
        works = [result.item, *self._waiting.pop(result.item.sha256, [])]
        if result.payload is None or result.vector is None:
            for work in works:
                self._fail(work.file, str(result.error))
            return
        self.run.summary.described += 1
        self._vectors.append((result.payload.sha256, result.vector))
        self._fresh[result.payload.sha256] = result.payload
        for work in works:
            self._accept(work, result.payload)

    def _accept(self, work: _Work, content: Content) -> None:
        summary = self.run.summary
        summary.found += 1
        setattr(summary, work.kind, getattr(summary, work.kind) + 1)
        is_reference = self.run.is_reference(work.file.path)
        self._photos.append(PhotoEntry(work.file, content, is_reference, work.photo_id))
        self.done += 1

    def _fail(self, file: ScannedFile, reason: str) -> None:
        # A file without permission does not change when it gets it: that one is tried each time.
        readable = os.access(
            file.path, os.R_OK, effective_ids=os.access in os.supports_effective_ids
        )
        self._errors.append(ErrorEntry(file.path, reason, file if readable else None))
        self.run.summary.errors += 1
        self.done += 1

    def _commit_when_due(self) -> None:
        waiting = len(self._photos) + len(self._errors)
        if waiting >= BATCH_PHOTOS or time.monotonic() - self._committed >= BATCH_SECONDS:
            self._commit()
        self.run.report("describe", self.done, self.total)

    def _commit(self) -> None:
        if self._photos or self._errors or self._vectors:
            batch = Batch(self._photos, self._errors, self._vectors)
            self.store.add_batch(batch, model_id=self.run.model_id)
            self.store.add_sightings(entry.file.path for entry in self._photos)
            self.store.add_sightings(entry.path for entry in self._errors)
            log.info("committed %d photos and %d errors", len(self._photos), len(self._errors))
        self._photos, self._errors, self._vectors, self._fresh = [], [], [], {}
        self._committed = time.monotonic()


def is_same(file: ScannedFile, known: KnownFile) -> bool:
    """Tell by size and time whether a file is as the library knows it."""
    return (file.size_bytes, file.mtime_ns) == (known.size_bytes, known.mtime_ns)


def _look_into(file: ScannedFile, known: KnownFile | None) -> _Read:
    if known is not None and known.sha256 and is_same(file, known):
        return _Read(file, known, known.sha256)
    try:
        if classify(file.path) is None:
            return _Read(file, known)
        return _Read(file, known, file_sha256(file.path))
    except PhotoError as error:
        return _Read(file, known, error=str(error))


def _kind(read: _Read) -> str:
    known = read.known
    if known is None or known.photo_id is None or known.is_missing:
        return "new"
    return "unchanged" if known.sha256 == read.sha256 else "changed"


def _content_of(photo: Photo) -> Content:
    return Content(
        photo.sha256,
        photo.width,
        photo.height,
        photo.format,
        photo.taken_at,
        photo.exif_tags,
        photo.pixels_sha256,
    )
