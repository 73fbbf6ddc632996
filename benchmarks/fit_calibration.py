"""Fit the calibration that ships with dupfind, on a labelled album.

    python benchmarks/make_set.py PHOTOS ALBUM --originals 500 --edits 4 --distractors 1500
    python benchmarks/fit_calibration.py ALBUM/truth.csv -o dupfind/matching/calibration.json

Copies are pairs of an original and an edited copy; the other examples are candidate pairs of different
photos, without those of ``neutral.csv`` (two collages with a cell in common). Where two photos of different
groups agree almost wholly (the photos hold one picture twice), no pair of these groups is an example: what
the labels do not know would teach that copies are none. One pair of each is printed.
"""

import argparse
import json
import os
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.features import FeatureSource
from dupfind.copies.local_index import index_local
from dupfind.copies.proving import Prover
from dupfind.copies.sketches import load_sketches
from dupfind.evaluation.truth import Truth, read_truth
from dupfind.matching.calibrate import (
    SIGNALS,
    Calibration,
    Examples,
    fit,
)
from dupfind.matching.expect import cut_for, expect, recall_by_kind
from dupfind.matching.pairs import CANDIDATES, strongest, unique_pairs
from dupfind.matching.proven import Proven
from dupfind.photos.scan import file_sha256
from dupfind.records import Photo
from dupfind.store.cache import BlobCache

UNKNOWN_COPY = 0.9  # of what two photos share agrees
UNKNOWN_INLIERS = 40


@dataclass(frozen=True)
class Album:
    """The labelled photos by row: record, group and kind."""

    photos: list[Photo]
    groups: list[str]
    kinds: list[str]
    originals: list[bool]


def main() -> None:
    options = parse()
    truth = read_truth(options.truth, neutral=options.truth.with_name("neutral.csv"))
    album = read_album(truth)
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        cache = resources.enter_context(BlobCache(options.cache or folder / "features.db"))
        workers = len(os.sched_getaffinity(0))
        source = resources.enter_context(
            closing(FeatureSource(album.photos, cache, workers=workers))
        )
        prover = resources.enter_context(closing(Prover(album.photos, source, workers=workers)))
        pairs = example_pairs(album, cache, truth, others=options.others)
        proven = list(prover.prove(pairs, progress))
    calibration = fit(examples_of(album, proven))
    options.output.write_text(json.dumps(calibration.to_json()) + "\n", encoding="utf-8")
    show(calibration)


def read_album(truth: Truth) -> Album:
    """Read what proofs need to know of the photos; sizes do not matter to the score."""
    photos = [
        Photo(row, path, file_sha256(path), path.stat().st_size, 0, 1, 1, "JPEG")
        for row, path in enumerate(truth.paths)
    ]
    groups = [
        f"group {group}" if group >= 0 else f"alone {row}" for row, group in enumerate(truth.group)
    ]
    return Album(photos, groups, list(truth.kinds), [bool(flag) for flag in truth.is_original])


def example_pairs(
    album: Album, cache: BlobCache, truth: Truth, *, others: int
) -> NDArray[np.int64]:
    """Return ``others`` candidates of different photos, and each original with its copies, (pairs, 2)."""
    votes = index_local(load_sketches(album.photos, cache, on_done=progress).table).votes()
    table = strongest(
        votes.voter, votes.target, votes.weight, photos=len(album.photos), k=CANDIDATES
    )
    pairs = unique_pairs(table)
    pairs = pairs[truth.counted(truth.keys(pairs[:, 0], pairs[:, 1]))]
    found = [(int(a), int(b)) for a, b in pairs if album.groups[a] != album.groups[b]]
    chosen = np.random.default_rng(1).permutation(len(found))[:others]
    found = [found[place] for place in chosen]
    original = {album.groups[row]: row for row in range(len(album.photos)) if album.originals[row]}
    for row, group in enumerate(album.groups):
        if not album.originals[row] and group in original:
            found.append((min(row, original[group]), max(row, original[group])))
    return np.array(sorted(found), np.int64)


def examples_of(album: Album, proven: list[Proven]) -> Examples:
    """Label the proven pairs; leave out all pairs of two photos that are copies and not known to be."""
    same = unknown_copies(album, proven)
    kept, labels, kinds = [], [], []
    for pair in proven:
        copy = album.groups[pair.a] == album.groups[pair.b]
        if not copy and groups_of(album, pair) in same:
            continue
        edited = pair.a if album.originals[pair.b] else pair.b
        kept.append(pair.signals)
        labels.append(copy)
        kinds.append(album.kinds[edited] if copy else "")
    return Examples(np.array(kept), np.array(labels), tuple(kinds))


def unknown_copies(album: Album, proven: list[Proven]) -> set[frozenset[str]]:
    """Return the pairs of groups of which some pair agrees almost wholly, by the names of the groups."""
    agree = list(SIGNALS).index("agree")
    found = {
        groups_of(album, pair): pair
        for pair in proven
        if album.groups[pair.a] != album.groups[pair.b]
        and pair.proof.inliers > UNKNOWN_INLIERS
        and pair.signals[agree] > UNKNOWN_COPY
    }
    for pair in found.values():
        print(f"left out: {album.photos[pair.a].path} and {album.photos[pair.b].path}")
    return set(found)


def groups_of(album: Album, pair: Proven) -> frozenset[str]:
    """Return the names of the groups of both photos."""
    return frozenset((album.groups[pair.a], album.groups[pair.b]))


def show(calibration: Calibration) -> None:
    """Print the weights and what to expect."""
    for name, weight in zip(SIGNALS, calibration.weights, strict=True):
        print(f"{name:<18} {weight:8.3f}")
    print(f"{len(calibration.copy_scores)} copies, {len(calibration.other_scores)} other pairs")
    for precision in (0.9, 0.99, 0.999):
        print(expect(calibration, cut_for(calibration, precision)))
    weak = recall_by_kind(calibration, cut_for(calibration, 0.99))
    print({kind: round(recall, 2) for kind, recall in weak.items() if recall < 0.95})


def progress(done: int, total: int) -> None:
    """Print how far it is, now and then."""
    if done % 1024 < 64:
        print(f"{done} of {total}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("truth", type=Path, help="truth.csv of the album")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="calibration.json to write"
    )
    parser.add_argument(
        "--others", type=int, default=9000, help="pairs of different photos to prove"
    )
    parser.add_argument("--cache", type=Path, help="file to keep the local features in")
    return parser.parse_args()


if __name__ == "__main__":
    main()
