"""The local features of a library's photos, indexed: for candidates, and kept for queries.

What is kept on disk is a cache: missing, damaged or of another version, queries do without it until
the next ``cluster``.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.features import FEATURES_KIND, FeatureSource, features_per_photo
from dupfind.index import VectorIndex, build_local, keep_index, kept_index, search
from dupfind.matching.features import LocalFeatures, times_keypoints
from dupfind.matching.pairs import (
    LOCAL_DIMENSIONS,
    LOCAL_NEIGHBOURS,
    Projection,
    learn_projection,
    local_votes,
)
from dupfind.progress import OnDone
from dupfind.system import write_whole

LOCAL_BUDGET = 12_000_000  # indexed local features in all: 0.8 GB at one byte a dimension
KEPT_FOLDER = "local"
OWNERS_FILE = "owners.npz"
_PROJECTION_SAMPLE = 400
_NEGATIVE_FEATURES = 96

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalIndex:
    """The projected local features of a collection.

    ``vectors`` is float16 (features, dimensions), ``mirrored`` the same for the mirrored photos,
    ``owner`` int64 (features,) the row of the photo each belongs to. ``negative`` and
    ``negative_owner`` are those of the photos' negatives, of fewer features each: negatives are rare.
    ``index`` holds ``vectors``; None where there are fewer than two.
    """

    projection: Projection
    vectors: NDArray[np.float16]
    mirrored: NDArray[np.float16]
    owner: NDArray[np.int64]
    negative: NDArray[np.float16]
    negative_owner: NDArray[np.int64]
    index: VectorIndex | None


@dataclass(frozen=True)
class KeptIndex:
    """An index read back: ``owner`` (features,) is a row of ``contents``, the SHA-256 of photos."""

    projection: Projection
    owner: NDArray[np.int64]
    contents: tuple[str, ...]
    index: VectorIndex

    def vote(self, features: LocalFeatures, *, k: int) -> list[str]:
        """Return the contents that a photo's features vote for: at most k, the most voted first."""
        best: dict[int, float] = {}
        for project in (
            self.projection.apply,
            self.projection.apply_mirrored,
            self.projection.apply_negative,
        ):
            queries = project(features.descriptors)
            similarity, neighbour = search(self.index, queries, LOCAL_NEIGHBOURS)
            asking = np.full(len(queries), len(self.contents), np.int64)
            _, rows, votes = local_votes(similarity, neighbour, self.owner, asking)
            for row, vote in zip(rows.tolist(), votes.tolist(), strict=True):
                best[row] = max(vote, best.get(row, 0.0))
        return [self.contents[row] for row in sorted(best, key=lambda row: (-best[row], row))[:k]]


def collect_local(source: FeatureSource, on_done: OnDone | None = None) -> LocalIndex:
    """Read the local features of all photos, keep the largest of each, projected, and index them."""
    photos = len(source.photos)
    per_photo = features_per_photo(photos, LOCAL_BUDGET)
    spread = np.unique(np.linspace(0, max(0, photos - 1), _PROJECTION_SAMPLE).astype(np.int64))
    projection = learn_projection(source.load(spread[spread < photos].tolist()))
    most = [
        round(per_photo * times_keypoints((photo.height, photo.width))) for photo in source.photos
    ]
    plain = np.empty((sum(most), LOCAL_DIMENSIONS), np.float16)
    mirrored = np.empty_like(plain)
    owner = np.empty(sum(most), np.int64)
    negatives = [np.empty((0, LOCAL_DIMENSIONS), np.float16)]
    end = 0
    for row, features in source.stream(on_done):
        largest = features.descriptors[: most[row]]
        taken = slice(end, end + len(largest))
        end = taken.stop
        plain[taken] = projection.apply(largest)
        mirrored[taken] = projection.apply_mirrored(largest)
        negatives.append(projection.apply_negative(largest[:_NEGATIVE_FEATURES]))
        owner[taken] = row
    rows = np.repeat(np.arange(len(negatives) - 1), [len(some) for some in negatives[1:]])
    return LocalIndex(
        projection,
        plain[:end],
        mirrored[:end],
        owner[:end],
        np.concatenate(negatives),
        rows,
        build_local(plain[:end]) if end >= 2 else None,
    )


def keep_local(folder: Path, local: LocalIndex, contents: Sequence[str]) -> None:
    """Write an index for queries; a folder that cannot be written just means none.

    Args:
        folder: ``.dupfind/index``.
        local: The features of the photos.
        contents: SHA-256 of each photo, in hex.
    """
    if local.index is None:
        return
    buffer = io.BytesIO()
    np.savez(
        buffer,
        mean=local.projection.mean,
        matrix=local.projection.matrix,
        owner=local.owner.astype(np.int32),
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
    keep_index(place, local.index, hashlib.sha256(data).hexdigest(), FEATURES_KIND)


def open_local(folder: Path) -> KeptIndex | None:
    """Read the index that ``keep_local`` wrote below ``folder``; None where there is none."""
    place = folder / KEPT_FOLDER
    try:
        data = (place / OWNERS_FILE).read_bytes()
        index = kept_index(place, hashlib.sha256(data).hexdigest(), FEATURES_KIND)
        if index is None:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            projection = Projection(arrays["mean"], arrays["matrix"])
            contents = tuple(bytes(row).hex() for row in arrays["contents"])
            return KeptIndex(projection, arrays["owner"].astype(np.int64), contents, index)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
