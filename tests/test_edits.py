"""Altered copies: all kinds work on all shapes, and the truth they tell is true."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import MakePicture, picture
from numpy.typing import NDArray

from dupfind.matching.proven import NO_COPIES
from dupfind.photos.edits import EDITS, EditedPicture, apply_edit
from dupfind.photos.edits.step import Step as EditStep
from dupfind.photos.edits.step import clipped, corners, polygon_area, truth_of, warped
from dupfind.records import Relation

OTHERS = [picture(seed, (150, 120)) for seed in range(50, 58)]


def edited(name: str, seed: int = 0, size: tuple[int, int] = (180, 130)) -> EditedPicture:
    return apply_edit(name, picture(seed, size), np.random.default_rng(seed), other=OTHERS)


def test_there_are_many_kinds_of_every_group() -> None:
    groups = [edit.relation for edit in EDITS.values()]
    assert len(EDITS) >= 100
    none_made = {Relation.IDENTICAL, Relation.SAME_PIXELS} | NO_COPIES
    for relation in set(Relation) - none_made:
        assert groups.count(relation) >= 4, relation
    assert all(name == edit.name for name, edit in EDITS.items())


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_makes_a_picture_and_leaves_the_original_alone(name: str) -> None:
    original = picture(1, (180, 130))
    before = original.copy()
    result = apply_edit(name, original, np.random.default_rng(1), other=OTHERS)
    assert result.pixels.dtype == np.uint8
    assert result.pixels.ndim == 3
    assert result.pixels.shape[2] == 3
    assert (result.name, result.relation) == (name, EDITS[name].relation)
    assert np.array_equal(original, before)
    assert not np.shares_memory(original, result.pixels)
    assert result.pixels.shape != original.shape or not np.array_equal(result.pixels, original)


@pytest.mark.parametrize("name", EDITS)
def test_the_same_chance_gives_the_same_copy(name: str) -> None:
    first, again, other = edited(name, 3), edited(name, 3), edited(name, 4)
    assert np.array_equal(first.pixels, again.pixels)
    assert first.parameters == again.parameters
    assert first.pixels.shape != other.pixels.shape or not np.array_equal(
        first.pixels, other.pixels
    )


@pytest.mark.parametrize("name", EDITS)
@pytest.mark.parametrize("size", [(16, 16), (240, 14), (14, 240), (1, 1)], ids=str)
def test_every_edit_takes_any_shape(name: str, size: tuple[int, int]) -> None:
    for others in ((), OTHERS):
        result = apply_edit(name, picture(0, size), np.random.default_rng(0), other=others)
        assert min(result.pixels.shape[:2]) >= 1
        check_ranges(result)


@pytest.mark.parametrize("name", EDITS)
def test_the_parameters_are_ready_for_json_and_in_range(name: str) -> None:
    for seed in range(4):
        result = edited(name, seed)
        assert json.loads(json.dumps(result.parameters)) == result.parameters
        check_ranges(result)


def check_ranges(result: EditedPicture) -> None:
    parameters = result.parameters
    x0, y0, x1, y1 = parameters["box"]
    assert -1e-6 <= x0 < x1 <= 1 + 1e-6
    assert -1e-6 <= y0 < y1 <= 1 + 1e-6
    assert 0 < parameters["share"] <= 1
    assert 0 < parameters["area"] <= 1
    assert -180 <= parameters["degrees"] <= 180
    assert np.array(parameters["matrix"]).shape == (3, 3)


@pytest.mark.parametrize("name", EDITS)
def test_the_matrix_leads_from_the_original_to_the_copy(name: str) -> None:
    """Draw the original through the matrix: it must fall on its own image in the copy."""
    for seed in range(3):
        original = picture(seed, (180, 130))
        result = edited(name, seed)
        matrix = np.array(result.parameters["matrix"])
        height, width = result.pixels.shape[:2]
        expected = warped(original, matrix, (width, height), (0, 0, 0))
        mask = (
            warped(np.full_like(original, 255), matrix, (width, height), (0, 0, 0))[..., 0] == 255
        )
        found = alikeness(expected[mask], result.pixels[mask])
        assert found > 0.4, (name, seed, found)  # a step aside gives about 0


def alikeness(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the correlation of the best channel; a negative counts like its positive."""
    tones = [np.corrcoef(a[:, channel], b[:, channel])[0, 1] for channel in range(3)]
    tones.append(np.corrcoef(a.mean(axis=1), b.mean(axis=1))[0, 1])
    return float(np.abs(tones).max())


def test_crops_keep_what_they_say() -> None:
    for name, low, high in (
        ("crop_95", 0.89, 0.98),
        ("crop_70", 0.6, 0.82),
        ("crop_30", 0.23, 0.42),
    ):
        for seed in range(10):
            original, result = picture(seed, (200, 150)), edited(name, seed, (200, 150))
            x0, y0, x1, y1 = (
                round(share * side)
                for share, side in zip(result.parameters["box"], (200, 150) * 2, strict=True)
            )
            assert np.array_equal(result.pixels, original[y0:y1, x0:x1])
            assert low <= result.parameters["share"] <= high


@pytest.mark.parametrize(
    ("name", "degrees", "mirrored"),
    [
        ("rotate_90", 90, False),
        ("rotate_180", 180, False),
        ("rotate_270", -90, False),
        ("flip", 0, True),
        ("flip_vertical", 180, True),
        ("shrink_half", 0, False),
        ("collage_2x2", 0, False),
    ],
)
def test_turns_and_flips_are_told(name: str, degrees: float, mirrored: bool) -> None:
    parameters = edited(name).parameters
    assert parameters["degrees"] == pytest.approx(degrees)
    assert parameters["mirrored"] is mirrored


def test_pixels_of_turns_and_flips_are_exact() -> None:
    original = picture(0, (180, 130))
    assert np.array_equal(edited("rotate_90").pixels, np.rot90(original, -1))
    assert np.array_equal(edited("rotate_180").pixels, np.rot90(original, 2))
    assert np.array_equal(edited("rotate_270").pixels, np.rot90(original, 1))
    assert np.array_equal(edited("flip").pixels, original[:, ::-1])
    assert np.array_equal(edited("flip_vertical").pixels, original[::-1])


def test_scale_and_area_are_told() -> None:
    for seed in range(5):
        assert 0.38 < edited("shrink_half", seed).parameters["scale"] < 0.62
        assert edited("shrink_half", seed).parameters["area"] == pytest.approx(1)
        collage = edited("collage_3x3", seed).parameters
        assert collage["area"] < 1 / 9 + 1e-6
        assert collage["share"] > 0.9
        tilted = edited("tilt_black", seed).parameters
        assert 2 <= abs(tilted["degrees"]) <= 15
        assert tilted["share"] == pytest.approx(1)
        assert tilted["area"] < 0.97


def test_a_crop_in_a_chain_is_told_through_what_follows() -> None:
    """A cut, shrunk copy in a screenshot: its share is that of the cut."""
    for seed in range(5):
        parameters = edited("combo_screenshot", seed).parameters
        assert 0.65 < parameters["share"] < 0.95
        assert parameters["area"] < 0.6


def test_other_pictures_are_used_where_they_are_given(make_picture: MakePicture) -> None:
    red = np.zeros((60, 60, 3), np.uint8)
    red[..., 0] = 255
    for name, edit in EDITS.items():
        if edit.others:
            original = make_picture(1, (120, 90))
            result = apply_edit(name, original, np.random.default_rng(0), other=[red] * 8)
            assert (result.pixels == [255, 0, 0]).all(axis=2).mean() > 0.04, name


def test_an_unknown_edit_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="no such edit"):
        apply_edit("no such edit", OTHERS[0], np.random.default_rng(0))


def test_clipping_and_areas() -> None:
    square = corners((0, 0, 10, 10))
    assert polygon_area(square) == 100
    assert polygon_area(clipped(square, 5, 20)) == pytest.approx(50)
    assert polygon_area(clipped(corners((-5, -5, 5, 5)), 10, 10)) == pytest.approx(25)
    diamond = np.array([[5.0, -5.0], [15.0, 5.0], [5.0, 15.0], [-5.0, 5.0]])
    assert polygon_area(clipped(diamond, 10, 10)) == pytest.approx(100)
    assert polygon_area(clipped(corners((20, 20, 30, 30)), 10, 10)) == 0


def test_the_truth_about_a_known_matrix() -> None:
    original = np.zeros((100, 200, 3), np.uint8)
    half_turned = np.array([[0.0, -0.5, 50.0], [0.5, 0.0, 0.0], [0.0, 0.0, 1.0]])
    truth = truth_of(original, EditStep(np.zeros((100, 50, 3), np.uint8), half_turned))
    assert truth["scale"] == pytest.approx(0.5)
    assert truth["degrees"] == pytest.approx(90)
    assert truth["share"] == pytest.approx(1)
    upper_half = EditStep(np.zeros((50, 50, 3), np.uint8), half_turned)
    assert truth_of(original, upper_half)["box"] == pytest.approx([0, 0, 0.5, 1])


def test_the_documentation_names_every_kind_in_its_group() -> None:
    text = (Path(__file__).resolve().parent.parent / "docs" / "photos.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (\w+) \| ([a-z0-9_, ]+) \|$", text, re.MULTILINE))
    for group in {edit.relation.value for edit in EDITS.values()}:
        names = [edit.name for edit in EDITS.values() if edit.relation == group]
        assert rows[group].split(", ") == names
