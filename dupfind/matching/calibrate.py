"""Turn proofs into the probability that a pair are copies, learned without labels.

In:  proofs of example pairs: edited copies of the user's own photos, and look-alikes made of them.
Out: a ``Calibration``: probability, expected precision and recall at every cut. No disk, database or model.

The score is a logistic regression whose weights may not change sign: more agreement never makes a copy
less likely, however odd the collection. A collection's own examples move and stretch it (Platt 1999).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError
from dupfind.matching.verify import Proof

# Name and sign: +1 speaks for a copy, -1 against one.
SIGNALS: dict[str, int] = {
    "inliers": 1,
    "agree": 1,
    "low_correlation": 1,
    "agreeing_blocks": 1,
    "flat_agree": 1,
    "smaller_share": 1,
    "two_sided": -1,
    "largest_wrong": -1,
    "parallax": -1,
    "changed": -1,
    "direct": -1,
}
UNPROVEN = 0.01  # the highest probability of a pair that no alignment proves
PRIOR = 0.05  # share of candidate pairs that are copies, where nothing is known yet
CLEAR_COPY = 0.9  # pairs of at least this probability count when that share is estimated
LOWEST_CUT = 0.5
MIN_EXAMPLES = 150
MIN_PROVEN = 50  # copies that align at all: flat pictures are recognised by nothing
MIN_PHOTOS = 30
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Examples:
    """Labelled example pairs.

    Attributes:
        signals: (examples, signals) float64, from ``signals_of``; a row of NaN for a pair without an
            alignment.
        is_copy: (examples,) bool.
        kinds: Name of the edit for copies, empty for the others.
    """

    signals: NDArray[np.float64]
    is_copy: NDArray[np.bool_]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities of proofs, and what to expect of them.

    Attributes:
        weights: One for each of ``SIGNALS``; log odds.
        bias: Log odds at no signal, for ``PRIOR``.
        slope, shift: The collection's own correction of the log odds.
        copy_scores, other_scores: Log odds of copies and of ordinary other pairs after the
            correction, sorted; -inf for pairs without an alignment.
        lookalike_scores: The same of pairs that are no copies by construction and look like it.
        photos: How many photos of the collection it was made on.
        recall_by_kind: kind -> sorted log odds of its copies.
        source: ``shipped`` or ``collection``, with the number of photos.
    """

    weights: tuple[float, ...]
    bias: float
    slope: float = 1.0
    shift: float = 0.0
    copy_scores: tuple[float, ...] = ()
    other_scores: tuple[float, ...] = ()
    scores_by_kind: dict[str, tuple[float, ...]] = field(default_factory=dict)
    source: str = "shipped"
    lookalike_scores: tuple[float, ...] = ()
    photos: int = 0

    def log_odds(self, signals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log odds of (n, signals), -inf where a row is NaN."""
        raw = signals @ np.asarray(self.weights) + self.bias
        return np.where(np.isfinite(raw), self.slope * raw + self.shift, -np.inf)

    def probability(
        self, signals: NDArray[np.float64], *, prior: float = PRIOR
    ) -> NDArray[np.float64]:
        """Return the probability in [0, 1] of each row of signals, (n,).

        ``prior`` is the share of copies among the candidate pairs; see ``estimate_prior``.
        """
        moved = self.log_odds(signals) + logit(prior) - logit(PRIOR)
        return np.where(np.isfinite(moved), logistic(moved), 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values; scores to three digits."""
        values = asdict(self)
        values["copy_scores"] = _rounded(self.copy_scores)
        values["other_scores"] = _rounded(self.other_scores)
        values["lookalike_scores"] = _rounded(self.lookalike_scores)
        values["scores_by_kind"] = {k: _rounded(v) for k, v in self.scores_by_kind.items()}
        return {"version": 1, "signals": list(SIGNALS), **values}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Calibration":
        """Read what ``to_json`` made.

        Raises:
            CalibrationError: It was made for other signals or by another version, or is damaged.
        """
        if values.get("version") != 1 or values.get("signals") != list(SIGNALS):
            raise CalibrationError(
                "the stored calibration was made by another version of dupfind; "
                "run `dupfind calibrate` again"
            )
        try:
            return cls._from_values(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CalibrationError(
                f"the stored calibration is damaged ({error}); run `dupfind calibrate` again"
            ) from error

    @classmethod
    def _from_values(cls, values: dict[str, Any]) -> "Calibration":
        if len(values["weights"]) != len(SIGNALS):
            raise ValueError(f"{len(values['weights'])} weights for {len(SIGNALS)} signals")
        return cls(
            weights=tuple(map(float, values["weights"])),
            bias=float(values["bias"]),
            slope=float(values["slope"]),
            shift=float(values["shift"]),
            copy_scores=_restored(values["copy_scores"]),
            other_scores=_restored(values["other_scores"]),
            scores_by_kind={k: _restored(v) for k, v in values["scores_by_kind"].items()},
            source=str(values["source"]),
            lookalike_scores=_restored(values.get("lookalike_scores", ())),
            photos=int(values.get("photos", 0)),
        )


@dataclass(frozen=True)
class Expectation:
    """What to expect of a cut: precision and recall in [0, 1] with their interval.

    ``precision_low`` holds also where all that is no copy looks like one.
    """

    cut: float
    precision: float
    precision_low: float
    precision_high: float
    recall: float


def signals_of(proof: Proof) -> NDArray[np.float64]:
    """Return the numbers of a proof that the score is made of, (signals,); NaN without alignment."""
    found = proof.comparison
    if found is None:
        return np.full(len(SIGNALS), np.nan)
    values = {
        "inliers": np.log1p(proof.inliers),
        "agree": found.agree,
        "low_correlation": found.low_correlation,
        "agreeing_blocks": np.log1p(found.textured * found.agree),
        "flat_agree": found.flat_agree,
        "smaller_share": np.log(max(min(found.share_a, found.share_b), 0.02)),
        "two_sided": found.two_sided,
        "largest_wrong": found.largest_wrong,
        "parallax": np.log(found.parallax + 0.2),
        "changed": found.changed,
        "direct": float(proof.method == "direct"),
    }
    return np.array([values[name] for name in SIGNALS], np.float64)


def fit(examples: Examples, *, source: str = "shipped", penalty: float = 2e-3) -> Calibration:
    """Learn the weights from examples; each keeps the sign that ``SIGNALS`` gives it.

    Raises:
        CalibrationError: There are too few examples of either kind.
    """
    _check_enough(examples)
    proven = np.isfinite(examples.signals).all(axis=1)
    signals, labels = examples.signals[proven], examples.is_copy[proven].astype(np.float64)
    mean, deviation = signals.mean(axis=0), np.maximum(signals.std(axis=0), 1e-3)
    sample = _prior_weights(examples.is_copy)[proven]
    scaled = (signals - mean) / deviation
    bounds = [(0.0, None) if sign > 0 else (None, 0.0) for sign in SIGNALS.values()]
    solution = _logistic_fit(scaled, labels, sample, penalty, [*bounds, (None, None)])
    weights = solution[:-1] / deviation
    bias = float(solution[-1] - weights @ mean)
    return _with_scores(Calibration(tuple(map(float, weights)), bias, source=source), examples)


def adapt(shipped: Calibration, examples: Examples, *, source: str, photos: int = 0) -> Calibration:
    """Fit the shipped score to a collection's own examples: a slope and a shift of its log odds.

    Args:
        shipped: What comes with dupfind. Its ordinary other pairs stay among the examples.
        examples: Copies, and look-alikes that are none by construction; no pairs of the collection
            itself: what they are is what is asked.
        source, photos: Whose examples these are, and how many photos there were.

    Raises:
        CalibrationError: There are too few examples of either kind.
    """
    _check_enough(examples)
    raw = examples.signals @ np.asarray(shipped.weights) + shipped.bias
    others = np.concatenate([raw[~examples.is_copy], shipped.other_scores])
    scores = np.concatenate([raw[examples.is_copy], others])
    is_copy = np.repeat([True, False], [len(scores) - len(others), len(others)])
    proven = np.isfinite(scores)
    # The penalty pulls towards the shipped score: slope 1, shift 0.
    solution = _logistic_fit(
        np.clip(scores[proven, None], -30, 30),
        is_copy[proven].astype(np.float64),
        _prior_weights(is_copy)[proven],
        2e-3,
        [(0.3, 3.0), (-4.0, 4.0)],
        centre=np.array([1.0, 0.0]),
    )
    slope, shift = float(solution[0]), float(solution[1])
    moved = Calibration(shipped.weights, shipped.bias, slope, shift, source=source, photos=photos)
    known = _with_scores(moved, examples)
    ordinary = np.sort(slope * np.asarray(shipped.other_scores) + shift)
    return replace(
        known, lookalike_scores=known.other_scores, other_scores=tuple(ordinary.tolist())
    )


def estimate_prior(calibration: Calibration, signals: NDArray[np.float64]) -> float:
    """Return the share of copies among candidate pairs, (pairs, signals): an adjusted count.

    Clear copies are counted, and the count is set right by how many of the examples are as clear. A
    soft count would let many pairs that may be copies, such as the pages of one form, raise the
    share, and the share their probability, until all of them pass.

    Source: Forman 2008, "Quantifying counts and costs via classification".
    """
    if not len(signals):
        return PRIOR
    score = logit(CLEAR_COPY)
    found, wrong = (
        float((np.asarray(scores) >= score).mean()) if len(scores) else float(default)
        for scores, default in ((calibration.copy_scores, 1), (calibration.other_scores, 0))
    )
    counted = float((calibration.log_odds(signals) >= score).mean())
    least = 0.5 / len(signals)  # one pair in two such collections
    return float(np.clip((counted - wrong) / max(found - wrong, 0.1), least, 0.6))


@cache
def shipped_calibration() -> Calibration:
    """Return the calibration that comes with dupfind, made by ``benchmarks/fit_calibration.py``."""
    file = resources.files("dupfind.matching") / "calibration.json"
    return Calibration.from_json(json.loads(file.read_text(encoding="utf-8")))


def _check_enough(examples: Examples) -> None:
    copies = int(examples.is_copy.sum())
    others = len(examples.is_copy) - copies
    if copies < MIN_EXAMPLES or others < MIN_EXAMPLES:
        raise CalibrationError(
            f"{MIN_EXAMPLES} copies and as many other pairs are needed to calibrate on, and there are "
            f"{copies} and {others}; the shipped calibration stays in use"
        )
    check_proven(examples.signals[examples.is_copy].sum(axis=1))


def check_proven(scores: Sequence[float] | NDArray[np.float64]) -> None:
    """Refuse copies of which hardly any can be proven: they say nothing of photos that can.

    Raises:
        CalibrationError: Too few of the scores are finite.
    """
    proven = int(np.isfinite(np.asarray(scores)).sum())
    if proven < MIN_PROVEN:
        raise CalibrationError(
            f"only {proven} of the {len(scores)} copies made to calibrate on can be proven, and "
            f"{MIN_PROVEN} are needed: the photos are flat, or hardly larger than a thumbnail; the "
            "shipped calibration is used"
        )


def _with_scores(calibration: Calibration, examples: Examples) -> Calibration:
    scores = calibration.log_odds(examples.signals)
    kinds = np.asarray(examples.kinds, dtype=object)
    by_kind = {
        str(kind): tuple(np.sort(scores[examples.is_copy & (kinds == kind)]))
        for kind in sorted(set(kinds[examples.is_copy]) - {""})
    }
    return replace(
        calibration,
        copy_scores=tuple(np.sort(scores[examples.is_copy])),
        other_scores=tuple(np.sort(scores[~examples.is_copy])),
        scores_by_kind=by_kind,
    )


def _prior_weights(is_copy: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weigh the examples so that copies make up ``PRIOR`` of them."""
    copies = is_copy.mean()
    return np.asarray(np.where(is_copy, PRIOR / copies, (1 - PRIOR) / (1 - copies)), np.float64)


def _logistic_fit(
    design: NDArray[np.float64],
    labels: NDArray[np.float64],
    sample: NDArray[np.float64],
    penalty: float,
    bounds: list[tuple[float | None, float | None]],
    *,
    centre: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return weights and bias of a bounded logistic regression, (columns + 1,)."""
    from scipy.optimize import minimize  # here: slow to load, and queries never fit anything

    full = np.column_stack([design, np.ones(len(design))])
    middle = np.zeros(full.shape[1]) if centre is None else centre
    pull = np.full(full.shape[1], penalty)
    if centre is None:
        pull[-1] = 0.0
    sample = sample / sample.sum()

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = full @ values
        cost = sample @ (np.logaddexp(0, odds) - labels * odds) + pull @ (values - middle) ** 2
        slope = full.T @ (sample * (logistic(odds) - labels)) + 2 * pull * (values - middle)
        return float(cost), slope

    return np.asarray(minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds).x)


def logit(probability: float) -> float:
    """Return the log odds of a probability; at 0 and 1 those of a hair less."""
    clipped = min(max(probability, 1e-9), 1 - 1e-9)
    return float(np.log(clipped / (1 - clipped)))


def logistic(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -60, 60))))


def _rounded(scores: Sequence[float]) -> list[float | None]:
    return [round(float(score), 3) if np.isfinite(score) else None for score in scores]


def _restored(scores: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(-np.inf if score is None else float(score) for score in scores)
