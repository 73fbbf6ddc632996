"""`dupfind train` says that it will not help before it spends the time."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from conftest import picture
from PIL import Image
from training_samples import made_up_cache, tiny_config

from dupfind import Library
from dupfind.cli import cli
from dupfind.descriptors.backbone import create_backbone
from dupfind.errors import TrainingError
from dupfind.options import TrainOptions
from dupfind.training.config import TrainingConfig
from dupfind.training.defaults import SCRATCH_SPEC, default_config, epochs_for
from dupfind.training.heldout import Retrieval
from dupfind.training.loop import Listener, Progress, Trainer
from dupfind.training.split import split_collection
from dupfind.training.worth import FEWEST_STEPS, PROBE_STEPS, check_room

CPU = torch.device("cpu")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.setattr("dupfind.training.comparison.COPIES", 1)
    monkeypatch.setattr("dupfind.training.comparison.WANTED_COPIES", 8)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        Image.fromarray(picture(number, (64, 48))).save(folder / f"{number:02}.png")
    return folder


def tuning(folder: Path, config: TrainingConfig) -> Trainer:
    torch.set_num_threads(1)
    photos = split_collection(made_up_cache(), config)
    backbone = create_backbone(config.spec)
    return Trainer(config, photos, folder, device=CPU, backbone=backbone, must_be_worth=True)


def test_too_few_epochs_are_refused_before_the_first_step(photos: Path, tmp_path: Path) -> None:
    arguments = ["train", str(photos), "--library", str(tmp_path / "lib"), "--device", "cpu"]
    result = CliRunner().invoke(cli, [*arguments, "--epochs", "2"])
    assert result.exit_code != 0
    lines = [line for line in result.output.splitlines() if "Error" in line]
    assert len(lines) == 1
    assert "--epochs 2 makes about" in lines[0]
    assert f"fewer than {FEWEST_STEPS} a trained model hardly moves" in lines[0]
    assert "--anyway" in lines[0]
    assert not list((tmp_path / "lib").rglob("step-*"))
    assert not list((tmp_path / "lib").rglob("weights.safetensors"))


def test_whoever_wants_to_trains_anyway(photos: Path, tmp_path: Path) -> None:
    library = Library(tmp_path / ".dupfind", device="cpu")
    summary = library.train([photos], TrainOptions(epochs=1, anyway=True))
    assert summary is not None
    assert summary.compared_with == "builtin"


def test_a_model_that_finds_nearly_all_is_not_tuned(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_room(Retrieval(0.97, 1.0, 0.95), 200)
    with pytest.raises(TrainingError, match=r"finds 97.5% of 200 .*would not help.*--anyway"):
        check_room(Retrieval(0.975, 1.0, 0.95), 200)
    monkeypatch.setattr("dupfind.training.worth.MOST_FOUND", -1.0)
    with pytest.raises(TrainingError, match=r"of 8 altered copies .* next to nothing to win"):
        Library(tmp_path / ".dupfind", device="cpu").train([photos], TrainOptions(minutes=60))
    assert not (tmp_path / ".dupfind" / "models" / "mine" / "training").exists()


def test_a_budget_of_too_few_steps_ends_once_the_pace_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dupfind.training.loop.Clock.first_pace", lambda _: 6.0)
    run = tuning(tmp_path, tiny_config(minutes=10.0, checkpoint_minutes=5.0))
    # 100 steps in ten minutes, so 200 take ten minutes more.
    with pytest.raises(
        TrainingError, match=r"--minutes 10 makes about (9|10|11)\d steps.*--minutes (19|20)"
    ):
        run.run()
    assert run.step_number == PROBE_STEPS
    assert not (tmp_path / "model").exists()


def test_a_budget_of_enough_steps_goes_on(tmp_path: Path) -> None:
    run = tuning(tmp_path, tiny_config(minutes=10.0))

    class EnoughError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step > PROBE_STEPS:
            raise EnoughError

    run.listener = Listener(on_step=stop)
    with pytest.raises(EnoughError):
        run.run()


@pytest.mark.parametrize(("photos", "scratch", "tuned"), [(1, 400, 200), (10**9, 10, 3)])
def test_few_photos_are_shown_no_more_often_and_many_no_less_often(
    photos: int, scratch: int, tuned: int
) -> None:
    assert epochs_for(photos, from_scratch=True) == scratch
    assert epochs_for(photos, from_scratch=False) == tuned


@pytest.mark.parametrize("on_gpu", [False, True])
@pytest.mark.parametrize("photos", [20, 113, 1000, 5000, 100_000])
def test_the_defaults_are_worth_their_time(photos: int, on_gpu: bool) -> None:
    config = default_config(photos, SCRATCH_SPEC, from_scratch=False, on_gpu=on_gpu)
    steps = (photos - config.held_out) // config.batch_size * config.epochs
    assert steps >= FEWEST_STEPS
    large = default_config(
        photos, SCRATCH_SPEC, from_scratch=False, on_gpu=on_gpu, batch_size=max(2, photos // 2)
    )
    assert large.epochs >= FEWEST_STEPS
