"""Gather what the page of a training run shows: the same held-out copies as two models see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dupfind.descriptors.attention import attend
from dupfind.descriptors.backbone import Model
from dupfind.descriptors.layout import lay_out
from dupfind.errors import ModelError
from dupfind.photos.edits import EDITS
from dupfind.reports.attention import heat_over
from dupfind.reports.before_after import (
    Attended,
    BeforeAfter,
    Example,
    KindRow,
    aligned,
    write_before_after,
)
from dupfind.reports.output import text_output
from dupfind.training.comparison import Comparison, Exam
from dupfind.training.heldout import LookUp

EXAMPLES = 10
ATTENDED = 4
MOST_DOTS = 400

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Side:
    """What one model makes of an exam; ``heats`` are empty for a model without attention to show."""

    name: str
    found: LookUp
    places: NDArray[np.float32]
    heats: tuple[Pixels, ...]


def take_side(exam: Exam, model: Model, *, device: str) -> Side:
    """Let a model look up the copies, lay out the collection and look at some photos."""
    found = exam.sit(model, device=device)
    places = lay_out(found.originals[:MOST_DOTS].numpy().astype(np.float16))
    heats: list[Pixels] = []
    for row in range(min(ATTENDED, exam.photos)):
        pixels = exam.original(row)
        try:
            heats.append(heat_over(pixels, attend(model, pixels, device=device).mean))
        except ModelError:
            break
    return Side(model.name, found, places, tuple(heats))


def kind_rows(exam: Exam, before: LookUp, after: LookUp) -> list[KindRow]:
    """Count the copies of each kind that each model found first."""
    hits = [(found.place < 1).numpy() for found in (before, after)]
    kinds = np.array(exam.kinds)
    return [
        KindRow(
            kind,
            str(EDITS[kind].relation),
            int((kinds == kind).sum()),
            *(int(hit[kinds == kind].sum()) for hit in hits),
        )
        for kind in sorted(set(exam.kinds))
    ]


def write_page(
    target: Path,
    exam: Exam,
    before: Side,
    after: Side,
    comparison: Comparison,
    kinds: list[KindRow],
) -> None:
    """Write the page of a run.

    Raises:
        ReportError: It cannot be written.
    """
    attended = [
        Attended(exam.original(row), one, other)
        for row, (one, other) in enumerate(zip(before.heats, after.heats, strict=False))
    ]
    originals = range(min(MOST_DOTS, exam.photos + exam.rivals))
    contents = BeforeAfter(
        name=after.name,
        compared_with=before.name,
        figures_before=_figures(before.found),
        figures_after=_figures(after.found),
        gain=comparison.gain,
        least_gain=comparison.least_gain,
        photos=exam.photos,
        kinds=kinds,
        found=_examples(exam, after.found, before.found),
        lost=_examples(exam, before.found, after.found),
        attended=attended,
        colours=np.stack([exam.original(row).mean(axis=(0, 1)) for row in originals]).astype(
            np.uint8
        ),
        places_before=before.places,
        places_after=aligned(after.places, before.places),
    )
    with text_output(target) as stream:
        write_before_after(contents, stream)


def _figures(found: LookUp) -> tuple[float, float, float]:
    result = found.retrieval()
    return result.recall_at_1, result.recall_at_10, result.micro_ap


def _examples(exam: Exam, finds: LookUp, misses: LookUp) -> list[Example]:
    """Show copies that one model finds and the other misses most widely, of different photos first."""
    rows = np.flatnonzero(((finds.place < 1) & (misses.place >= 1)).numpy())
    widest = rows[np.argsort(-misses.place.numpy()[rows], kind="stable")].tolist()
    chosen = _of_different_photos(widest, exam.owners.numpy())[:EXAMPLES]
    return [
        Example(
            exam.kinds[row],
            exam.copy(row),
            exam.original(int(exam.owners[row])),
            exam.original(int(misses.first[row])),
        )
        for row in chosen
    ]


def _of_different_photos(rows: Sequence[int], owners: NDArray[np.int64]) -> list[int]:
    seen: dict[int, int] = {}
    turns = []
    for row in rows:
        owner = int(owners[row])
        seen[owner] = seen.get(owner, -1) + 1
        turns.append(seen[owner])
    return [row for _, row in sorted(zip(turns, rows, strict=True), key=lambda item: item[0])]
