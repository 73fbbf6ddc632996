"""Read the files that are new or changed: hash, look the content up, decode and describe.

The database is used by one thread only, the one that iterates; hashing and decoding run in
others, a bounded number of files ahead.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import PhotoError
from dupfind.flows.describing import DecodedFile, Loading, OtherBytesError, Work
from dupfind.flows.indexing_state import IndexRun
from dupfind.flows.known import same_file_among
from dupfind.flows.side_by_side import describe_works
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
class Read:
    """A file that was looked into: its hash, or why not. Neither: it is no photo."""

    file: ScannedFile
    known: KnownFile | None
    sha256: str = ""
    error: str = ""


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
        self._sketches: dict[str, bytes] = {}
        # Contents described in the batch that is not committed yet, and those in the workers'
        # hands with the further files that hold the same bytes.
        self._fresh: dict[str, Content] = {}
        self._waiting: dict[str, list[Work]] = {}
        self._claimed: set[int] = set()
        # Photos whose bytes should have come from another file, which changed meanwhile.
        self._again: list[Work] = []
        self._committed = time.monotonic()

    def go(self) -> None:
        """Read all of them.

        Raises:
            LibraryError: The library cannot be written (through ``Store``).
        """
        try:
            self._take_all(self._to_decode())
            while self._again:
                works, self._again = self._again, []
                self._take_all(iter(works))
        except KeyboardInterrupt:
            self._commit()
            raise
        self._commit()
        self.run.report("describe", self.done, self.total)

    def _take_all(self, works: Iterator[Work]) -> None:
        for result in self._described(works):
            self._take(result)
            self._commit_when_due()

    def _described(self, works: Iterator[Work]) -> "Iterator[Described[Work, DecodedFile]]":
        first = next(works, None)
        if first is None:
            return  # nothing to describe: torch need not load
        how = Loading(self.run.options.max_pixels, self.run.options.features)
        yield from describe_works(self.run, how, chain([first], works), count=self.total)

    def _to_decode(self) -> Iterator[Work]:
        """Yield the photos whose content is new; settle all other files on the way."""
        with ThreadPoolExecutor(_HASHING_THREADS, "hash") as pool:
            for files in self.store.todo():
                known = self.store.known_files([file.path for file in files])
                entries = [known.get(file.path) for file in files]
                for read in self._look(pool, files, entries):
                    work = self._settle(read)
                    if work is not None:
                        yield work
                    self._commit_when_due()

    def _look(
        self,
        pool: ThreadPoolExecutor,
        files: Sequence[ScannedFile],
        known: Sequence[KnownFile | None],
    ) -> Iterator[Read]:
        """Look into files, in their order."""
        return pool.map(look_into, files, known)

    def _settle(self, read: Read) -> Work | None:
        """Write what needs no decoding; return what does."""
        if read.error:
            self._fail(read.file, read.error)
        elif not read.sha256:
            self.done += 1  # no photo: it leaves no trace
        else:
            return self._photo(read)
        return None

    def _photo(self, read: Read) -> Work | None:
        copies = self.store.all_of_content(read.sha256)
        known = _content_of(copies)
        work = self._work(read, copies)
        if work.sha256 in self._waiting:
            self._waiting[work.sha256].append(work)
        elif work.sha256 in self._fresh:
            self._accept(work, self._fresh[work.sha256])
        elif known is not None and self.store.has_vector(work.sha256, self.run.model_id):
            self._accept(work, known)
        else:
            self._waiting[work.sha256] = []
            return work
        return None

    def _work(self, read: Read, copies: Sequence[Photo]) -> Work:
        """Return what is to be done for a file, given the photos with the same bytes."""
        if read.known is None or read.known.photo_id is None:
            photo = same_file_among(read.file, copies)
            if photo is not None:  # by another path
                return Work(replace(read.file, path=photo.path), read.sha256, "unchanged", None)
            moved_from = self._moved_from(copies)
            if moved_from is not None:
                return Work(read.file, read.sha256, "moved", moved_from)
        return Work(read.file, read.sha256, _kind(read), None)

    def _moved_from(self, copies: Sequence[Photo]) -> int | None:
        """Return the id of a photo with these bytes whose file is no longer where it was."""
        for photo in copies:
            if photo.id not in self._claimed and not os.path.lexists(photo.path):
                self._claimed.add(photo.id)
                return photo.id
        return None

    def _take(self, result: "Described[Work, DecodedFile]") -> None:
        """Put a described photo, and those with the same bytes, into the batch."""
        work, others = result.item, self._waiting.pop(result.item.sha256, [])
        if result.payload is None or result.vector is None:
            self._fail(work.file, str(result.error))
            if isinstance(result.error, OtherBytesError):
                self._try_again(others)
            else:
                for other in others:
                    self._fail(other.file, str(result.error))
            return
        file, content = result.payload.file, result.payload.content
        self.run.summary.described += 1
        self._vectors.append((content.sha256, result.vector))
        if result.payload.sketch:
            self._sketches[content.sha256] = result.payload.sketch
        self._fresh[content.sha256] = content
        if content.sha256 == work.sha256:
            self._accept(replace(work, file=file), content)
            for other in others:
                self._accept(other, content)
        else:
            # It was replaced after it was hashed: it is no known photo, and no copy of the others.
            kind = "new" if work.kind in ("moved", "returned") else work.kind
            self._accept(Work(file, content.sha256, kind, None), content)
            self._try_again(others)

    def _try_again(self, others: Sequence[Work]) -> None:
        """Let the next file with the same bytes stand for them."""
        if others:
            self._waiting[others[0].sha256] = list(others[1:])
            self._again.append(others[0])

    def _accept(self, work: Work, content: Content) -> None:
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
            self._keep_sketches()
            log.info("committed %d photos and %d errors", len(self._photos), len(self._errors))
        self._photos, self._errors, self._vectors, self._fresh = [], [], [], {}
        self._committed = time.monotonic()

    def _keep_sketches(self) -> None:
        if self._sketches:
            from dupfind.copies.sketches import SKETCH_KIND

            with self.store.features() as cache:
                cache.put_blobs(SKETCH_KIND, self._sketches)
            self._sketches = {}


def is_same(file: ScannedFile, known: KnownFile) -> bool:
    """Tell by size and times whether a file is as the library knows it.

    Whoever replaces a file can give it the old one's time of change, but not the system's own
    (ctime), where the file system has one.
    """
    if file.ctime_ns and known.ctime_ns and file.ctime_ns != known.ctime_ns:
        return False
    return (file.size_bytes, file.mtime_ns) == (known.size_bytes, known.mtime_ns)


def look_into(file: ScannedFile, known: KnownFile | None) -> Read:
    """Hash a file that is not as the library knows it, if it is a photo at all."""
    if known is not None and known.sha256 and is_same(file, known):
        return Read(file, known, known.sha256)
    try:
        if classify(file.path) is None:
            return Read(file, known)
        return Read(file, known, file_sha256(file.path))
    except PhotoError as error:
        return Read(file, known, error=str(error))


def _kind(read: Read) -> str:
    known = read.known
    if known is None or known.photo_id is None:
        return "new"
    is_same_content = known.sha256 == read.sha256
    if known.is_missing:
        return "returned" if is_same_content else "new"
    return "unchanged" if is_same_content else "changed"


def _content_of(copies: Sequence[Photo]) -> Content | None:
    """Return what is known of a content; None when an older dupfind did not look at all of it."""
    photo = next((copy for copy in copies if copy.frames), None)
    if photo is None:
        return None
    return Content(
        photo.sha256,
        photo.width,
        photo.height,
        photo.format,
        photo.taken_at,
        photo.exif_tags,
        photo.pixels_sha256,
        photo.frames,
        photo.has_alpha,
        photo.extras,
    )
