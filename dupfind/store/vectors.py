"""Descriptors: one for each content and model."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from sqlite_utils import Database

from dupfind.errors import DescriptorError
from dupfind.store.rows import blocks_of, marks

_ONE_PHOTO_OF_EACH_CONTENT = (
    "FROM photos JOIN vectors ON vectors.sha256 = photos.sha256 AND vectors.model_id = ? "
    "WHERE NOT photos.is_missing AND photos.id = (SELECT min(same.id) FROM photos AS same "
    "WHERE same.sha256 = photos.sha256 AND NOT same.is_missing)"
)


class VectorTables:
    """Reads ``vectors`` (``add_batch`` writes them)."""

    db: Database

    def vectors(self, model_id: int) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """Return the descriptors of one model, one for each content.

        Returns:
            The id of the first photo of each content, ascending, shape (contents,), and the
            descriptors in the same order, float16 of shape (contents, dimensions). Rows are
            read one by one into the array: nothing else of that size is in memory.

        Raises:
            DescriptorError: There is no such model, or a stored descriptor has the wrong length.
        """
        model = self.db.execute("SELECT dimensions FROM models WHERE id = ?", [model_id]).fetchone()
        if model is None:
            raise DescriptorError(f"the library has no model with the id {model_id}")
        with self.db.atomic():  # the count and the rows must be of the same moment
            count = self.count_vectors(model_id)
            ids = np.empty(count, np.int64)
            matrix = np.empty((count, model[0]), np.float16)
            rows = self.db.execute(
                f"SELECT photos.id, vectors.vector {_ONE_PHOTO_OF_EACH_CONTENT} ORDER BY photos.id",
                [model_id],
            )
            for position, (photo_id, blob) in enumerate(rows):
                if len(blob) != 2 * model[0]:
                    raise DescriptorError(
                        f"the descriptor of photo {photo_id} has {len(blob)} bytes instead of "
                        f"{2 * model[0]}; the database is damaged, delete it and index again"
                    )
                ids[position] = photo_id
                matrix[position] = np.frombuffer(blob, "<f2")
        return ids, matrix

    def count_vectors(self, model_id: int) -> int:
        """Return how many contents have a descriptor of this model."""
        count: int = self.db.execute(
            f"SELECT count(*) {_ONE_PHOTO_OF_EACH_CONTENT}", [model_id]
        ).fetchone()[0]
        return count

    def count_undescribed(self, model_id: int) -> int:
        """Return how many photos that are there have no descriptor of this model."""
        count: int = self.db.execute(
            "SELECT count(*) FROM photos WHERE NOT is_missing AND NOT EXISTS "
            "(SELECT 1 FROM vectors WHERE vectors.sha256 = photos.sha256 AND model_id = ?)",
            [model_id],
        ).fetchone()[0]
        return count

    def has_vector(self, sha256: str, model_id: int) -> bool:
        """Tell whether a content has a descriptor of this model."""
        row = self.db.execute(
            "SELECT 1 FROM vectors WHERE sha256 = ? AND model_id = ?", [sha256, model_id]
        ).fetchone()
        return row is not None

    def contents_with_vector(self, sha256s: Iterable[str], model_id: int) -> set[str]:
        """Return those of the contents that have a descriptor of this model."""
        return {
            row[0]
            for block in blocks_of(list(sha256s))
            for row in self.db.execute(
                f"SELECT sha256 FROM vectors WHERE model_id = ? AND sha256 IN ({marks(block)})",
                [model_id, *block],
            )
        }
