"""The run: batches to views to steps, with a look, a checkpoint and a saved model now and then."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dupfind.descriptors.backbone import save_model
from dupfind.errors import CollapseError, TrainingError
from dupfind.training.best import CHANCE_GAIN, BestLook
from dupfind.training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from dupfind.training.clock import Clock
from dupfind.training.config import TrainingConfig, as_json
from dupfind.training.distributed import agree, rank, wait_for_all, world_size
from dupfind.training.feed import Batch, Feed, seed_of
from dupfind.training.heldout import HeldOut, Retrieval, retrieval
from dupfind.training.mixing import Start, mixed
from dupfind.training.monitor import (
    CollapseDetector,
    EpochMetrics,
    Window,
    epoch_metrics,
    rank_me,
)
from dupfind.training.rehearsal import Rehearsal
from dupfind.training.split import Collection
from dupfind.training.step import NOT_FINITE, Learner, StepResult
from dupfind.training.views.maker import ViewMaker
from dupfind.training.views.recipes import copy_mixture, single_mixture
from dupfind.training.worth import PROBE_STEPS, check_steps

LOOKS_AT_THE_END = 2.5  # teacher, student, and writing the model


@dataclass(frozen=True)
class Progress:
    """Where a run is, for a live line; ``share`` in [0, 1].

    ``remaining_s`` is None until it can be told: a run without a budget knows its pace after
    ``PACE_STEPS`` steps.
    """

    step: int
    epoch: int
    share: float
    loss: float
    photos_per_s: float
    remaining_s: float | None


@dataclass(frozen=True)
class Listener:
    """What a caller wants to hear: each step, and each look of the monitor."""

    on_step: Callable[[Progress], None] | None = None
    on_metrics: Callable[[EpochMetrics], None] | None = None


class Trainer:
    """One training run in ``folder``: checkpoints, metrics and the model lie there.

    ``backbone`` gives the first weights (None: random). ``reserve_s`` is the part of a budget of
    minutes that the caller needs before and after the run. With ``must_be_worth`` a run that is too
    short to move its first weights ends as soon as that is known.

    Raises:
        TrainingError: The photos do not fill a batch.
    """

    def __init__(
        self,
        config: TrainingConfig,
        photos: Collection,
        folder: Path,
        *,
        device: torch.device,
        backbone: nn.Module | None = None,
        reserve_s: float = 0.0,
        listener: Listener | None = None,
        must_be_worth: bool = False,
    ) -> None:
        began = time.monotonic()
        torch.manual_seed(config.seed)
        self.config = config
        self.photos = photos
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.device = device
        self.listener = listener or Listener()
        self.must_be_worth = must_be_worth
        self.maker = ViewMaker(device=device, mean=config.spec.mean, std=config.spec.std)
        self.feed = Feed(config, photos, self.maker)
        self.learner = Learner(config, device, backbone, photos=len(photos.split.train))
        self.start = None
        self.rehearsal: Rehearsal | None = None
        if backbone is not None and (config.mix < 1 or config.losses.rehearsal > 0):
            self.start = Start(folder, config.spec, backbone)
        self.held_out = None
        if rank() == 0:
            # As the run's own copies are made: where those of one form are altered in every way at
            # once, any model finds next to none of them.
            how = single_mixture() if config.views.single else copy_mixture()
            self.held_out = HeldOut(photos, self.maker, view_px=config.spec.view_px, how=how)
        self.window = Window()
        self.history: list[dict[str, Any]] = []
        self.best = "teacher"
        self.best_look = BestLook(folder)
        self.is_over = False
        self.step_number = 0
        self.epoch = 0
        self.next_batch = 0
        self.elapsed_s = 0.0
        look_s = self._first_look()
        self.detector = CollapseDetector(
            prototypes=config.losses.prototypes,
            at_start=self.at_start if config.losses.contrastive > 0 else None,
        )
        self.reserve_s = agree(reserve_s + time.monotonic() - began + LOOKS_AT_THE_END * look_s)

    def _first_look(self) -> float:
        """Measure how good the start is; return how long that took, in seconds."""
        began = time.monotonic()
        self.at_start = None
        if self.held_out is not None:
            backbone = self.learner.teacher.backbone
            self.at_start = self.held_out.evaluate(backbone, self.config.spec, self.device)
        return time.monotonic() - began

    def resume(self) -> bool:
        """Go on from the newest checkpoint of the folder; False if there is none.

        Raises:
            TrainingError: The checkpoint is damaged, or other photos were held out than are now.
        """
        found = read_checkpoint(self.folder)
        if found is None:
            return False
        path, state = found
        if tuple(state.held) != self.photos.split.held:
            raise TrainingError(
                "the run to resume held other photos out, and some of those would be trained on; "
                "resume with its seed and held_out, or train anew under another --name"
            )
        load_checkpoint(path, self.learner)
        self.step_number, self.epoch, self.next_batch = state.step, state.epoch, state.batch
        self.elapsed_s, self.history = state.elapsed_s, state.history
        self.best_look.recall()
        if self.start is not None:
            self.start.recall()
        return True

    def run(self) -> Path:
        """Train to the end and return the folder of the model.

        Raises:
            CollapseError: The features collapsed; the last good checkpoint stays.
            TrainingError: The run is too short to be worth its time.
        """
        clock = Clock(self.elapsed_s)
        self._check_steps(clock)
        if self.start is not None and self.config.losses.rehearsal > 0:
            self.rehearsal = Rehearsal(self.config, self.maker, self.start.backbone)
        if self.step_number == 0 and rank() == 0:
            self.best_look.forget()
            if self.start is not None:
                self.start.keep()
        batches = self.feed.batches(self.step_number, self.epoch, self.next_batch, self.progress)
        with closing(batches):
            for batch, groups in batches:
                result = self._step(groups, batch)
                self.epoch, self.next_batch = batch.after
                self.elapsed_s = agree(clock.elapsed_s())
                clock.count(len(batch.rows) * world_size())
                self._check_steps(clock)
                self._report(result, clock)
                self.is_over = self.progress() >= 1
                is_due = batch.ends_epoch and clock.is_due("look", self.config.monitor_minutes)
                if self.is_over or is_due:
                    self._look(clock.photos_per_s())
                    clock.restart("look")
                if self.is_over or clock.is_due("save", self._save_every(batch)):
                    self.save()
                    clock.restart("save")
                if self.is_over:
                    break
        return self.folder / "model"

    def _check_steps(self, clock: Clock) -> None:
        """Refuse a run that is too short: before the first step, or once a budget's pace is known."""
        if not self.must_be_worth:
            return
        if self.config.minutes is None:
            if self.step_number == 0:
                check_steps(self.config, self.steps_per_epoch() * self.config.epochs)
        elif self.step_number == PROBE_STEPS:
            pace = agree(clock.first_pace())
            left_s = 60 * self.config.minutes - self.reserve_s - self.elapsed_s
            check_steps(self.config, PROBE_STEPS + left_s / pace, seconds_per_step=pace)

    def _save_every(self, batch: Batch) -> float:
        """Minutes between saves: at each epoch's end too, unless epochs pass in no time."""
        return (
            min(1.0, self.config.checkpoint_minutes)
            if batch.ends_epoch
            else self.config.checkpoint_minutes
        )

    def progress(self, step: int | None = None) -> float:
        """Return the share of the run that is done (before ``step``, if given).

        A run with a budget of minutes counts time, another counts steps.
        """
        if self.config.minutes is not None:
            return min(1.0, self.elapsed_s / max(1.0, 60 * self.config.minutes - self.reserve_s))
        step = self.step_number if step is None else step
        return min(1.0, step / (self.steps_per_epoch() * self.config.epochs))

    def steps_per_epoch(self) -> int:
        """Return the number of full batches in an epoch."""
        return max(1, len(self.photos.split.train) // self.config.batch_size)

    def save(self) -> None:
        """Write a checkpoint and a usable model, unless it looks collapsed.

        The model is the teacher; at the end of a run, the student if that is better (in a short run
        a teacher whose momentum nears 1 is left behind), or an earlier teacher if that was.

        Raises:
            CollapseError: A weight is not a finite number; the checkpoint before stays.
        """
        if not self.learner.is_finite():
            raise CollapseError(f"training stopped at step {self.step_number}: {NOT_FINITE}")
        if rank() == 0 and not self.detector.is_suspicious:
            state = Checkpoint(
                self.step_number,
                self.epoch,
                self.next_batch,
                self.elapsed_s,
                as_json(self.config),
                self.history,
                list(self.photos.split.held),
                self.photos.cache.digest,
            )
            save_checkpoint(self.folder, self.learner, state)
            details = {
                "training": as_json(self.config),
                "network": self.best,
                "metrics": self.history[-1:],
            }
            model, spec = self._model(), self.config.spec
            save_model(self.folder / "model", spec=spec, module=model, details=details)
        wait_for_all()

    def _model(self) -> nn.Module:
        """Return the network to save; at the end of a run, part of the way back to its start."""
        networks = {"student": self.learner.student, "teacher": self.learner.teacher}
        earlier = self.best == "earlier"
        model = self.best_look.load() if earlier else networks[self.best].backbone
        if self.is_over and self.start is not None:
            model = mixed(self.start.backbone, model, self.config.mix)
        return model

    def _step(self, groups: list[Tensor], batch: Batch) -> StepResult:
        # Drop path and patch drop draw from the global state: seeded by the step, a resumed run
        # draws the same.
        seed = seed_of(self.config.seed, self.step_number, 1 + rank())
        torch.manual_seed(seed)
        rehearsed = None
        if self.rehearsal is not None:
            rehearsed = self.rehearsal.draw(max(1, len(batch.rows) // 2), seed)
        try:
            result = self.learner.step(
                groups,
                photos=len(batch.rows),
                progress=self.progress(),
                shown=self.feed.shown(batch, self.step_number),
                rehearsed=rehearsed,
            )
        except CollapseError as error:
            raise CollapseError(
                f"training stopped at step {self.step_number}: {error}; the last good checkpoint stays"
            ) from error
        self.window.add(result)
        self.step_number += 1
        return result

    def _report(self, result: StepResult, clock: Clock) -> None:
        if self.listener.on_step is not None:
            share, left_s = self.progress(), self._remaining_s(clock)
            rate = clock.photos_per_s()
            self.listener.on_step(
                Progress(self.step_number, self.epoch, share, result.loss, rate, left_s)
            )

    def _remaining_s(self, clock: Clock) -> float | None:
        """Return how long the rest will take: by the budget, or by the pace of the last steps.

        Views that grow later cost more, by their pixels.
        """
        share = self.progress()
        if self.config.minutes is not None:
            return max(0.0, 60 * self.config.minutes - self.reserve_s - self.elapsed_s)
        pace = clock.seconds_per_step()
        if pace is None:
            return None
        px_at = self.config.views.global_px_at
        rest = [share + (1 - share) * (part + 0.5) / 20 for part in range(20)]
        growth = sum((px_at(point) / px_at(share)) ** 2 for point in rest) / len(rest)
        return pace * growth * (self.steps_per_epoch() * self.config.epochs - self.step_number)

    def _look(self, rate: float) -> None:
        """Measure on the held-out photos, tell the listener, and stop a collapsed run."""
        collapse = ""
        if self.held_out is not None:
            backbone = self.learner.teacher.backbone
            originals, copies = self.held_out.describe(backbone, self.config.spec, self.device)
            found = retrieval(originals, copies, self.held_out.owner)
            has_head = self.config.losses.dino > 0
            metrics = epoch_metrics(
                self.window,
                step=self.step_number,
                epoch=self.epoch,
                elapsed_s=self.elapsed_s,
                progress=self.progress(),
                photos_per_s=rate,
                prototypes=self.config.losses.prototypes if has_head else None,
                rank=rank_me(originals),
                found=found,
                teacher_distance=self.learner.teacher_distance() if has_head else None,
            )
            self.history.append(metrics.as_json())
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(metrics.as_json()) + "\n")
            if self.listener.on_metrics is not None:
                self.listener.on_metrics(metrics)
            patience = self.config.patience
            self.is_over |= self.best_look.has_peaked(self.progress(), patience)
            if self.is_over:
                self.best = self._best_network(self.held_out, found)
            collapse = self.detector.check(metrics, is_last=self.is_over)
            if not collapse and not self.detector.is_suspicious:
                spec, training = self.config.spec, as_json(self.config)
                self.best_look.add(found, self.progress(), spec, backbone, training)
        self.window = Window()
        self.is_over = bool(agree(float(self.is_over)))
        if agree(float(bool(collapse))):
            raise CollapseError(collapse or "training stopped: the first process saw a collapse")

    def _best_network(self, held_out: HeldOut, teacher: Retrieval) -> str:
        """Return "student", "teacher" or "earlier", whichever finds most of the held-out copies."""
        backbone = self.learner.student.backbone
        student = held_out.evaluate(backbone, self.config.spec, self.device)
        if self.best_look.score > max(student.score, teacher.score) + CHANCE_GAIN:
            return "earlier"
        return "student" if student.score > teacher.score else "teacher"
