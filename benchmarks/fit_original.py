"""Grow the trees that tell originals (dupfind/matching/origin.json) on families made of single photos.

    python benchmarks/fit_original.py examples PHOTOS... --count 500 --seed 1 -o one.pkl
    python benchmarks/fit_original.py fit one.pkl two.pkl

The first makes an original and one to ten copies of a photo (``families.py``), and traces them as a group.
The second grows the trees of pairs, and on what those say of families that they did not see the trees of
groups. Each is scored on folds apart.
"""

import json
import pickle
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from families import FORMATS, Example, Maker
from grown import as_trees
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from dupfind.copies.looks import Looks
from dupfind.copies.originals import Between, compare, lay
from dupfind.evidence import Evidence
from dupfind.matching.calibrate import shipped_calibration, signals_of
from dupfind.matching.features import extract
from dupfind.matching.origin import SPEAKING, STANDING, Origin, standing
from dupfind.matching.relation import Side, relate
from dupfind.matching.traces import TRACES, reversed_traces
from dupfind.matching.trees import Trees
from dupfind.matching.verify import verify
from dupfind.photos.decode import FULL_SIZE_PX, decode
from dupfind.records import Photo, Relation

PROVEN = 0.5
FOLDS = 4


def examples_of(files: Sequence[tuple[str, Path]], rng: np.random.Generator) -> list[Example]:
    """Trace a family as the group of a library, and a smaller part of it as another."""
    photos, evidence = _proven(files)
    whole = list(evidence)
    parts = [whole]
    if len(whole) > 4:
        parts.append([0, *rng.permutation(whole[1:])[: int(rng.integers(2, 6))].tolist()])
    looks, found = Looks(photos), []
    for rows in parts:
        mixed = [int(row) for row in rng.permutation(rows)]
        compared = compare(lay(mixed, photos, _between(evidence)), looks)
        if len(compared.rows) > 1 and 0 in compared.rows:
            kinds = [files[row][0] for row in compared.rows]
            found.append(Example(kinds, compared.rows.index(0), compared.traced))
    return found


def _proven(files: Sequence[tuple[str, Path]]) -> tuple[list[Photo], dict[int, Evidence | None]]:
    """Return the photos, and the evidence of each that is proven a copy of the first one."""
    photos, sides = [], []
    for number, (_, path) in enumerate(files):
        pixels = decode(path, needed_px=FULL_SIZE_PX).pixels
        high, wide = pixels.shape[:2]
        sides.append(Side(extract(pixels), wide, high))
        size_bytes, name = path.stat().st_size, FORMATS[path.suffix[1:]]
        photos.append(Photo(number, path, "", size_bytes, 0, wide, high, name, None, 0))
    evidence: dict[int, Evidence | None] = {0: None}
    for row in range(1, len(files)):
        proof = verify(sides[0].features, sides[row].features)
        if proof.matrix is None or proof.comparison is None:
            continue
        if shipped_calibration().probability(signals_of(proof)[None])[0] >= PROVEN:
            evidence[row] = relate(proof, sides[0], sides[row])[1]
    return photos, evidence


def _between(evidence: dict[int, Evidence | None]) -> Between:
    """Return what is known of two copies by what is known of each and the original."""

    def between(a: int, b: int) -> Evidence | None:
        if a == b or a not in evidence or b not in evidence:
            return None
        of_a, of_b = evidence[a], evidence[b]
        if of_a is None:
            return of_b
        if of_b is None:
            return of_a.reversed()
        matrices = [np.reshape(found.matrix or np.eye(3), (3, 3)) for found in (of_a, of_b)]
        matrix = matrices[1] @ np.linalg.inv(matrices[0])
        matrix = tuple((matrix / matrix[2, 2]).ravel().tolist())
        framed = (of_a.frame == "b", of_b.frame == "b")
        frame = None if framed[0] == framed[1] else "a" if framed[0] else "b"
        held = tuple(
            found.relations[-1] is Relation.COMPOSITE and found.part == "a"
            for found in (of_a, of_b)
        )
        if held[0] == held[1]:
            return Evidence("composed", matrix=matrix, frame=frame)
        part = "b" if held[0] else "a"
        return Evidence(
            "composed", relations=(Relation.COMPOSITE,), part=part, frame=frame, matrix=matrix
        )

    return between


@click.group()
def main() -> None:
    """Grow the trees that tell originals."""
    cv2.setNumThreads(1)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=500, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("-o", "output", required=True, type=click.Path(path_type=Path))
def examples(folders: tuple[Path, ...], count: int, seed: int, output: Path) -> None:
    """Make families of the photos in the folders and trace them."""
    paths = sorted(path for folder in folders for path in folder.rglob("*.*") if path.is_file())
    found: list[Example] = []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            maker = Maker(paths, Path(folder), seed * 100_000 + number)
            found.extend(examples_of(maker.family(), maker.rng))
    output.write_bytes(pickle.dumps(found))
    print(f"{len(found)} groups of {sum(len(one.kinds) for one in found)} pictures")


@main.command("fit")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "output", default="dupfind/matching/origin.json", show_default=True)
def fit_trees(files: tuple[Path, ...], output: str) -> None:
    """Grow the trees and print how often the original comes first in families that they did not see."""
    groups: list[Example] = [one for file in files for one in pickle.loads(file.read_bytes())]
    fold = np.arange(len(groups)) // 2 % FOLDS  # a family and its part stay together
    forward, family_of = _pairs(groups)
    numbers: list[NDArray[np.float64]] = [np.zeros(0)] * len(groups)
    for held in range(FOLDS):
        origin = Origin(_grown_on_pairs(forward[fold[family_of] != held]), _NO_TREES)
        for row in np.flatnonzero(fold == held):
            traced = groups[row].traced
            numbers[row] = standing(traced, origin.links(traced))
    _report(groups, numbers, fold)
    origin = Origin(_grown_on_pairs(forward), _grown_on_groups(groups, numbers, range(len(groups))))
    values = {
        "traces": list(TRACES),
        "standing": list(STANDING),
        "pair": origin.pair.to_json(),
        "of_all": origin.standing.to_json(),
    }
    Path(output).write_text(json.dumps(values, separators=(",", ":")), encoding="utf-8")


def _pairs(groups: Sequence[Example]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the traces of all (original, copy), and the family of each."""
    rows, family_of = [], []
    for number, one in enumerate(groups):
        for (a, b), row in one.traced.pairs.items():
            if one.original in (a, b):
                rows.append(row if a == one.original else reversed_traces(row))
                family_of.append(number)
    return np.array(rows), np.array(family_of)


def _grown_on_pairs(forward: NDArray[np.float32]) -> Trees:
    back = np.array([reversed_traces(row) for row in forward])
    grower = HistGradientBoostingClassifier(
        max_depth=4, max_iter=120, learning_rate=0.1, l2_regularization=3.0, min_samples_leaf=15,
        max_features=0.3, early_stopping=False, random_state=20210429,
    )  # fmt: skip
    grower.fit(np.concatenate([forward, back]), np.repeat([1, 0], len(forward)))
    return as_trees([grower])


def _grown_on_groups(
    groups: Sequence[Example], numbers: Sequence[NDArray[np.float64]], rows: Sequence[int]
) -> Trees:
    is_original = [np.arange(len(numbers[row])) == groups[row].original for row in rows]
    grower = HistGradientBoostingClassifier(
        max_depth=4, max_iter=120, learning_rate=0.06, l2_regularization=3.0, min_samples_leaf=15,
        max_features=0.3, early_stopping=False, random_state=20210429,
        monotonic_cst=[SPEAKING.get(name, 0) for name in STANDING],
    )  # fmt: skip
    grower.fit(np.concatenate([numbers[row] for row in rows]), np.concatenate(is_original))
    return as_trees([grower])


def _report(
    groups: Sequence[Example],
    numbers: Sequence[NDArray[np.float64]],
    fold: NDArray[np.int64],
) -> None:
    first: dict[str, list[bool]] = {"up to 3": [], "4 or more": []}
    for held in range(FOLDS):
        trees = _grown_on_groups(groups, numbers, np.flatnonzero(fold != held).tolist())
        origin = Origin(_NO_TREES, trees)
        for row in np.flatnonzero(fold == held):
            best = int(origin.weighed(numbers[row]).argmax())
            size = "4 or more" if len(numbers[row]) > 3 else "up to 3"
            first[size].append(best == groups[row].original)
    for size, right in first.items():
        print(f"groups of {size}: the original comes first in {sum(right)} of {len(right)}")


_NO_TREES = Trees(
    *(np.full((1, 1), -1, np.int64), np.zeros((1, 1))),
    *(np.zeros((1, 1), np.int64) for _ in range(3)),
    np.zeros((1, 1)),
    0.0,
)


if __name__ == "__main__":
    main()
