"""Make descriptors distributed as those of a labelled album, copies planted among them.

Random photos: the mean of the album's distinct photos and random mixtures of their deviations, so that
any two are as alike as two of the album. Three of ten lie as near to another photo as the album's own do
to the nearest that is no copy of theirs: hard neighbours, which compete with the copies. One of ten is a
copy: its cosine with its original, and the direction away from it, are those of a labelled pair.
"""

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 14
BLOCK = 16_384
PLANTED = 0.1
HARD = 0.3

Floats = NDArray[np.float32]


def main() -> None:
    """Describe a labelled album (`describe`), or make descriptors like its own (`make`)."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["describe", "make"])
    parser.add_argument("source", type=Path, help="TRUTH.csv, or what `describe` wrote")
    parser.add_argument("target", type=Path)
    parser.add_argument("--count", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.what == "describe":
        describe(arguments.source, arguments.target)
    else:
        make(arguments.source, arguments.target, arguments.count)


def describe(truth: Path, target: Path) -> None:
    """Write vectors, group and whether it is an original, of the photos of TRUTH.csv."""
    from dupfind import IndexOptions, Library

    with truth.open(newline="", encoding="utf-8") as stream:
        labels = {
            str((truth.parent / row["path"]).resolve()): row for row in csv.DictReader(stream)
        }
    with tempfile.TemporaryDirectory() as folder:
        library = Library(folder)
        library.index(sorted(labels), IndexOptions(features=False))
        with library.store() as store:
            model = store.active_model()
            ids, vectors = store.vectors(model.id)
            photos = store.photos_by_id(ids.tolist())
    rows = [labels[str(photos[photo_id].path.resolve())] for photo_id in ids.tolist()]
    group = np.array([row["group_id"] for row in rows])
    original = np.array([row["is_original"] == "1" for row in rows])
    np.savez(target, vectors=vectors.astype(np.float32), group=group, original=original)


def make(source: Path, target: Path, count: int) -> None:
    """Write ``vectors.npy``, float16 (count, dimensions), and ``planted.npy``, (pairs, 2) rows."""
    with np.load(source) as album:
        like = Like(album["vectors"], album["group"], album["original"])
    rng = np.random.default_rng(SEED)
    target.mkdir(parents=True, exist_ok=True)
    shape = (count, like.deviations.shape[1])
    vectors = np.lib.format.open_memmap(target / "vectors.npy", "w+", np.float16, shape)
    distinct = count - int(PLANTED * count)
    for start in range(0, distinct, BLOCK):
        stop = min(start + BLOCK, distinct)
        vectors[start:stop] = like.photos(stop - start, rng)
    originals = np.sort(rng.choice(distinct, count - distinct, replace=False))
    for start in range(0, count - distinct, BLOCK):
        rows = originals[start : start + BLOCK]
        place = distinct + start
        vectors[place : place + len(rows)] = like.copies(vectors[rows].astype(np.float32), rng)
    vectors.flush()
    np.save(target / "planted.npy", np.column_stack([originals, np.arange(distinct, count)]))


class Like:
    """What is known of the descriptors of a labelled album."""

    def __init__(
        self, vectors: Floats, group: NDArray[np.str_], original: NDArray[np.bool_]
    ) -> None:
        distinct = vectors[(group == "") | original]
        self.mean = distinct.mean(axis=0)
        self.deviations = distinct - self.mean
        same = (group[:, None] == group[None]) & (group != "")[:, None]
        cosine = vectors @ vectors.T
        pairs = np.argwhere(np.triu(same, 1))
        self.one, self.other = vectors[pairs[:, 0]], vectors[pairs[:, 1]]
        self.nearest_other = np.where(same | np.eye(len(same), dtype=bool), -1, cosine).max(axis=1)

    def photos(self, count: int, rng: np.random.Generator) -> Floats:
        """Return photos, (count, dimensions), of which some are hard neighbours of the one before."""
        weights = rng.standard_normal((count, len(self.deviations)), np.float32)
        found = _unit(self.mean + weights @ self.deviations / np.sqrt(len(self.deviations)))
        hard = np.flatnonzero(rng.random(count) < HARD)
        hard = hard[hard > 0]
        before = found[hard - 1]
        cosine = rng.choice(self.nearest_other, len(hard)).astype(np.float32)
        found[hard] = _towards(before, cosine, found[hard] - before)
        return found

    def copies(self, originals: Floats, rng: np.random.Generator) -> Floats:
        """Return one copy of each photo, as far from it and in the direction of a labelled pair."""
        chosen = rng.integers(0, len(self.one), len(originals))
        one, other = self.one[chosen], self.other[chosen]
        cosine = np.clip((one * other).sum(axis=1), -1, 1)
        away = other - cosine[:, None] * one
        away += 1e-6 * rng.standard_normal(away.shape, np.float32)  # of equal ones there is none
        return _towards(_unit(originals), cosine, away)


def _unit(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _towards(vectors: Floats, cosine: Floats, direction: Floats) -> Floats:
    """Return what has this cosine with each vector and lies in this direction of it."""
    across = direction - (direction * vectors).sum(axis=1, keepdims=True) * vectors
    sine = np.sqrt(np.clip(1 - cosine**2, 0, 1))
    return _unit(cosine[:, None] * vectors + sine[:, None] * _unit(across))


if __name__ == "__main__":
    main()
