"""Sketches of photos, and votes of their keypoints against a loop."""

from collections import defaultdict

import numpy as np
import pytest
from matching_helpers import photo

from dupfind.errors import DescriptorError
from dupfind.matching.features import extract
from dupfind.matching.sketch import (
    SKETCH_KEYPOINTS,
    UNIT,
    Sketch,
    View,
    draw_sketch,
    empty_sketch,
    learn_basis,
    seen_as,
)
from dupfind.matching.voting import LOOSE, SketchTable, count_votes

NAMES = ("astronaut.png", "chelsea.png", "coffee.png")


def unit(codes: np.ndarray) -> np.ndarray:
    return codes / np.linalg.norm(codes.astype(float), axis=1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("view", [View.MIRRORED, View.NEGATIVE])
def test_another_view_is_known_without_looking_at_it(name: str, view: View) -> None:
    pixels = photo(name)
    other = 255 - pixels if view is View.NEGATIVE else np.ascontiguousarray(pixels[:, ::-1])
    here, there = draw_sketch(pixels), draw_sketch(other)
    expected = unit(seen_as(here.codes, view)) @ unit(there.codes).T
    as_it_is = unit(here.codes) @ unit(there.codes).T
    assert np.median(expected.max(axis=1)) > 0.97
    assert np.median(as_it_is.max(axis=1)) < 0.85


def test_a_sketch_is_small_and_reads_back() -> None:
    drawn = draw_sketch(photo("coffee.png"))
    data = drawn.to_bytes()
    back = Sketch.from_bytes(data)
    assert len(data) < 10_000
    assert 0 < len(drawn) <= SKETCH_KEYPOINTS
    assert np.array_equal(back.codes, drawn.codes)
    assert np.array_equal(back.thumb, drawn.thumb)
    assert np.abs(back.points - drawn.points).max() < 1e-4
    assert np.abs(np.cos(back.angles) - np.cos(drawn.angles)).max() < 1e-3
    assert np.all(np.diff(back.sizes) <= 1e-4), "large ones come first: they are indexed first"


def test_codes_keep_near_what_is_near() -> None:
    drawn = draw_sketch(photo("astronaut.png"))
    assert np.allclose(np.linalg.norm(drawn.codes.astype(float), axis=1), UNIT, rtol=0.03)


def test_a_basis_bears_all_views() -> None:
    descriptors = np.concatenate([extract(photo(name)).descriptors for name in NAMES])
    basis = learn_basis(descriptors)
    assert np.allclose(basis.matrix.T @ basis.matrix, np.eye(basis.matrix.shape[1]), atol=1e-4)
    assert set(np.unique(basis.signs)) == {-1, 1}


@pytest.mark.parametrize("data", [b"", b"skt", b"skt1\x05\x00abc", b"old1\x00\x00" + bytes(576)])
def test_damaged_sketches_are_refused(data: bytes) -> None:
    with pytest.raises(DescriptorError, match="damaged"):
        Sketch.from_bytes(data)


def test_a_plain_picture_has_an_empty_sketch() -> None:
    drawn = draw_sketch(np.full((40, 60, 3), 90, np.uint8))
    assert len(drawn) == 0
    assert len(Sketch.from_bytes(drawn.to_bytes())) == 0
    assert len(Sketch.from_bytes(empty_sketch().to_bytes())) == 0


@pytest.mark.parametrize("seed", range(4))
def test_votes_weigh_what_a_loop_says(seed: int) -> None:
    table, rows, cosine, neighbour = tables(seed)
    wanted: dict[tuple[int, int], float] = defaultdict(float)
    for row in range(len(neighbour)):
        found = neighbour[row] >= 0
        distances = 2 - 2 * cosine[row][found]
        background = max(distances, default=0.0)
        for place, distance in zip(neighbour[row][found], distances, strict=True):
            weight = 1 - distance / max(background, 1e-6)
            voter, target = int(table.owner[rows[row]]), int(table.owner[place])
            if weight > 0.02 and voter != target:
                wanted[voter, target] += float(weight)
    votes = count_votes(table, rows, (cosine, neighbour), table, View.PLAIN)
    keys = zip(votes.voter.tolist(), votes.target.tolist(), strict=True)
    got = dict(zip(keys, votes.weight.tolist(), strict=True))
    assert got.keys() == wanted.keys()
    assert all(abs(got[key] - wanted[key]) < 1e-4 for key in wanted)
    assert np.all(votes.support <= votes.weight + 1e-5)


@pytest.mark.parametrize("view", list(View))
def test_keypoints_that_lie_in_one_place_agree_and_others_do_not(view: View) -> None:
    rng = np.random.default_rng(5)
    sign = -1 if view is View.MIRRORED else 1
    points, sizes = rng.uniform(0.1, 0.9, (30, 2)), rng.uniform(0.02, 0.05, 30)
    angles = rng.uniform(0, 6, 30)
    turn, scale, shift = 0.7, 0.6, np.array([0.2, 0.1])
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    there = points * [1, sign] @ linear.T + shift
    there[20:] = rng.uniform(0, 1, (10, 2))
    turned = sign * angles + turn + (np.pi if view is View.NEGATIVE else 0)
    places = np.concatenate(
        [np.column_stack([points, sizes, angles]), np.column_stack([there, scale * sizes, turned])]
    )
    table = SketchTable.empty(2, 60)
    table.start[:] = 0, 30, 60
    table.owner[30:] = 1
    table.places[:] = places
    neighbour = np.column_stack([np.arange(30, 60), np.zeros(30, np.int64)])
    cosine = np.tile(np.array([0.95, 0.1], np.float32), (30, 1))
    votes = count_votes(table, np.arange(30), (cosine, neighbour), table, view)
    wanted = points * [1, sign] @ linear.T + shift
    by_chance = int((np.linalg.norm(there[20:] - wanted[20:], axis=1) < LOOSE).sum())
    assert votes.agreeing.tolist() == [20 + by_chance]
    assert votes.closeness[0] == pytest.approx(0.95)
    assert votes.support[0] == pytest.approx(votes.weight[0] * votes.agreeing[0] / 30, rel=1e-4)


def test_a_common_pattern_has_no_vote() -> None:
    table, rows, _, _ = tables(0)
    cosine = np.full((1, 5), 0.9, np.float32)
    votes = count_votes(table, rows[:1], (cosine, np.arange(5)[None]), table, View.PLAIN)
    assert len(votes.voter) == 0


def test_vote_tables_of_different_shape_are_refused() -> None:
    table, rows, cosine, neighbour = tables(0)
    with pytest.raises(DescriptorError, match=r"\(40, 6\).*\(40, 7\)"):
        count_votes(table, rows, (cosine[:, 1:], neighbour), table, View.PLAIN)


def tables(seed: int) -> tuple[SketchTable, np.ndarray, np.ndarray, np.ndarray]:
    """Return a table of 9 photos, and 7 random neighbours of 40 of its keypoints."""
    rng = np.random.default_rng(seed)
    table = SketchTable.empty(9, 60)
    table.owner[:] = np.sort(rng.integers(0, 9, 60))
    table.start[:] = np.searchsorted(table.owner, np.arange(10))
    table.places[:] = rng.uniform(0.1, 0.9, (60, 4))
    neighbour = rng.integers(0, 60, (40, 7))
    cosine = -np.sort(-rng.uniform(0.2, 1, (40, 7)).astype(np.float32), axis=1)
    missing = rng.random((40, 7)) < 0.15
    neighbour[missing] = -1
    cosine[missing] = -np.inf
    return table, np.sort(rng.choice(60, 40, replace=False)), cosine, neighbour
