"""Calibration: signs, cuts and intervals, against scipy and by hand."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from dupfind.errors import CalibrationError
from dupfind.matching.calibrate import (
    MIN_EXAMPLES,
    MIN_PROVEN,
    PRIOR,
    SIGNALS,
    Calibration,
    Examples,
    adapt,
    estimate_prior,
    fit,
    shipped_calibration,
)
from dupfind.matching.expect import cut_for, expect, recall_by_kind

SIGNS = np.array(list(SIGNALS.values()))


def examples(
    seed: int = 0, copies: int = 400, others: int = 800, *, apart: float = 1.5, unaligned: int = 40
) -> Examples:
    """Return made-up signals: each speaks for a copy in the direction of its sign, with noise."""
    rng = np.random.default_rng(seed)
    is_copy = np.repeat([True, False], [copies, others])
    centre = np.where(is_copy, 1, -1)[:, None] * SIGNS * apart / 2
    signals = centre + rng.normal(0, 1.5, (len(is_copy), len(SIGNS)))
    signals[-unaligned:] = np.nan
    kinds = ["crop" if row % 2 else "flip" for row in range(copies)] + [""] * others
    return Examples(signals, is_copy, tuple(kinds))


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    return fit(examples())


def test_weights_keep_their_signs(fitted: Calibration) -> None:
    for calibration in (fitted, shipped_calibration()):
        assert (np.array(calibration.weights) * SIGNS >= 0).all()
        assert np.any(calibration.weights)


def test_a_signal_that_lies_gets_no_weight() -> None:
    found = examples()
    lying = found.signals.copy()
    lying[:, 0] *= -1
    calibration = fit(Examples(lying, found.is_copy, found.kinds))
    assert calibration.weights[0] == 0
    assert calibration.weights[1] > 0


def test_more_evidence_is_never_less_probable(fitted: Calibration) -> None:
    base = np.zeros((1, len(SIGNS)))
    for calibration in (fitted, shipped_calibration()):
        for column, sign in enumerate(SIGNS):
            steps = base.repeat(9, axis=0)
            steps[:, column] = np.linspace(-2, 2, 9) * sign
            assert (np.diff(calibration.probability(steps)) >= 0).all()


def test_probabilities_are_right_on_average() -> None:
    calibration = fit(examples(1, 4000, 4000, apart=0.6, unaligned=1))
    fresh = examples(2, 4000, 4000, apart=0.6, unaligned=1)
    probability = calibration.probability(fresh.signals, prior=0.5)
    for low, high in ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95)):
        inside = (probability > low) & (probability < high)
        assert inside.sum() > 300
        assert fresh.is_copy[inside].mean() == pytest.approx(probability[inside].mean(), abs=0.06)


def test_no_alignment_is_no_probability(fitted: Calibration) -> None:
    nothing = np.full((2, len(SIGNS)), np.nan)
    assert fitted.probability(nothing).tolist() == [0, 0]
    assert fitted.log_odds(nothing).tolist() == [-np.inf, -np.inf]
    assert fitted.probability(np.zeros((0, len(SIGNS)))).shape == (0,)


def test_a_prior_moves_the_log_odds(fitted: Calibration) -> None:
    signals = examples(3).signals[:50]
    odds = [
        np.log(p / (1 - p)) for p in (fitted.probability(signals, prior=q) for q in (0.05, 0.2))
    ]
    moved = math.log(0.2 / 0.8) - math.log(0.05 / 0.95)
    assert np.allclose(odds[1] - odds[0], moved, atol=1e-4)


@pytest.mark.parametrize("prior", [0.02, 0.1, 0.4])
def test_the_prior_is_estimated_from_the_pairs(prior: float) -> None:
    calibration = fit(examples(4, 2000, 2000, unaligned=1))
    copies = round(3000 * prior)
    pairs = examples(5, copies, 3000 - copies, unaligned=1)
    assert estimate_prior(calibration, pairs.signals) == pytest.approx(prior, abs=0.03)


def test_nothing_to_go_by_leaves_the_prior(fitted: Calibration) -> None:
    assert estimate_prior(fitted, np.zeros((0, len(SIGNS)))) == PRIOR


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("prior", [0.02, 0.05, 0.3])
def test_expectations_are_those_of_counting(fitted: Calibration, cut: float, prior: float) -> None:
    found = examples()
    taken = fitted.probability(found.signals, prior=prior) >= cut
    recall = taken[found.is_copy].mean()
    wrong, others = int(taken[~found.is_copy].sum()), int((~found.is_copy).sum())
    expected = expect(fitted, cut, prior=prior)
    assert expected.recall == pytest.approx(recall)
    rate = (wrong + 0.5) / (others + 1)
    precision = prior * recall / (prior * recall + (1 - prior) * rate)
    assert expected.precision == pytest.approx(precision)
    interval = binomtest(wrong, others).proportion_ci(0.95, method="exact")
    worst = prior * recall / (prior * recall + (1 - prior) * interval.high)
    best = prior * recall / (prior * recall + (1 - prior) * interval.low)
    assert expected.precision_low == pytest.approx(worst)
    assert expected.precision_high == pytest.approx(best)
    assert expected.precision_low <= expected.precision <= expected.precision_high


@pytest.mark.parametrize("wanted", [0.6, 0.9, 0.97])
def test_a_cut_gives_the_precision_asked_for(wanted: float) -> None:
    calibration = fit(examples(6, 3000, 6000, unaligned=1))
    cut = cut_for(calibration, wanted)
    assert expect(calibration, cut).precision >= wanted
    fresh = examples(7, 1000, 19_000, unaligned=1)  # copies are PRIOR of them
    taken = calibration.probability(fresh.signals) >= cut
    assert fresh.is_copy[taken].mean() >= wanted - 0.02


def test_more_precision_wants_a_higher_cut(fitted: Calibration) -> None:
    for calibration in (fitted, shipped_calibration()):
        cuts = [cut_for(calibration, wanted) for wanted in (0.6, 0.9, 0.99, 0.999)]
        assert cuts == sorted(cuts)
        assert 0.5 <= cuts[0] <= cuts[-1] < 1


def test_a_promise_that_cannot_be_made_takes_the_best_cut(fitted: Calibration) -> None:
    cut = cut_for(fitted, 0.999)
    best = max(expect(fitted, c).precision for c in np.linspace(0.5, 0.9999, 500))
    assert expect(fitted, cut).precision == pytest.approx(best, abs=2e-3)


def test_recall_by_kind_is_that_of_counting(fitted: Calibration) -> None:
    found = examples()
    taken = fitted.probability(found.signals) >= 0.8
    kinds = np.array(found.kinds)
    recall = recall_by_kind(fitted, 0.8)
    assert set(recall) == {"crop", "flip"}
    for kind, share in recall.items():
        assert share == pytest.approx(taken[kinds == kind].mean())


def test_a_calibration_survives_json(fitted: Calibration) -> None:
    for calibration in (fitted, shipped_calibration()):
        text = json.dumps(calibration.to_json(), allow_nan=False)
        again = Calibration.from_json(json.loads(text))
        assert again.weights == calibration.weights
        assert (again.bias, again.slope, again.shift) == (
            calibration.bias,
            calibration.slope,
            calibration.shift,
        )
        assert np.allclose(again.copy_scores, calibration.copy_scores, atol=6e-4)
        assert np.allclose(again.other_scores, calibration.other_scores, atol=6e-4)
        assert again.to_json() == calibration.to_json()


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"signals": ["inliers"]},
        {"weights": None},
        {"copy_scores": "many"},
        {"bias": None},
        {"scores_by_kind": [1]},
        {"weights": [1.0]},
    ],
    ids=str,
)
def test_a_calibration_that_does_not_fit_is_one_clear_error(
    fitted: Calibration, damage: dict[str, object]
) -> None:
    with pytest.raises(CalibrationError, match="dupfind calibrate"):
        Calibration.from_json(fitted.to_json() | damage)
    for name in ("weights", "other_scores", "source"):
        values = fitted.to_json()
        del values[name]
        with pytest.raises(CalibrationError, match="dupfind calibrate"):
            Calibration.from_json(values)


@pytest.mark.parametrize(("copies", "others"), [(0, 0), (MIN_EXAMPLES - 1, 900), (900, 10)])
def test_too_few_examples_are_refused(copies: int, others: int) -> None:
    few = examples(1, copies, others, unaligned=1) if copies + others else None
    few = few or Examples(np.zeros((0, len(SIGNS))), np.zeros(0, bool), ())
    for make in (fit, lambda found: adapt(shipped_calibration(), found, source="test")):
        with pytest.raises(CalibrationError, match=f"there are {copies} and {others};"):
            make(few)


def test_copies_that_hardly_align_are_refused() -> None:
    found = examples(1, 900, 900, unaligned=1)
    flat = replace(found, signals=np.where(found.is_copy[:, None], np.nan, found.signals))
    flat.signals[np.flatnonzero(found.is_copy)[: MIN_PROVEN - 1]] = 1.0
    for make in (fit, lambda given: adapt(shipped_calibration(), given, source="test")):
        with pytest.raises(CalibrationError, match=rf"only {MIN_PROVEN - 1} of the 900 copies"):
            make(flat)
    flat.signals[np.flatnonzero(found.is_copy)[MIN_PROVEN - 1]] = 1.0
    assert len(adapt(shipped_calibration(), flat, source="test").copy_scores) == 900


def test_adapting_to_what_is_known_already_changes_little(fitted: Calibration) -> None:
    adapted = adapt(fitted, examples(8), source="7 photos of this library")
    assert adapted.weights == fitted.weights
    assert adapted.slope == pytest.approx(1, abs=0.6)
    assert adapted.shift == pytest.approx(0, abs=0.6)
    assert adapted.source == "7 photos of this library"
    assert list(adapted.other_scores) == sorted(adapted.other_scores)
    assert len(adapted.other_scores) == len(fitted.other_scores)
    assert len(adapted.lookalike_scores) == 800


def test_adapting_moves_towards_a_harder_collection(fitted: Calibration) -> None:
    harder = examples(9, apart=0.8)
    adapted = adapt(fitted, harder, source="test")
    at = cut_for(adapted, 0.9)
    assert expect(adapted, at).recall < expect(fitted, cut_for(fitted, 0.9)).recall
    assert 0.3 <= adapted.slope <= 3
    assert -4 <= adapted.shift <= 4


def collection(alike: int, seed: int) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """Return a calibration on made examples, and a collection's 6,000 pairs with 300 copies.

    ``alike`` of the others are look-alikes: they score as copies do, the rest far below.
    """
    rng = np.random.default_rng(seed)

    def signals(centres: np.ndarray) -> np.ndarray:
        return centres[:, None] * SIGNS * 0.75 + rng.normal(0, 1.5, (len(centres), len(SIGNS)))

    made = np.concatenate([np.full(600, 1.2), np.full(600, 0.9)])
    adapted = adapt(
        shipped(),
        Examples(signals(made), np.arange(1200) < 600, ("edit",) * 600 + ("",) * 600),
        source="made",
    )
    centres = np.concatenate([np.full(300, 1.2), np.full(alike, 0.9), np.full(5700 - alike, -2.0)])
    return adapted, signals(centres), np.arange(6000) < 300


def shipped() -> Calibration:
    return fit(examples(11, 2000, 6000))


@pytest.mark.parametrize("alike", [11, 57, 171])
def test_the_lower_bound_is_below_the_truth_where_look_alikes_abound(alike: int) -> None:
    adapted, pairs, is_copy = collection(alike, seed=alike)
    prior = estimate_prior(adapted, pairs)
    cut = cut_for(adapted, 0.99, prior=prior)
    taken = adapted.probability(pairs, prior=prior) >= cut
    true = is_copy[taken].mean()
    assert true < 0.99
    assert expect(adapted, cut, prior=prior).precision_low < true


def test_thousands_of_easy_pairs_do_not_raise_the_lower_bound() -> None:
    few, many = (
        adapt(fit(examples(11, 2000, others)), examples(12, 400, 300, apart=0.9), source="test")
        for others in (600, 9000)
    )
    for cut in (0.9, 0.99):
        assert expect(many, cut).precision_low <= expect(few, cut).precision_low + 0.02


@pytest.mark.parametrize("prior", [0.003, 0.01, 0.05])
def test_who_asks_for_more_is_never_promised_less(prior: float) -> None:
    for calibration in (fit(examples()), fit(examples(1, apart=0.9)), shipped_calibration()):
        asked = (0.6, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999)
        promised = [
            expect(calibration, cut_for(calibration, p, prior=prior), prior=prior).precision
            for p in asked
        ]
        assert promised == sorted(promised)


def test_few_copies_among_very_many_pairs_are_as_rare_as_they_are(fitted: Calibration) -> None:
    nothing = np.full((69_980, len(SIGNS)), np.nan)
    copies = (SIGNS * 4.0)[None].repeat(20, axis=0)
    found = estimate_prior(
        replace(fitted, copy_scores=(9.0,) * 90, other_scores=(-9.0,) * 90),
        np.vstack([copies, nothing]),
    )
    assert found == pytest.approx(20 / 70_000, rel=0.5)
