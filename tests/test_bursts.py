"""Bursts: many shots of one scene within seconds, that are no copies of each other."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from cluster_helpers import cluster_album, groups_of
from library_helpers import save_small_model
from matching_helpers import photo
from numpy.typing import NDArray

FRAMES = 24


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_small_model(folder)
    return folder


def frames_of(scene: NDArray[np.uint8], thing: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return shots from a hand that shakes, in light that changes, of a scene that something crosses."""
    generator = np.random.default_rng(5)
    height, width = scene.shape[0] - 24, scene.shape[1] - 24
    frames = []
    for number in range(FRAMES):
        picture = scene.copy()
        down, across = 20 + 4 * number, 20 + 7 * number
        picture[down : down + thing.shape[0], across : across + thing.shape[1]] = thing
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), generator.normal(0, 0.4), 1.0)
        turn[:, 2] -= generator.uniform(4, 20, 2)
        shot = cv2.warpAffine(picture, turn, (width, height)).astype(np.float32)
        shot = shot * generator.uniform(0.9, 1.1) + generator.normal(0, 5, shot.shape)
        frames.append(np.clip(shot, 0, 255).astype(np.uint8))
    return frames


def test_a_burst_costs_a_few_proofs_and_looks_a_frame_and_its_copies_are_found(
    tmp_path: Path, model: Path
) -> None:
    frames = frames_of(photo("coffee.png", 260), photo("chelsea.png", 50))
    pictures = {f"frame{number:02}": frame for number, frame in enumerate(frames)}
    pictures["copy"] = cv2.resize(frames[9], None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    library, summary = cluster_album(tmp_path, pictures, model)
    assert {"frame09", "copy"} in groups_of(library)
    assert summary.grouped_photos <= 4
    assert summary.proven <= 8 * FRAMES  # of 300 pairs
    assert summary.looked <= 4 * FRAMES
