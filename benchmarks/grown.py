"""Write grown trees down as the plain arrays that dupfind asks: for `fit_judge.py` and `fit_original.py`."""

from collections.abc import Sequence

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from dupfind.matching.trees import Trees


def as_trees(growths: Sequence[HistGradientBoostingClassifier]) -> Trees:
    """Return the trees of one growth, or of several whose log odds are averaged, padded to one width."""
    trees = [stage[0].nodes for grown in growths for stage in grown._predictors]
    shape = (len(trees), max(len(nodes) for nodes in trees))
    feature, left, right, missing_left = (np.full(shape, -1, np.int64) for _ in range(4))
    threshold, value = np.zeros(shape), np.zeros(shape)
    for row, nodes in enumerate(trees):
        place = slice(0, len(nodes))
        leaf = nodes["is_leaf"] > 0
        feature[row, place] = np.where(leaf, -1, nodes["feature_idx"])
        threshold[row, place] = np.where(leaf, 0, nodes["num_threshold"])
        left[row, place] = np.where(leaf, 0, nodes["left"])
        right[row, place] = np.where(leaf, 0, nodes["right"])
        missing_left[row, place] = nodes["missing_go_to_left"]
        value[row, place] = nodes["value"] / len(growths)
    bias = float(np.mean([np.ravel(grown._baseline_prediction)[0] for grown in growths]))
    return Trees(feature, threshold, left, right, missing_left, value, bias)
