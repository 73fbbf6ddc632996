"""Evidence has a direction: seen from the other photo it says the same thing."""

from dataclasses import fields

import numpy as np
import pytest
from matching_helpers import edited, features, photo, side

from dupfind.evidence import FORMS, Evidence, Relation, Tone
from dupfind.matching.compare import compare
from dupfind.matching.features import extract
from dupfind.matching.relation import relate
from dupfind.matching.verify import Proof, reversed_proof, verify
from dupfind.photos.edits import EDITS

WHOLE = Evidence(
    method="keypoints",
    inliers=81,
    relations=(Relation.CROPPED, Relation.RECOLOURED),
    scale=0.4,
    stretch=1.2,
    degrees=30.0,
    part="b",
    crop_box=(0.1, 0.2, 0.8, 0.9),
    crop_share=0.49,
    part_share=0.98,
    changed_share=0.02,
    frame="a",
    warped=True,
    detail_ratio=0.5,
    grey=True,
    tones=Tone(1.25, -10.0, 40.0, 0.0, 8.0),
    matrix=(2.0, 0.1, -0.2, 0.0, 1.6, -0.4, 0.05, 0.0, 1.0),
    burst_seconds=2.0,
    unit="raw+jpeg",
    same_file=7,
)
# One edit of each kind that can be aligned, and some of both a mirror and a turn.
SEEN_FROM_BOTH_SIDES = (
    "jpeg_coarse",
    "shrink_half",
    "crop_50",
    "rotate_90",
    "tilt_cropped",
    "flip",
    "flip_turned",
    "grey",
    "brighter",
    "text",
    "border",
    "collage_2x2",
    "screenshot_phone",
)


def close(one: Evidence, other: Evidence, *, rel: float, absolute: float) -> None:
    for name in FORMS:
        if name == "tones":
            continue
        here, there = getattr(one, name), getattr(other, name)
        if isinstance(here, float | tuple) and name != "relations":
            assert here == pytest.approx(there, rel=rel, abs=absolute), name
        else:
            assert here == there, name


def test_each_field_has_a_form_in_json() -> None:
    assert set(FORMS) == {one.name for one in fields(Evidence)}
    assert all(getattr(WHOLE, name) for name in FORMS if name != "mirrored")


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_round_twice_it_is_the_same(mirrored: bool) -> None:
    evidence = Evidence(**{name: getattr(WHOLE, name) for name in FORMS} | {"mirrored": mirrored})
    twice = evidence.reversed().reversed()
    close(twice, evidence, rel=1e-9, absolute=1e-9)
    assert twice.tones is not None
    assert vars_of(twice.tones) == pytest.approx(vars_of(evidence.tones))
    assert Evidence().reversed() == Evidence()


def vars_of(tones: Tone | None) -> list[float]:
    assert tones is not None
    return [getattr(tones, one.name) for one in fields(Tone)]


def test_turned_round_the_two_photos_have_changed_their_letters() -> None:
    turned = WHOLE.reversed()
    assert (turned.part, turned.frame) == ("a", "b")
    assert (turned.crop_box, turned.crop_share) == (WHOLE.crop_box, WHOLE.crop_share)
    assert (turned.scale, turned.detail_ratio, turned.degrees) == (2.5, 2.0, -30.0)
    assert turned.tones == Tone(0.8, 8.0, 0.0, 40.0, 8.0)
    there, back = (np.array(one.matrix, np.float64).reshape(3, 3) for one in (WHOLE, turned))
    product = back @ there
    assert np.allclose(product / product[2, 2], np.eye(3))


def test_json_keeps_it_and_leaves_out_what_says_nothing() -> None:
    assert Evidence.from_json(WHOLE.to_json()) == WHOLE
    assert Evidence().to_json() == {}
    assert Evidence(inliers=0, changed_share=0.0).to_json() == {"inliers": 0, "changed_share": 0.0}


def test_rows_of_other_versions_are_read_as_far_as_they_are_known() -> None:
    old = {"method": "keypoints", "scale": 0.5, "tone": "darker", "detail": "softer", "part": "b"}
    assert Evidence.from_json(old) == Evidence("keypoints", scale=0.5, part="b")
    odd = {"scale": "wide", "part": "c", "crop_box": [0, 1], "matrix": 4, "tones": "darker"}
    assert Evidence.from_json(odd) == Evidence()
    named = Evidence.from_json({"relations": ["cropped", "of-tomorrow"]})
    assert named.relations == (Relation.CROPPED,)


def test_each_relation_of_the_edits_is_looked_at() -> None:
    assert {EDITS[name].relation for name in SEEN_FROM_BOTH_SIDES} == {
        edit.relation for edit in EDITS.values()
    }


@pytest.mark.parametrize("edit", SEEN_FROM_BOTH_SIDES)
def test_from_both_sides_it_says_the_same(edit: str) -> None:
    name = "astronaut.png"
    copy = edited(name, edit)
    found = extract(copy.pixels)
    proof = verify(features(name), found)
    one, two = side(photo(name), features(name)), side(copy.pixels, found)
    relation, evidence = relate(proof, one, two)
    back = reversed_proof(proof)
    assert back.matrix is not None
    comparison = compare(found, features(name), back.matrix)
    again = Proof(back.method, back.matrix, back.mirrored, back.inliers, 0, comparison)
    relation_back, evidence_back = relate(again, two, one)
    turned = evidence.reversed()
    assert relation_back is relation
    assert (turned.part, turned.frame) == (evidence_back.part, evidence_back.frame)
    assert turned.mirrored == evidence_back.mirrored
    assert turned.scale == pytest.approx(evidence_back.scale, rel=0.01)
    assert turned.degrees == pytest.approx(evidence_back.degrees, abs=0.2)
    assert turned.crop_box == pytest.approx(evidence_back.crop_box, abs=0.02)
    assert turned.crop_share == pytest.approx(evidence_back.crop_share, abs=0.02)
    assert turned.grey == evidence_back.grey
    if turned.tones and evidence_back.tones:
        assert turned.tones.brightness == evidence_back.tones.brightness
        assert turned.tones.colourfulness == evidence_back.tones.colourfulness
