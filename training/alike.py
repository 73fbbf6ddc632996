"""Look-alikes that are no copies: the hard negatives of the contrastive term.

A batch of photos drawn by chance holds nothing that is hard to tell apart. With some of its
look-alikes beside it, a photo is learned by what tells it from them.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dupfind.errors import TrainingError

BLOCK = 1024
NO_FAMILY = -1


def read_families(file: Path, paths: Sequence[Path]) -> NDArray[np.int64]:
    """Return the family of each photo, (photos,), -1 for none.

    Photos of one family look alike and are different pictures (other pages of one form): never
    taken for duplicates. ``file`` is a CSV with the columns ``file`` (a name without folder) and
    ``family`` (a number).

    Raises:
        TrainingError: The file cannot be read, or a column is missing.
    """
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            known = {row["file"]: int(row["family"]) for row in csv.DictReader(stream)}
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"the families in {file} cannot be read ({error}); it needs the columns file,family"
        ) from error
    return np.array([known.get(path.name, NO_FAMILY) for path in paths], np.int64)


def keep_apart(groups: NDArray[np.int64], families: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each photo of a family a group of its own."""
    groups = groups.copy()
    rows = np.flatnonzero(families != NO_FAMILY)
    groups[rows] = groups.max(initial=-1) + 1 + np.arange(len(rows))
    return groups


def look_alikes(
    descriptors: Tensor, groups: NDArray[np.int64], families: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return ``count`` photos that look like each photo and are none of its duplicates.

    Those of its family first, then the nearest others. A photo of a family has no others: two
    pages of different forms may be alike by chance only.

    Args:
        descriptors: L2-normalised, (photos, dimensions).
        groups: The same number for near-duplicates, (photos,).
        families: From ``read_families``.
        count: How many, at most.

    Returns:
        Rows, (photos, count), -1 where there are fewer.
    """
    found = np.full((len(descriptors), count), -1, np.int64)
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(families != NO_FAMILY).tolist():
        members.setdefault(int(families[row]), []).append(row)
    for own in members.values():
        for place, row in enumerate(own):
            others = [*own[place + 1 :], *own[:place]][:count]
            found[row, : len(others)] = others
    alone = np.flatnonzero(families == NO_FAMILY)
    known = torch.from_numpy(groups[alone])
    for start in range(0, len(alone), BLOCK):
        rows = alone[start : start + BLOCK]
        similarity = descriptors[rows] @ descriptors[alone].T
        similarity[torch.from_numpy(groups[rows])[:, None] == known[None, :]] = -2
        best = similarity.topk(min(count, len(alone)), dim=1)
        nearest = np.where(best.values.numpy() > -1, alone[best.indices.numpy()], -1)
        found[rows, : nearest.shape[1]] = nearest
    return found
