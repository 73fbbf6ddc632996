"""Describe and hash labelled photos straight from their files, without a library."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.descriptors.embed import Embedder, describe_stream
from dupfind.descriptors.views import make_view
from dupfind.errors import PhotoError
from dupfind.evaluation.background import FIRST_RANK, RANKS, background_similarity
from dupfind.evaluation.phash import BITS, phash, require_imagehash
from dupfind.evaluation.retrieval import descriptor_report
from dupfind.evaluation.truth import Truth
from dupfind.index import self_join
from dupfind.photos.decode import decode
from dupfind.records import FileError
from dupfind.system import usable_cores

# imagehash shrinks to 32 x 32 itself; this is how large a picture it gets at least.
PHASH_NEEDED_PX = 64


@dataclass(frozen=True)
class DescribedFiles:
    """Descriptors of files in the order asked for.

    ``vectors`` is float32 of shape (files, dimensions), L2-normalised, zeros where a file failed;
    ``errors`` says why.
    """

    vectors: NDArray[np.float32]
    errors: tuple[FileError, ...]


def describe_files(embedder: Embedder, paths: Sequence[Path]) -> DescribedFiles:
    """Decode and describe files."""

    def load(path: Path) -> tuple[None, NDArray[np.uint8]]:
        picture = decode(path, needed_px=embedder.view_px)
        return None, make_view(picture.pixels, embedder.view_px)

    vectors = np.zeros((len(paths), embedder.dimensions), np.float32)
    errors = []
    for row, described in enumerate(describe_stream(embedder, paths, load)):
        if described.vector is None:
            errors.append(FileError(paths[row], str(described.error)))
        else:
            vectors[row] = described.vector
            vectors[row] /= np.linalg.norm(vectors[row])
    return DescribedFiles(vectors, tuple(errors))


def report_descriptors(vectors: NDArray[np.float32], truth: Truth) -> dict[str, Any]:
    """Return ``descriptor_report`` with scores normalised by each file's background as well.

    ``vectors`` are L2-normalised rows in truth's order, (files, dimensions).
    """
    similarity, _ = self_join(vectors, FIRST_RANK + RANKS)
    return descriptor_report(vectors, truth, background=background_similarity(similarity))


def hash_files(paths: Sequence[Path]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the 64-bit pHash of each file, uint8 of shape (files, 8), and whether it could be read.

    Raises:
        TruthError: ``imagehash`` is not installed.
    """
    require_imagehash()

    def hashed(path: Path) -> NDArray[np.uint8] | None:
        try:
            return phash(decode(path, needed_px=PHASH_NEEDED_PX).pixels)
        except PhotoError:
            return None

    hashes = np.zeros((len(paths), BITS // 8), np.uint8)
    known = np.zeros(len(paths), np.bool_)
    with ThreadPoolExecutor(usable_cores()) as pool:
        for row, found in enumerate(pool.map(hashed, paths)):
            if found is not None:
                hashes[row], known[row] = found, True
    return hashes, known
