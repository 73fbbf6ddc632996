"""Say from what is at hand which pairs are worth a proof: few are, in a collection without copies.

In:  votes of keypoints, thumbnails and descriptors of photos. Out: log odds that a proof would find a copy.
No disk or database; the weights ship with dupfind.

Three witnesses, each blind to some copies: keypoints that agree on a place (parts, turns), thumbnails
that correlate (soft and flat pictures), and a descriptor that is nearer than the collection's own
background (strong edits of the whole). A logistic regression weighs them, and ranks a photo's partners; no
weight is negative, so that more agreement never makes a pair less promising. Boosted trees weigh the same
numbers together, and how much of the two is ground of one level: pages of one form agree by chance where
photos do not. What passes is measured once more: the sketches of the two, matched with each other alone,
agree on a place by chance far less often than votes among all photos do. The answers of these trees, too,
only rise with each sign of a copy. ``benchmarks/fit_candidates.py`` learned all three scores on edited
copies of photos and pages, and on photos without copies.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError
from dupfind.matching.trees import Trees
from dupfind.matching.voting import Agreement, Votes

WORTH_SIGNALS = (
    "support",
    "support_squared",
    "agreeing",
    "closeness",
    "closeness_above",
    "span",
    "nearness",
    "one_sided_nearness",
    "near_and_supported",
    "thumb",
    "thumb_above",
    "thumb_same",
)
GROUND_SIGNALS = ("least_ground", "most_ground")
BESIDE_SIGNALS = ("beside", "beside_squared", "beside_agreeing", "beside_closeness")
SCORED = {
    "first": WORTH_SIGNALS,
    "second": (*WORTH_SIGNALS, *GROUND_SIGNALS),
    "third": (*WORTH_SIGNALS, *GROUND_SIGNALS, *BESIDE_SIGNALS),
}
VERSION = 4
BACKGROUND_PHOTOS = 512
CLOSE_FROM = 0.9  # cosine of keypoints that agree by chance
THUMB_FROM = 0.8  # correlation of thumbnails that chance reaches
THUMB_SAME = 0.95
GROUND_LEVELS = 8  # as wide as what counts as one level of a thumbnail
_BLOCK = 4096
_SEED = 20210429


@dataclass(frozen=True)
class Worth:
    """A logistic regression: ``weights`` of its ``signals``, ``bias``, and the log odds ``cut``."""

    signals: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    cut: float

    def log_odds(self, signals: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log odds of (n, signals)."""
        return np.asarray(signals @ np.asarray(self.weights) + self.bias, np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "signals": list(self.signals),
            "weights": [round(weight, 4) for weight in self.weights],
            "bias": round(self.bias, 4),
            "cut": round(self.cut, 4),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Worth":
        """Read what ``to_json`` made."""
        weights = tuple(float(weight) for weight in values["weights"])
        return cls(tuple(values["signals"]), weights, float(values["bias"]), float(values["cut"]))


@dataclass(frozen=True)
class GrownWorth:
    """Boosted ``trees`` that ask for ``signals`` by their place, and the log odds ``cut``."""

    signals: tuple[str, ...]
    trees: Trees
    cut: float

    def log_odds(self, signals: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the log odds of (n, signals)."""
        return self.trees.log_odds(signals)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "signals": list(self.signals),
            "cut": round(self.cut, 4),
            "trees": self.trees.to_json(),
        }


@dataclass(frozen=True)
class Scores:
    """Two scores of what is at hand (``WORTH_SIGNALS``), and the one after the sketches were matched too."""

    first: Worth
    second: GrownWorth
    third: GrownWorth

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "version": VERSION,
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            "third": self.third.to_json(),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Scores":
        """Read what ``to_json`` made.

        Raises:
            CalibrationError: It was made for other signals.
        """
        if values.get("version") != VERSION or any(
            tuple(values[score]["signals"]) != signals for score, signals in SCORED.items()
        ):
            raise CalibrationError("the first score is of another version; install dupfind anew")
        second, third = (
            GrownWorth(
                SCORED[name], Trees.from_json(values[name]["trees"]), float(values[name]["cut"])
            )
            for name in ("second", "third")
        )
        return cls(Worth.from_json(values["first"]), second, third)


@cache
def shipped_worth() -> Scores:
    """Return the scores that come with dupfind, made by ``benchmarks/fit_candidates.py``."""
    file = resources.files("dupfind.matching") / "worth.json"
    return Scores.from_json(json.loads(file.read_text(encoding="utf-8")))


def beside_signals(found: Agreement) -> NDArray[np.float32]:
    """Return the numbers that ``Scores.third`` weighs besides the first ones, (pairs, signals)."""
    beside = np.log1p(found.support)
    columns = (beside, beside**2, np.log1p(found.agreeing), found.closeness)
    return np.stack(columns, axis=1).astype(np.float32)


def worth_signals(
    pairs: NDArray[np.int64],
    votes: Votes,
    thumbs: NDArray[np.uint8],
    vectors: NDArray[np.float16],
    background: NDArray[np.float16] | None = None,
) -> NDArray[np.float32]:
    """Return the numbers that ``Worth`` weighs, (pairs, signals).

    Args:
        pairs: (pairs, 2) rows of photos, a < b, sorted by a and then b, each once.
        votes: Of these photos.
        thumbs: (photos, side, side) uint8 grey.
        vectors: (photos, dimensions), L2-normalised.
        background: What nearness is measured against, (any, dimensions); ``background_of(vectors)`` by default.
    """
    support, agreeing, closeness, area = _best_votes(pairs, votes, len(vectors))
    others = background_of(vectors) if background is None else background
    lower, higher = _nearness(pairs, vectors, others)
    thumb = _correlations(pairs, thumbs)
    supported = np.log1p(support)
    columns = (
        supported,
        supported**2,
        np.log1p(agreeing),
        closeness,
        np.maximum(closeness - CLOSE_FROM, 0),
        np.sqrt(area),
        lower,
        higher,
        supported * lower,
        -np.log(1.02 - thumb),
        np.maximum(thumb - THUMB_FROM, 0),
        np.maximum(thumb - THUMB_SAME, 0),
    )
    return np.stack(columns, axis=1).astype(np.float32)


def _best_votes(
    pairs: NDArray[np.int64], votes: Votes, photos: int
) -> tuple[NDArray[np.float32], ...]:
    """Return of each pair the best supported votes of either photo in any view; 0 without votes."""
    low, high = np.minimum(votes.voter, votes.target), np.maximum(votes.voter, votes.target)
    place = np.searchsorted(pairs[:, 0] * photos + pairs[:, 1], low * photos + high)
    order = np.argsort(votes.support, kind="stable")  # of several the best is written last
    found = []
    for values in (votes.support, votes.agreeing, votes.closeness, votes.area):
        column = np.zeros(len(pairs), np.float32)
        column[place[order]] = values[order]
        found.append(column)
    return tuple(found)


def background_of(vectors: NDArray[np.float16]) -> NDArray[np.float16]:
    """Return some of a collection's descriptors, drawn at random: what any two photos have in common."""
    sample = np.random.default_rng(_SEED).permutation(len(vectors))[:BACKGROUND_PHOTOS]
    return vectors[sample]


def ground_signals(pairs: NDArray[np.int64], thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the numbers that tell pages and screens from photos, (pairs, signals).

    They are no sign of a copy: trees may weigh the others differently by them. ``pairs`` and ``thumbs`` are
    those of ``worth_signals``.
    """
    levels = thumbs.reshape(len(thumbs), -1) // GROUND_LEVELS
    ground = np.zeros(len(thumbs), np.float32)
    for level in range(256 // GROUND_LEVELS):
        np.maximum(ground, (levels == level).mean(axis=1), out=ground)
    both = ground[pairs]
    return np.stack([both.min(axis=1), both.max(axis=1)], axis=1)


def _nearness(
    pairs: NDArray[np.int64], vectors: NDArray[np.float16], background: NDArray[np.float16]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return by how many deviations a pair is nearer than others: for either photo, lower then higher.

    Fog, sky and text are near to thousands of others; for them a high cosine says little.
    """
    others = background.astype(np.float32).T
    mean, deviation = np.empty(len(vectors), np.float32), np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        cosine = vectors[block].astype(np.float32) @ others
        mean[block], deviation[block] = cosine.mean(axis=1), np.maximum(cosine.std(axis=1), 0.02)
    both = np.empty((2, len(pairs)), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        block = slice(start, start + _BLOCK)
        rows = pairs[block]
        one, other = vectors[rows[:, 0]].astype(np.float32), vectors[rows[:, 1]].astype(np.float32)
        cosine = np.einsum("nd,nd->n", one, other)
        both[:, block] = (cosine - mean[rows.T]) / deviation[rows.T]
    both = np.maximum(both, 0)
    return both.min(axis=0), both.max(axis=0)


def _correlations(pairs: NDArray[np.int64], thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how well two thumbnails correlate in the best of eight turns and mirrorings, (pairs,).

    A negative correlates the other way round: the sign does not count.
    """
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), _BLOCK):
        block = slice(start, start + _BLOCK)
        one, other = (_normal(thumbs[pairs[block, side]]) for side in (0, 1))
        best = np.zeros(len(one), np.float32)
        for image in (one, one[:, :, ::-1]):
            for turns in range(4):
                turned = np.rot90(image, turns, axes=(1, 2))
                np.maximum(best, np.abs(np.einsum("nij,nij->n", turned, other)), out=best)
        found[block] = best / np.float32(thumbs.shape[1] ** 2)
    return np.minimum(found, 1.0)


def _normal(thumbs: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = thumbs.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    return np.asarray(values / np.maximum(values.std(axis=(1, 2), keepdims=True), 4), np.float32)
