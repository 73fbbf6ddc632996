"""Boosted trees asked in blocks say what walking down each one says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.matching.trees import Trees
from dupfind.matching.worth import shipped_worth


def walked(trees: Trees, numbers: NDArray[np.float32]) -> float:
    """Return the log odds of one row, tree by tree and node by node."""
    found = trees.bias
    for tree in range(len(trees.feature)):
        node = 0
        while (asked := trees.feature[tree, node]) >= 0:
            value = numbers[asked]
            unknown = bool(np.isnan(value))
            left = (
                trees.missing_left[tree, node] if unknown else value <= trees.threshold[tree, node]
            )
            node = (trees.left if left else trees.right)[tree, node]
        found += trees.value[tree, node]
    return float(found)


@pytest.mark.parametrize("rows", [0, 1, 64, 150])
@pytest.mark.parametrize("unknown", [0.0, 0.2])
def test_rows_in_blocks_get_what_each_gets_alone(rows: int, unknown: float) -> None:
    trees = shipped_worth().second.trees
    generator = np.random.default_rng(rows)
    numbers = generator.exponential(size=(rows, 14)).astype(np.float32)
    numbers[generator.random(numbers.shape) < unknown] = np.nan
    expected = [walked(trees, row) for row in numbers]
    assert trees.log_odds(numbers) == pytest.approx(expected, abs=1e-9)
