"""Whole runs: they learn, they stop where they collapse, and they go on where they were killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SavePicture, picture
from PIL import Image
from safetensors.torch import load_file, save_file
from training_samples import TINY, made_up_cache, tiny_config

from dupfind.descriptors.backbone import create_backbone, load_folder
from dupfind.errors import CollapseError, TrainingError
from dupfind.photos.decode import decode
from dupfind.training.__main__ import main as run_training
from dupfind.training.cache import open_cache
from dupfind.training.checkpoint import read_checkpoint
from dupfind.training.config import TrainingConfig
from dupfind.training.distributed import process_group
from dupfind.training.feed import Batch
from dupfind.training.heldout import HeldOut, Retrieval
from dupfind.training.loop import Listener, Progress, Trainer
from dupfind.training.monitor import CollapseDetector, EpochMetrics, Window, epoch_metrics
from dupfind.training.run import RunOptions, train
from dupfind.training.split import split_collection, split_photos
from dupfind.training.step import Learner

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums in another order differ in the last bit, and tiny matrices gain nothing by threads."""
    torch.set_num_threads(1)


def trainer(
    folder: Path, config: TrainingConfig | None = None, listener: Listener | None = None
) -> Trainer:
    config = config or tiny_config()
    photos = split_collection(made_up_cache(), config)
    return Trainer(config, photos, folder, device=CPU, listener=listener)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = read_checkpoint(folder)
    assert found is not None
    return load_file(found[0] / "state.safetensors")


def test_an_epoch_ends_with_its_last_batch(tmp_path: Path) -> None:
    feed = trainer(tmp_path).feed
    steps = len(list(takewhile(lambda batch: not batch.ends_epoch, feed.plan(0, 0)))) + 1
    assert steps > 1
    ends = [batch.ends_epoch for batch in islice(feed.plan(0, 0), 2 * steps)]
    assert ends == 2 * [*[False] * (steps - 1), True]
    after = [batch.after for batch in islice(feed.plan(0, 0), steps)]
    assert after == [*((0, number) for number in range(1, steps)), (1, 0)]


def test_with_both_losses_off_nothing_would_be_learned() -> None:
    config = tiny_config()
    for dino, contrastive in ((1.0, 0.0), (0.0, 1.0)):
        losses = replace(config.losses, dino=dino, contrastive=contrastive)
        assert replace(config, losses=losses).losses == losses
    off = replace(config.losses, dino=0.0, contrastive=0.0)
    with pytest.raises(TrainingError, match="both the DINO and the contrastive loss are off"):
        replace(config, losses=off)


@pytest.mark.parametrize("name", ["dino", "contrastive"])
def test_one_batch_can_be_overfitted(name: str) -> None:
    config = tiny_config()
    losses = replace(config.losses, dino=0.0, contrastive=0.0, koleo=0.0)
    losses = replace(losses, **{name: 1.0})  # type: ignore[arg-type]
    optimiser = replace(config.optimiser, drop_path=0.0, rate=0.1, weight_decay=(0.0, 0.0))
    torch.manual_seed(0)
    learner = Learner(replace(config, losses=losses, optimiser=optimiser), CPU)
    views = torch.rand(8, 3, 32, 32).repeat(2, 1, 1, 1)
    first = learner.step([views], photos=8, progress=0.1).loss
    later = [learner.step([views], photos=8, progress=0.1).loss for _ in range(25)]
    # The lowest, not the last: DINO's target moves on with the centre once the student has met it.
    assert min(later) < 0.5 * first


def test_a_run_writes_what_it_measured_and_a_model(tmp_path: Path) -> None:
    seen: list[EpochMetrics] = []
    steps: list[float] = []
    listener = Listener(lambda progress: steps.append(progress.share), seen.append)
    run = trainer(tmp_path, listener=listener)
    model = run.run()
    assert (model / "model.json").is_file()
    assert steps == sorted(steps)
    assert steps[-1] == 1
    assert len(steps) == 8  # 32 photos to train on, batches of 8, 2 epochs
    lines = (tmp_path / "metrics.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [metrics.as_json() for metrics in seen]
    last = seen[-1]
    assert last.teacher_entropy is not None
    assert 0 < last.teacher_entropy < np.log(32)
    assert last.divergence is not None
    assert last.divergence > 0
    assert 1 <= (last.prototypes_used or 0) <= 32
    assert last.rank > 1
    assert 0 <= last.recall_at_1 <= last.recall_at_10 <= 1
    assert set(last.terms) == {"dino", "koleo", "contrastive"}


def test_the_saved_model_is_the_better_one_of_student_and_teacher(tmp_path: Path) -> None:
    config = tiny_config(epochs=4)
    # A teacher that never moves learns nothing, so the student must win.
    optimiser = replace(config.optimiser, momentum=(1.0, 1.0), drop_path=0.0)
    losses = replace(config.losses, dino=0.0)
    run = trainer(tmp_path, replace(config, optimiser=optimiser, losses=losses))
    model = run.run()
    assert json.loads((model / "model.json").read_text("utf-8"))["network"] == run.best
    networks = {"student": run.learner.student, "teacher": run.learner.teacher}
    assert run.held_out is not None
    scores = {
        name: run.held_out.evaluate(network.backbone, TINY, CPU).score
        for name, network in networks.items()
    }
    assert scores[run.best] == max(scores.values())
    saved = load_file(model / "weights.safetensors")
    for name, value in networks[run.best].backbone.state_dict().items():
        assert torch.allclose(saved[name].float(), value, atol=2e-3), name


def stale(run: Trainer, score_at: dict[int, float]) -> None:
    """Let the monitor find what the test says at each step (and 0.1 of the student's)."""

    def found(*_: object) -> tuple[torch.Tensor, torch.Tensor]:
        share = score_at.get(run.step_number, 0.1)
        right = torch.arange(len(run.held_out.owner)) < share * len(run.held_out.owner)  # type: ignore[union-attr]
        copies = torch.eye(len(run.held_out.originals))[run.held_out.owner]  # type: ignore[union-attr]
        copies[~right] = torch.roll(copies[~right], 1, dims=1)
        return torch.eye(len(copies.T)), copies

    assert run.held_out is not None
    run.held_out.describe = found  # type: ignore[method-assign,assignment]


def test_a_run_that_gets_worse_ends_early_with_its_best_look(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config(epochs=10, patience=0.4))
    stale(run, {4: 0.3, 8: 0.8, 12: 0.7, 28: 0.5})
    kept: dict[str, torch.Tensor] = {}

    def at_look(metrics: EpochMetrics) -> None:
        if metrics.step == 8:
            state = run.learner.teacher.backbone.state_dict()
            kept.update({name: value.clone() for name, value in state.items()})

    run.listener = Listener(on_metrics=at_look)
    model = run.run()
    # The best look was at 20% of 40 steps; the first more than 40% later was at 28.
    assert (run.step_number, run.best) == (28, "earlier")
    saved = load_file(model / "weights.safetensors")
    assert all(torch.allclose(saved[name].float(), kept[name], atol=2e-3) for name in saved)
    look = json.loads((tmp_path / "best" / "model.json").read_text("utf-8"))["look"]
    assert look["progress"] == 0.2


def test_a_tuned_model_lies_between_its_start_and_its_end(tmp_path: Path) -> None:
    backbone = create_backbone(TINY)
    config = tiny_config(mix=0.25)
    config = replace(config, optimiser=replace(config.optimiser, rate=0.1, momentum=(0.5, 0.9)))
    photos = split_collection(made_up_cache(), config)

    def tuned(resumes: bool, start: torch.nn.Module) -> Trainer:
        run = Trainer(config, photos, tmp_path, device=CPU, backbone=start)
        assert run.resume() == resumes
        return run

    first = tuned(False, backbone)
    first.run()
    # Resumed with another start, it is still the first one that counts.
    again = tuned(True, create_backbone(TINY))
    model = load_file(again.run() / "weights.safetensors")
    network = again.learner.student if again.best == "student" else again.learner.teacher
    for name, end in network.backbone.state_dict().items():
        expected = 0.75 * backbone.state_dict()[name] + 0.25 * end
        assert torch.allclose(model[name].float(), expected, atol=2e-3), name
    pairs = zip(network.backbone.parameters(), backbone.parameters(), strict=True)
    moved = max(float((end - start).detach().abs().max()) for end, start in pairs)
    assert 0.5 * moved > 2e-3  # or all of this says nothing


def test_without_patience_a_run_goes_to_its_end(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config(epochs=6))
    stale(run, {4: 0.8})
    run.run()
    assert (run.step_number, run.best) == (24, "earlier")


def test_a_look_that_was_better_by_chance_is_not_taken(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config(epochs=6))
    stale(run, {4: 0.12})  # of 128 copies, two or three more than at the end
    run.run()
    assert run.best != "earlier"


def test_the_best_look_survives_a_stop(tmp_path: Path) -> None:
    run = trainer(tmp_path, tiny_config(epochs=3))
    stale(run, {4: 0.9})
    run.run()
    resumed = trainer(tmp_path, tiny_config(epochs=6))
    assert resumed.resume()
    assert resumed.best_look.score == run.best_look.score > 0.8
    (tmp_path / "best" / "model.json").write_text("{", "utf-8")
    assert resumed.resume()
    again = trainer(tmp_path, tiny_config(epochs=6))
    assert again.resume()
    assert again.best_look.score == 0


@pytest.mark.parametrize("minutes", [None, 5.0])
def test_the_time_left_is_told_when_it_is_known(minutes: float | None, tmp_path: Path) -> None:
    told: list[float | None] = []
    config = tiny_config(epochs=14, minutes=minutes)
    run = trainer(tmp_path, config)

    class StopError(Exception):
        pass

    def on_step(progress: Progress) -> None:
        told.append(progress.remaining_s)
        if len(told) == 53:
            raise StopError

    run.listener = Listener(on_step=on_step)
    with pytest.raises(StopError):
        run.run()
    if minutes is None:
        assert told[:49] == [None] * 49
        assert all(left is not None and 0 < left < 60 for left in told[49:])
    else:
        assert all(left is not None and left < 300 for left in told)


def test_held_out_photos_are_never_trained_on(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    used: set[int] = set()
    views = run.feed.views
    run.feed.views = lambda batch, *rest: (used.update(batch.rows.tolist()), views(batch, *rest))[1]  # type: ignore[method-assign, func-returns-value]
    run.run()
    split = run.photos.split
    assert len(split.held) == 8
    assert not used & set(split.held)
    assert used == set(split.train.tolist())
    assert split_photos(np.arange(40), tiny_config()).held == split.held


@pytest.mark.parametrize("tunes", [False, True])
def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(tunes: bool, tmp_path: Path) -> None:
    config, backbone = tiny_config(), None
    if tunes:
        # All that has a state or a random number of its own: memory, rehearsal, single alterations.
        torch.manual_seed(1)
        backbone = create_backbone(TINY)
        losses = replace(config.losses, memory=1.0, rehearsal=2.0)
        config = replace(config, losses=losses, views=replace(config.views, single=True), mix=0.5)
    photos = split_collection(made_up_cache(), config)

    def run_in(folder: str) -> Trainer:
        return Trainer(config, photos, tmp_path / folder, device=CPU, backbone=backbone)

    run_in("whole").run()

    class StopError(Exception):
        pass

    run = run_in("parts")

    def stop(_: object) -> None:
        if run.step_number == 6:
            raise StopError

    run.listener = Listener(on_step=stop)
    with pytest.raises(StopError):
        run.run()
    found = read_checkpoint(tmp_path / "parts")
    assert found is not None
    assert 0 < found[1].step < 8
    resumed = run_in("parts")
    assert resumed.resume()
    resumed.run()
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert ("memory.keys" in whole) is tunes
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_a_run_killed_at_any_moment_goes_on(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(40):
        Image.fromarray(picture(number, (64, 48))).save(photos / f"{number:02}.png")

    def arguments(out: Path, *more: str) -> list[str]:
        changes = [
            f"spec.arguments={json.dumps(TINY.arguments)}",
            "spec.view_px=32",
            "views.global_px=32",
            "views.growth=[]",
            "losses.prototypes=32",
            "losses.head_hidden=64",
            "held_out=8",
            "checkpoint_minutes=0",
        ]
        given = [part for change in changes for part in ("--set", change)]
        size = ["--epochs", "6", "--batch-size", "8", "--threads", "1", "--device", "cpu"]
        return [str(photos), str(out), *size, *given, *more]

    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "dupfind.training", *arguments(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(TrainingError):  # it may vanish for the next one while we look
            now = read_checkpoint(out)
            if now is not None and now[1].step >= 3:
                break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = read_checkpoint(out)
    assert found is not None
    assert found[1].step < 24
    assert run_training(arguments(out, "--resume")) == 0
    assert run_training(arguments(tmp_path / "whole")) == 0
    whole, parts = weights(tmp_path / "whole"), weights(out)
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())
    assert (out / "curves.png").stat().st_size > 1000


TWO_PROCESSES = """
import json, os, sys
import torch
import torch.distributed as dist
from training_samples import tiny_config
from dataclasses import replace
from dupfind.training.distributed import process_group, rank, world_size
from dupfind.training.memory import Shown
from dupfind.training.rehearsal import Rehearsed
from dupfind.training.step import Learner

torch.set_num_threads(1)
config = tiny_config()
losses = replace(config.losses, memory=1.0, rehearsal=2.0)
config = replace(config, losses=losses, optimiser=replace(config.optimiser, drop_path=0.0))
with process_group(torch.device("cpu")):
    torch.manual_seed(5)
    learner = Learner(config, torch.device("cpu"), photos=16)
    generator = torch.Generator().manual_seed(6)
    losses = []
    for step in range(3):
        views = torch.rand(2, 8, 3, 32, 32, generator=generator)
        small = torch.rand(1, 8, 3, 16, 16, generator=generator)
        share = 8 // world_size()
        own = slice(rank() * share, (rank() + 1) * share)
        groups = [views[:, own].flatten(0, 1), small[:, own].flatten(0, 1)]
        shown = Shown(torch.arange(8 * step, 8 * step + 8)[own], torch.tensor([3]))
        scenes = torch.rand(4, 3, 32, 32, generator=generator)
        known = torch.nn.functional.normalize(torch.rand(4, 128, generator=generator), dim=-1)
        part = slice(rank() * share // 2, (rank() + 1) * share // 2)
        rehearsed = Rehearsed(scenes[part], known[part])
        result = learner.step(
            groups, photos=share, progress=0.1 + 0.1 * step, shown=shown, rehearsed=rehearsed
        )
        losses.append([result.loss, *result.terms.values(), result.teacher_entropy])
    if rank() == 0:
        value = sum(float(p.abs().sum()) for p in learner.student.parameters())
        centre = learner.dino.centre.abs().sum().item()
        photos = learner.memory.photos.tolist()
        keys = learner.memory.keys.abs().sum().item()
        print(
            json.dumps(
                {"losses": losses, "weights": value, "centre": centre, "photos": photos, "keys": keys}
            )
        )
"""


def test_two_processes_with_half_the_batch_each_equal_one(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES, "utf-8")
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    results = []
    for prefix in ([], launch):
        done = subprocess.run(
            [sys.executable, *prefix, str(script)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        line = next(line for line in done.stdout.splitlines() if line.startswith("{"))
        results.append(json.loads(line))
    one, two = results
    assert np.allclose(one["losses"][0], two["losses"][0], rtol=1e-5)
    # Sums in another order differ in the last bit, and AdamW makes that larger step by step.
    assert np.allclose(one["losses"], two["losses"], rtol=3e-2)
    assert one["weights"] == pytest.approx(two["weights"], rel=1e-4)
    assert one["centre"] == pytest.approx(two["centre"], rel=1e-2)
    assert one["photos"] == two["photos"] == [*range(16, 24), *range(8, 16)]
    assert one["keys"] == pytest.approx(two["keys"], rel=1e-3)


def collapsing(name: str) -> TrainingConfig:
    config = tiny_config(epochs=16)
    losses = replace(config.losses, contrastive=0.0, koleo=0.0)
    optimiser = config.optimiser
    if name == "no sharpening":
        losses = replace(losses, teacher_temperature=(1.0, 1.0))
    if name == "no centring":
        losses = replace(losses, centre_momentum=1.0, teacher_temperature=(0.02, 0.02))
    if name == "one network":
        optimiser = replace(optimiser, momentum=(0.0, 0.0))
    return replace(config, losses=losses, optimiser=optimiser)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no sharpening", "uniform collapse.*teacher_temperature"),
        ("no centring", "one dimension.*centre_momentum"),
        ("one network", "one network.*momentum"),
    ],
)
def test_each_kind_of_collapse_is_named_and_ends_the_run(
    name: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CollapseError, match=words):
        trainer(tmp_path, collapsing(name)).run()


@pytest.mark.parametrize(("found", "collapses"), [(0.4, False), (0.2, True)])
def test_a_head_that_says_nothing_is_no_collapse_of_descriptors_that_find_more(
    found: float, collapses: bool
) -> None:
    before = Retrieval(recall_at_1=0.3, recall_at_10=0.5, micro_ap=0.3)
    looked = epoch_metrics(
        Window(),
        step=200,
        epoch=9,
        elapsed_s=9.0,
        progress=0.5,
        photos_per_s=9.0,
        prototypes=64,
        rank=30.0,
        found=replace(before, recall_at_1=found),
    )
    looked = replace(looked, teacher_entropy=looked.teacher_entropy_limit)
    reason = CollapseDetector(prototypes=64, at_start=before).check(looked, is_last=True)
    assert ("uniform collapse" in reason) is collapses is bool(reason)
    assert "uniform" in CollapseDetector(prototypes=64).check(looked, is_last=True)
    alike = replace(looked, rank=1.0)
    assert CollapseDetector(prototypes=64, at_start=before).check(alike, is_last=True)


def test_a_healthy_run_is_not_called_collapsed(tmp_path: Path) -> None:
    config = tiny_config(epochs=14)
    losses = replace(config.losses, contrastive=0.0, koleo=0.1)
    model = trainer(tmp_path, replace(config, losses=losses)).run()
    assert (model / "model.json").is_file()


def test_the_checkpoint_before_a_collapse_stays(tmp_path: Path) -> None:
    trainer(tmp_path, tiny_config(epochs=8)).run()
    resumed = trainer(tmp_path, collapsing("no sharpening"))
    assert resumed.resume()
    with pytest.raises(CollapseError, match="step 44"):
        resumed.run()
    found = read_checkpoint(tmp_path)
    assert found is not None
    # Within the first epoch after step 32 nobody could know; the looks at 36, 40 and 44 did.
    assert found[1].step < 36


def poison(run: Trainer, at_step: int) -> None:
    """Let the views of one step hold a number that is none."""
    views = run.feed.views

    def poisoned(batch: Batch, step: int, progress: float) -> list[torch.Tensor]:
        made = views(batch, step, progress)
        if step == at_step:
            made[0][3, 0, 5, 5] = float("nan")
        return made

    run.feed.views = poisoned  # type: ignore[method-assign]


@pytest.mark.parametrize("clip", [3.0, 0.0])
def test_a_loss_that_is_no_number_ends_the_run_before_it_does_harm(
    clip: float, tmp_path: Path
) -> None:
    config = tiny_config(epochs=4)
    run = trainer(tmp_path, replace(config, optimiser=replace(config.optimiser, clip=clip)))
    poison(run, 7)
    with pytest.raises(
        CollapseError, match=r"stopped at step 7.*not a finite number.*checkpoint stays"
    ):
        run.run()
    assert run.learner.is_finite()
    assert torch.isfinite(run.learner.dino.centre).all()
    saved = weights(tmp_path)
    assert all(torch.isfinite(value).all() for value in saved.values())
    model = load_file(tmp_path / "model" / "weights.safetensors")
    assert all(torch.isfinite(value).all() for value in model.values())


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run()
    before = weights(tmp_path)
    next(run.learner.teacher.parameters()).data[:] = float("inf")
    with pytest.raises(CollapseError, match="not a finite number"):
        run.save()
    assert all(torch.equal(value, before[name]) for name, value in weights(tmp_path).items())


def test_a_budget_counts_what_its_caller_needs(tmp_path: Path) -> None:
    config = tiny_config(minutes=2.0)
    photos = split_collection(made_up_cache(), config)
    run = Trainer(config, photos, tmp_path, device=CPU, reserve_s=60.0)
    assert 60 < run.reserve_s < 90  # its own start and last look too
    run.elapsed_s = (120 - run.reserve_s) / 2
    assert run.progress() == pytest.approx(0.5)
    run.elapsed_s = 500.0
    assert run.progress() == 1.0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("no state", "is damaged or does not fit"),
        ("half a file", "is damaged or does not fit"),
        ("no moment", "is damaged or does not fit"),
        ("a moment of another shape", "is damaged or does not fit.*shape"),
        ("no description", "no checkpoint"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_plain_words(
    damage: str, words: str, tmp_path: Path
) -> None:
    trainer(tmp_path).run()
    found = read_checkpoint(tmp_path)
    assert found is not None
    file = found[0] / "state.safetensors"
    tensors = load_file(file)
    name = "optimiser.head.layers.0.weight|exp_avg"
    if damage == "no state":
        file.unlink()
    elif damage == "half a file":
        file.write_bytes(file.read_bytes()[:5000])
    elif damage == "no description":
        (found[0] / "state.json").unlink()
    else:
        moment = tensors.pop(name)
        save_file(tensors if damage == "no moment" else {**tensors, name: moment[:1]}, file)
    if damage == "no description":
        assert not trainer(tmp_path).resume()
        return
    with pytest.raises(TrainingError, match=words):
        trainer(tmp_path).resume()


def test_a_checkpoint_replaces_one_of_the_same_step(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run()
    before = weights(tmp_path)
    next(run.learner.student.parameters()).data[:] = 7.0
    run.save()
    after = weights(tmp_path)
    assert len(list(tmp_path.glob("step-*"))) == 1
    changed = [name for name, value in after.items() if not torch.equal(value, before[name])]
    assert len(changed) == 1
    assert (after[changed[0]] == 7).all()


def test_each_process_makes_its_own_gpu_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for a machine with GPUs: nccl and torch.cuda are what this one lacks."""
    done: list[str] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.cuda.set_device", lambda device: done.append(str(device)))
    monkeypatch.setattr("torch.distributed.init_process_group", lambda name, **_: done.append(name))
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: None)
    with process_group(torch.device("cuda", 1)):
        assert done == ["cuda:1", "nccl"]


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    other = replace(TINY, arguments={**TINY.arguments, "depth": 1})
    with pytest.raises(TrainingError, match="does not fit this run"):
        trainer(tmp_path, tiny_config(spec=other)).resume()


def test_too_few_photos_are_refused(save_picture: SavePicture, tmp_path: Path) -> None:
    paths = [save_picture(f"{number}.png", number) for number in range(5)]
    with pytest.raises(TrainingError, match="only 5 photos"):
        train(paths, RunOptions(tmp_path / "run", tmp_path / "cache"))


@pytest.mark.slow
def test_a_small_run_on_real_photos_improves_retrieval(shared_data: Path, tmp_path: Path) -> None:
    paths = sorted((shared_data / "dev" / "photos").rglob("*.jpg"))[::3][:150]
    cache = open_cache(
        paths, tmp_path, decode=lambda path, side: decode(path, needed_px=side), side_px=64
    )
    config = tiny_config(epochs=12, batch_size=32, held_out=30)
    views = replace(config.views, local_count=0)
    photos = split_collection(cache, config)
    run = Trainer(replace(config, views=views), photos, tmp_path / "run", device=CPU)
    assert isinstance(run.held_out, HeldOut)
    before = run.held_out.evaluate(run.learner.teacher.backbone, config.spec, CPU)
    run.run()
    after = run.held_out.evaluate(run.learner.teacher.backbone, config.spec, CPU)
    assert after.recall_at_1 > before.recall_at_1
    assert after.micro_ap > before.micro_ap


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_trains_the_student_and_the_teacher(tmp_path: Path) -> None:
    device, config = torch.device("cuda", 0), tiny_config(epochs=3)
    photos = split_collection(made_up_cache().brought_to(device), config)
    trainer = Trainer(config, photos, tmp_path / "run", device=device)
    trainer.run()
    assert trainer.step_number == 3 * trainer.steps_per_epoch()
    assert trainer.learner.is_finite()
    assert trainer.learner.teacher_distance() > 0
    assert load_folder(tmp_path / "run" / "model", name="made").dimensions == 128
