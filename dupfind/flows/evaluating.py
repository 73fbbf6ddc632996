"""Measure a library against labels: descriptors, candidates, scored pairs and groups."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.config import LIBRARY_FOLDER, LibraryPaths
from dupfind.copies.candidates import find_candidates
from dupfind.copies.contents import load_contents
from dupfind.copies.local_index import index_local
from dupfind.copies.sketches import load_sketches
from dupfind.errors import TruthError
from dupfind.evaluation.bounds import bounds_report
from dupfind.evaluation.curve import draw_curve
from dupfind.evaluation.layouts import read_copydays, read_disc21
from dupfind.evaluation.metrics import Curve, precision_recall_curve, recall_by_kind
from dupfind.evaluation.phash import phash_pairs, require_imagehash
from dupfind.evaluation.relations import relations_report
from dupfind.evaluation.report import (
    figures_of_keys,
    group_keys,
    groups_report,
    scored_once,
    truth_report,
)
from dupfind.evaluation.truth import Keys, Truth, missing_files, read_truth
from dupfind.flows.clustering import cluster_photos
from dupfind.flows.indexing import index_photos
from dupfind.flows.labelled import hash_files, report_descriptors
from dupfind.matching.pairs import CANDIDATES
from dupfind.options import ClusterOptions, EvaluateOptions, IndexOptions
from dupfind.photos.edits import EDITS
from dupfind.progress import OnProgress
from dupfind.records import Group, Pair, Photo
from dupfind.store.models import StoredModel
from dupfind.store.store import Store
from dupfind.system import usable_cores

VERSION = 1
Scored = tuple[Keys, NDArray[np.float64]]


@dataclass(frozen=True)
class Evaluation:
    """The figures as a JSON-ready ``report``, and precision-recall ``curves`` by name."""

    report: dict[str, Any]
    curves: dict[str, Curve]

    def draw(self, path: Path) -> None:
        """Write the curves as a PNG.

        Raises:
            TruthError: The file cannot be written.
        """
        draw_curve(self.curves, path)


def read_labels(
    source: Path,
    layout: str = "csv",
    *,
    hard_negatives: Path | None = None,
    neutral: Path | None = None,
) -> Truth:
    """Read labels: a CSV file, or the folder of a data set (``copydays``, ``disc21``).

    Raises:
        TruthError: They cannot be read; the message says where and why.
    """
    if layout == "csv":
        return read_truth(source, hard_negatives=hard_negatives, neutral=neutral)
    if hard_negatives or neutral:
        raise TruthError(f"the {layout} layout has no look-alike or neutral pairs of its own")
    if not source.is_dir():
        raise TruthError(f"{source}: not a folder; give the folder of the {layout} data set")
    return read_copydays(source) if layout == "copydays" else read_disc21(source)


def evaluate(
    store: Store,
    truth: Truth,
    options: EvaluateOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Index the labelled files, cluster them and measure the result.

    Args:
        store: Open for writing; gets descriptors and results.
        truth: The labels; every file must be there.
        options: See ``EvaluateOptions``.
        on_progress: Called often with how far it is.

    Raises:
        TruthError: A labelled file does not exist, or none could be read.
        LibraryError: The library cannot be written.
        ModelError: The model cannot be loaded.
    """
    options = options or EvaluateOptions()
    _refuse_missing(truth)
    if options.compare:
        require_imagehash()
    index = IndexOptions(model=options.model, device=options.device)
    index_photos(store, _to_index(truth), index, on_progress)
    if not options.descriptor_only:
        cluster_photos(store, ClusterOptions(precision=options.precision), on_progress)
    return measure_library(
        store, truth, compare=options.compare, with_results=not options.descriptor_only
    )


def evaluate_apart(
    paths: LibraryPaths,
    truth: Truth,
    options: EvaluateOptions,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Do as ``evaluate`` in a temporary library; the one of ``paths`` is only asked for models.

    Raises as ``evaluate``.
    """
    if options.model is not None and (paths.models / options.model / "model.json").is_file():
        # By its folder: the temporary library has no models of its own.
        options = replace(options, model=str(paths.models / options.model))
    with TemporaryDirectory(prefix="dupfind-evaluate-") as folder:
        apart = LibraryPaths(Path(folder) / LIBRARY_FOLDER)
        with Store.open(apart, write=True) as store:
            return evaluate(store, truth, options, on_progress)


def measure_library(
    store: Store, truth: Truth, *, compare: bool = False, with_results: bool = True
) -> Evaluation:
    """Measure the active model's descriptors and the last clustering of an open library.

    ``compare`` adds a 64-bit pHash of the same files; without ``with_results`` only the descriptors
    are measured.

    Raises:
        TruthError: The library holds none of the labelled files, or no descriptors.
    """
    rows = _rows_of_photos(store.photos(), truth)
    model = store.active_model()
    if model is None or not rows:
        raise TruthError(
            f"the library holds none of the {truth.count} files that the truth names; paths in the "
            "truth file are relative to its own folder, and they must be indexed"
        )
    report: dict[str, Any] = {
        "version": VERSION,
        "model": model.name,
        "truth": truth_report(truth),
        "not_indexed": _not_indexed(store, rows, truth),
        "descriptor": report_descriptors(_vectors(store, model, rows, truth), truth),
    }
    curves: dict[str, Curve] = {}
    if with_results:
        scored, results = _results(store, rows, truth)
        report |= results
        curves["dupfind"] = _curve(truth, scored)
    if compare:
        hashed = phash_pairs(*hash_files(truth.paths), truth)
        report["compare"] = {"64-bit pHash": figures_of_keys(truth, *hashed)}
        curves["64-bit pHash"] = _curve(truth, hashed)
    return Evaluation(report, curves)


def candidate_recall(store: Store, truth: Truth, *, k: int = CANDIDATES) -> dict[str, Any]:
    """Return by kind which pairs of copies are among the ``k`` candidates of either photo.

    This is what the clustering starts from, before any proof: whatever is not among them can only be
    found through a third photo.

    Raises:
        LibraryError: Nothing is indexed yet.
    """
    contents = load_contents(store)
    with store.features() as cache:
        sketches = load_sketches(contents.first, cache, workers=usable_cores())
    found = find_candidates(contents.vectors, index_local(sketches.table), k=k)
    rows = _rows_of_photos(store.photos(), truth)
    labelled = [
        [rows[photo.id] for photo in photos if photo.id in rows] for photos in contents.photos
    ]
    pairs = [pair for same in labelled for pair in combinations(same, 2)]
    for a, b in found.promising.tolist():
        pairs += product(labelled[a], labelled[b])
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    return recall_by_kind(truth, np.unique(truth.keys(first, second)))


def precision_promised(store: Store, truth: Truth) -> list[dict[str, float]]:
    """Compare what the last clustering promises at several precisions with what is true.

    Returns:
        For each precision ``asked`` the ``cut`` on the probability, the interval that is promised
        (``low`` to ``high``), and of the pairs at or above the cut their number ``pairs`` and true
        ``precision`` and ``recall``.

    Raises:
        TruthError: Nothing was clustered yet.
    """
    model, run = store.active_model(), store.latest_run("cluster")
    if model is None or run is None or not run.summary:
        raise TruthError("the library is not clustered yet; run `dupfind cluster` first")
    keys, scores = _scored(list(store.pairs()), _rows_of_photos(store.photos(), truth), truth)
    is_copy = truth.are_copies(keys)
    rows = []
    for promised in run.summary.get("promises", ()):
        taken = is_copy[scores >= promised["cut"]]
        rows.append(
            {
                **promised,
                "pairs": len(taken),
                "precision": float(taken.mean()) if len(taken) else 1.0,
                "recall": float(taken.sum() / max(1, len(truth.positives()))),
            }
        )
    return rows


def _to_index(truth: Truth) -> list[Path]:
    """Return the folders that hold the labelled files and nothing else, or else the files one by one."""
    labelled = {str(path) for path in truth.paths}
    folders = sorted({path.parent for path in truth.paths})
    top = [folder for folder in folders if not any(other in folder.parents for other in folders)]
    found = (
        os.path.join(folder, name)  # noqa: PTH118 - a million of them
        for root in top
        for folder, _, names in os.walk(root)
        for name in names
    )
    return top if all(path in labelled for path in found) else truth.paths


def _refuse_missing(truth: Truth) -> None:
    missing = missing_files(truth)
    if missing:
        raise TruthError(
            f"{len(missing)} of the {truth.count} labelled files are not there, such as {missing[0]!r} in "
            f"{truth.folder}; mend their paths or take out their rows"
        )


def _results(store: Store, rows: dict[int, int], truth: Truth) -> tuple[Scored, dict[str, Any]]:
    """Measure the scored pairs and the groups."""
    pairs, groups = list(store.pairs()), list(store.groups())
    scored = _scored(pairs, rows, truth)
    held = [[rows[m.photo_id] for m in group.members if m.photo_id in rows] for group in groups]
    return scored, {
        "candidates": _candidates(scored[0], truth),
        "pairs": figures_of_keys(truth, *scored),
        "groups": groups_report(truth, held),
        "bounds": bounds_report(truth, group_keys(truth, held), scored[0]),
        "relations": relations_report(
            truth,
            _named(pairs, groups, rows, truth),
            {name: edit.relation for name, edit in EDITS.items()},
        ),
    }


def _rows_of_photos(photos: Iterable[Photo], truth: Truth) -> dict[int, int]:
    """Return {photo id: row in the truth}; a link or another spelling of a folder is followed."""
    row_of = {str(path): row for row, path in enumerate(truth.paths)}
    real: dict[str, int] = {}
    found = {}
    for photo in photos:
        row = row_of.get(str(photo.path))
        if row is None:
            if not real:
                real = {os.path.realpath(path): row for path, row in row_of.items()}
            row = real.get(os.path.realpath(photo.path))
        if row is not None:
            found[photo.id] = row
    return found


def _not_indexed(store: Store, rows: dict[int, int], truth: Truth) -> list[dict[str, str]]:
    """Name the labelled files that are not in the library, and why."""
    known = set(rows.values())
    reasons = {str(error.path): error.reason for error in store.errors()}
    return [
        {"path": name, "error": reasons.get(str(path), "not found in the library")}
        for row, (name, path) in enumerate(zip(truth.names, truth.paths, strict=True))
        if row not in known
    ]


def _vectors(
    store: Store, model: StoredModel, rows: dict[int, int], truth: Truth
) -> NDArray[np.float32]:
    """Return the stored descriptors in the truth's order; rows of zeros where there is none."""
    ids, stored = store.vectors(model.id)
    at = {int(photo_id): position for position, photo_id in enumerate(ids)}
    # Copies of the same bytes share the descriptor of the first of them.
    first = {photo.sha256: at[photo.id] for photo in store.photos() if photo.id in at}
    vectors = np.zeros((truth.count, model.dimensions), np.float32)
    for photo in store.photos():
        if photo.id in rows and photo.sha256 in first:
            vectors[rows[photo.id]] = stored[first[photo.sha256]]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.where(lengths > 0, lengths, 1)
    return vectors


def _scored(pairs: list[Pair], rows: dict[int, int], truth: Truth) -> Scored:
    known = [pair for pair in pairs if pair.photo_a in rows and pair.photo_b in rows]
    first = np.array([rows[pair.photo_a] for pair in known], np.int64)
    second = np.array([rows[pair.photo_b] for pair in known], np.int64)
    return scored_once(truth, first, second, np.array([pair.probability for pair in known]))


def _candidates(keys: Keys, truth: Truth) -> dict[str, Any]:
    """Count the pairs that were looked at: whatever is not among them cannot be found."""
    return {
        "pairs": len(keys),
        "pairs_per_photo": len(keys) / truth.count,
        "recall_by_kind": recall_by_kind(truth, keys),
    }


def _named(
    pairs: list[Pair], groups: list[Group], rows: dict[int, int], truth: Truth
) -> dict[int, str]:
    """Return the relation of each pair by key; a member is also named for its pair with the kept."""
    named = {}
    for group in groups:
        for member in group.members[1:]:
            if member.photo_id in rows and group.keep.photo_id in rows:
                first, second = sorted((rows[member.photo_id], rows[group.keep.photo_id]))
                named[first * truth.count + second] = str(member.relation)
    for pair in pairs:
        if pair.photo_a in rows and pair.photo_b in rows:
            first, second = sorted((rows[pair.photo_a], rows[pair.photo_b]))
            named[first * truth.count + second] = str(pair.relation)
    return named


def _curve(truth: Truth, scored: Scored) -> Curve:
    keys, scores = scored
    return precision_recall_curve(truth.are_copies(keys), scores, len(truth.positives()))
