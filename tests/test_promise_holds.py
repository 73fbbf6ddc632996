"""What `cluster` promises is true: on a made album with look-alikes, and (slow) on the shared photos."""

import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import cluster_album
from conftest import shared_folder
from matching_helpers import PHOTOS, photo
from numpy.typing import NDArray

from dupfind import Library
from dupfind.options import ClusterOptions, IndexOptions
from dupfind.photos.edits import apply_edit
from dupfind.photos.lookalikes import make_series

Pixels = NDArray[np.uint8]
SERIES = ("invoice", "receipt", "form", "activity")
EDITS = ("jpeg_medium", "shrink_half", "crop_85")
SCENES = ("coffee.png", "chelsea.png", "rocket.jpg")
TOLERANCE = 0.005
# Cases whose copies are named NAME__kind beside their NAME.
CASES = (
    "activity-screens",
    "monthly-invoices",
    "printed-shirts",
    "slide-builds",
    "star-sky",
    "sunsets",
    "trail-camera",
    "white-icons",
)


def made_album() -> dict[str, Pixels]:
    """Return pictures by name; what comes before ``__`` says whose copies they are."""
    rng = np.random.default_rng(7)
    originals = {name.split(".")[0]: photo(name) for name in PHOTOS}
    for series in SERIES:
        pictures = make_series(series, rng, 4) or []
        originals |= {f"{series}{number}": shown for number, shown in enumerate(pictures)}
    copied = [*(name.split(".")[0] for name in PHOTOS), *(f"{series}0" for series in SERIES)]
    copies = {
        f"{name}__{edit}": np.ascontiguousarray(apply_edit(edit, originals[name], rng).pixels)
        for name in copied
        for edit in EDITS
    }
    return originals | copies


def grouped_pairs(library: Library) -> set[tuple[Path, Path]]:
    paths = {found.id: found.path for found in library.photos()}
    return {
        (min(pair), max(pair))
        for group in library.groups()
        for pair in combinations([paths[member.photo_id] for member in group.members], 2)
    }


def rows_of(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="", encoding="utf-8") as rows:
        return list(csv.DictReader(rows))


def united(library: Library, groups: dict[Path, str]) -> dict[Path, str]:
    """Return the labels, one for all those that files with the same bytes bear."""
    labels: dict[str, set[str]] = {}
    for found in library.photos():
        labels.setdefault(found.sha256, set()).add(groups[found.path])
    first: dict[str, str] = {}
    for same in labels.values():
        known = {first.get(label, label) for label in same}
        joined = {label for label, root in first.items() if root in known} | same | known
        first |= dict.fromkeys(joined, min(known))
    return {path: first[label] for path, label in groups.items()}


def check(
    library: Library,
    groups: dict[Path, str],
    asked: float,
    neutral: frozenset[frozenset[Path]] = frozenset(),
) -> float:
    """Hold the groups and the promise of one clustering to the labels; return the recall.

    Labels that share a file, byte for byte, are one: their copies cannot be told apart. ``neutral``
    pairs (frames of a burst, a focus stack) count neither way.
    """
    summary = library.cluster(ClusterOptions(precision=asked))
    groups = united(library, groups)
    pairs = [pair for pair in grouped_pairs(library) if frozenset(pair) not in neutral]
    right = sum(groups[a] == groups[b] for a, b in pairs)
    precision = right / max(1, len(pairs))
    if pairs:
        assert precision >= asked - TOLERANCE
    if summary.expectation is not None:
        assert precision >= summary.expectation.precision_low - TOLERANCE
    copies = sum(groups[a] == groups[b] for a, b in combinations(groups, 2))
    return right / max(1, copies)


def test_the_promise_holds_on_a_made_album_with_look_alikes(
    tmp_path: Path, small_model: Path
) -> None:
    library, _ = cluster_album(tmp_path, made_album(), small_model)
    groups = {found.path: found.path.stem.split("__")[0] for found in library.photos()}
    assert check(library, groups, 0.99) > 0.8


def views_album() -> dict[str, Pixels]:
    """Return five views of each of three scenes, a step aside of each other, and copies of two of each."""
    rng = np.random.default_rng(11)
    originals = {
        f"{Path(scene).stem}{number}": shown
        for scene in SCENES
        for number, shown in enumerate(make_series("near_view", rng, 5, photo(scene)) or [])
    }
    copies = {
        f"{name}__{edit}": np.ascontiguousarray(apply_edit(edit, originals[name], rng).pixels)
        for name in originals
        if name[-1] in "03"
        for edit in EDITS
    }
    return originals | copies


def test_the_promise_holds_on_views_of_one_scene(tmp_path: Path, small_model: Path) -> None:
    library, _ = cluster_album(tmp_path, views_album(), small_model)
    groups = {found.path: found.path.stem.split("__")[0] for found in library.photos()}
    assert check(library, groups, 0.99) > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_the_promise_holds_on_each_case(case: str, tmp_path: Path) -> None:
    folder = shared_folder() / "cases" / case
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([folder], IndexOptions(device="cpu"))
    groups = {found.path: found.path.stem.split("__")[0] for found in library.photos()}
    for asked in (0.9, 0.99, 0.999):
        check(library, groups, asked)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dev", "alike"])
def test_the_promise_holds_on_labelled_photos(name: str, tmp_path: Path) -> None:
    truth = shared_folder() / name / "truth.csv"
    if not truth.is_file():
        pytest.skip(f"there is no {truth}")
    library = Library(tmp_path / ".dupfind", device="cpu")
    library.index([truth.parent], IndexOptions(device="cpu"))
    labels = {row["path"]: row["group_id"] for row in rows_of(truth)}
    root = truth.parent.resolve()
    named = {
        found.path: found.path.resolve().relative_to(root).as_posix() for found in library.photos()
    }
    groups = {path: labels.get(short) or short for path, short in named.items()}
    paths = {short: path for path, short in named.items()}
    neutral = frozenset(
        frozenset(paths[row[name]] for name in ("path_a", "path_b"))
        for file in ("neutral.csv", "burst_pairs.csv")
        for row in rows_of(truth.with_name(file))
    )
    for asked in (0.9, 0.99, 0.999):
        check(library, groups, asked, neutral)
