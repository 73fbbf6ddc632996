"""Which photos a run learns from and which are held out: near-duplicates never on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupfind.training.cache import PhotoCache
from dupfind.training.config import TrainingConfig

# One in three held-out photos is the monitor's, which also chooses between student and teacher;
# the comparison at the end must not be made on photos that a choice was made on.
MONITOR_EVERY = 3
MOST_SHARE = 5  # at most a fifth of the photos is held out


@dataclass(frozen=True)
class Split:
    """Rows of the cache. ``held`` are all that are held out, whole groups of near-duplicates.

    ``monitor`` and ``judged`` are one row of each held-out group: those that the run looks at, and
    those that the comparison at the end shows both models.
    """

    train: NDArray[np.int64]
    held: tuple[int, ...]
    monitor: tuple[int, ...]
    judged: tuple[int, ...]


@dataclass(frozen=True)
class Collection:
    """The photos of a run. ``groups`` is a number for each, the same for near-duplicates.

    ``alike`` are the look-alikes of each that may share its batch (``alike.look_alikes``), if any.
    """

    cache: PhotoCache
    groups: NDArray[np.int64]
    split: Split
    alike: NDArray[np.int64] | None = None


def split_collection(
    cache: PhotoCache, config: TrainingConfig, groups: NDArray[np.int64] | None = None
) -> Collection:
    """Split the photos of a cache; without ``groups``, all of them are taken to be different."""
    known = np.arange(len(cache)) if groups is None else groups
    return Collection(cache, known, split_photos(known, config))


def split_photos(groups: NDArray[np.int64], config: TrainingConfig) -> Split:
    """Hold out whole groups, at most ``config.held_out`` photos: the same for the same seed.

    ``groups`` is a number for each photo, the same for near-duplicates.
    """
    photos = len(groups)
    wanted = min(config.held_out, photos // MOST_SHARE)
    order = np.random.default_rng((config.seed, photos)).permutation(photos)
    # The photos of each group, groups in the random order of their first photo.
    _, first, number = np.unique(groups[order], return_index=True, return_inverse=True)
    members: list[list[int]] = [[] for _ in first]
    for row, group in zip(order.tolist(), number.tolist(), strict=True):
        members[group].append(row)
    held: list[int] = []
    for group in np.argsort(first).tolist():
        if len(held) + len(members[group]) <= wanted:
            held += members[group]
    return split_again(groups, held)


def split_again(groups: NDArray[np.int64], held: Sequence[int]) -> Split:
    """Split as before, by the held-out rows that a run has written down."""
    is_held = np.zeros(len(groups), bool)
    is_held[list(held)] = True
    own = groups[list(held)] if len(held) else groups[:0]
    # A group that only now is one group stays out as a whole.
    is_held |= np.isin(groups, own)
    shown = [row for row, is_first in zip(held, _is_first(own), strict=True) if is_first]
    return Split(
        train=np.flatnonzero(~is_held),
        held=tuple(held),
        monitor=tuple(sorted(shown[::MONITOR_EVERY])),
        judged=tuple(sorted(set(shown) - set(shown[::MONITOR_EVERY]))),
    )


def _is_first(values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the first place of each value."""
    result = np.zeros(len(values), bool)
    result[np.unique(values, return_index=True)[1]] = True
    return result
