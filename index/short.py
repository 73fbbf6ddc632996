"""Tell by short products which vectors are near enough to be measured in full.

Vectors are projected on the main directions of those that are searched for. A pair whose short product
stays further below the least that is wanted than those of near pairs do needs no product in full.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 192
COVERED = 0.9998  # of near pairs, whose short product may lie no further below the true one

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Short:
    """Projects vectors on ``basis``, (dimensions, directions) float32.

    ``margin`` is by how much the short product of a near pair may lie below the true one.
    """

    basis: Floats
    margin: float

    @classmethod
    def of(cls, queries: Floats, nearest: Floats, directions: int | None = None) -> "Short":
        """Learn from vectors and one near other of each, both (n, dimensions) float32."""
        main = np.linalg.eigh(queries.T @ queries)[1][:, -(directions or DIRECTIONS) :]
        basis = np.ascontiguousarray(main, np.float32)
        true = np.einsum("nd,nd->n", queries, nearest)
        short = np.einsum("nd,nd->n", queries @ basis, nearest @ basis)
        return cls(basis, max(0.0, float(np.quantile(true - short, COVERED))))

    def shorten(self, vectors: Floats) -> Floats:
        """Return vectors as ``near`` takes them, (n, directions)."""
        short: Floats = vectors @ self.basis
        return short

    def near(self, queries: Floats, others: Floats, least: Floats) -> tuple[Rows, Rows]:
        """Return the rows of queries and of others whose product may be above what the query needs.

        Args:
            queries: (m, directions), from ``shorten``.
            others: (n, directions), from ``shorten``.
            least: (m,) the least product in full that is wanted of each query.
        """
        products = queries @ others.T
        found = np.flatnonzero(products > (least - np.float32(self.margin))[:, None])
        return np.divmod(found, products.shape[1])
