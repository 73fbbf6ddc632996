"""Calibrate on a library's own photos, without labels: edited copies, and look-alikes made of them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.copies.contents import load_contents
from dupfind.copies.features import FeatureSource
from dupfind.errors import CalibrationError, PhotoError
from dupfind.matching.calibrate import (
    MIN_PHOTOS,
    SIGNALS,
    Calibration,
    Examples,
    adapt,
    shipped_calibration,
    signals_of,
)
from dupfind.matching.expect import cut_for, expect, recall_by_kind
from dupfind.matching.features import extract
from dupfind.matching.verify import verify
from dupfind.options import CalibrateOptions
from dupfind.photos.decode import fit, read_known
from dupfind.photos.edits import EDITS, apply_edit
from dupfind.photos.lookalikes import LOOKALIKES, make_pair
from dupfind.progress import OnDone, OnProgress, stage
from dupfind.records import Photo
from dupfind.reports.words import count
from dupfind.store.store import Store
from dupfind.system import usable_cores

EDITED_PX = 640  # long side of the pictures that are edited: enough for 400 px features
BESIDE = 2  # further pictures that a look-alike may take things from
PRECISIONS = (0.9, 0.99, 0.999)
_SEED = 20210429


def calibrate_on(
    photos: Sequence[Photo],
    source: FeatureSource,
    *,
    sample: int,
    edits: int,
    on_done: OnDone | None = None,
) -> Calibration:
    """Return the shipped calibration fitted to these photos.

    Args:
        photos: The photos of a library, without same pictures.
        source: Their local features, by row.
        sample: How many photos to edit.
        edits: How many copies of each, and how many look-alikes.
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
    made = made_examples(photos, source, sample=sample, edits=edits, on_done=on_done)
    name = f"{len(photos)} photos of this library"
    return adapt(shipped_calibration(), made, source=name, photos=len(photos))


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
        store.features() as cache,
        closing(FeatureSource(contents.first, cache, workers=usable_cores())) as source,
    ):
        calibration = calibrate_on(
            contents.first,
            source,
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


def made_examples(
    photos: Sequence[Photo],
    source: FeatureSource,
    *,
    sample: int,
    edits: int,
    on_done: OnDone | None = None,
) -> Examples:
    """Make copies and look-alikes of a sample of photos, and prove each: known by construction."""
    generator = np.random.default_rng(_SEED)
    rows = generator.permutation(len(photos))[:sample].tolist()
    total = len(rows) * edits
    names = list(islice(cycle(generator.permutation(list(EDITS)).tolist()), total))
    alike = generator.permutation(list(LOOKALIKES)).tolist()
    maker = _Maker(photos, source, generator)
    signals: list[NDArray[np.float64]] = []
    kinds: list[str] = []
    for done, row in enumerate(rows):
        for place in range(done * edits, (done + 1) * edits):
            for kind, found in (
                (names[place], maker.copy(row, names[place])),
                ("", maker.lookalike(row, alike[place % len(alike)])),
            ):
                if found is not None:
                    signals.append(found)
                    kinds.append(kind)
        if on_done:
            on_done(done + 1, len(rows))
    table = np.array(signals).reshape(-1, len(SIGNALS))
    return Examples(table, np.array([kind != "" for kind in kinds], bool), tuple(kinds))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes pictures of a library's photos and proves them; None where that is not possible."""

    photos: Sequence[Photo]
    source: FeatureSource
    generator: np.random.Generator

    def copy(self, row: int, name: str) -> NDArray[np.float64] | None:
        """Return the signals of a photo and one edited copy of it."""
        pixels = self._pixels(row, EDITS[name].others)
        if pixels is None:
            return None
        copy = apply_edit(name, pixels[0], self.generator, other=pixels[1:])
        return signals_of(verify(self.source[row], extract(copy.pixels)))

    def lookalike(self, row: int, name: str) -> NDArray[np.float64] | None:
        """Return the signals of two look-alikes made of a photo, or of nothing."""
        kind = LOOKALIKES[name]
        pixels = self._pixels(row, max(kind.others, BESIDE))
        if pixels is None:
            return None
        start = None if kind.family == "made" else pixels[0]
        pair = make_pair(name, self.generator, start, other=pixels[1:])
        return None if pair is None else signals_of(verify(*map(extract, pair)))

    def _pixels(self, row: int, others: int) -> list[NDArray[np.uint8]] | None:
        beside = self.generator.integers(len(self.photos), size=others).tolist()
        try:
            return [_small(self.photos[place]) for place in (row, *beside)]
        except PhotoError:
            return None


def _small(photo: Photo) -> NDArray[np.uint8]:
    # Its features may be of the cache: an edited copy of other bytes would be no copy of them.
    picture = read_known(photo, needed_px=EDITED_PX // 2)
    if max(picture.pixels.shape[:2]) <= EDITED_PX:
        return picture.pixels
    return fit(picture.pixels, EDITED_PX)
