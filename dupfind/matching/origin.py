"""Say how likely each picture of a group is the one that the others were made from.

In:  a ``Family`` and its ``Traced`` pairs. Out: log odds. No disk, database or model but the trees that ship.

Two steps. The traces of each pair become the log odds that b was made from a; then each picture is
weighed against all others by what its pairs say together, and by what only a group shows: the one that all
were made from leaves nothing that the others still have in common, and is the nearest to each of them
(``nearest``). The trees were grown on edited copies of photos, where the direction is known by
construction: ``benchmarks/fit_original.py``.
"""

import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError
from dupfind.matching.nearest import NEAREST, nearest
from dupfind.matching.traces import TRACES, Traced, reversed_traces
from dupfind.matching.trees import Trees

Floats = NDArray[np.float64]

MOST_OF_A_PAIR = 6.0  # log odds: one sure pair must not outweigh what several others say
FOR_MOST = (
    2.0  # log odds where all others lie the same way round, and again where they are as large
)
# Log odds against what alone has something in one place, by ``overlaid``: more than a speck, up to a bar.
OF_WRITTEN, A_SPECK, MOST_WRITTEN = 2.0, 1.5, 4.0
SOME_WITNESSES = 4
_UNSTRETCHED = 0.015
_PLACE = {name: at for at, name in enumerate(TRACES)}
STANDING = (
    "mean", "least", "second", "most", "wins", "mean_ahead", "least_ahead",
    "usual_ahead", "usual", "as_large_ahead", "as_large", "whole",
    "astray_ahead_0", "astray_ahead_1", "astray_ahead_2",
    "astray_0", "astray_1", "astray_2", "deviating", "deviating_ahead", "differing_ahead",
    "finer", "members", "pixels",
    *NEAREST,
)  # fmt: skip
# Numbers that, the larger (1) or smaller (-1) they are, can only speak for an original.
SPEAKING = {
    **dict.fromkeys(("mean", "least", "second", "most", "wins", "mean_ahead", "least_ahead"), 1),
    **dict.fromkeys((f"astray_ahead_{band}" for band in range(3)), -1),
    **dict.fromkeys(("deviating", "deviating_ahead", "differing_ahead"), -1),
    **{name: -1 if name.startswith("farther") else 1 for name in NEAREST},
}


@dataclass(frozen=True)
class Origin:
    """The trees: of pairs and of what a picture's pairs say together; ``version`` names them."""

    pair: Trees
    standing: Trees
    version: str = ""

    def log_odds(self, traced: Traced) -> Floats:
        """Return for each picture the log odds that it is the original, (pictures,)."""
        return self.weighed(standing(traced, self.links(traced))) - _written_over(traced.overlaid)

    def weighed(self, numbers: Floats) -> Floats:
        """Return the log odds by the numbers of ``STANDING``, (pictures,)."""
        most = numbers[:, [STANDING.index("usual"), STANDING.index("as_large")]].sum(axis=1)
        return np.asarray(self.standing.log_odds(numbers) + FOR_MOST * most, np.float64)

    def links(self, traced: Traced) -> Floats:
        """Return the log odds that each column was made from each row, antisymmetric; NaN unknown."""
        count = len(traced.differing)
        links = np.full((count, count), np.nan)
        if not traced.pairs:
            return links
        rows = np.array(list(traced.pairs.values()))
        back = np.array([reversed_traces(row) for row in rows])
        both = self.pair.log_odds(np.concatenate([rows, back]))
        found = (both[: len(rows)] - both[len(rows) :]) / 2
        around = np.sign(rows[:, [_PLACE["framed"], _PLACE["holds"]]].sum(axis=1))
        # A crop may be what is left of a larger picture; whatever stands in a frame is in no doubt.
        found = np.where(around != 0, around * MOST_OF_A_PAIR, found)
        for (a, b), link in zip(traced.pairs, found.tolist(), strict=True):
            links[a, b] = np.clip(link, -MOST_OF_A_PAIR, MOST_OF_A_PAIR)
            links[b, a] = -links[a, b]
        return links


def standing(traced: Traced, links: Floats) -> Floats:
    """Return the numbers of ``STANDING`` for each picture, (pictures, numbers)."""
    count = len(links)
    if count < 2:
        return np.zeros((count, len(STANDING)))
    usual, as_large, whole, finer = _alike(traced, count)
    astray = np.nan_to_num(traced.astray.astype(np.float64), nan=0.5)
    means = [_others(row, at).mean() for at, row in enumerate(links)]
    least = [_others(row, at).min() for at, row in enumerate(links)]
    result = []
    for at in range(count):
        sorted_links = np.sort(_others(links[at], at))
        result.append(
            [
                means[at],
                least[at],
                sorted_links[min(1, count - 2)],
                sorted_links[-1],
                float((sorted_links > 0).mean()),
                means[at] - max(_others(means, at)),
                least[at] - max(_others(least, at)),
                usual[at] - max(_others(usual, at)),
                usual[at],
                as_large[at] - max(_others(as_large, at)),
                as_large[at],
                whole[at],
                *(astray[at] - np.delete(astray, at, axis=0).min(axis=0)),
                *astray[at],
                traced.deviating[at],
                traced.deviating[at] - _others(traced.deviating, at).min(),
                _ahead(traced.differing, at),
                finer[at],
                float(count),
                float(traced.pixels[at] - traced.pixels.max()),
            ]
        )
    return np.hstack([np.array(result, np.float64), nearest(traced)])


def _written_over(overlaid: NDArray[np.float32]) -> Floats:
    """Return what speaks against each picture that alone has something in one place, (pictures,).

    It is seldom and in no doubt: trees that weigh a hundred numbers against each other learn too little of it.
    """
    if len(overlaid) < SOME_WITNESSES or not np.isfinite(overlaid).any():
        return np.zeros(len(overlaid))
    most = overlaid - np.nanmin(overlaid)
    against = np.clip(np.nan_to_num(most, nan=0.0) - A_SPECK, 0, MOST_WRITTEN)
    return np.asarray(OF_WRITTEN * against, np.float64)


def _others(values: object, at: int) -> Floats:
    return np.delete(np.asarray(values, np.float64), at)


def _ahead(values: NDArray[np.float32], at: int) -> float:
    others = _others(values, at)
    known = others[np.isfinite(others)]
    return float(values[at] - known.min()) if len(known) else float("nan")


def _alike(traced: Traced, count: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the shares of others that lie as each does, are as large, are whole, and how fine it is."""
    marks = np.zeros((3, count, count))
    finer = np.full((count, count), np.nan)
    for (a, b), row in traced.pairs.items():
        exact, mirrored, quarters, stretched, larger = (
            float(row[_PLACE[name]])
            for name in ("exact", "mirrored", "quarters", "stretched", "larger")
        )
        is_whole = exact > 0.5
        unstretched = is_whole and stretched < _UNSTRETCHED
        as_large = unstretched and abs(larger) < _UNSTRETCHED
        usual = unstretched and mirrored < 0.5 and quarters == 0
        marks[:, a, b] = marks[:, b, a] = usual, as_large, is_whole
        finer[b, a] = row[_PLACE["fine_0"]]
        finer[a, b] = -finer[b, a]
    known = [row[np.isfinite(row)] for row in finer]
    median = np.array([float(np.median(row)) if len(row) else float("nan") for row in known])
    usual_share, large_share, whole_share = marks.sum(axis=2) / (count - 1)
    return usual_share, large_share, whole_share, median


@cache
def shipped_origin() -> Origin:
    """Return the trees that come with dupfind, made by ``benchmarks/fit_original.py``.

    Raises:
        CalibrationError: They were made for other traces, or are damaged.
    """
    file = resources.files("dupfind.matching") / "origin.json"
    text = file.read_text(encoding="utf-8")
    values = json.loads(text)
    if values.get("traces") != list(TRACES) or values.get("standing") != list(STANDING):
        raise CalibrationError("the trees of originals are of other traces; install dupfind anew")
    version = f"{zlib.crc32(text.encode()):08x}"
    return Origin(Trees.from_json(values["pair"]), Trees.from_json(values["of_all"]), version)
