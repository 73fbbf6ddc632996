"""Copies in the colours of one picture are witnesses that another one was recoloured."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.matching.outvoted import after_outvoted
from dupfind.matching.traces import NOTHING_TRACED, TRACES, Traced

Floats = NDArray[np.float64]
ODDS = np.array([0.0, 0.4, -4.0, -5.0, -6.0])


def traced(colours: Floats) -> Traced:
    """Trace pictures of one colour each: they differ by what their colours do."""
    pairs = {}
    for a in range(len(colours)):
        for b in range(a + 1, len(colours)):
            row = np.full(len(TRACES), np.nan, np.float32)
            row[TRACES.index("changed")] = abs(colours[a] - colours[b])
            pairs[a, b] = row
    return replace(NOTHING_TRACED, pairs=pairs)


def links(of_first: float = 0.0) -> Floats:
    """Return what the pairs tell: that the picture 0 was made from picture 1."""
    result = np.zeros((len(ODDS), len(ODDS)))
    result[1, 0], result[0, 1] = of_first, -of_first
    return result


def first(colours: list[float], odds: Floats = ODDS, of_first: float = 0.0) -> int:
    return int(after_outvoted(odds, traced(np.array(colours)), links(of_first)).argmax())


def test_a_recoloured_copy_comes_after_the_picture_whose_colours_the_others_have() -> None:
    assert ODDS.argmax() == 1
    assert first([100, 120, 101, 100.5, 99.5]) == 0
    assert first([100, 120, 101, 100.5, 140]) == 0  # another one was recoloured too


def test_one_witness_alone_and_one_for_either_side_decide_nothing() -> None:
    assert first([100, 120, 101, 160, 60]) == 1
    assert first([100, 120, 101, 100.5, 121]) == 1


def test_copies_that_differ_by_what_saving_changes_are_no_witnesses() -> None:
    assert first([100, 103, 100, 100.5, 99.5]) == 1
    assert first([100, 120, 108, 109, 110]) == 1  # between the two


@pytest.mark.parametrize(("of_first", "kept"), [(1.0, 0), (2.0, 0), (2.5, 1), (6.0, 1)])
def test_what_the_pair_itself_tells_is_outweighed_by_enough_witnesses(
    of_first: float, kept: int
) -> None:
    """Copies of a grey copy speak for it: but the grey follows from the colours."""
    assert first([100, 120, 101, 100.5, 99.5], of_first=of_first) == kept


def test_what_is_clearly_behind_for_other_reasons_stays_behind() -> None:
    assert first([100, 120, 101, 100.5, 99.5], ODDS - np.array([3, 0, 0, 0, 0])) == 1


def test_pictures_that_share_nothing_say_nothing() -> None:
    assert first([100, 120, np.nan, np.nan, np.nan]) == 1
    assert after_outvoted(np.zeros(0), NOTHING_TRACED, np.zeros((0, 0))).tolist() == []
