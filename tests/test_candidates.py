"""Which pairs are worth a proof: votes of sketches, and the first score."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from matching_helpers import photo
from numpy.typing import NDArray

from dupfind.copies import candidates
from dupfind.copies.candidates import find_candidates, nearest_pairs
from dupfind.copies.kept_candidates import (
    KeptCandidates,
    keep_candidates,
    kept_candidates,
)
from dupfind.copies.local_index import index_local
from dupfind.errors import CalibrationError
from dupfind.matching.sketch import Sketch, draw_sketch, empty_sketch
from dupfind.matching.voting import SketchTable, Votes, compare_sketches
from dupfind.matching.worth import GROUND_SIGNALS, GrownWorth, Scores, shipped_worth, worth_signals

NAMES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "page.png",
    "rocket.jpg",
)
COPY = len(NAMES)
Pixels = NDArray[np.uint8]

ALTERATIONS = pytest.mark.parametrize(
    "alter",
    [
        lambda pixels: pixels[:, ::-1],
        lambda pixels: np.rot90(middle(pixels)),
        lambda pixels: 255 - pixels,
        lambda pixels: 255 - middle(pixels),
    ],
    ids=["mirrored", "turned crop", "negative", "cropped negative"],
)


def middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return pixels[height // 6 : -height // 6, width // 6 : -width // 6]


def with_copy(copy: Pixels) -> SketchTable:
    sketches = [draw_sketch(photo(name)) for name in NAMES]
    return SketchTable.of([*sketches, draw_sketch(np.ascontiguousarray(copy))])


def unrelated(count: int) -> NDArray[np.float16]:
    vectors = np.random.default_rng(1).normal(size=(count, 96))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@ALTERATIONS
@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "astronaut.png"])
def test_an_altered_copy_votes_for_its_photo(name: str, alter: Callable[[Pixels], Pixels]) -> None:
    votes = index_local(with_copy(alter(photo(name)))).votes()
    own = votes.voter == COPY
    assert votes.target[own][votes.support[own].argmax()] == NAMES.index(name)


@ALTERATIONS
def test_a_copy_is_worth_a_proof_and_few_other_pairs_are(
    alter: Callable[[Pixels], Pixels],
) -> None:
    asked = photo("coffee.png")
    copy = np.ascontiguousarray(alter(asked))
    local = index_local(SketchTable.of([*parts(), draw_sketch(asked), draw_sketch(copy)]))
    photos = local.table.photos
    vectors = unrelated(photos)
    found = find_candidates(vectors, local)
    promising = {tuple(pair) for pair in found.promising.tolist()}
    assert (photos - 2, photos - 1) in promising
    assert 2 * len(promising) < len(nearest_pairs(vectors, local))
    nearest = {tuple(pair) for pair in nearest_pairs(vectors, local).tolist()}
    assert {tuple(pair) for pair in found.other.tolist()} == nearest - promising


def test_soft_copies_are_promising_by_their_thumbnails() -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, 1, 150))
    sky = np.stack([200 * x, 120 + 80 * y, 255 * (1 - x * y)], axis=-1).astype(np.uint8)
    skies = [draw_sketch(sky), draw_sketch(np.ascontiguousarray(sky[:, ::-1]))]
    local = index_local(SketchTable.of([*parts(), *skies]))
    photos = local.table.photos
    vectors = unrelated(photos)
    vectors[-1] = vectors[-2]  # neighbours by descriptor
    assert [photos - 2, photos - 1] in find_candidates(vectors, local).promising.tolist()


@cache
def parts() -> tuple[Sketch, ...]:
    """Return sketches of a hundred pictures, no two of them copies."""
    found = []
    for name in NAMES:
        if name != "coffee.png":
            pixels = photo(name)
            height, width = (side // 3 for side in pixels.shape[:2])
            for row, column in product(range(3), range(3)):
                cut = pixels[row * height :, column * width :][:height, :width]
                found.append(draw_sketch(np.ascontiguousarray(cut)))
    return tuple(found)


def test_in_a_small_album_all_neighbours_are_proven() -> None:
    local = index_local(with_copy(photo("coffee.png")))
    vectors = unrelated(COPY + 1)
    found = find_candidates(vectors, local, k=3)
    assert found.promising.tolist() == nearest_pairs(vectors, local, k=3).tolist()
    assert len(found.other) == 0


def test_a_photo_has_no_more_partners_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "FEW", 2)
    local = index_local(SketchTable.of([draw_sketch(photo("coffee.png"))] * 9))
    found = find_candidates(unrelated(9), local, k=2)
    assert 0 < len(found.promising) <= 2 * 2 * 9


@pytest.mark.parametrize("count", [0, 1, 3])
def test_photos_without_keypoints_are_no_trouble(count: int) -> None:
    local = index_local(SketchTable.of([empty_sketch()] * count))
    assert len(find_candidates(unrelated(count), local).promising) == count * (count - 1) // 2


@pytest.mark.parametrize("name", ["second", "third"])
def test_no_sign_of_a_copy_makes_a_pair_less_promising(name: str) -> None:
    assert min(shipped_worth().first.weights) >= 0
    score: GrownWorth = getattr(shipped_worth(), name)
    rng = np.random.default_rng(3)
    asked = len(score.signals)
    signals = (rng.uniform(0, 4, (200, asked)) * rng.uniform(0, 1, asked)).astype(np.float32)
    odds = score.log_odds(signals)
    assert odds.std() > 0.1
    for column in range(asked):
        if score.signals[column] in GROUND_SIGNALS:
            continue
        more = signals.copy()
        more[:, column] += rng.uniform(0, 2, len(more)).astype(np.float32)
        assert (score.log_odds(more) >= odds - 1e-9).all(), score.signals[column]


OTHER: dict[str, object] = {"signals": ["other"]}


@pytest.mark.parametrize("change", [{"version": 1}, {"second": OTHER}, {"third": OTHER}])
def test_a_score_of_another_version_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CalibrationError, match="another version"):
        Scores.from_json(shipped_worth().to_json() | change)


@ALTERATIONS
def test_sketches_of_copies_agree_beside_each_other_and_others_hardly_do(
    alter: Callable[[Pixels], Pixels],
) -> None:
    table = with_copy(alter(photo("coffee.png")))
    pairs = np.array([(row, COPY) for row in range(COPY)])
    found = compare_sketches(table, pairs)
    own = NAMES.index("coffee.png")
    others = np.arange(COPY) != own
    assert found.support[own] > 2 * found.support[others].max()
    assert found.agreeing[own] > found.agreeing[others].max()
    assert found.closeness[own] > 0.8
    alone = compare_sketches(table, pairs[own : own + 1])  # the same whatever is beside it
    assert alone.support == pytest.approx(found.support[own : own + 1], rel=1e-5)


def test_nothing_agrees_without_keypoints() -> None:
    table = SketchTable.of([empty_sketch(), empty_sketch(), draw_sketch(photo("coffee.png"))])
    found = compare_sketches(table, np.array([(0, 1), (0, 2)]))
    assert found.support.tolist() == [0.0, 0.0]
    assert len(compare_sketches(table, np.zeros((0, 2), np.int64)).support) == 0


def test_signals_are_those_of_a_loop() -> None:
    table = with_copy(photo("coffee.png")[:, ::-1])
    votes, vectors = index_local(table).votes(), unrelated(COPY + 1)
    pairs = np.array([(a, b) for a in range(COPY + 1) for b in range(a + 1, COPY + 1)])
    signals = worth_signals(pairs, votes, table.thumbs, vectors)
    cosine = vectors.astype(float) @ vectors.astype(float).T
    thumbs = table.thumbs.astype(float) - table.thumbs.mean(axis=(1, 2), keepdims=True)
    for row, (a, b) in enumerate(pairs.tolist()):
        named = ((votes.voter == a) & (votes.target == b)) | (
            (votes.voter == b) & (votes.target == a)
        )
        assert signals[row, 0] == pytest.approx(
            np.log1p(votes.support[named].max(initial=0)), abs=1e-5
        )
        far = [(cosine[a, b] - cosine[x].mean()) / max(cosine[x].std(), 0.02) for x in (a, b)]
        assert signals[row, 6:8] == pytest.approx([max(min(far), 0), max(*far, 0)], abs=0.02)
        turned = [np.rot90(t, n) for t in (thumbs[a], thumbs[a][:, ::-1]) for n in range(4)]
        best = max(abs(float(np.corrcoef(t.ravel(), thumbs[b].ravel())[0, 1])) for t in turned)
        assert signals[row, 9] == pytest.approx(-np.log(1.02 - best), abs=0.02)


def test_kept_candidates_come_back_or_not_at_all(tmp_path: Path) -> None:
    pairs = np.stack([np.arange(40), np.arange(40) + 1], axis=1)
    contents = tuple(f"{row:064x}" for row in range(3))
    given = KeptCandidates(candidates.Candidates(pairs, pairs[:3]), contents, 38, 3)
    keep_candidates(tmp_path, given, ["model", "10"])
    kept = kept_candidates(tmp_path, ["model", "10"])
    assert kept is not None
    found = kept.found
    assert (found.promising.tolist(), found.other.tolist()) == (pairs.tolist(), pairs[:3].tolist())
    assert (kept.contents, kept.whole, kept.changed) == (contents, 38, 3)
    assert kept_candidates(tmp_path, ["model", "1", "0"]) is None
    assert kept_candidates(tmp_path / "elsewhere", ["model", "10"]) is None
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert kept_candidates(tmp_path, ["model", "10"]) is None
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        assert kept_candidates(tmp_path, ["model", "10"]) is None


def test_of_pairs_near_the_cut_the_best_of_each_photo_pass() -> None:
    pairs = np.array([(0, 1), (0, 2), (1, 2), (3, 4), (2, 5), (2, 6)])
    above = np.array([1.4, 1.2, 1.3, -0.1, 2.0, 0.2])
    passing = candidates._passing(pairs, above, 7)
    # 0-2 is the best of neither; 2-6 is that of 6; 3-4 lies below the cut; 2-5 is beyond the doubt.
    assert passing.tolist() == [True, False, True, False, True, True]
    assert candidates._passing(pairs[:0], above[:0], 7).tolist() == []


def test_the_nearest_of_soft_pictures_are_tried_though_no_score_speaks_for_them() -> None:
    """Star skies have no keypoints at 160 px, and thumbnails of one grey: the descriptor alone knows them."""
    photos, copies = 120, [(0, 1), (2, 3)]
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(photos, 64))
    vectors[:8] = generator.normal(size=64) * 3 + vectors[:8]  # eight skies that look alike
    for one, other in copies:
        vectors[other] = vectors[one] + 0.2 * generator.normal(size=64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    noise = generator.integers(0, 255, (photos, *empty_sketch().thumb.shape), np.uint8)
    sketches = [replace(empty_sketch(), thumb=one) for one in noise]
    pairs = np.array(list(combinations(range(photos), 2)), np.int64)
    rows, values = np.zeros(0, np.int64), np.zeros(0, np.float32)
    no_votes = Votes(rows, rows, values, values, rows, values, values)
    keep, _ = candidates.worth_a_proof(
        pairs, no_votes, SketchTable.of(sketches), vectors.astype(np.float16)
    )
    tried = {tuple(pair) for pair in pairs[keep].tolist()}
    assert set(copies) <= tried
    assert len(tried) <= candidates.SOFT_TRIES * photos
