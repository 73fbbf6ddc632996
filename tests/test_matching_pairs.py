"""Candidate pairs, each fast path against a naive one."""

from collections import defaultdict

import numpy as np
import pytest
from matching_helpers import features

from dupfind.matching.align import match
from dupfind.matching.features import empty_features
from dupfind.matching.pairs import heaviest_first, interleave, strongest, unique_pairs


def random_scores(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    keys = np.unique(rng.integers(0, 144, 70))
    rows, columns = keys // 12, keys % 12
    keep = rows != columns
    return rows[keep], columns[keep], rng.permutation(keep.sum()).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("seed", range(3))
def test_the_strongest_are_those_of_a_loop(seed: int, k: int) -> None:
    rows, columns, scores = random_scores(seed)
    best: dict[int, dict[int, float]] = defaultdict(dict)
    for row, column, score in zip(rows.tolist(), columns.tolist(), scores.tolist(), strict=True):
        best[row][column] = max(score, best[row].get(column, -1))
        best[column][row] = max(score, best[column].get(row, -1))
    table = strongest(rows, columns, scores, photos=12, k=k)
    for row in range(12):
        wanted = sorted(best[row], key=lambda column: (-best[row][column], column))[:k]
        assert table[row].tolist() == wanted + [-1] * (k - len(wanted))


@pytest.mark.parametrize("between", [1, 7, 1 << 40])
@pytest.mark.parametrize("rows", [0, 1, 500])
def test_the_heaviest_stand_first_and_equal_ones_as_they_stood(rows: int, between: int) -> None:
    rng = np.random.default_rng(rows)
    groups = between * rng.integers(3, 40, rows)
    weight = rng.choice(np.array([0, 0.02, 0.5, 1, 1.5, 1e4], np.float32), rows)
    wanted = sorted(range(rows), key=lambda row: (groups[row], -weight[row]))
    assert heaviest_first(groups, weight).tolist() == wanted


def test_channels_are_merged_by_rank_without_repeats() -> None:
    first = np.array([[1, 2, 3], [5, -1, -1], [-1, -1, -1]])
    second = np.array([[2, 7], [5, 6], [-1, -1]])
    merged = interleave([first, second], k=4)
    assert merged.tolist() == [[1, 2, 7, 3], [5, 6, -1, -1], [-1, -1, -1, -1]]


@pytest.mark.parametrize("seed", range(4))
def test_merging_is_that_of_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    channels = [rng.integers(-1, 8, (6, width)) for width in (4, 2, 5)]
    merged = interleave(channels, k=5)
    for row in range(6):
        wanted: list[int] = []
        for rank in range(5):
            for channel in channels:
                value = int(channel[row, rank]) if rank < channel.shape[1] else -1
                if value >= 0 and value not in wanted:
                    wanted.append(value)
        wanted = wanted[:5]
        assert merged[row].tolist() == wanted + [-1] * (5 - len(wanted))


def test_pairs_are_unordered_and_unique() -> None:
    candidates = np.array([[1, 2], [0, 1], [0, -1]])
    assert unique_pairs(candidates).tolist() == [[0, 1], [0, 2]]
    assert unique_pairs(np.full((3, 2), -1)).shape == (0, 2)


@pytest.mark.parametrize("mirrored", [False, True])
def test_matches_are_those_of_a_loop(mirrored: bool) -> None:
    a, b = features("astronaut.png"), features("chelsea.png")
    left = a.mirrored_root if mirrored else a.root
    distance = np.linalg.norm(left[:, None] - b.root[None], axis=2).astype(np.float64)
    wanted = {}
    for one, flip in ((distance, False), (distance.T, True)):
        for row, line in enumerate(one):
            first, second = np.argsort(line)[:2]
            if line[first] / line[second] < 0.85:
                wanted[(int(first), row) if flip else (row, int(first))] = (
                    line[first] / line[second]
                )
    rows_a, rows_b, ratio = match(a, b, mirrored=mirrored)
    got = dict(zip(zip(rows_a.tolist(), rows_b.tolist(), strict=True), ratio, strict=True))
    doubtful = {
        key for key in wanted.keys() ^ got.keys() if abs({**got, **wanted}[key] - 0.85) < 1e-3
    }
    assert wanted.keys() - doubtful == got.keys() - doubtful
    assert len(match(a, empty_features(), mirrored=mirrored)[0]) == 0
