"""Collages of strips: a photo is proven in the one picture of them that shows a part of it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from cluster_helpers import cluster_album, stems
from matching_helpers import PHOTOS, features, photo, side
from numpy.typing import NDArray
from test_adversarial import recoded

from dupfind.matching.features import extract
from dupfind.matching.relation import relate
from dupfind.matching.tile_proof import IN_TILE, cut_tile
from dupfind.matching.tiles import find_nested
from dupfind.matching.verify import Proof, verify
from dupfind.records import Relation

Pixels = NDArray[np.uint8]
STRIPS = PHOTOS[:3]
HIGH, WIDE = 420, 150


def strips(names: Sequence[str], gap: int = 6) -> Pixels:
    """Put the middle of photos beside each other, 150 of 420 pixels wide each."""
    page = np.full((HIGH + 2 * gap, len(names) * (WIDE + gap) + gap, 3), 255, np.uint8)
    for number, name in enumerate(names):
        left = gap + number * (WIDE + gap)
        page[gap:-gap, left : left + WIDE] = middle(photo(name))
    return page


def middle(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    scaled = cv2.resize(pixels, (round(width * HIGH / height), HIGH), interpolation=cv2.INTER_AREA)
    left = (scaled.shape[1] - WIDE) // 2
    return np.asarray(scaled[:, left : left + WIDE], np.uint8)


@pytest.fixture(scope="module")
def page() -> Pixels:
    return strips(STRIPS)


def in_strip(page: Pixels, name: str, *, turned: bool) -> Proof:
    found = extract(page)
    return verify(features(name), found) if turned else verify(found, features(name))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", STRIPS)
def test_a_photo_is_proven_in_the_strip_that_shows_it(
    page: Pixels, name: str, *, turned: bool
) -> None:
    proof = in_strip(page, name, turned=turned)

    assert proof.method == IN_TILE
    assert proof.tile is not None
    assert proof.comparison is not None
    assert proof.tile.collage == ("b" if turned else "a")
    assert proof.comparison.agree > 0.9
    left, top, right, bottom = proof.tile.box
    place = STRIPS.index(name) / len(STRIPS)
    assert (left, right) == pytest.approx((place, place + 1 / 3), abs=0.03)
    assert (top, bottom) == pytest.approx((0, 1), abs=0.03)


def test_the_relation_is_composite_with_the_strip_as_its_place(page: Pixels) -> None:
    proof = in_strip(page, STRIPS[1], turned=False)
    relation, evidence = relate(proof, side(page), side(photo(STRIPS[1])))

    assert relation is Relation.COMPOSITE
    assert Relation.CROPPED not in evidence.relations
    assert evidence.part == "b"
    assert evidence.crop_share == pytest.approx(0.3, abs=0.02)  # a little less than the strip
    assert evidence.part_share is not None
    assert evidence.part_share < 0.5  # a strip shows less than half of a photo


def test_an_edge_through_a_strip_does_not_hide_the_strip() -> None:
    crossed = strips(STRIPS).copy()
    crossed[200:204, 6 : 6 + WIDE] = (250, 20, 20)
    boxes = find_nested(crossed)

    assert any(box.right < 170 and box.bottom - box.top > 390 for box in boxes)
    assert any(box.right < 170 and box.bottom < 215 for box in boxes)
    proof = in_strip(crossed, STRIPS[0], turned=False)
    assert proof.tile is not None
    assert proof.tile.box[3] - proof.tile.box[1] > 0.9


def test_two_pages_of_one_layout_prove_no_strip_of_each_other() -> None:
    one, other = strips(STRIPS), strips([STRIPS[0], PHOTOS[3], "coins.png"])

    assert verify(extract(one), extract(other)).method != IN_TILE


def test_a_copy_that_was_written_over_is_no_collage() -> None:
    original = photo(PHOTOS[0])
    crossed = original.copy()
    crossed[200:206] = 255  # it looks like a seam
    crossed[210:330, 20:180] = 0
    proof = verify(extract(original), extract(crossed))

    assert extract(crossed).tiles
    assert proof.method == "keypoints"


def test_a_strip_is_cut_with_the_matrix_that_leads_back(page: Pixels) -> None:
    tile, to_page = cut_tile(page, (1 / 3, 0.0, 2 / 3, 1.0))

    assert tile.shape[1] < page.shape[1] / 3
    corner = to_page @ np.array([0, 0, 1.0]) * max(page.shape)
    x, y = (round(float(value)) for value in corner[:2])
    np.testing.assert_array_equal(page[y : y + 50, x : x + 50], tile[:50, :50])


def test_strips_join_one_group_and_the_others_name_them(tmp_path: Path, small_model: Path) -> None:
    singles = {name.split(".")[0]: photo(name) for name in PHOTOS}
    copies = {f"{stem}-copy": recoded(pixels) for stem, pixels in singles.items()}
    album = singles | copies | {"strips": strips(STRIPS)}
    library = cluster_album(tmp_path, album, small_model)[0]

    groups = {frozenset(stems(library, group)) - {"strips"}: group for group in library.groups()}
    assert set(groups) == {frozenset({stem, f"{stem}-copy"}) for stem in singles}
    home = [group for group in groups.values() if "strips" in stems(library, group)]
    assert len(home) == 1
    named = [group for group in groups.values() if group.also_in]
    assert len(named) == len(STRIPS) - 1
    names = {one.id: one.path.stem for one in library.photos()}
    assert not any(
        names[member.photo_id] == "strips"
        for g in groups.values()
        for member in g.members
        if member.keep
    )
