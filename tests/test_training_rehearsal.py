"""Rehearsal: made-up scenes stand for all that an album does not show."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import TINY, made_up_cache, tiny_config

from dupfind.descriptors.backbone import create_backbone
from dupfind.training.heldout import describe_views
from dupfind.training.loop import Trainer
from dupfind.training.rehearsal import Rehearsal, rehearsal_loss
from dupfind.training.scenes import make_scene
from dupfind.training.split import split_collection
from dupfind.training.views.maker import ViewMaker

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def maker() -> ViewMaker:
    return ViewMaker(device=CPU, mean=TINY.mean, std=TINY.std)


def test_a_scene_is_the_same_each_time_and_like_no_other() -> None:
    scenes = [make_scene(number, 64) for number in range(12)]
    assert all(scene.shape == (64, 64, 3) and scene.dtype == np.uint8 for scene in scenes)
    assert all(np.array_equal(scene, make_scene(number, 64)) for number, scene in enumerate(scenes))
    flat = np.stack(scenes).reshape(12, -1).astype(float)
    apart = np.abs(flat[:, None] - flat[None]).mean(axis=2)
    assert apart[~np.eye(12, dtype=bool)].min() > 10
    assert flat.std(axis=1).min() > 5  # none is of one colour


def test_what_is_drawn_are_views_and_what_the_start_says_of_them() -> None:
    torch.manual_seed(2)
    start = create_backbone(TINY)
    rehearsal = Rehearsal(tiny_config(), maker(), start, scenes=4)
    assert len(rehearsal.views) == 12  # each as it is and altered twice
    drawn = rehearsal.draw(5, seed=7)
    said = describe_views(start, TINY, drawn.views, CPU)
    assert torch.allclose(drawn.descriptors, said, atol=0.02)
    again, other = rehearsal.draw(5, seed=7), rehearsal.draw(5, seed=8)
    assert torch.equal(again.views, drawn.views)
    assert not torch.equal(other.views, drawn.views)


def test_the_loss_is_nothing_for_the_same_descriptors_and_one_for_unrelated_ones() -> None:
    one, other = torch.eye(4)[:2], torch.eye(4)[2:]
    assert float(rehearsal_loss(one, one)) == 0
    assert float(rehearsal_loss(one, other)) == 1
    assert float(rehearsal_loss(one, torch.cat([one[:1], other[:1]]))) == 0.5


def test_a_run_that_rehearses_forgets_less_of_the_scenes(tmp_path: Path) -> None:
    torch.manual_seed(3)
    start = create_backbone(TINY)

    def forgotten(weight: float) -> float:
        config = tiny_config(epochs=4, mix=0.5)
        losses = replace(config.losses, rehearsal=weight)
        config = replace(config, losses=losses)
        photos = split_collection(made_up_cache(), config)
        run = Trainer(config, photos, tmp_path / str(weight), device=CPU, backbone=start)
        run.run()
        known = Rehearsal(config, maker(), start, scenes=8)
        said = describe_views(run.learner.student.backbone, TINY, known.views, CPU)
        return float(rehearsal_loss(said, known.descriptors))

    assert forgotten(30.0) < 0.5 * forgotten(0.0)
