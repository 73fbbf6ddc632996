"""The keypoints of a library's photos, indexed: for candidates, and kept for queries.

What is kept on disk is a cache: missing, damaged or of another version, queries do without it until
the next ``cluster``.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dupfind.copies.sketches import SKETCH_KIND
from dupfind.index import (
    VectorIndex,
    add_local,
    build_local,
    keep_index,
    kept_index,
    one_thread_each,
    search_local,
)
from dupfind.matching.sketch import Sketch, View, seen_as
from dupfind.matching.voting import NEIGHBOURS, SketchTable, Votes, cosines, count_votes
from dupfind.progress import OnDone
from dupfind.system import write_whole

KEPT_FOLDER = "local"
OWNERS_FILE = "owners.npz"
# Of a photo's keypoints the largest so many vote as its mirror image and as its negative: these are rare.
VOTING_KEYPOINTS = {View.PLAIN: None, View.MIRRORED: 64, View.NEGATIVE: 48}
_VOTING_PHOTOS = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalIndex:
    """The sketches of a collection and the index of their codes; None where there are fewer than two."""

    table: SketchTable
    index: VectorIndex | None

    def votes(self, on_done: OnDone | None = None, *, since: int = 0) -> Votes:
        """Let the photos from row ``since`` on vote for all others."""
        photos = self.table.photos
        starts = range(since, photos, _VOTING_PHOTOS)
        blocks = [range(start, min(start + _VOTING_PHOTOS, photos)) for start in starts]
        parts: list[Votes] = []
        with one_thread_each() as pool:
            for block, found in zip(blocks, pool.map(self._votes_of, blocks), strict=True):
                parts += found
                if on_done:
                    on_done(block.stop - since, photos - since)
        return Votes.join(parts)

    def _votes_of(self, photos: range) -> list[Votes]:
        return list(_ask(self.table, photos, self.index, self.table))


@dataclass(frozen=True)
class KeptIndex:
    """An index read back: the sketches lack their codes; ``contents`` is the SHA-256 of photos, by row."""

    table: SketchTable
    contents: tuple[str, ...]
    index: VectorIndex

    def grown(self, new: SketchTable) -> LocalIndex:
        """Return the index with the sketches of more photos, whose rows follow; this one changes with it.

        Only the new photos have codes and thumbnails: they alone can vote.
        """
        old, rows = self.table, len(self.table.owner)
        table = SketchTable(
            np.concatenate([old.start, rows + new.start[1:]]),
            np.concatenate([old.owner, old.photos + new.owner]).astype(np.int32),
            np.concatenate([old.places, new.places]),
            np.zeros((rows + len(new.codes), new.codes.shape[1]), np.int8),
            np.zeros((0, *new.thumbs.shape[1:]), np.uint8),
        )
        table.codes[rows:] = new.codes
        return LocalIndex(table, add_local(self.index, new.codes))

    def votes(self, sketch: Sketch) -> Votes:
        """Let a photo's keypoints vote for the photos of the index, by their rows."""
        return Votes.join(list(_ask(SketchTable.of([sketch]), range(1), self.index, self.table)))

    def best(self, votes: Votes, k: int) -> list[str]:
        """Return the contents that are voted for: at most k, the best supported first."""
        best: dict[int, tuple[float, float]] = {}
        for row, *strength in zip(
            votes.target.tolist(), votes.support.tolist(), votes.weight.tolist(), strict=True
        ):
            best[row] = max((strength[0], strength[1]), best.get(row, (0.0, 0.0)))
        ordered = sorted(best, key=lambda row: (*(-value for value in best[row]), row))
        return [self.contents[row] for row in ordered[:k]]


def _ask(
    asking: SketchTable, photos: range, index: VectorIndex | None, asked: SketchTable
) -> Iterator[Votes]:
    """Yield the votes of some photos in each view; all keypoints of a photo vote together."""
    for view, most in VOTING_KEYPOINTS.items():
        rows = asking.rows_of(photos, most)
        if index is None:
            rows = rows[:0]
        queries = seen_as(asking.codes[rows], view)
        found = search_local(index, queries, NEIGHBOURS) if index else _nothing()
        yield count_votes(asking, rows, (cosines(found[0]), found[1]), asked, view)


def _nothing() -> (
    "tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]"
):
    return np.zeros((0, NEIGHBOURS), np.float32), np.zeros((0, NEIGHBOURS), np.int64)


def index_local(table: SketchTable) -> LocalIndex:
    """Index the codes of a collection's sketches."""
    return LocalIndex(table, build_local(table.codes) if len(table.codes) >= 2 else None)


def keep_local(folder: Path, local: LocalIndex, contents: Sequence[str]) -> None:
    """Write an index for queries; a folder that cannot be written just means none.

    Args:
        folder: ``.dupfind/index``.
        local: The keypoints of the photos.
        contents: SHA-256 of each photo, in hex.
    """
    if local.index is None:
        return
    buffer = io.BytesIO()
    np.savez(
        buffer,
        start=local.table.start,
        places=local.table.places.astype(np.float16),
        contents=np.frombuffer(bytes.fromhex("".join(contents)), np.uint8).reshape(-1, 32),
    )
    data = buffer.getvalue()
    place = folder / KEPT_FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / OWNERS_FILE, data)
    except OSError as error:
        log.info("the local features are not kept in %s (%s)", place, error)
        return
    keep_index(place, local.index, hashlib.sha256(data).hexdigest(), SKETCH_KIND)


def open_local(folder: Path) -> KeptIndex | None:
    """Read the index that ``keep_local`` wrote below ``folder``; None where there is none."""
    place = folder / KEPT_FOLDER
    try:
        data = (place / OWNERS_FILE).read_bytes()
        index = kept_index(place, hashlib.sha256(data).hexdigest(), SKETCH_KIND)
        if index is None:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            start = arrays["start"]
            table = SketchTable.empty(0, 0)
            table.start, table.places = start, arrays["places"].astype(np.float32)
            table.owner = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
            contents = tuple(bytes(row).hex() for row in arrays["contents"])
            return KeptIndex(table, contents, index)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
