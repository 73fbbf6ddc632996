"""Calibrate on a library's own photos, without labels: edited copies and near neighbours."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.candidates import nearest_pairs
from dupfind.copies.contents import load_contents
from dupfind.copies.features import FeatureSource
from dupfind.copies.kept import open_kept
from dupfind.copies.local_index import index_local
from dupfind.copies.proving import open_prover
from dupfind.copies.sketches import load_sketches
from dupfind.errors import CalibrationError, PhotoError
from dupfind.matching.calibrate import (
    MIN_PHOTOS,
    SIGNALS,
    Calibration,
    Examples,
    adapt,
    cut_for,
    estimate_prior,
    expect,
    recall_by_kind,
    shipped_calibration,
    signals_of,
)
from dupfind.matching.features import extract
from dupfind.matching.proven import Proven
from dupfind.matching.verify import verify
from dupfind.options import CalibrateOptions
from dupfind.photos.decode import decode, fit
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.progress import OnDone, OnProgress, stage
from dupfind.records import Photo
from dupfind.reports.words import count
from dupfind.store.store import Store
from dupfind.system import usable_cores

EDITED_PX = 640  # long side of the pictures that are edited: enough for 400 px features
LIKELY_COPY = 0.5
PRECISIONS = (0.9, 0.99, 0.999)
_SEED = 20210429


def calibrate_on(
    photos: Sequence[Photo],
    source: FeatureSource,
    candidates: Sequence[Proven],
    *,
    sample: int,
    edits: int,
    on_done: OnDone | None = None,
) -> Calibration:
    """Return the shipped calibration fitted to these photos.

    Args:
        photos: The distinct photos.
        source: Their local features, by row.
        candidates: Their proven candidate pairs; those that the shipped calibration takes for
            copies are left out, the others are examples of pairs that are not.
        sample: How many photos to edit.
        edits: How many copies of each.
        on_done: Called with (done, total).

    Raises:
        CalibrationError: The library is too small.
    """
    if len(photos) < MIN_PHOTOS:
        raise CalibrationError(
            f"{count(len(photos), 'photo')} {'is' if len(photos) == 1 else 'are'} too few to "
            f"calibrate on, {MIN_PHOTOS} are needed; "
            "the shipped calibration is used"
        )
    copies, kinds = edited_examples(photos, source, sample=sample, edits=edits, on_done=on_done)
    others = _others(candidates)
    examples = Examples(
        np.concatenate([copies, others]),
        np.repeat([True, False], [len(copies), len(others)]),
        (*kinds, *[""] * len(others)),
    )
    return adapt(shipped_calibration(), examples, source=f"{len(photos)} photos of this library")


def calibrate_library(
    store: Store, options: CalibrateOptions | None = None, on_progress: OnProgress | None = None
) -> Calibration:
    """Calibrate on the photos of a library and store the result for its active model.

    Args:
        store: Open for writing.
        options: How much to try.
        on_progress: Called with how far it is.

    Raises:
        CalibrationError: The library is too small.
        LibraryError: Nothing is indexed yet.
    """
    options = options or CalibrateOptions()
    contents = load_contents(store)
    with (
        store.run("calibrate", asdict(options), model_id=contents.model.id) as run,
        open_kept(store, contents.first) as kept,
        open_prover(store, contents.first, kept=kept) as prover,
    ):
        source = prover.source
        with store.features() as cache:
            sketches = load_sketches(
                contents.first,
                cache,
                workers=usable_cores(),
                on_done=stage(on_progress, "features"),
            )
        pairs = nearest_pairs(contents.vectors, index_local(sketches.table))
        chosen = np.random.default_rng(_SEED).permutation(len(pairs))[: options.pairs]
        proven = list(prover.prove(pairs[np.sort(chosen)], stage(on_progress, "prove")))
        calibration = calibrate_on(
            contents.first,
            source,
            proven,
            sample=options.photos,
            edits=options.edits,
            on_done=stage(on_progress, "calibrate"),
        )
        store.save_calibration(contents.model.id, calibration.to_json())
        run.summary = {"source": calibration.source, "copies": len(calibration.copy_scores)}
    return calibration


def expectations(calibration: Calibration) -> dict[str, Any]:
    """Return, JSON-ready, the cut for each of ``PRECISIONS`` and what to expect of it, by kind too."""
    cuts = [
        {"asked": asked, **asdict(expect(calibration, cut_for(calibration, asked)))}
        for asked in PRECISIONS
    ]
    kinds = recall_by_kind(calibration, cut_for(calibration, 0.99))
    return {"source": calibration.source, "cuts": cuts, "recall_by_kind": kinds}


def edited_examples(
    photos: Sequence[Photo],
    source: FeatureSource,
    *,
    sample: int,
    edits: int,
    on_done: OnDone | None = None,
) -> tuple[NDArray[np.float64], list[str]]:
    """Edit a sample of photos and prove each copy: signals (copies, signals) and kinds of edits."""
    generator = np.random.default_rng(_SEED)
    rows = generator.permutation(len(photos))[:sample].tolist()
    names = list(islice(cycle(generator.permutation(list(EDITS)).tolist()), len(rows) * edits))
    signals: list[NDArray[np.float64]] = []
    kinds: list[str] = []
    for done, row in enumerate(rows):
        for name in names[done * edits : (done + 1) * edits]:
            found = _edited(photos, source, row, name, generator)
            if found is not None:
                signals.append(found)
                kinds.append(name)
        if on_done:
            on_done(done + 1, len(rows))
    return np.array(signals).reshape(-1, len(SIGNALS)), kinds


def _edited(
    photos: Sequence[Photo],
    source: FeatureSource,
    row: int,
    name: str,
    generator: np.random.Generator,
) -> NDArray[np.float64] | None:
    """Return the signals of a photo and one edited copy of it; None when it cannot be read."""
    beside = generator.integers(len(photos), size=EDITS[name].others).tolist()
    try:
        pixels, *others = [_small(photos[place]) for place in (row, *beside)]
    except PhotoError:
        return None
    copy = apply_edit(name, pixels, generator, other=others)
    return signals_of(verify(source[row], extract(copy.pixels)))


def _small(photo: Photo) -> NDArray[np.uint8]:
    picture = decode(photo.path, needed_px=EDITED_PX // 2)
    if max(picture.pixels.shape[:2]) <= EDITED_PX:
        return picture.pixels
    return fit(picture.pixels, EDITED_PX)


def _others(candidates: Sequence[Proven]) -> NDArray[np.float64]:
    """Return the signals of the candidate pairs that the shipped calibration takes for other photos."""
    signals = np.array([pair.signals for pair in candidates]).reshape(-1, len(SIGNALS))
    shipped = shipped_calibration()
    prior = estimate_prior(shipped, signals)
    return np.asarray(signals[shipped.probability(signals, prior=prior) < LIKELY_COPY])
