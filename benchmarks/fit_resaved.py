"""Grow the trees that tell what was only saved anew or reduced (dupfind/matching/resaved.json).

    python benchmarks/fit_resaved.py examples PHOTOS... --count 300 --seed 1 -o one.pkl
    python benchmarks/fit_resaved.py fit one.pkl two.pkl

The first makes an original of each photo with copies that were only saved, reduced or both, and copies that
were edited besides, some only a little. The better one of a pair is no copy of the worse one. The second grows
the trees and prints, on folds apart, how many of each kind would pass.
"""

import json
import pickle
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import click
import cv2
import numpy as np
from families import ELSEWHERE, FORMATS, Maker, Pixels
from grown import as_trees
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from dupfind.copies.looks import look_of
from dupfind.matching.original import saving_signs
from dupfind.matching.resaved import AGAINST, SIGNS
from dupfind.photos.decode import FULL_SIZE_PX, decode
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.records import Photo, Relation

FOLDS = 4
PASSES = 0.0  # log odds at which the table of kinds is counted
SAVED, EDITED, BACK = 6, 9, 3  # copies of each photo, and pairs the wrong way round
ALSO_REDUCED = 0.35  # share of edited copies
SAVED_RELATIONS = (Relation.REENCODED, Relation.RESIZED)
NOT_SAVED = ("enlarge", "stretch", "squeeze")
# Nobody can tell these from the original.
AS_GOOD = ("jpeg_fine", "jpeg_medium", "webp", "avif", "saved")
WHOLE = (
    "sharper", "mask", "unsharp", "grain", "shot_noise", "warmer", "cast", "brighter", "contrast",
    "colour", "gamma", "automatic", "levelled", "blur", "box", "smooth", "few_tones",
    "letters", "bar", "hidden", "letters", "bar", "hidden",
)  # fmt: skip
Example = tuple[str, bool, NDArray[np.float32]]


def examples_of(maker: Maker) -> list[Example]:
    """Make an original and its copies, and number each pair."""
    first = maker.save(maker.with_history(maker.source()), maker.original_format(), camera=False)
    pixels = decode(first, needed_px=FULL_SIZE_PX).pixels
    original = look_of(_photo(first))
    copies = [(*_saved(maker, pixels), True) for _ in range(SAVED)]
    copies += [(*_edited(maker, pixels), False) for _ in range(EDITED)]
    found: list[Example] = []
    for kind, path, saved in copies:
        copy = look_of(_photo(path))
        if original is None or copy is None:
            continue
        found.append((kind, saved, saving_signs(original, copy)))
        if kind not in AS_GOOD and maker.rng.random() < BACK / len(copies):
            found.append((f"back:{kind}", False, saving_signs(copy, original)))
    return found


def _saved(maker: Maker, pixels: Pixels) -> tuple[str, Path]:
    kinds = [n for n, e in EDITS.items() if e.relation in SAVED_RELATIONS and n not in NOT_SAVED]
    draw = maker.rng.random()
    if draw < 0.25:
        return "saved", maker.save(pixels, _some_format(maker, 60), camera=False)
    if draw < 0.35:
        reduced = _reduced(maker, pixels)
        return "reduced", maker.save(reduced, _some_format(maker, 40), camera=False)
    kind = str(maker.rng.choice(kinds))
    copy = np.ascontiguousarray(apply_edit(kind, pixels, maker.rng, other=[]).pixels)
    return kind, maker.save(copy, _some_format(maker, 60), camera=False)


def _edited(maker: Maker, pixels: Pixels) -> tuple[str, Path]:
    if maker.rng.random() < 0.4:
        kind = f"other_{maker.rng.choice(WHOLE)}"
        copy = np.ascontiguousarray(ELSEWHERE[kind](maker, pixels))
    else:
        kinds = [
            n for n, e in EDITS.items() if e.relation in (Relation.EDITED, Relation.RECOLOURED)
        ]
        kind = str(maker.rng.choice(kinds))
        others = [maker.source() for _ in range(EDITS[kind].others)]
        copy = np.ascontiguousarray(apply_edit(kind, pixels, maker.rng, other=others).pixels)
    if maker.rng.random() < ALSO_REDUCED:
        copy = _reduced(maker, copy)
    return kind, maker.save(copy, _some_format(maker, 40), camera=False)


def _reduced(maker: Maker, pixels: Pixels) -> Pixels:
    by = maker.between(0.3, 0.95)
    size = tuple(max(16, round(side * by)) for side in pixels.shape[1::-1])
    way = int(
        maker.rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
    )
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def _some_format(maker: Maker, lowest: int) -> tuple[str, int]:
    ending, _ = maker.any_format()
    return ending, int(maker.rng.integers(lowest, 98))


def _photo(path: Path) -> Photo:
    high, wide = decode(path, needed_px=FULL_SIZE_PX).pixels.shape[:2]
    name = FORMATS[path.suffix[1:]]
    return Photo(0, path, "", path.stat().st_size, 0, wide, high, name, None, 0)


@click.group()
def main() -> None:
    """Grow the trees that tell what was only saved anew."""
    cv2.setNumThreads(1)


@main.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--count", default=300, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("-o", "output", required=True, type=click.Path(path_type=Path))
def examples(folders: tuple[Path, ...], count: int, seed: int, output: Path) -> None:
    """Make copies of the photos in the folders and number how they differ."""
    paths = sorted(path for folder in folders for path in folder.rglob("*.*") if path.is_file())
    found: list[list[Example]] = []
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            found.append(examples_of(Maker(paths, Path(folder), seed * 100_000 + number)))
    output.write_bytes(pickle.dumps(found))
    print(f"{sum(len(one) for one in found)} pairs of {len(found)} photos")


@main.command("fit")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "output", default="dupfind/matching/resaved.json", show_default=True)
def fit_trees(files: tuple[Path, ...], output: str) -> None:
    """Grow the trees and print what would pass of photos that they did not see."""
    photos: list[list[Example]] = [one for file in files for one in pickle.loads(file.read_bytes())]
    fold = np.concatenate([np.full(len(one), row % FOLDS) for row, one in enumerate(photos)])
    found = [pair for one in photos for pair in one]
    numbers = np.array([row for _, _, row in found])
    saved = np.array([is_saved for _, is_saved, _ in found])
    odds = np.zeros(len(found))
    for held in range(FOLDS):
        trees = as_trees([_grown(numbers[fold != held], saved[fold != held])])
        odds[fold == held] = trees.log_odds(numbers[fold == held])
    _report([kind for kind, _, _ in found], saved, odds)
    values = {"signs": list(SIGNS), "trees": as_trees([_grown(numbers, saved)]).to_json()}
    Path(output).write_text(json.dumps(values, separators=(",", ":")), encoding="utf-8")


def _grown(
    numbers: NDArray[np.float32], saved: NDArray[np.bool_]
) -> HistGradientBoostingClassifier:
    grower = HistGradientBoostingClassifier(
        max_depth=5, max_iter=160, learning_rate=0.08, l2_regularization=3.0, min_samples_leaf=8,
        max_features=0.4, early_stopping=False, random_state=20210429,
        monotonic_cst=[-1 if name in AGAINST else 0 for name in SIGNS],
    )  # fmt: skip
    return grower.fit(numbers, saved)


def _report(kinds: Sequence[str], saved: NDArray[np.bool_], odds: NDArray[np.float64]) -> None:
    for cut in (0.0, 1.0, 2.0, 3.0, 4.0):
        right, wrong = (odds[saved] > cut).mean(), (odds[~saved] > cut).mean()
        print(f"above {cut}: {right:.4f} of those only saved, {wrong:.4f} of the others")
    passed: dict[str, list[bool]] = defaultdict(list)
    for kind, is_saved, odd in zip(kinds, saved.tolist(), odds.tolist(), strict=True):
        passed[f"{'' if is_saved else 'not '}only saved: {kind}"].append(odd > PASSES)
    for kind, found in sorted(passed.items()):
        print(f"{kind:40}{sum(found):6} of {len(found)}")


if __name__ == "__main__":
    main()
