"""Local features: mirrored without a second look, packed for the cache, borders told from skies."""

import io

import cv2
import numpy as np
import pytest
from matching_helpers import features, photo
from numpy.typing import NDArray

from dupfind.errors import DescriptorError
from dupfind.matching.features import (
    COMPARE_PX,
    MAX_KEYPOINTS,
    LocalFeatures,
    content_mask,
    empty_features,
    extract,
    mirror_descriptors,
    negative_descriptors,
    root_sift,
)
from dupfind.matching.sizes import long_side


def nearest(points: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.linalg.norm(points[:, None] - wanted[None], axis=2).argmin(axis=0)


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png"])
def test_mirrored_descriptors_are_those_of_the_mirrored_picture(name: str) -> None:
    plain, mirrored = features(name), extract(np.ascontiguousarray(photo(name)[:, ::-1]))
    there = plain.points.copy()
    there[:, 0] = plain.size[0] - there[:, 0]
    rows = nearest(mirrored.points, there)
    same_place = np.linalg.norm(mirrored.points[rows] - there, axis=1) < 0.0015
    # A keypoint may have several directions: compare where it was given the same one.
    turned = (180 - plain.angles - mirrored.angles[rows] + 180) % 360 - 180
    alike = same_place & (np.abs(turned) < 2)
    assert alike.sum() > 100
    really = mirrored.root[rows[alike]]
    foretold = plain.mirrored_root[alike]
    assert np.median((really * foretold).sum(axis=1)) > 0.98
    assert np.median((really * plain.root[alike]).sum(axis=1)) < 0.9


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png"])
def test_negative_descriptors_are_those_of_the_negative(name: str) -> None:
    plain, negative = features(name), extract(255 - photo(name))
    rows = nearest(negative.points, plain.points)
    same_place = np.linalg.norm(negative.points[rows] - plain.points, axis=1) < 0.0015
    turned = (plain.angles - negative.angles[rows]) % 360 - 180
    alike = same_place & (np.abs(turned) < 2)
    assert alike.sum() > 100
    foretold = root_sift(negative_descriptors(plain.descriptors))[alike]
    assert np.median((negative.root[rows[alike]] * foretold).sum(axis=1)) > 0.98


def test_mirroring_twice_changes_nothing() -> None:
    sift = features("chelsea.png").descriptors
    assert np.array_equal(mirror_descriptors(mirror_descriptors(sift)), sift)
    assert not np.array_equal(mirror_descriptors(sift), sift)


def test_keypoints_lie_where_they_are_in_turned_pictures() -> None:
    plain = features("coffee.png")
    turned = extract(np.ascontiguousarray(photo("coffee.png")[::-1, ::-1]))
    there = np.array(plain.size, np.float32) - plain.points
    rows = nearest(turned.points, there)
    distance = np.linalg.norm(turned.points[rows] - there, axis=1)
    assert np.median(distance) < 0.1 / 400  # a tenth of a pixel of the working size


def test_root_sift_has_unit_length_and_no_keypoints_are_fine() -> None:
    assert np.allclose(np.linalg.norm(features("rocket.jpg").root, axis=1), 1, atol=1e-5)
    assert root_sift(np.zeros((0, 128), np.uint8)).shape == (0, 128)
    assert np.isfinite(root_sift(np.zeros((2, 128), np.uint8))).all()


def test_features_survive_the_cache() -> None:
    before = features("astronaut.png")
    after = LocalFeatures.from_bytes(before.to_bytes())
    assert np.array_equal(after.descriptors, before.descriptors)
    assert np.abs(after.points - before.points).max() < 1e-4
    assert np.abs(after.sizes - before.sizes).max() < 1e-4
    assert np.abs((after.angles - before.angles + 180) % 360 - 180).max() < 0.01
    assert after.picture.shape == before.picture.shape
    assert np.abs(after.picture.astype(int) - before.picture).mean() < 3
    assert len(LocalFeatures.from_bytes(empty_features().to_bytes())) == 0


def damaged() -> dict[str, bytes]:
    whole = features("chelsea.png").to_bytes()
    with np.load(io.BytesIO(whole)) as arrays:
        values = dict(arrays)

    def packed(**changed: object) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **(values | changed))
        return buffer.getvalue()

    return {
        "empty": b"",
        "text": b"no features",
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:300] + bytes(byte ^ 255 for byte in whole[300:400]) + whole[400:],
        "version": packed(format=99),
        "picture": packed(picture=np.arange(50, dtype=np.uint8)),
        "objects": packed(format=np.array([None], object)),
        "shapes": packed(geometry=values["geometry"][:-3]),
        "flat geometry": packed(geometry=values["geometry"].ravel()),
    }


@pytest.mark.parametrize("kind", list(damaged()))
def test_damaged_features_are_one_kind_of_error(kind: str) -> None:
    with pytest.raises(DescriptorError, match="cached features"):
        LocalFeatures.from_bytes(damaged()[kind])


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 5), (40, 30), (1200, 900)])
def test_any_size_has_features(size: tuple[int, int]) -> None:
    pixels = cv2.resize(photo("astronaut.png"), size)
    found = extract(pixels)
    assert max(found.picture.shape[:2]) == long_side(pixels.shape, COMPARE_PX)
    assert len(found) <= 4 * MAX_KEYPOINTS + 10
    assert np.isfinite(found.points).all()
    assert found.variants.shape == (8, 576)


def test_a_small_picture_is_enlarged_and_reduced_again_without_loss() -> None:
    small = photo("chelsea.png", 260)
    found = extract(small).picture
    reduced = cv2.resize(small, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(np.float32) - reduced).mean() < 0.62


def test_a_flat_picture_has_none() -> None:
    assert len(extract(np.full((200, 300, 3), 128, np.uint8))) == 0


def test_variants_are_the_eight_turns() -> None:
    found = features("chelsea.png")
    for turns in range(4):
        turned = extract(np.ascontiguousarray(np.rot90(photo("chelsea.png"), turns)))
        scores = found.variants @ turned.variants[0] / 576
        assert scores.argmax() == turns
        assert scores[turns] > 0.97
    mirrored = extract(np.ascontiguousarray(photo("chelsea.png")[:, ::-1]))
    assert (found.variants @ mirrored.variants[0]).argmax() == 4


def padded(colour: int, top: int, left: int) -> NDArray[np.uint8]:
    picture = photo("astronaut.png", 160)
    return np.pad(picture, ((top, top), (left, left), (0, 0)), constant_values=colour)


@pytest.mark.parametrize("colour", [0, 128, 255])
@pytest.mark.parametrize(("top", "left"), [(12, 12), (30, 0), (0, 30), (8, 20)])
def test_frames_and_letterboxes_are_no_content(colour: int, top: int, left: int) -> None:
    mask = content_mask(padded(colour, top, left))
    truth = np.zeros(mask.shape, bool)
    height, width = mask.shape
    truth[top : height - top, left : width - left] = True
    assert (mask == truth).mean() > 0.97
    assert not mask.all()


def test_the_corners_of_a_turned_picture_are_no_content() -> None:
    picture = photo("chelsea.png", 200)
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1)
    matrix[:, 2] += 30
    size = (width + 60, height + 60)
    turned = cv2.warpAffine(picture, matrix, size)
    truth = cv2.warpAffine(np.ones((height, width), np.uint8), matrix, size) > 0
    mask = content_mask(turned)
    assert (mask == truth).mean() > 0.96


@pytest.mark.parametrize("name", ["astronaut.png", "chelsea.png", "rocket.jpg"])
def test_a_frame_that_was_saved_as_jpeg_is_still_a_frame(name: str) -> None:
    framed = np.pad(photo(name), ((32, 32), (32, 32), (0, 0)), constant_values=255)
    encoded = cv2.imencode(".jpg", framed, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    content = extract(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))).content
    truth = photo(name).size / framed.size
    assert content.mean() == pytest.approx(truth, abs=0.03)


def on_backdrop(shape: str) -> NDArray[np.uint8]:
    picture = np.full((160, 220, 3), 235, np.uint8)
    if shape == "star":
        points = [(110, 15), (125, 70), (190, 70), (140, 100), (160, 150), (110, 115)]
        points += [(60, 150), (80, 100), (30, 70), (95, 70)]
        cv2.fillPoly(picture, [np.array(points)], (180, 30, 60))
    elif shape == "two things":
        cv2.circle(picture, (60, 80), 30, (20, 90, 160), -1)
        cv2.circle(picture, (160, 90), 35, (160, 90, 20), -1)
    elif shape == "mountains":
        points = [(0, 160), (0, 110), (40, 60), (80, 120), (130, 40), (180, 110), (220, 80)]
        cv2.fillPoly(picture, [np.array([*points, (220, 160)])], (60, 80, 60))
    return picture


@pytest.mark.parametrize("shape", ["nothing", "star", "two things", "mountains"])
def test_a_plain_backdrop_is_content(shape: str) -> None:
    assert content_mask(on_backdrop(shape)).all()


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png", "chelsea.png"])
def test_photos_without_borders_are_content_everywhere(name: str) -> None:
    assert content_mask(features(name).picture).all()
