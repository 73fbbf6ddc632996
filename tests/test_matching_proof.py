"""Proofs of edited copies against the truth about the edits: where, how large, how far turned."""

import math
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from matching_helpers import PHOTOS, edited, features, photo, side
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dupfind.matching.agreement import ink_weight, settle, toned
from dupfind.matching.align import align, match, transform
from dupfind.matching.calibrate import shipped_calibration, signals_of
from dupfind.matching.compare import compare
from dupfind.matching.direct import direct_alignments
from dupfind.matching.expect import cut_for
from dupfind.matching.features import LocalFeatures, empty_features, extract
from dupfind.matching.relation import relate
from dupfind.matching.verify import Proof, reversed_proof, verify, verify_through
from dupfind.photos.edits import EditedPicture
from dupfind.records import Relation

GEOMETRIC = (
    "jpeg_coarse",
    "shrink_half",
    "enlarge",
    "crop_70",
    "crop_50",
    "rotate_90",
    "rotate_180",
    "tilt_cropped",
    "flip",
    "flip_vertical",
    "flip_turned",
    "flip_cropped",
    "collage_2x2",
    "screenshot_phone",
    "border",
)


@cache
def proven(name: str, edit: str) -> tuple[EditedPicture, LocalFeatures, Proof]:
    copy = edited(name, edit)
    found = extract(copy.pixels)
    return copy, found, verify(features(name), found)


def corner_error(name: str, copy: EditedPicture, proof: Proof) -> float:
    """Return how far the proof misplaces the original's corners, as a share of its long side there."""
    height, width = photo(name).shape[:2]
    long_a, long_b = max(height, width), max(copy.pixels.shape[:2])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    assert proof.matrix is not None
    found = transform(proof.matrix, corners / long_a) * long_b
    truth = transform(np.array(copy.parameters["matrix"]), corners)
    return float(np.abs(found - truth).max() / (long_a * copy.parameters["scale"]))


@pytest.mark.parametrize("edit", GEOMETRIC)
@pytest.mark.parametrize("name", PHOTOS[:2])
def test_the_alignment_is_the_true_one(name: str, edit: str) -> None:
    copy, _, proof = proven(name, edit)
    assert proof.mirrored == copy.parameters["mirrored"]
    assert corner_error(name, copy, proof) < 0.015


@pytest.mark.parametrize("edit", GEOMETRIC)
@pytest.mark.parametrize("name", PHOTOS[:2])
def test_evidence_agrees_with_what_was_done(name: str, edit: str) -> None:
    copy, found, proof = proven(name, edit)
    truth = copy.parameters
    _, evidence = relate(proof, side(photo(name), features(name)), side(copy.pixels, found))
    assert evidence.scale == pytest.approx(truth["scale"], rel=0.03)
    # The truth counts clockwise, the evidence anticlockwise.
    off = ((evidence.degrees or 0.0) + truth["degrees"] + 180) % 360 - 180
    assert abs(off) < 1.5 or truth["mirrored"]
    assert evidence.mirrored == truth["mirrored"]
    if edit.startswith("crop"):
        assert evidence.part == "b"
    if edit in {"collage_2x2", "screenshot_phone"}:
        assert evidence.part == "a"
    if evidence.part == "b":
        assert evidence.crop_box == pytest.approx(truth["box"], abs=0.03)
        assert evidence.crop_share == pytest.approx(truth["share"], abs=0.04)
    if evidence.part == "a":
        assert evidence.crop_share == pytest.approx(truth["area"], abs=0.04)


@pytest.mark.parametrize(
    ("edit", "relation"),
    [
        ("jpeg_coarse", Relation.REENCODED),
        ("shrink_half", Relation.RESIZED),
        ("crop_50", Relation.CROPPED),
        ("rotate_90", Relation.ROTATED),
        ("rotate_180", Relation.ROTATED),
        ("flip", Relation.MIRRORED),
        ("flip_turned", Relation.MIRRORED),
        ("grey", Relation.RECOLOURED),
        ("brighter", Relation.RECOLOURED),
        ("text", Relation.EDITED),
        ("border", Relation.EDITED),
        ("screenshot_phone", Relation.COMPOSITE),
    ],
)
@pytest.mark.parametrize("name", PHOTOS)
def test_the_strongest_relation_is_the_edit(name: str, edit: str, relation: Relation) -> None:
    copy, found, proof = proven(name, edit)
    named, evidence = relate(proof, side(photo(name), features(name)), side(copy.pixels, found))
    assert named is relation, evidence
    assert evidence.relations[-1] is relation


@pytest.mark.parametrize("edit", [*GEOMETRIC, "grey", "text", "sepia", "combo_mild", "perspective"])
@pytest.mark.parametrize("name", PHOTOS)
def test_copies_are_probable(name: str, edit: str) -> None:
    _, _, proof = proven(name, edit)
    assert shipped_calibration().probability(signals_of(proof)[None])[0] > 0.9


def test_other_photos_are_not() -> None:
    names = [*PHOTOS, "coins.png", "moon.png", "brick.png", "retina.jpg", "hubble_deep_field.jpg"]
    calibration = shipped_calibration()
    for place, a in enumerate(names):
        for b in names[place + 1 :]:
            signals = signals_of(verify(features(a), features(b)))
            assert calibration.probability(signals[None])[0] < 0.05, (a, b)


def test_a_second_shot_of_a_scene_is_no_copy() -> None:
    # The two pictures of a stereo pair: aligned by many keypoints, and yet not the same picture.
    proof = verify(features("motorcycle_left.png"), features("motorcycle_right.png"))
    assert proof.inliers > 15
    calibration = shipped_calibration()
    assert calibration.probability(signals_of(proof)[None])[0] < cut_for(calibration, 0.99)


def test_identical_pictures_agree_wholly() -> None:
    for name in PHOTOS:
        comparison = compare(features(name), features(name), np.eye(3))
        assert comparison is not None
        assert (comparison.agree, comparison.changed) == (1.0, 0.0)
        # A pixel at the border is never compared.
        assert min(comparison.share_a, comparison.share_b) > 0.97
        assert comparison.grey_gain == pytest.approx(1, abs=0.01)
        assert comparison.detail == pytest.approx(1, abs=0.02)
        assert comparison.parallax < 0.1


def test_another_picture_laid_on_it_does_not_agree() -> None:
    comparison = compare(features("astronaut.png"), features("brick.png"), np.eye(3))
    assert comparison is not None
    assert comparison.agree < 0.1
    assert comparison.changed > 0.5


def written_over(share: float) -> NDArray[np.uint8]:
    """Return a photo with that share of it replaced by another picture, at the bottom."""
    pixels = photo("chelsea.png").copy()
    rows = round(pixels.shape[0] * share)
    pixels[-rows:] = cv2.resize(photo("gravel.png"), (420, 420))[:rows, : pixels.shape[1]]
    return pixels


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4])
def test_the_changed_share_is_what_was_written_over(share: float) -> None:
    pixels = written_over(share)
    proof = verify(features("chelsea.png"), extract(pixels))
    _, evidence = relate(proof, side(photo("chelsea.png")), side(pixels))
    assert evidence.changed_share == pytest.approx(share, abs=0.07)


def test_evidence_says_what_the_tone_became() -> None:
    base = photo("coffee.png").astype(np.float32)
    for change, name, value in (
        (base * 0.6, "brightness", -1),
        (base * 0.5 + 64, "contrast", -1),
        (255 - base, "is_negative", True),
    ):
        pixels = np.clip(change, 0, 255).astype(np.uint8)
        proof = verify(features("coffee.png"), extract(pixels))
        relation, evidence = relate(proof, side(photo("coffee.png")), side(pixels))
        assert getattr(evidence.tones, name) == value
        assert relation is Relation.RECOLOURED


def test_evidence_is_turned_round_with_the_pair() -> None:
    copy, found, proof = proven("astronaut.png", "crop_50")
    back = verify(found, features("astronaut.png"))
    _, evidence = relate(back, side(copy.pixels, found), side(photo("astronaut.png")))
    assert evidence.part == "a"
    assert evidence.crop_box == pytest.approx(copy.parameters["box"], abs=0.03)
    turned = reversed_proof(proof)
    assert turned.matrix is not None
    assert proof.matrix is not None
    product = turned.matrix @ proof.matrix
    assert np.allclose(product / product[2, 2], np.eye(3), atol=1e-9)


def test_a_proof_without_alignment_has_no_relation() -> None:
    proof = verify(empty_features(), features("astronaut.png"))
    assert proof.method == "none"
    assert np.isnan(signals_of(proof)).all()
    assert shipped_calibration().probability(signals_of(proof)[None])[0] == 0
    with pytest.raises(ValueError, match="similar"):
        relate(proof, side(photo("astronaut.png")), side(photo("astronaut.png")))


@cache
def soft() -> NDArray[np.uint8]:
    """Return a picture with hardly any keypoints."""
    return np.asarray(cv2.GaussianBlur(photo("coffee.png", 300), (0, 0), 9), np.uint8)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flipped", [False, True])
def test_soft_pictures_are_aligned_directly_in_eight_turns(turns: int, flipped: bool) -> None:
    original = soft()
    turned = np.rot90(original[:, ::-1] if flipped else original, turns)
    a, b = extract(original), extract(np.ascontiguousarray(turned))
    matrix, mirrored = next(iter(direct_alignments(a, b)))
    assert mirrored == flipped
    comparison = compare(a, b, matrix)
    assert comparison is not None
    assert comparison.agree > 0.95
    assert min(comparison.share_a, comparison.share_b) > 0.95
    _, evidence = relate(
        Proof("direct", matrix, mirrored, 0, 0, comparison), side(original), side(turned)
    )
    assert evidence.scale == pytest.approx(1, abs=0.03)
    expected = (90 * turns + 180) % 360 - 180
    assert abs(((evidence.degrees or 0.0) - expected + 180) % 360 - 180) < 2


def test_a_crop_of_a_soft_picture_is_found_directly() -> None:
    original = soft()
    crop = original[30:180, 40:250]
    a, b = extract(original), extract(crop)
    found = list(direct_alignments(a, b))
    assert found
    errors = []
    for matrix, _ in found:
        centre = transform(matrix, np.array([[145 / 300, 105 / 300]], np.float32))[0] * 210
        errors.append(float(np.linalg.norm(centre - (105, 75))))
    assert min(errors) < 8


@pytest.mark.parametrize("long_side_px", [32, 48, 64])
def test_a_tiny_copy_is_proven(long_side_px: int) -> None:
    tiny = photo("astronaut.png", long_side_px)
    proof = verify(features("astronaut.png"), extract(tiny))
    assert proof.comparison is not None
    assert proof.comparison.agree > 0.5


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_picture_proves_nothing(grey: int) -> None:
    flat = extract(np.full((120, 160, 3), grey, np.uint8))
    other = extract(np.full((100, 180, 3), 200, np.uint8))
    calibration = shipped_calibration()
    for partner in (other, features("astronaut.png"), empty_features()):
        signals = signals_of(verify(flat, partner))
        assert calibration.probability(signals[None])[0] < 0.5


def test_strong_edits_are_proven_through_their_original() -> None:
    one, first, to_first = proven("astronaut.png", "crop_50")
    _, second, to_second = proven("astronaut.png", "collage_2x2")
    through = verify_through(
        first, second, features("astronaut.png"), reversed_proof(to_first), to_second
    )
    assert through.method == "composed"
    assert through.comparison is not None
    assert through.comparison.agree > 0.8
    assert through.inliers == min(to_first.inliers, to_second.inliers)
    assert one.parameters["share"] < 0.7
    assert verify_through(first, second, first, Proof(), to_second) == Proof()


def test_two_collages_of_one_photo_are_compared_only_where_they_show_it() -> None:
    fillers = [photo("brick.png"), photo("moon.png")]
    shared = cv2.resize(photo("astronaut.png"), (200, 200))
    collages = [
        np.hstack([shared, cv2.resize(fillers[0], (200, 200))]),
        np.hstack([cv2.resize(fillers[1], (200, 200)), shared]),
    ]
    first, second = (extract(np.ascontiguousarray(pixels)) for pixels in collages)
    middle = features("astronaut.png")
    through = verify_through(first, second, middle, verify(first, middle), verify(middle, second))
    assert through.comparison is not None
    assert through.comparison.agree > 0.9
    assert through.comparison.share_a == pytest.approx(0.5, abs=0.08)
    assert through.comparison.share_b == pytest.approx(0.5, abs=0.08)


def test_alignment_is_repeatable_and_finds_nothing_in_noise() -> None:
    _, found, proof = proven("chelsea.png", "tilt_cropped")
    again = verify(features("chelsea.png"), found)
    assert proof.matrix is not None
    assert again.matrix is not None
    assert np.array_equal(proof.matrix, again.matrix)
    noise = np.random.default_rng(0).integers(0, 256, (2, 200, 300, 3), dtype=np.uint8)
    chance = align(extract(noise[0]), extract(noise[1]))
    assert chance is None or chance.inliers < 8


@pytest.mark.parametrize("mirrored", [False, True])
def test_keypoints_of_another_photo_are_hardly_ever_matched(*, mirrored: bool) -> None:
    other = features("rocket.jpg")
    found, _, ratio = match(features("chelsea.png"), other, mirrored=mirrored)
    assert len(found) < 0.1 * len(other)
    assert (ratio > 0.5).all()


def test_paper_is_what_lies_within_eight_levels_of_one_tone() -> None:
    photo_like = np.repeat(np.arange(256, dtype=np.float32), 40)
    assert ink_weight(photo_like, photo_like) == 1.0
    for apart, weight in ((16, 16.0), (17, 1 + 15 * (0.5 - 0.35) / 0.25)):
        page = np.repeat(np.array([240 - apart, 240], np.float32), 5000)
        assert ink_weight(page, page) == pytest.approx(weight, abs=0.01)


def test_a_softer_crop_has_less_detail_from_either_side() -> None:
    pixels = photo("chelsea.png")
    whole, crop = extract(pixels), extract(cv2.GaussianBlur(pixels[60:240, 90:330], (0, 0), 1.5))
    found = verify(whole, crop).comparison, verify(crop, whole).comparison
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].detail < 0.9
    assert found[1].detail == pytest.approx(1 / found[0].detail, rel=0.05)


def test_a_smooth_bend_is_taken_out_before_pictures_are_compared() -> None:
    grey = cv2.cvtColor(photo("chelsea.png"), cv2.COLOR_RGB2GRAY).astype(np.float32)
    height, width = grey.shape
    y, x = (np.mgrid[:height, :width] / np.array([height, width])[:, None, None] - 0.5).astype("f4")
    bends = 0.3 + x - 0.6 * y + 2 * x * y + x**2 - y**2, 0.2 - x + y - 2 * x * y - x**2 + y**2
    to_y, to_x = (np.mgrid[:height, :width] + np.array(bends[::-1])).astype(np.float32)
    bent = cv2.remap(grey, to_x, to_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    bent = np.asarray(bent, np.float32)
    moved, apart_px = settle(grey, bent, np.ones(grey.shape, bool))
    assert np.abs(moved - bent).mean() < 0.5 * np.abs(grey - bent).mean()
    assert apart_px.mean() < 0.2


@pytest.mark.parametrize("degrees", [-35, 35])
@pytest.mark.parametrize("mirrored", [False, True])
def test_keypoints_say_how_far_a_picture_was_turned(degrees: int, *, mirrored: bool) -> None:
    turned = Image.fromarray(photo("chelsea.png")).rotate(degrees, expand=True)
    if mirrored:
        turned = turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    found = align(features("chelsea.png"), extract(np.asarray(turned)))
    assert found is not None
    assert found.mirrored is mirrored
    long_sides = max(turned.size) / max(photo("chelsea.png").shape)
    along = found.matrix[:2, 0] * long_sides / found.matrix[2, 2]  # of a step to the right
    up, right = -along[1], -along[0] if mirrored else along[0]
    assert math.degrees(math.atan2(up, right)) == pytest.approx(degrees, abs=1)
    assert math.hypot(up, right) == pytest.approx(1, abs=0.03)


def test_a_proof_without_a_comparison_is_weaker_than_one_that_agrees_by_half() -> None:
    _, _, proof = proven("chelsea.png", "jpeg_coarse")
    assert proof.comparison is not None
    by_half = replace(proof, comparison=replace(proof.comparison, agree=0.5, textured=60.0))
    assert Proof().strength < by_half.strength < proof.strength


def test_a_page_with_other_words_is_no_copy() -> None:
    pages = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        page = Image.new("RGB", (420, 300), "white")
        draw = ImageDraw.Draw(page)
        for line in range(14):
            words = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz    "), 60))
            draw.text((15, 10 + 20 * line), words, fill="black")
        pages.append(extract(np.asarray(page)))
    shrunk = extract(np.asarray(page.resize((300, 214))))
    signals = signals_of(verify(*pages))
    assert shipped_calibration().probability(signals[None])[0] < 0.1
    # And yet a page that was saved again is a copy of itself.
    signals = signals_of(verify(pages[-1], shrunk))
    assert shipped_calibration().probability(signals[None])[0] > 0.9


def test_degrees_are_anticlockwise() -> None:
    pixels = np.ascontiguousarray(np.rot90(photo("rocket.jpg")))  # NumPy turns anticlockwise
    proof = verify(features("rocket.jpg"), extract(pixels))
    _, evidence = relate(proof, side(photo("rocket.jpg")), side(pixels))
    assert evidence.degrees == pytest.approx(90, abs=0.5)
    assert evidence.scale is not None
    assert math.isclose(evidence.scale, 1, rel_tol=0.01)


def test_the_tone_of_another_picture_is_taken_over_along_its_curve() -> None:
    grey = np.linspace(0, 255, 40_000, dtype=np.float32).reshape(200, 200)
    curved = np.asarray(255 * (grey / 255) ** 2.2, np.float32)
    found = toned(grey, curved, np.ones(grey.shape, bool))
    inner = (grey > 10) & (grey < 245)  # beyond the outermost levels there is nothing to go by
    assert np.abs(found - curved)[inner].max() < 4
    few = np.zeros(grey.shape, bool)
    few[0, :30] = True  # of one level: a line has to do
    assert np.isfinite(toned(grey, grey + 9, few)).all()


def gone_flat(level: int) -> NDArray[np.uint8]:
    """Return a photo with a sky of nearly one shade above it."""
    pixels = photo("coffee.png").copy()
    pixels[:50] = level
    return pixels


@pytest.mark.parametrize("turned", [False, True])
def test_a_plain_sky_that_is_plain_in_one_copy_only_is_no_crop(*, turned: bool) -> None:
    plain, shaded = (gone_flat(200) for _ in range(2))
    for pixels, levels in ((plain, 6), (shaded, 12)):  # a plain border may vary by eight
        bump = levels * np.sin(np.linspace(0, np.pi, pixels.shape[1]))
        pixels[:50] += bump.astype(np.uint8)[None, :, None]
    pictures = [shaded, plain] if turned else [plain, shaded]
    one, other = (extract(pixels) for pixels in pictures)
    relation, evidence = relate(verify(one, other), side(pictures[0]), side(pictures[1]))

    assert (one.content != other.content).mean() > 0.05
    assert relation is Relation.REENCODED
    assert evidence.part is None


def test_a_strip_of_another_shade_is_still_told() -> None:
    pixels = gone_flat(20)
    relation, _ = relate(
        verify(features("coffee.png"), extract(pixels)), side(photo("coffee.png")), side(pixels)
    )

    assert not extract(pixels).content.all()
    assert relation is not Relation.REENCODED
