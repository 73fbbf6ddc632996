"""The fast ways to medians and to the highest of channels give what the plain ones give."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dupfind.matching.channels import highest, lowest
from dupfind.matching.levels import middle_values
from dupfind.matching.spread import median, percentile


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000, 1001])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8])
def test_a_median_and_percentiles_are_those_of_numpy(size: int, kind: type) -> None:
    values: NDArray[Any] = np.random.default_rng(size).uniform(0, 255, size).astype(kind)
    assert median(values) == float(np.median(values))
    for percent in (0, 20, 50, 67, 90, 99.95, 100):
        assert percentile(values, percent) == float(np.percentile(values, percent))


@pytest.mark.parametrize("shape", [(7, 3), (5, 6, 3), (5, 6, 2)])
def test_the_channels_are_compared_at_each_pixel(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    assert np.array_equal(highest(values), values.max(axis=-1))
    assert np.array_equal(lowest(values), values.min(axis=-1))


@pytest.mark.parametrize("whole", [True, False])
def test_the_middle_values_are_those_of_each_level(*, whole: bool) -> None:
    generator = np.random.default_rng(2)
    level = generator.integers(0, 5, 1000)
    values = generator.uniform(0, 255, 1000).astype(np.float32)
    values = np.round(values) if whole else values
    low, high, count = middle_values(level, values, 6)
    assert count[5] == 0
    for at in range(5):
        ordered = np.sort(values[level == at])
        assert count[at] == len(ordered)
        assert low[at] == pytest.approx(ordered[(len(ordered) - 1) // 2], abs=1e-6)
        assert high[at] == pytest.approx(ordered[len(ordered) // 2], abs=1e-6)
