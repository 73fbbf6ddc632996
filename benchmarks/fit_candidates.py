"""Learn what finds the candidate pairs: the basis of the sketches, and the score of what is worth a proof.

    python benchmarks/fit_candidates.py basis PHOTOS
    python benchmarks/make_set.py PHOTOS ALBUM --originals 200 --edits 9 --distractors 800
    python benchmarks/fit_candidates.py examples ALBUM -o one.npz
    python benchmarks/fit_candidates.py score one.npz two.npz [--beside other.npz] [--measure]

The first learns the main directions of keypoint descriptors (dupfind/matching/sketch.npz). The third proves
the copies of a made album: those that a proof finds are examples of what is worth one, pairs of different
photos are not. The last learns the three scores (dupfind/matching/worth.json) and prints for each album, by
folds of photos that they were not learned on, what share of the former the cuts keep and how many proofs a
photo the latter cost; the same for albums ``--beside``, of which nothing is learned.
"""

import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np
from grown import as_trees
from numpy.typing import NDArray
from scipy.optimize import minimize

from dupfind import Library
from dupfind.copies.candidates import SURE, pairs_of
from dupfind.copies.contents import load_contents
from dupfind.copies.kept import open_kept
from dupfind.copies.local_index import index_local
from dupfind.copies.proving import open_prover
from dupfind.copies.sketches import load_sketches
from dupfind.errors import PhotoError
from dupfind.index import self_join
from dupfind.matching.calibrate import shipped_calibration
from dupfind.matching.features import CONTRAST_THRESHOLD
from dupfind.matching.pairs import CANDIDATES
from dupfind.matching.sketch import SKETCH_KEYPOINTS, SKETCH_PX, learn_basis
from dupfind.matching.trees import Trees
from dupfind.matching.voting import compare_sketches
from dupfind.matching.worth import (
    GROUND_SIGNALS,
    SCORED,
    WORTH_SIGNALS,
    GrownWorth,
    Scores,
    Worth,
    beside_signals,
    ground_signals,
    shipped_worth,
    worth_signals,
)
from dupfind.photos.decode import decode

HOME = Path(__file__).parent.parent / "dupfind" / "matching"
PROVEN = 0.5
FOLDS = 5
GROWTHS = 3
GROWN_TREES = 100
PENALTY = 1e-3


@dataclass(frozen=True)
class Examples:
    """Candidate pairs of one album: signals, whether a copy that a proof finds, kind, and a photo's group."""

    photos: int | NDArray[np.int64]
    signals: NDArray[np.float32]
    is_copy: NDArray[np.bool_]
    kinds: NDArray[np.str_]
    fold: NDArray[np.int64]

    def where(self, rows: NDArray[np.bool_]) -> "Examples":
        """Return some of the pairs."""
        return Examples(self.photos, *(getattr(self, name)[rows] for name in COLUMNS))


COLUMNS = ("signals", "is_copy", "kinds", "fold")


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=1500)
def basis(photos: Path, count: int) -> None:
    """Learn the basis."""
    paths = sorted(path for path in photos.rglob("*.*"))
    detector = cv2.SIFT.create(
        nfeatures=SKETCH_KEYPOINTS,
        contrastThreshold=CONTRAST_THRESHOLD,
        enable_precise_upscale=True,
    )
    found = []
    for path in paths[:: max(1, len(paths) // count)]:
        try:
            pixels = decode(path, needed_px=SKETCH_PX).pixels
        except PhotoError:
            continue
        scale = SKETCH_PX / max(pixels.shape[:2])
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, descriptors = detector.detectAndCompute(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), None)
        if descriptors is not None:
            found.append(descriptors.astype(np.uint8))
    learned = learn_basis(np.concatenate(found))
    np.savez_compressed(
        HOME / "sketch.npz",
        mean=learned.mean.astype(np.float16),
        matrix=learned.matrix.astype(np.float16),
        signs=learned.signs,
    )


@main.command()
@click.argument("album", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
def examples(album: Path, output: Path) -> None:
    """Prove the copies of an album."""
    np.savez(output, **vars(examples_of(album)))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--beside", "others", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--recalls", type=(float, float, float), default=(0.9995, 0.998, 0.998))
@click.option("--keep-first", is_flag=True, help="Learn the two of trees only.")
@click.option("--measure", is_flag=True, help="Learn nothing: measure the shipped scores.")
def score(
    files: tuple[Path, ...],
    others: tuple[Path, ...],
    recalls: tuple[float, float, float],
    keep_first: bool,
    measure: bool,
) -> None:
    """Learn the scores, so that each cut keeps its share of the proven copies that reach it."""
    albums = [Examples(**np.load(file)) for file in files]
    odds = None
    if not measure:
        every = Examples(
            0, *(np.concatenate([getattr(album, name) for album in albums]) for name in COLUMNS)
        )
        scores, odds = learned_all(every, recalls, keep_first)
        text = json.dumps(scores.to_json()) + "\n"
        (HOME / "worth.json").write_text(text, encoding="utf-8")
        shipped_worth.cache_clear()
    start = 0
    for file, found in zip(files, albums, strict=True):
        rows = slice(start, start + len(found.is_copy))
        start = rows.stop
        report_all(file.name, found, odds[:, rows] if odds is not None else shipped_odds(found))
    for file in others:
        found = Examples(**np.load(file))
        report_all(f"{file.name} (not learned)", found, shipped_odds(found))


def learned_all(
    found: Examples, recalls: tuple[float, float, float], keep_first: bool
) -> tuple[Scores, NDArray[np.float64]]:
    """Return the scores, and the log odds of each, (3, pairs), by folds that they were not learned on."""
    odds = np.full((3, len(found.is_copy)), -np.inf)
    if keep_first:
        one = Worth.from_json(json.loads((HOME / "worth.json").read_text("utf-8"))["first"])
        odds[0] = one.log_odds(found.signals[:, : len(WORTH_SIGNALS)])
    else:
        one, odds[0] = learned(found, recalls[0])
    near = odds[0] >= one.cut
    two, odds[1, near] = grown(found.where(near), SCORED["second"], recalls[1])
    near &= odds[1] >= two.cut
    three, odds[2, near] = grown(found.where(near), SCORED["third"], recalls[2])
    return Scores(one, two, three), odds


def shipped_odds(found: Examples) -> NDArray[np.float64]:
    """Return the log odds by the shipped scores, (3, pairs)."""
    scores = shipped_worth()
    first = scores.first.log_odds(found.signals[:, : len(WORTH_SIGNALS)])
    second = scores.second.log_odds(found.signals[:, : len(SCORED["second"])])
    return np.stack([first, second, scores.third.log_odds(found.signals)])


def report_all(name: str, found: Examples, odds: NDArray[np.float64]) -> None:
    """Print what each score in turn keeps of an album."""
    scores, sure = shipped_worth(), odds[0] >= SURE
    kept = odds[0] >= scores.first.cut
    report(f"{name}, first", found, kept)
    kept = kept & (sure | (odds[1] >= scores.second.cut))
    report(f"{name}, second", found, kept)
    report(f"{name}, all", found, kept & (sure | (odds[2] >= scores.third.cut)))


def by_folds(
    make: Callable[[NDArray[np.bool_]], Worth | Trees],
    signals: NDArray[np.float32],
    fold: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the log odds of each pair by a score that was made of the rows of other folds."""
    odds = np.empty(len(signals))
    for held_out in range(FOLDS):
        out = fold == held_out
        odds[out] = make(~out).log_odds(signals[out])
    return odds


def grown(
    found: Examples, names: tuple[str, ...], recall: float
) -> tuple[GrownWorth, NDArray[np.float64]]:
    """Return a score that weighs the first signals, and the log odds by folds that it was not grown on."""
    signals, is_copy = found.signals[:, : len(names)], found.is_copy
    rises = [int(name not in GROUND_SIGNALS) for name in names]
    odds = by_folds(lambda rows: grow(signals[rows], is_copy[rows], rises), signals, found.fold)
    cut = float(np.quantile(odds[is_copy], 1 - recall))
    return GrownWorth(names, grow(signals, is_copy, rises), cut), odds


def grow(signals: NDArray[np.float32], is_copy: NDArray[np.bool_], rises: list[int]) -> Trees:
    """Grow trees; rare copies weigh more than the many others.

    ``rises`` is 1 for signals with which the answer may only rise, 0 for those with which it may do anything.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    weight = np.sqrt(np.where(is_copy, 1 / is_copy.sum(), 1 / (~is_copy).sum()) * len(is_copy))
    growths = [
        HistGradientBoostingClassifier(
            max_iter=GROWN_TREES,
            max_leaf_nodes=8,
            learning_rate=0.08,
            min_samples_leaf=20,
            l2_regularization=1.0,
            max_features=0.7,
            monotonic_cst=rises,
            early_stopping=False,
            random_state=seed,
        ).fit(signals, is_copy, sample_weight=weight)
        for seed in range(GROWTHS)
    ]
    return as_trees(growths)


def learned(found: Examples, recall: float) -> tuple[Worth, NDArray[np.float64]]:
    """Return the first score, and the log odds by folds that it was not learned on."""
    used, is_copy = found.signals[:, : len(WORTH_SIGNALS)].astype(np.float64), found.is_copy
    odds = by_folds(
        lambda rows: fit(used[rows], is_copy[rows]), used.astype(np.float32), found.fold
    )
    cut = float(np.quantile(odds[is_copy], 1 - recall))
    return replace(fit(used, is_copy), cut=cut), odds


def report(name: str, found: Examples, kept: NDArray[np.bool_]) -> None:
    """Print what is kept of an album."""
    copies = found.is_copy
    print(
        f"{name}: {kept[copies].mean() if copies.any() else 1:.4f} of {copies.sum()} proven copies kept, "
        f"{kept[~copies].sum() / found.photos:.3f} other proofs a photo"
    )
    lost = [kind for kind, keep in zip(found.kinds, kept, strict=True) if kind and not keep]
    print("lost:", lost)


def examples_of(album: Path) -> Examples:
    """Index an album, list its candidate pairs, and prove those that are copies."""
    with (album / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = {str((album / row["path"]).absolute()): row for row in csv.DictReader(file)}
    neutral = set()
    if (album / "neutral.csv").exists():
        with (album / "neutral.csv").open(newline="", encoding="utf-8") as file:
            neutral = {frozenset((row["path_a"], row["path_b"])) for row in csv.DictReader(file)}
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder) / "library")
        library.index([album / "photos"])
        with library.store(write=True) as store:
            contents = load_contents(store)
            labels = [truth[str(photo.path)] for photo in contents.first]
            with (
                open_kept(store, contents.first) as kept,
                open_prover(store, contents.first, kept=kept) as prover,
                store.features() as cache,
            ):
                local = index_local(load_sketches(contents.first, cache).table)
                votes = local.votes()
                _, near = self_join(contents.vectors, CANDIDATES)
                pairs = pairs_of(votes, near, len(contents.first))
                signals = np.column_stack(
                    [
                        worth_signals(pairs, votes, local.table.thumbs, contents.vectors),
                        ground_signals(pairs, local.table.thumbs),
                        beside_signals(compare_sketches(local.table, pairs)),
                    ]
                )
                same = np.array([labels[a]["group_id"] == labels[b]["group_id"] for a, b in pairs])
                shown = np.array([_shown(labels[a], labels[b], neutral) for a, b in pairs])
                proven = list(prover.prove(pairs[same]))
    likely = shipped_calibration().probability(np.array([pair.signals for pair in proven]))
    is_copy = same.copy()
    is_copy[same] = likely >= PROVEN
    known = is_copy | ~(same | shown)
    kinds = [
        "+".join(sorted({labels[a]["kind"], labels[b]["kind"]})) if copy else ""
        for (a, b), copy in zip(pairs.tolist(), is_copy, strict=True)
    ]
    kinds = [kind for kind, keep in zip(kinds, known, strict=True) if keep]
    return Examples(
        len(contents.first),
        signals[known],
        is_copy[known],
        np.array(kinds),
        pairs[known, 0] % FOLDS,
    )


def _shown(a: dict[str, str], b: dict[str, str], neutral: set[frozenset[str]]) -> bool:
    return frozenset((a["path"], b["path"])) in neutral


def fit(signals: NDArray[np.float64], is_copy: NDArray[np.bool_]) -> Worth:
    """Fit a logistic regression without negative weights; copies and others weigh alike."""
    deviation = np.maximum(signals.std(axis=0), 1e-6)
    design = np.column_stack([signals / deviation, np.ones(len(signals))])
    sample = np.where(is_copy, 0.5 / is_copy.sum(), 0.5 / (~is_copy).sum())
    pull = np.array([*[PENALTY] * signals.shape[1], 0.0])

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = design @ values
        cost = sample @ (np.logaddexp(0, odds) - is_copy * odds) + pull @ values**2
        chance = 1 / (1 + np.exp(-np.clip(odds, -60, 60)))
        return float(cost), design.T @ (sample * (chance - is_copy)) + 2 * pull * values

    bounds: Sequence[tuple[float | None, None]] = [*[(0.0, None)] * signals.shape[1], (None, None)]
    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Worth(WORTH_SIGNALS, tuple((found[:-1] / deviation).tolist()), float(found[-1]), 0.0)


if __name__ == "__main__":
    main()
