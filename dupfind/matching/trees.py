"""Boosted trees as plain arrays: asked by dupfind, grown by the scripts in benchmarks.

Source: Friedman, "Greedy function approximation: a gradient boosting machine", 2001.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupfind.errors import CalibrationError

_WHOLE = ("feature", "left", "right", "missing_left")
_BROKEN = ("threshold", "value")
_ROWS = 64  # asked at once: what is between them stays in a core's cache


@dataclass(frozen=True)
class Trees:
    """Trees of one width, (trees, nodes); a value that is NaN goes where ``missing_left`` says.

    Attributes:
        feature: The number that each node asks for; -1 at leaves.
        threshold: Up to which value the left branch is taken.
        left, right: The nodes below.
        missing_left: 1 where an unknown value goes left.
        value: Log odds of the leaves.
        bias: Log odds before any tree.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.int64]
    value: NDArray[np.float64]
    bias: float

    def log_odds(self, numbers: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log odds of (n, features), (n,)."""
        blocks = range(0, len(numbers), _ROWS)
        found = [self._of_block(numbers[start : start + _ROWS]) for start in blocks]
        return np.concatenate([np.zeros(0), *found])

    def _of_block(self, numbers: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log odds of a few rows. All nodes are counted through, tree after tree."""
        first = np.arange(self.feature.shape[0]) * self.feature.shape[1]
        row = np.arange(len(numbers))[:, None] * numbers.shape[1]
        values, some_unknown = numbers.ravel(), bool(np.isnan(numbers).any())
        node = np.repeat(first[None], len(numbers), axis=0)
        while True:
            asked = self.feature.take(node)
            inner = asked >= 0
            if not inner.any():
                break
            found = values.take(row + np.maximum(asked, 0))
            to_left = found <= self.threshold.take(node)
            if some_unknown:
                to_left |= np.isnan(found) & (self.missing_left.take(node) > 0)
            below = first + np.where(to_left, self.left.take(node), self.right.take(node))
            node = np.where(inner, below, node)
        return np.asarray(self.bias + self.value.take(node).sum(axis=1), np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready values, numbers to five digits."""
        digits = {name: _short(getattr(self, name)) for name in _BROKEN}
        whole = {name: getattr(self, name).tolist() for name in _WHOLE}
        return {"bias": round(self.bias, 5), **digits, **whole}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Trees":
        """Read what ``to_json`` made.

        Raises:
            CalibrationError: It is damaged.
        """
        try:
            return cls(
                feature=np.array(values["feature"], np.int64),
                threshold=np.array(values["threshold"], np.float64),
                left=np.array(values["left"], np.int64),
                right=np.array(values["right"], np.int64),
                missing_left=np.array(values["missing_left"], np.int64),
                value=np.array(values["value"], np.float64),
                bias=float(values["bias"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(
                f"the trees are damaged ({error}); install dupfind anew"
            ) from error


def _short(values: NDArray[np.float64]) -> list[list[float]]:
    return [[float(f"{value:.5g}") for value in row] for row in values.tolist()]
