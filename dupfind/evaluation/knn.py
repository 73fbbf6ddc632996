"""k-NN classification on descriptors: how well they tell categories apart, without a classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import TruthError

NEIGHBOURS = 20
TEMPERATURE = 0.07
BLOCK_ROWS = 1024


def knn_report(
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: list[str],
    *,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> dict[str, Any]:
    """Classify each file by its nearest other files (leave one out) and count what is right.

    Args:
        vectors: L2-normalised descriptors, shape (files, dimensions).
        labels: Class of each file, an index into ``classes``, shape (files,).
        classes: Name of each class.
        k: How many neighbours vote.
        temperature: A neighbour votes exp(cosine / temperature).

    Returns:
        ``accuracy`` over files, ``mean_class_accuracy``, ``chance`` (always the largest class) and
        ``classes`` {name: {files, right, accuracy}}.

    Raises:
        TruthError: There are fewer than two classes.
    """
    if len(classes) < 2:
        raise TruthError(
            f"k-NN needs at least two classes, found {len(classes)}; give a folder with one subfolder "
            "for each class"
        )
    votes = knn_votes(vectors, vectors, labels, len(classes), k, temperature, leave_one_out=True)
    right = votes.argmax(axis=1) == labels
    table = {
        name: {
            "files": int((labels == number).sum()),
            "right": int(right[labels == number].sum()),
            "accuracy": float(right[labels == number].mean()) if (labels == number).any() else None,
        }
        for number, name in enumerate(classes)
    }
    accuracies = [row["accuracy"] for row in table.values() if row["accuracy"] is not None]
    return {
        "k": k,
        "temperature": temperature,
        "files": len(labels),
        "accuracy": float(right.mean()),
        "mean_class_accuracy": float(np.mean(accuracies)),
        "chance": float(np.bincount(labels).max() / len(labels)),
        "classes": table,
    }


def knn_votes(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    k: int,
    temperature: float,
    *,
    leave_one_out: bool = False,
) -> NDArray[np.float64]:
    """Return the weight of votes for each class, float64 of shape (queries, classes).

    With ``leave_one_out`` query i is vector i and does not vote for itself.

    Source: weighted k-NN of Wu et al. 2018 (arXiv 1805.01978), as DINO evaluates: k 20, temperature 0.07.
    """
    votes = np.zeros((len(queries), classes))
    k = min(k, len(vectors) - int(leave_one_out))
    if k < 1:
        return votes
    for start in range(0, len(queries), BLOCK_ROWS):
        similarity = (queries[start : start + BLOCK_ROWS] @ vectors.T).astype(np.float64)
        rows = np.arange(len(similarity))
        if leave_one_out:
            similarity[rows, start + rows] = -np.inf
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        weight = np.exp(np.take_along_axis(similarity, nearest, axis=1) / temperature)
        at = (np.repeat(start + rows, k), labels[nearest].ravel())
        np.add.at(votes, at, weight.ravel())
    return votes
