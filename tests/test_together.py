"""Copies of one picture are copies of each other: what does not close speaks against all of it."""

from itertools import combinations, product

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.matching.judge import shipped_judge
from dupfind.matching.promise import Crowd, promise
from dupfind.matching.together import doubts

TRIANGLE = np.array([[0, 1], [1, 2], [0, 2]], np.int64)


def doubted(*odds: float) -> NDArray[np.float64]:
    return doubts(np.array(odds), np.array(odds), TRIANGLE, np.ones(3, bool))


def by_counting(odds: tuple[float, float, float]) -> list[float]:
    """Return the log odds of each pair: all cases of three photos that one can think of, weighed."""
    found = []
    for pair in range(3):
        weight = {True: 0.0, False: 0.0}
        for case in product((False, True), repeat=3):
            if sum(case) != 2:  # two pairs of copies and a third that is none cannot be
                likelihood = float(
                    np.prod(
                        [
                            np.exp(odd) if is_copy else 1
                            for odd, is_copy in zip(odds, case, strict=True)
                        ]
                    )
                )
                weight[case[pair]] += likelihood
        found.append(float(np.log(weight[True] / weight[False])))
    return found


@pytest.mark.parametrize("odds", [(4.0, 3.0, -3.0), (6.0, 2.0, -1.0), (2.5, 2.5, -6.0)])
def test_pairs_that_do_not_close_are_weighed_over_all_cases(
    odds: tuple[float, float, float],
) -> None:
    counted = by_counting(odds)
    left = np.array(odds) - doubted(*odds)
    assert left[:2] == pytest.approx(counted[:2], abs=1e-6)
    assert left[2] == odds[2]
    assert (left[:2] < np.array(odds)[:2]).all()


def test_what_closes_and_what_is_refused_throughout_is_left_alone() -> None:
    assert doubted(4.0, 3.0, 2.0).tolist() == [0, 0, 0]
    assert doubted(4.0, -3.0, -2.0).tolist() == [0, 0, 0]


def test_a_collage_of_two_photos_says_nothing_of_these() -> None:
    may_join = np.array([True, False, True])
    odds = np.array([4.0, 4.0, -5.0])
    assert doubts(odds, odds, TRIANGLE, may_join).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("score", "is_doubted"), [(0.0, False), (1.0, False), (-2.0, True)])
def test_a_pair_of_which_nothing_is_known_contradicts_no_others(
    score: float, is_doubted: bool
) -> None:
    """In an album of look-alikes it is unlikely, but not because of anything seen in it."""
    odds, scores = np.array([4.0, 4.0, -1.5]), np.array([5.5, 5.5, score])
    assert (doubts(odds, scores, TRIANGLE, np.ones(3, bool))[:2] > 0).all() == is_doubted


def test_the_weaker_of_two_pairs_is_doubted_more() -> None:
    weaker, stronger, _ = doubted(2.0, 6.0, -4.0)
    assert weaker > 1.5 * stronger > 0


def test_a_surer_copy_is_not_lost_for_many_mistakes_beside_it() -> None:
    # Photo 0 and its copy 1; 2 to 9 are look-alikes, taken for copies of 0 and told apart from 1.
    rows = [
        (0, 1),
        *((0, other) for other in range(2, 10)),
        *((1, other) for other in range(2, 10)),
    ]
    odds = np.array([6.0, *[2.0] * 8, *[-4.0] * 8])
    left = odds - doubts(odds, odds, np.array(rows), np.ones(len(rows), bool))
    assert left[0] > 3
    assert (left[1:9] < 1).all()


def test_triangles_that_do_not_close_lower_the_promise() -> None:
    series = np.array(list(combinations(range(12), 2)), np.int64)
    odds = np.where(
        (series.sum(axis=1) % 2) == 0, 4.0, -4.0
    )  # even with even, odd with odd: they close
    torn = np.where((series[:, 0] * series[:, 1]) % 3 == 0, -4.0, odds)
    both = [
        promise(
            shipped_judge(),
            Crowd(
                found,
                np.full(len(found), 0.5),
                doubts(found, found, series, np.ones(len(series), bool)),
            ),
            cut=0.5,
        )
        for found in (odds, torn)
    ]
    assert both[1].precision_low < both[0].precision_low
