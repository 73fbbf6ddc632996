"""Candidate pairs, each fast path against a naive one."""

from collections import defaultdict

import numpy as np
import pytest
from matching_helpers import features

from dupfind.errors import DescriptorError
from dupfind.matching.align import match
from dupfind.matching.features import empty_features
from dupfind.matching.pairs import (
    LOCAL_DIMENSIONS,
    best_votes,
    interleave,
    learn_projection,
    local_votes,
    strongest,
    unique_pairs,
)


def tables(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    owner = np.sort(rng.integers(0, 9, 60))
    voter = np.sort(rng.integers(0, 9, 40))
    neighbour = rng.integers(0, 60, (40, 7))
    similarity = -np.sort(-rng.uniform(0.2, 1, (40, 7)).astype(np.float32), axis=1)
    missing = rng.random((40, 7)) < 0.15
    neighbour[missing] = -1
    similarity[missing] = -np.inf
    return similarity, neighbour, owner, voter


@pytest.mark.parametrize("seed", range(5))
def test_votes_are_those_of_a_loop(seed: int) -> None:
    similarity, neighbour, owner, voter = tables(seed)
    wanted: dict[tuple[int, int], float] = defaultdict(float)
    for row in range(len(neighbour)):
        found = neighbour[row] >= 0
        distances = 2 - 2 * similarity[row][found]
        background = max(distances, default=0.0)
        for place, distance in zip(neighbour[row][found], distances, strict=True):
            weight = (background - distance) / max(background, 1e-6)
            if weight > 0 and owner[place] != voter[row]:
                wanted[int(voter[row]), int(owner[place])] += float(weight)
    rows, columns, scores = local_votes(similarity, neighbour, owner, voter)
    got = dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), scores.tolist(), strict=True))
    assert got.keys() == wanted.keys()
    assert all(abs(got[key] - wanted[key]) < 1e-4 for key in wanted)


def test_a_common_pattern_has_no_vote() -> None:
    similarity = np.full((1, 5), 0.9, np.float32)
    rows, _, _ = local_votes(similarity, np.arange(5)[None], np.arange(1, 6), np.zeros(1, np.int64))
    assert len(rows) == 0


def test_vote_tables_of_different_shape_are_refused() -> None:
    with pytest.raises(DescriptorError, match=r"\(2, 3\).*\(2, 4\)"):
        local_votes(
            np.zeros((2, 3), np.float32),
            np.zeros((2, 4), np.int64),
            np.zeros(4, np.int64),
            np.zeros(2, np.int64),
        )


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


def test_the_best_votes_of_each_photo_are_kept() -> None:
    rows, columns, scores = random_scores(1)
    kept = best_votes(rows, columns, scores, k=2)
    for row in np.unique(rows):
        wanted = set(np.sort(scores[rows == row])[-2:].tolist())
        assert set(kept[2][kept[0] == row].tolist()) == wanted


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


def test_a_projection_keeps_near_what_is_near() -> None:
    found = features("astronaut.png")
    projection = learn_projection([found, features("chelsea.png")])
    projected = projection.apply(found.descriptors).astype(np.float32)
    assert projected.shape == (len(found), LOCAL_DIMENSIONS)
    assert np.allclose(np.linalg.norm(projected, axis=1), 1, atol=2e-3)
    whole = found.root - projection.mean
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    upper = np.triu_indices(len(found), 1)
    assert np.corrcoef((whole @ whole.T)[upper], (projected @ projected.T)[upper])[0, 1] > 0.95


def test_a_projection_of_photos_without_features_is_harmless() -> None:
    projection = learn_projection([empty_features()])
    assert np.isfinite(projection.apply(np.zeros((2, 128), np.uint8)).astype(np.float32)).all()


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
