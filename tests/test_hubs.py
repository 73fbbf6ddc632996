"""What follows from a hub: which pairs need no proof, and what is said of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of
from matching_helpers import FILLERS, edited, photo
from numpy.typing import NDArray

from dupfind.evidence import BY_HUB, Evidence
from dupfind.matching.calibrate import SIGNALS, signals_of
from dupfind.matching.composed import Sides, composed
from dupfind.matching.features import extract
from dupfind.matching.hubs import Hubs
from dupfind.matching.proven import Proven
from dupfind.matching.relation import Side, relate
from dupfind.matching.shared import share_through
from dupfind.matching.verify import verify
from dupfind.records import Relation

SURE, UNSURE, UNLIKE = 5.0, 1.5, -5.0
Pair = tuple[int, int]


def all_pairs(photos: int) -> list[Pair]:
    return [(a, b) for a in range(photos) for b in range(a + 1, photos)]


def hubs_of(pairs: Sequence[Pair], nearest: int = 0) -> Hubs:
    """Hubs of promising pairs, of which one photo is nearer to its partners than the others."""
    near = [0.9 if nearest in pair else 0.4 for pair in pairs]
    return Hubs(np.array(pairs, np.int64), np.array(near))


def part(left: float, top: float, width: float, height: float) -> NDArray[np.float64]:
    """What leads from shares of a picture to shares of its part."""
    return np.array([[1 / width, 0, -left / width], [0, 1 / height, -top / height], [0, 0, 1]])


def proven(
    a: int, b: int, matrix: NDArray[np.float64] | None = None, container: int = -1
) -> Proven:
    matrix = np.eye(3) if matrix is None else matrix
    evidence = Evidence("keypoints", 100, (Relation.REENCODED,), 1.0, matrix=tuple(matrix.ravel()))
    return Proven(a, b, Relation.REENCODED, evidence, np.ones(len(SIGNALS)), container, matrix)


def prove_all(hubs: Hubs, score: float = SURE) -> list[Pair]:
    """Prove what hubs ask for, all with one score; return it."""
    asked: list[Pair] = []
    while batch := hubs.next_batch():
        hubs.record([proven(*pair) for pair in batch], [score] * len(batch))
        hubs.follow(hubs.waiting)
        asked += batch
    return asked


def test_a_group_costs_as_many_proofs_as_it_has_photos() -> None:
    hubs = hubs_of(all_pairs(20), nearest=7)
    asked = prove_all(hubs)
    assert asked == [pair for pair in all_pairs(20) if 7 in pair]
    assert not hubs.waiting


def test_a_hub_is_tried_with_what_its_copies_name() -> None:
    # Photo 9 is a partner of two copies of the hub, photo 10 of one.
    pairs = [*all_pairs(6), (3, 9), (4, 9), (3, 10)]
    hubs = hubs_of(pairs)
    asked = prove_all(hubs)
    assert (0, 9) in asked
    assert (0, 10) not in asked
    assert hubs.waiting == {(3, 10)}


def test_what_is_told_apart_from_a_hub_or_unsure_follows_from_nothing() -> None:
    for score in (UNLIKE, UNSURE, float("nan")):
        hubs = hubs_of(all_pairs(5))
        batch = hubs.next_batch()
        scores = [score if 4 in pair else SURE for pair in batch]
        hubs.record([proven(*pair) for pair in batch], scores)
        followed = [(one.a, one.b) for one in hubs.follow(hubs.waiting)]
        # A photo that another is so like, and yet no copy of, may be one frame of a series.
        assert followed == ([] if score == UNLIKE else [(1, 2), (1, 3), (2, 3)])
        assert {(1, 4), (2, 4), (3, 4)} <= hubs.waiting


def test_a_series_has_no_hub_to_wait_for() -> None:
    hubs = hubs_of(all_pairs(20))
    asked = prove_all(hubs, UNLIKE)
    assert {a for a, _ in asked} == {0, 1}
    assert len(hubs.waiting) == len(all_pairs(20)) - len(asked)


def test_a_collage_is_no_copy_that_anything_follows_from() -> None:
    hubs = hubs_of([(0, 1), (0, 2), (1, 2)])
    hubs.record([proven(0, 1), proven(0, 2, container=2)], [SURE, SURE])
    assert not hubs.follow(hubs.waiting)


@pytest.mark.parametrize(
    ("second", "follows"),
    [
        (part(0.05, 0, 0.95, 1), True),  # a crop of the hub
        (np.linalg.inv(part(0, 0, 0.5, 1)), False),  # twice as wide as the hub, as is the other
        (part(-1.4, 0, 2, 1), False),  # they share less than a third of each other
    ],
)
def test_a_pair_follows_where_the_hub_shows_what_both_share(
    second: NDArray[np.float64], follows: bool
) -> None:
    first = np.asarray(np.linalg.inv(part(0, 0, 0.5, 1)), np.float64)
    hubs = hubs_of([(0, 1), (0, 2), (1, 2)])
    hubs.record([proven(0, 1, first), proven(0, 2, second)], [SURE, SURE])
    assert bool(hubs.follow([(1, 2)])) == follows


def test_the_score_is_that_of_the_less_sure_pair() -> None:
    hubs = hubs_of([(0, 1), (0, 2), (1, 2)])
    hubs.record([proven(0, 1), proven(0, 2)], [6.0, 3.0])
    (found,) = hubs.follow([(1, 2)])
    assert found.score == 3.0


def test_shares_are_those_of_two_parts_of_one_picture() -> None:
    found = share_through(part(0, 0, 0.8, 1), part(0.4, 0, 0.6, 1))
    assert found is not None
    assert found.share_a == pytest.approx(0.5, abs=1e-4)
    assert found.share_b == pytest.approx(4 / 6, abs=1e-4)
    assert found.box_a == pytest.approx((0.5, 0, 1, 1), abs=1e-4)
    assert found.box_b == pytest.approx((0, 0, 4 / 6, 1), abs=1e-4)
    assert found.shown == pytest.approx(1, abs=1e-4)
    assert share_through(part(0, 0, 0.3, 1), part(0.5, 0, 0.5, 1)) is None


def compared(a: NDArray[np.uint8], b: NDArray[np.uint8], rows: Pair) -> Proven:
    """Prove two pictures by what they show."""
    one, other = extract(a), extract(b)
    proof = verify(one, other)
    sides = [Side(f, p.shape[1], p.shape[0]) for f, p in ((one, a), (other, b))]
    relation, evidence = relate(proof, *sides)
    return Proven(*rows, relation, evidence, signals_of(proof), -1, proof.matrix)


@pytest.mark.parametrize(
    "kinds", [("crop_70", "shrink_half"), ("rotate_90", "flip"), ("grey", "text")]
)
def test_what_follows_is_described_as_if_it_were_proven(kinds: tuple[str, str]) -> None:
    hub = photo("astronaut.png")
    a, b = (edited("astronaut.png", kind).pixels for kind in kinds)
    hubs = hubs_of([(0, 1), (0, 2), (1, 2)])
    hubs.record([compared(hub, a, (0, 1)), compared(hub, b, (0, 2))], [SURE, SURE])
    (way,) = hubs.follow([(1, 2)])
    found = composed(way, *(Sides(p.shape[1], p.shape[0]) for p in (a, b)))
    wanted = compared(a, b, (1, 2))
    assert found.evidence.method == BY_HUB
    assert found.relation is wanted.relation
    assert found.matrix is not None
    assert wanted.matrix is not None
    np.testing.assert_allclose(found.matrix, wanted.matrix, atol=0.02)
    for name in ("scale", "degrees", "crop_share", "part_share", "crop_box"):
        value, told = getattr(found.evidence, name), getattr(wanted.evidence, name)
        assert (value is None) == (told is None), name
        assert value is None or value == pytest.approx(told, rel=0.05, abs=0.02), name
    for name in ("mirrored", "part", "grey"):
        assert getattr(found.evidence, name) == getattr(wanted.evidence, name), name


COPIES = ("shrink_half", "jpeg_medium", "brighter", "grey", "flip", "rotate_90", "blur")


def test_a_group_is_proven_around_its_hub_and_told_by_its_kept_photo(
    tmp_path: Path, small_model: Path
) -> None:
    pictures = {name: edited("astronaut.png", name).pixels for name in COPIES}
    pictures |= {"original": photo("astronaut.png")}
    pictures |= {name.split(".")[0]: photo(name) for name in FILLERS}
    library, found = cluster_album(tmp_path, pictures, small_model)
    assert groups_of(library) == [{"original", *COPIES}]
    (group,) = library.groups()
    methods = [member.evidence.method for member in group.members[1:]]
    assert BY_HUB not in methods
    pairs = [pair for pair in library.pairs() if pair.probability >= found.cut]
    assert len(pairs) == 28  # of eight photos
    assert any(pair.evidence.method == BY_HUB for pair in pairs)
    again = library.cluster()
    assert (again.proven, again.looked) == (0, 0)
    assert groups_of(library) == [{"original", *COPIES}]
