"""Grow the judge that dupfind ships (dupfind/matching/judge.json) on made copies and look-alikes.

    python benchmarks/fit_judge.py examples PHOTOS... --count 2000 --seed 1 -o one.npz
    python benchmarks/fit_judge.py others PAIRS.csv -o others.npz
    python benchmarks/fit_judge.py examples PHOTOS... --only near_view --count 250 --seed 9 -o views.npz
    python benchmarks/fit_judge.py fit one.npz others.npz --parallax two.npz --parallax views.npz

The first makes edited copies of the photos (one to four edits at once) and look-alikes of every kind, and
looks closer at each. The second takes the pairs of an album without copies (``dupfind report --format pairs``):
ordinary other photos. The last grows the trees, with folds apart to score them: the first on all examples, and
those that weigh their answer with the parallax on others that the first did not see (two.npz, of another seed).
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import click
import cv2
import numpy as np
from grown import as_trees
from make_chains import chain_of
from numpy.typing import NDArray
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold

from dupfind.errors import PhotoError
from dupfind.matching.calibrate import shipped_calibration, signals_of
from dupfind.matching.closer import CloserLook, look_closer
from dupfind.matching.features import extract
from dupfind.matching.judge import (
    LOOK_FROM,
    LOOK_SIGNALS,
    PARALLAX_SIGNALS,
    Judge,
    judged,
    look_signals,
    shipped_judge,
    with_parallax,
)
from dupfind.matching.trees import Trees
from dupfind.matching.verify import verify
from dupfind.photos.decode import decode
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.photos.lookalikes import LOOKALIKES, make_pair, names_of

NEEDED_PX = 500
LARGEST_PX = 5000
CUT_FROM_PX = 1300  # larger photos are cut: each gives many examples
# Of a look-alike with fewer wrong windows, fewer moved patches and less parallax nothing is to be seen.
SEEN, MOVED, DRIFTED_PX = 0.0008, 0.03, 0.06
MAY_BE_COPIES = 0.9
HALFWAY = 0.35  # how far towards a copy an example between the two may lie
STRANGERS = 6  # one pair of strangers for so many examples
CHAINS = 0.3  # share of copies that are strong chains of edits
PLAIN = 0.3  # share of copies that were saved, shrunk or cut a little only, as most are
PAGES = 0.35  # share of copies whose original is a made page or screen
EDITED_TOO = 0.3  # share of the pictures of look-alikes that are edited besides
SUBTLE = 0.5  # share of made pages and screens that differ in a few places only
MILD = (
    "jpeg_medium",
    "shrink_half",
    "brighter",
    "darker",
    "crop_95",
    "messenger",
    "webp",
    "sharpen",
)
GROWTHS, TREES, SECOND_TREES, SEED = 5, 200, 120, 20210429
PASSING = 1.4  # log odds at which a pair passes where copies and look-alikes are equally many
SOFT = ("gradient", "landscape")
NO_OTHER = ("pan",)  # two crops of one picture: told by what each lacks, not by a look

Pixels = NDArray[np.uint8]


class Source:
    """Gives pictures at random: photos, and cuts of large ones."""

    def __init__(self, folders: tuple[Path, ...], generator: np.random.Generator) -> None:
        self.paths = sorted(path for folder in folders for path in folder.rglob("*.*"))
        self.generator = generator

    def __call__(self) -> Pixels:
        """Return a picture; files that are no photos are passed over."""
        while True:
            path = self.paths[self.generator.integers(len(self.paths))]
            try:
                pixels = decode(path, needed_px=NEEDED_PX).pixels
            except PhotoError:
                continue
            return self._cut(pixels) if max(pixels.shape[:2]) > CUT_FROM_PX else pixels

    def _cut(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        tall, wide = self.generator.integers(400, 1000, size=2)
        top = self.generator.integers(max(1, height - tall))
        left = self.generator.integers(max(1, width - wide))
        return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


def measure(a: Pixels, b: Pixels) -> NDArray[np.float64] | None:
    """Return what was found of a pair; None when it has no alignment or its proof rules it out."""
    proof = verify(extract(a), extract(b))
    if proof.matrix is None:
        return None
    first = shipped_calibration()
    signals = signals_of(proof)
    if first.probability(signals[None])[0] < LOOK_FROM:
        return None
    look = look_closer(a, b, proof.matrix)
    return None if look is None else as_row(look, float(first.log_odds(signals[None])[0]))


def as_row(look: CloserLook, proof_log_odds: float) -> NDArray[np.float64]:
    """Return a look and the log odds of its proof as one row, so that signals can be thought of anew."""
    found = [np.ravel(np.array(value, np.float64)) for value in astuple(look)]
    return np.concatenate([*found, [proof_log_odds]])


def signals_of_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the judge's signals of rows that ``as_row`` made."""
    bands = {"fine": 4, "sound": 4}
    made = []
    for row in rows:
        values, place = {}, 0
        for field in fields(CloserLook):
            width = bands.get(field.name, 0)
            part = row[place : place + max(1, width)].tolist()
            values[field.name] = tuple(part) if width else part[0]
            place += max(1, width)
        made.append(look_signals(CloserLook(**values), float(row[-1])))
    return np.array(made).reshape(-1, len(LOOK_SIGNALS))


def copy_of(source: Source, generator: np.random.Generator) -> tuple[str, Pixels, Pixels]:
    """Return the edits, a picture and a copy of it with one to four edits."""
    made = names_of("made")
    original = source()
    if generator.random() < PAGES:
        pair = make_pair(made[generator.integers(len(made))], generator)
        original = original if pair is None else pair[0]
    names = list(EDITS)
    chosen = [names[i] for i in generator.integers(len(names), size=generator.choice([1, 1, 2, 3]))]
    sort = generator.random()
    if sort < CHAINS:
        chosen = chain_of(generator)
    elif sort < CHAINS + PLAIN:
        chosen = [str(name) for name in generator.choice(MILD, size=generator.integers(1, 3))]
    return "+".join(chosen), original, edited(original, chosen, source, generator)


def edited(
    pixels: Pixels, names: list[str], source: Source, generator: np.random.Generator
) -> Pixels:
    """Return a picture after these edits."""
    for name in names:
        others = [source() for _ in range(EDITS[name].others)]
        pixels = np.ascontiguousarray(apply_edit(name, pixels, generator, other=others).pixels)
    return pixels


def lookalike_of(
    source: Source, generator: np.random.Generator, only: Sequence[str] = ()
) -> tuple[str, Pixels, Pixels] | None:
    """Return the kind and two look-alikes; None where the drawn photo has nothing to change."""
    names = list(only) or [name for name in LOOKALIKES if name not in NO_OTHER]
    name = names[generator.integers(len(names))]
    start = None if LOOKALIKES[name].family == "made" else source()
    subtle = name in names_of("made") and generator.random() < SUBTLE
    pair = make_pair(name, generator, start, other=[source(), source()], subtle=subtle)
    if pair is None:
        return None
    first, second = (
        edited(pixels, [str(generator.choice(MILD))], source, generator)
        if generator.random() < EDITED_TOO
        else pixels
        for pixels in pair
    )
    return name, first, second


def strangers(source: Source, generator: np.random.Generator) -> NDArray[np.float64] | None:
    """Return what is found of two photos laid on each other anyhow, as if a proof had let them pass.

    Chance alignments of other photos are rare among made pairs, and all that many an album has.
    """
    look = look_closer(source(), source(), np.eye(3))
    return None if look is None else as_row(look, float(generator.uniform(-3, 4)))


def is_seen(name: str, row: NDArray[np.float64]) -> bool:
    """Say whether something of a look-alike's difference is to be seen at all."""
    if name not in LOOKALIKES or name in SOFT:
        return True  # of other photos all; in soft ones little is, that is what they are for
    found = dict(zip(LOOK_SIGNALS, signals_of_rows(row[None])[0].tolist(), strict=True))
    wrong = float(np.exp(found["wrong"])) - 0.003
    drift_px = float(np.exp(found["drift"])) - 0.01
    return wrong >= SEEN or found["moved"] >= MOVED or drift_px >= DRIFTED_PX


@click.group()
def main() -> None:
    """Grow the judge that dupfind ships."""
    cv2.setNumThreads(1)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=2000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--only", multiple=True, help="kinds of look-alikes to make; no copies then")
@click.option("-o", "output", required=True, type=click.Path(path_type=Path))
def examples(
    folders: tuple[Path, ...], count: int, seed: int, only: tuple[str, ...], output: Path
) -> None:
    """Make copies and look-alikes and look closer at each."""
    generator = np.random.default_rng(seed)
    source = Source(folders, generator)
    rows, labels, kinds = [], [], []
    for number in range(count):
        is_copy = number % 2 == 0 and not only
        drawn = copy_of(source, generator) if is_copy else lookalike_of(source, generator, only)
        if drawn is None or max(drawn[2].shape[:2]) > LARGEST_PX:
            continue
        row = measure(drawn[1], drawn[2])
        if row is not None:
            rows.append(row)
            labels.append(is_copy)
            kinds.append(drawn[0])
        if (
            not only
            and number % STRANGERS == 0
            and (apart := strangers(source, generator)) is not None
        ):
            rows.append(apart)
            labels.append(False)
            kinds.append("strangers")
    np.savez(output, rows=np.array(rows), is_copy=np.array(labels), kinds=np.array(kinds))
    print(f"{len(rows)} examples, {sum(labels)} of them copies")


@main.command()
@click.argument("pairs", type=click.Path(exists=True, path_type=Path))
@click.option("--most", default=1500, show_default=True)
@click.option("-o", "output", required=True, type=click.Path(path_type=Path))
def others(pairs: Path, most: int, output: Path) -> None:
    """Look closer at the pairs of an album without copies."""
    with pairs.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row["probability"]) < MAY_BE_COPIES]
    found = []
    for row in rows[:most]:  # the most probable first: those that come nearest to a copy
        a, b = (
            decode(Path(row[name]), needed_px=NEEDED_PX).pixels for name in ("path_a", "path_b")
        )
        row = measure(a, b)
        if row is not None:
            found.append(row)
    kinds = np.array(["ordinary"] * len(found))
    np.savez(output, rows=np.array(found), is_copy=np.zeros(len(found), bool), kinds=kinds)
    print(f"{len(found)} pairs of other photos")


@main.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--parallax", required=True, multiple=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("-o", "output", default="dupfind/matching/judge.json", show_default=True)
def fit(files: tuple[Path, ...], parallax: tuple[Path, ...], output: str) -> None:
    """Grow the trees and print what held-out folds say of them; without FILES the second only."""
    trees = first_trees(files) if files else shipped_judge().trees
    signals, is_copy, kinds = loaded(parallax)
    second, scores = second_trees(trees.log_odds(signals), signals, is_copy)
    judge = Judge(trees, second, np.sort(scores[is_copy]), np.sort(scores[~is_copy]))
    print(f"{len(signals)} examples, {int(is_copy.sum())} copies")
    for rate in (0.05, 0.02, 0.01, 0.005):
        cut = np.quantile(judge.other_scores, 1 - rate)
        print(
            f"look-alikes passing {rate:.3f}: copies found {(judge.copy_scores > cut).mean():.3f}"
        )
    for kind in sorted(set(kinds[~is_copy].tolist())):
        of_kind = (kinds == kind) & ~is_copy
        print(f"{kind}: {(scores[of_kind] > PASSING).mean():.3f} of {of_kind.sum()} pass")
    Path(output).write_text(json.dumps(judge.to_json(), separators=(",", ":")), encoding="utf-8")


def loaded(
    files: Sequence[Path],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.str_]]:
    """Return the signals, (n, signals), of the examples in which something is to be seen; labels; kinds."""
    parts = [np.load(file) for file in files]
    rows, is_copy, kinds = (
        np.concatenate([part[name] for part in parts]) for name in ("rows", "is_copy", "kinds")
    )
    told = zip(rows, is_copy, kinds.tolist(), strict=True)
    seen = np.array([bool(copy) or is_seen(kind, row) for row, copy, kind in told])
    return signals_of_rows(rows[seen]), is_copy[seen].astype(bool), kinds[seen]


def first_trees(files: Sequence[Path]) -> Trees:
    """Grow the trees that ask for all signals."""
    signals, is_copy, kinds = loaded(files)
    between = halfway(signals[is_copy], signals[kinds == "strangers"])
    signals = np.concatenate([signals, between])
    is_copy = np.concatenate([is_copy, np.zeros(len(between), bool)])
    return grown(signals, is_copy, list(LOOK_SIGNALS.values()), TREES)


def second_trees(
    first: NDArray[np.float64], signals: NDArray[np.float64], is_copy: NDArray[np.bool_]
) -> tuple[Trees, NDArray[np.float64]]:
    """Grow the trees that weigh the first's answer with the parallax.

    Returns:
        The trees, and the log odds (n,) of the examples by folds that had not seen them.
    """
    asked = with_parallax(first, signals)
    signs = [1, *(LOOK_SIGNALS[name] for name in PARALLAX_SIGNALS)]
    scores = np.zeros(len(first))
    for seen, apart in StratifiedKFold(5, shuffle=True, random_state=SEED).split(asked, is_copy):
        trees = grown(asked[seen], is_copy[seen], signs, SECOND_TREES)
        scores[apart] = judged(first[apart], trees, signals[apart])
    return grown(asked, is_copy, signs, SECOND_TREES), scores


def grown(
    signals: NDArray[np.float64], is_copy: NDArray[np.bool_], signs: list[int], trees: int
) -> Trees:
    """Grow boosted trees whose answer rises and falls with the signals as their signs say."""
    # Copies and others count alike; the log odds are those of an even mixture.
    weight = np.where(is_copy, 0.5 / is_copy.mean(), 0.5 / (1 - is_copy.mean()))
    # The mean of several growths: one alone turns on which examples it happened to see.
    grower = BaggingClassifier(
        HistGradientBoostingClassifier(
            max_depth=4,
            max_iter=trees,
            learning_rate=0.08,
            monotonic_cst=signs,
            l2_regularization=1.0,
            min_samples_leaf=15,
            random_state=SEED,
        ),
        GROWTHS,
        max_samples=0.8,
        bootstrap=True,
        random_state=SEED,
    )
    grower.fit(signals, is_copy, sample_weight=weight)
    found = as_trees(grower.estimators_)
    apart = np.abs(found.log_odds(signals) - grower.decision_function(signals)).max()
    print(f"trees as written differ by {apart:.1e}")
    return found


def halfway(copies: NDArray[np.float64], apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return examples between strangers and copies, nearer to the strangers: these are no copies.

    Other things on one backdrop agree in part; made look-alikes agree nearly everywhere and
    strangers nowhere, so nothing else tells the trees what lies between.
    """
    generator = np.random.default_rng(20210429)
    drawn = copies[generator.integers(len(copies), size=len(apart))]
    share = generator.uniform(0.05, HALFWAY, size=(len(apart), 1))
    return np.asarray(share * drawn + (1 - share) * apart)


if __name__ == "__main__":
    main()
