"""A 64-bit perceptual hash beside our figures: what most duplicate finders use.

Needs the package ``imagehash`` (extra ``dupfind[dev]``).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupfind.errors import TruthError
from dupfind.evaluation.truth import Keys, Truth

BITS = 64
BLOCK_ROWS = 512


def require_imagehash() -> Any:
    """Return the module ``imagehash``.

    Raises:
        TruthError: It is not installed.
    """
    try:
        import imagehash
    except ImportError as error:
        raise TruthError(
            "comparing with pHash needs the package imagehash; install it with `pip install imagehash`"
        ) from error
    return imagehash


def phash(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return imagehash's 64-bit pHash of a picture (height, width, 3), packed: uint8 of shape (8,)."""
    bits = require_imagehash().phash(Image.fromarray(pixels)).hash
    return np.packbits(bits)


def phash_pairs(
    hashes: NDArray[np.uint8], known: NDArray[np.bool_], truth: Truth, *, most_bits: int = 32
) -> tuple[Keys, NDArray[np.float64]]:
    """Return keys and scores (1 - distance / 64) of the pairs that count and differ in few bits.

    Args:
        hashes: uint8 of shape (files, 8), in truth's order.
        known: Which files could be hashed, shape (files,).
        truth: The labels.
        most_bits: Pairs that differ in more bits are left out: beyond half the bits no two hashes agree.
    """
    rows = np.flatnonzero(known)
    # Bits as -1 and 1: the dot product of two hashes is 64 - 2 * distance.
    signs = np.unpackbits(hashes[rows], axis=1).astype(np.float32) * 2 - 1
    keys, scores = [np.empty(0, np.int64)], [np.empty(0)]
    for start in range(0, len(rows), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        bits = (BITS - signs[block] @ signs.T) / 2
        later = np.arange(len(rows))[None, :] > np.arange(len(rows))[block][:, None]
        first, second = np.nonzero(later & (bits <= most_bits))
        found = truth.keys(rows[block][first], rows[second])
        kept = truth.counted(found)
        keys.append(found[kept])
        scores.append(1 - bits[first, second][kept].astype(np.float64) / BITS)
    return np.concatenate(keys), np.concatenate(scores)
