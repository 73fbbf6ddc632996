"""Measure a library against labels: descriptors, candidates, scored pairs and groups."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import TruthError
from dupfind.evaluation.bounds import bounds_report
from dupfind.evaluation.metrics import Curve, precision_recall_curve, recall_by_kind
from dupfind.evaluation.phash import phash_pairs
from dupfind.evaluation.relations import relations_report
from dupfind.evaluation.report import (
    figures_of_keys,
    group_keys,
    groups_report,
    truth_report,
    unique_pairs,
)
from dupfind.evaluation.retrieval import descriptor_report
from dupfind.evaluation.truth import Keys, Truth
from dupfind.flows.labelled import hash_files
from dupfind.records import Group, Pair, Photo
from dupfind.store.store import Store

VERSION = 1
Scored = tuple[Keys, NDArray[np.float64]]


@dataclass(frozen=True)
class Evaluation:
    """The figures as a JSON-ready ``report``, and precision-recall ``curves`` by name."""

    report: dict[str, Any]
    curves: dict[str, Curve]


def measure_library(store: Store, truth: Truth, *, compare: bool = False) -> Evaluation:
    """Measure the active model's descriptors and the last clustering of an open library.

    ``compare`` adds a 64-bit pHash of the same files.

    Raises:
        TruthError: The library holds none of the labelled files.
        LibraryError: Nothing is indexed yet.
    """
    rows = _rows_of_photos(store.photos(), truth)
    if not rows:
        raise TruthError(
            f"the library holds none of the {truth.count} files that the truth names; paths in the "
            "truth file are relative to its own folder"
        )
    pairs, groups = list(store.pairs()), list(store.groups())
    scored = _scored(pairs, rows, truth)
    held = [[rows[m.photo_id] for m in group.members if m.photo_id in rows] for group in groups]
    report = {
        "version": VERSION,
        "truth": truth_report(truth),
        "not_indexed": _not_indexed(store, rows, truth),
        "descriptor": descriptor_report(_vectors(store, rows, truth), truth),
        "candidates": _candidates(scored[0], truth),
        "pairs": figures_of_keys(truth, *scored),
        "groups": groups_report(truth, held),
        "bounds": bounds_report(truth, group_keys(truth, held), scored[0]),
        "relations": relations_report(truth, _named(pairs, groups, rows, truth)),
    }
    curves = {"dupfind": _curve(truth, scored)}
    if compare:
        hashed = phash_pairs(*hash_files(truth.paths), truth)
        report["compare"] = {"phash": figures_of_keys(truth, *hashed)}
        curves["64-bit pHash"] = _curve(truth, hashed)
    return Evaluation(report, curves)


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


def _vectors(store: Store, rows: dict[int, int], truth: Truth) -> NDArray[np.float32]:
    """Return the stored descriptors in the truth's order; rows of zeros where there is none."""
    model = store.active_model()
    if model is None:
        raise TruthError("the library has no descriptors yet; run `dupfind index PHOTOS` first")
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
    return unique_pairs(truth, first, second, np.array([pair.probability for pair in known]))


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
