"""Check vectors before FAISS sees them: it trusts shapes and finds nothing near a NaN."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import SearchError

BLOCK_ROWS = 16_384

Vectors = NDArray[np.float16] | NDArray[np.float32]


def check_vectors(vectors: Vectors, *, dimensions: int | None = None) -> None:
    """Refuse what cannot be indexed or searched.

    Args:
        vectors: Shape (n, dimensions), float16 or float32.
        dimensions: What the index holds; None accepts any.

    Raises:
        SearchError: Another shape or type, or a value that is NaN or infinite.
    """
    if vectors.ndim != 2 or vectors.shape[1] == 0 or vectors.dtype.kind != "f":
        raise SearchError(
            f"vectors are {vectors.dtype} {vectors.shape}; they must be float16 or float32 "
            "of shape (n, dimensions)"
        )
    if dimensions is not None and vectors.shape[1] != dimensions:
        raise SearchError(
            f"vectors have {vectors.shape[1]} dimensions but the index has {dimensions}; "
            "describe both with the same model"
        )
    for start, block in blocks(vectors):
        broken = np.flatnonzero(~np.isfinite(block).all(axis=1))
        if broken.size:
            raise SearchError(
                f"vector {start + int(broken[0])} has a value that is NaN or infinite; "
                "describe that photo again"
            )


def blocks(vectors: Vectors, rows: int = BLOCK_ROWS) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (first row, contiguous float32 block): a large float16 array is never copied whole."""
    for start in range(0, len(vectors), rows):
        yield start, np.ascontiguousarray(vectors[start : start + rows], dtype=np.float32)
