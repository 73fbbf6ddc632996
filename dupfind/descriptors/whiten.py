"""Centre and whiten descriptors: give directions that all photos share less weight.

Source: DINO (arXiv 2104.14294) and SSCD (2202.10261) whiten for copy detection: subtract the mean,
rotate by PCA, scale each direction by eigenvalue^-0.5. It helps features that were not trained for
copies much, and features trained with KoLeo little or not at all: measure before using it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import DescriptorError

EIGENVALUE_FLOOR = 1e-5
BLOCK_ROWS = 16_384

Vectors = NDArray[np.float16] | NDArray[np.float32]


@dataclass(frozen=True)
class Whitening:
    """A fitted transform: ``mean`` is float32 (dimensions,), ``matrix`` float32 (dimensions, kept)."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, vectors: Vectors) -> NDArray[np.float32]:
        """Return transformed vectors, float32 of shape (n, kept), L2-normalised.

        A vector equal to the mean has no direction left and comes back as zeros: similar to none.

        Raises:
            DescriptorError: The vectors have other dimensions than those it was fitted on.
        """
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise DescriptorError(
                f"vectors are {vectors.shape} but the whitening was fitted on "
                f"{len(self.mean)} dimensions; fit it on descriptors of the same model"
            )
        result = np.empty((len(vectors), self.matrix.shape[1]), np.float32)
        for start in range(0, len(vectors), BLOCK_ROWS):
            block = vectors[start : start + BLOCK_ROWS].astype(np.float32) - self.mean
            turned = block @ self.matrix
            lengths = np.linalg.norm(turned, axis=1, keepdims=True)
            result[start : start + BLOCK_ROWS] = turned / np.maximum(lengths, 1e-12)
        return result


def fit(
    vectors: Vectors,
    *,
    strength: float = 1.0,
    shrinkage: float = 0.0,
    floor: float = EIGENVALUE_FLOOR,
    dimensions: int | None = None,
) -> Whitening:
    """Fit a whitening on a sample of descriptors (some thousand photos, few copies among them).

    Args:
        vectors: Shape (n, dimensions), n at least 2.
        strength: Directions are scaled by eigenvalue^(-strength / 2): 1 whitens, 0 only centres
            (and rotates, which changes no cosine).
        shrinkage: Share in [0, 1] by which eigenvalues are drawn to their mean, for samples
            not much larger than the number of dimensions.
        floor: Smallest eigenvalue, as a share of the largest.
        dimensions: Keep only so many directions, those of most variance; None keeps all.

    Raises:
        DescriptorError: There are fewer than two vectors, one is not finite, all are equal, or an
            option is out of its range.
    """
    _check(vectors, strength, shrinkage, dimensions)
    mean = vectors.mean(axis=0, dtype=np.float64)
    eigenvalues, directions = np.linalg.eigh(_covariance(vectors, mean))
    eigenvalues, directions = eigenvalues[::-1], directions[:, ::-1]
    if eigenvalues[0] <= 0:
        raise DescriptorError(
            "all vectors are equal, so there is nothing to whiten; use more photos"
        )
    eigenvalues = (1 - shrinkage) * eigenvalues + shrinkage * eigenvalues.mean()
    eigenvalues = np.maximum(eigenvalues, floor * eigenvalues[0])
    # Divided by the largest first: only ratios matter, and float32 stays in a good range.
    scale = (eigenvalues / eigenvalues[0]) ** (-strength / 2)
    matrix = (directions * scale)[:, :dimensions]
    return Whitening(mean.astype(np.float32), np.ascontiguousarray(matrix, np.float32))


def _covariance(vectors: Vectors, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros((len(mean), len(mean)))
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS].astype(np.float64) - mean
        total += block.T @ block
    return total / len(vectors)


def _check(vectors: Vectors, strength: float, shrinkage: float, dimensions: int | None) -> None:
    if vectors.ndim != 2 or len(vectors) < 2:
        raise DescriptorError(
            f"whitening needs at least 2 vectors of shape (n, dimensions), got {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise DescriptorError("a vector has a value that is NaN or infinite; describe it again")
    if not (0 <= strength <= 1 and 0 <= shrinkage <= 1):
        raise DescriptorError(
            f"strength is {strength} and shrinkage {shrinkage}; both must be in [0, 1]"
        )
    if dimensions is not None and not 1 <= dimensions <= vectors.shape[1]:
        raise DescriptorError(f"dimensions is {dimensions}; it must be in [1, {vectors.shape[1]}]")
