"""Describe and hash labelled photos straight from their files, without a library."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.descriptors.embed import Embedder, describe_stream
from dupfind.evaluation.phash import BITS, phash, require_imagehash
from dupfind.photos.decode import decode, square
from dupfind.records import FileError


@dataclass(frozen=True)
class DescribedFiles:
    """Descriptors of files in the order asked for.

    ``vectors`` is float32 of shape (files, dimensions), L2-normalised, zeros where a file failed.
    ``hashes`` is uint8 of shape (files, 8): the pHash, zeros when not asked for. ``known`` says
    which files could be read; ``errors`` why the others could not.
    """

    vectors: NDArray[np.float32]
    hashes: NDArray[np.uint8]
    known: NDArray[np.bool_]
    errors: tuple[FileError, ...]


def describe_files(
    embedder: Embedder, paths: Sequence[Path], *, with_phash: bool = False
) -> DescribedFiles:
    """Decode and describe files, and hash them for comparison when ``with_phash``.

    Raises:
        TruthError: The hash is asked for and ``imagehash`` is not installed.
    """
    if with_phash:
        require_imagehash()

    def load(path: Path) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8]]:
        picture = decode(path, needed_px=embedder.view_px)
        hashed = phash(picture.pixels) if with_phash else None
        return hashed, square(picture, embedder.view_px)

    vectors = np.zeros((len(paths), embedder.dimensions), np.float32)
    hashes = np.zeros((len(paths), BITS // 8), np.uint8)
    known = np.zeros(len(paths), np.bool_)
    errors = []
    for row, described in enumerate(describe_stream(embedder, paths, load)):
        if described.vector is None:
            errors.append(FileError(paths[row], str(described.error)))
            continue
        vectors[row] = described.vector
        vectors[row] /= np.linalg.norm(vectors[row])
        known[row] = True
        if described.payload is not None:
            hashes[row] = described.payload
    return DescribedFiles(vectors, hashes, known, tuple(errors))
